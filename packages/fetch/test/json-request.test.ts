import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { countedQuery, hasInexactInteger, plainPath, readJsonRequest, withoutMembers } from "../src/index.ts";

const read = (text: string): ReturnType<typeof readJsonRequest> => readJsonRequest(Buffer.from(text));

describe("a JSON request", () => {
  test("is an object in UTF-8", () => {
    expect(read('{"a":1}')).toEqual({ plain: { a: 1 }, exact: { a: 1 } });
    for (const other of ["[]", "null", '"a"', "1"]) expect(read(other)).toBeUndefined();
    expect(() => read("{")).toThrow(SyntaxError);
    expect(readJsonRequest(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]))).toBeUndefined();
  });

  test("tells integers apart that a double cannot hold, and from whoever writes our mark", () => {
    const forms = [
      '{"a":9007199254740993}',
      '{"a":9007199254740992}',
      String.raw`{"a":{"\u0000integer":"9007199254740993"}}`,
      String.raw`{"a":{"\u0000integer":{"\u0000integer":"9007199254740993"}}}`,
      '{"a":"9007199254740993"}',
      '{"a":-9007199254740993}',
    ];
    expect(new Set(forms.map((form) => JSON.stringify(read(form)?.exact))).size).toBe(forms.length);
    expect(read('{"a":9007199254740993}')?.plain).toEqual({ a: 2 ** 53 });
    expect(read('{"a":1234567890123456.5}')?.exact).toEqual({ a: 1234567890123456.5 });
  });
});

test("numbers that would be written differently are found, wherever they are", () => {
  expect([2 ** 53, { a: [2 ** 60] }].map(hasInexactInteger)).toEqual([true, true]);
  expect([1, 0.1, 1e300 / 3, "a", null, undefined, { a: [1, { b: true }] }].map(hasInexactInteger).slice(0, 2)).toEqual(
    [false, false],
  );
  expect(["a", null, undefined, { a: [1, { b: true }] }].some(hasInexactInteger)).toBe(false);
});

test("members go, an own __proto__ stays", () => {
  const value = JSON.parse('{"a":1,"b":2,"__proto__":{"c":3}}') as Record<string, number>;
  expect(Object.keys(withoutMembers(value, new Set(["a"])))).toEqual(["b", "__proto__"]);
});

test("a query counts without credentials, in one order", () => {
  const query = (text: string, besides: string[] = []): string => countedQuery(new URL(`https://h/p${text}`), besides);
  expect(query("")).toBe("");
  expect(query("?key=a&Api-Key=b&token=c")).toBe("");
  expect(query("?b=2&a=1&key=x")).toBe("?a=1&b=2");
  expect(query("?a=2&a=1")).toBe("?a=2&a=1");
  expect(query("?alt=sse&a=1", ["alt"])).toBe("?a=1");
});

test("a path ends without slashes", () => {
  expect(["https://h/a//", "https://h/a"].map((url) => plainPath(new URL(url)))).toEqual(["/a", "/a"]);
});

describe("members of one name", () => {
  test.each([
    '{"model":"n","model":"m"}',
    '{"a":{"b":1,"c":2,"b":1}}',
    '{"a":[1,{"b":1, "\\u0062" : 2}]}',
    '{"__proto__":1,"__proto__":2}',
    '{"1":1,"1":1}',
    '{"a":"x\\\\","a":"y"}',
  ])("%s is nothing that can be told from others: the provider may read the other one", (text) => {
    expect(JSON.parse(text)).toBeTypeOf("object");
    expect(read(text)).toBeUndefined();
  });

  test.each([
    '{"a":"\\"b\\":1,\\"b\\":1","c":"{\\"a\\":1}"}',
    '{"a":"a\\\\","b":["a","a\\\\\\"",": a"],"c":{"a":{"a":":"}}}',
    '{ "a" : 1 ,\n"b"\t:\r"c" }',
    "{}",
    '{"":{"":{}}}',
    '{"__proto__":{"__proto__":1}}',
  ])("%s has none", (text) => {
    expect(read(text)?.plain).toEqual(JSON.parse(text));
  });

  test("are found in whatever JSON there is, and nothing else is", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 }), fc.nat(), (value, pick) => {
        const text = JSON.stringify(value, undefined, pick % 3);
        expect(read(text)?.plain).toEqual(JSON.parse(text));
        const names = Object.keys(JSON.parse(text) as object);
        const name = JSON.stringify(names[pick % names.length]);
        expect(read(`{${name}: 1, ${text.slice(1)}`)).toBeUndefined();
      }),
    );
  });
});
