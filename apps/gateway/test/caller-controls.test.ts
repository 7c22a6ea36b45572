import { describe, expect, test } from "vitest";
import { modelIn } from "../src/asked-model.ts";
import { headerControl, splitBody } from "../src/caller-controls.ts";
import { memberPlaces } from "../src/json-members.ts";

const FULL = process.env["LLMCACHE_TEST_FULL"] === "1";

const split = (text: string, api: "openai" | "anthropic" | "google" = "openai"): [string, unknown] => {
  const { body, control } = splitBody(Buffer.from(text), api);
  return [Buffer.from(body).toString(), control];
};

test("tags are few: each is a read of the store", () => {
  const named = (count: number): Headers =>
    new Headers({ "x-llmcache-tags": Array.from({ length: count }, (_, index) => `t${index}`).join(", ") });
  expect(headerControl(named(50)).tags).toHaveLength(50);
  expect(() => headerControl(named(51))).toThrow("x-llmcache-tags must name 50 tags at most.");
});

test("headers that begin as the gateway's own and are none of them are named", () => {
  for (const name of ["x-llmcache-namespaces", "x-llmcache-ttl", "X-LLMCache-Namspace"])
    expect(() => headerControl(new Headers({ [name]: "a" }))).toThrow(
      `${name.toLowerCase()} is no header of this gateway; known are x-llmcache-namespace, x-llmcache-version,`,
    );
  const known = { "x-llmcache-namespace": "a", "x-llmcache-api-key": "b", "x-other": "c" };
  expect(headerControl(new Headers(known))).toEqual({ namespace: "a" });
});

describe("LiteLLM's cache in a body", () => {
  test.each([
    ['{"cache":{"ttl":1},"a":1}', '{"a":1}'],
    ['{"a":1,"cache":{"ttl":1}}', '{"a":1}'],
    ['{"a":1 , "cache" : {"ttl":1} , "b":2}', '{"a":1 , "b":2}'],
    ['{ "cache": {"ttl":1} }', "{  }"],
    ['{"a":12345678901234567890.10,"cache":{"ttl":1},"b":1e400}', '{"a":12345678901234567890.10,"b":1e400}'],
    ['{"a":{"cache":[1]},"cache":{"ttl":1}}', '{"a":{"cache":[1]}}'],
    ['{"a":"}\\"cache\\":{","cache":{"ttl":1}}', '{"a":"}\\"cache\\":{"}'],
    ['{"cache":{"no-cache":true},"é":"ü","cache":{"ttl":1}}', '{"é":"ü"}'],
    ['{ "cache":1 , "cache":2 , "a":1 , "cache":3 ,"cache":4, "b":2 ,"c\\u0061che" : {"ttl":1} }', '{ "a":1, "b":2 }'],
    ['{ "cache":1 , "cache":{"ttl":1} }', "{  }"],
  ])("%s leaves %s", (given, left) => expect(split(given)).toEqual([left, { ttl: 1 }]));

  test("as often as it stands there", () => {
    // Each looked for from the beginning would take minutes.
    const count = 100_000;
    expect(split(`{${'"cache":{},'.repeat(count)}"a":1,"cache":{"ttl":1}}`)).toEqual(['{"a":1}', { ttl: 1 }]);
  });

  test("null says nothing, and is taken out", () => {
    expect(split('{"a":1,"cache":null}')).toEqual(['{"a":1}', {}]);
  });

  test("what is no member of the body is left alone, as is what is no JSON", () => {
    for (const text of [
      '{"a":"cache"}',
      '{"a":{"cache":1}}',
      '["cache",{"cache":1}]',
      '{"cache":',
      '{"cache":tru}',
      '{"cache"}',
    ])
      expect(split(text)).toEqual([text, undefined]);
  });

  test("one that is wrong names the field; to the other APIs it is none of ours", () => {
    for (const text of ['{"cache":true}', '{"cache":{"tll":1}}', '{"cache":{"ttl":-1}}']) {
      expect(() => split(text)).toThrow(/cache/);
      expect(split(text, "anthropic")).toEqual([text, undefined]);
    }
    expect(split('{"cache":{"ttl":1}}', "google")).toEqual(["{}", { ttl: 1 }]);
  });
});

describe("the model in a body", () => {
  test.each([
    ['{"model":"a"}', "a"],
    ['{"x":{"model":"b"},"model":"a"}', "a"],
    ['{"model":"b","model":"a"}', "a"],
    ['{"mod\\u0065l":"\\u0061"}', "a"],
    ['{"model":1}', undefined],
    ['{"messages":[]}', undefined],
    ["no json", undefined],
  ])("%s: %s", (body, model) => expect(modelIn(Buffer.from(body), "application/json")).toBe(model));

  test("the field of a form, not what is in a file", async () => {
    for (const order of [
      ["file", "model"],
      ["model", "file"],
    ]) {
      const form = new FormData();
      for (const name of order)
        if (name === "model") form.append("model", "whisper-1");
        else
          form.append(
            "file",
            new File(['\r\n\r\nContent-Disposition: form-data; name="model"\r\n\r\nother\r\n'], "model"),
          );
      const sent = new Response(form);
      const body = Buffer.from(await sent.arrayBuffer());
      expect(modelIn(body, sent.headers.get("content-type")!)).toBe("whisper-1");
    }
    expect(modelIn(Buffer.from("--x\r\nbroken"), "multipart/form-data; boundary=x")).toBeUndefined();
    // Each searched to the end would take minutes.
    const many = `${"--x\r\n".repeat(300_000)}\r\n\r\n`;
    expect(modelIn(Buffer.from(many), "multipart/form-data; boundary=x")).toBeUndefined();
  });
});

test("members are found where JSON.parse finds them, whatever is in them", () => {
  let seed = 1;
  const random = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((seed / 2_147_483_648) * below);
  };
  const text = (): string =>
    Array.from(
      { length: random(6) },
      () => ['"', "\\", "{", "}", "[", "]", ",", ":", "é", "\n", "cache", " "][random(12)],
    ).join("");
  const value = (depth: number): unknown => {
    const kind = random(depth > 2 ? 5 : 7);
    if (kind === 5) return Array.from({ length: random(4) }, () => value(depth + 1));
    if (kind === 6) return Object.fromEntries(Array.from({ length: random(4) }, () => [text(), value(depth + 1)]));
    return [null, true, random(1000) / 7, text(), -random(10)][kind];
  };
  for (let run = 0; run < (FULL ? 100_000 : 2000); run++) {
    const object = Object.fromEntries(
      Array.from({ length: random(5) }, (_, index) => [`${index}x${text()}`, value(0)]),
    );
    const json = JSON.stringify(object, undefined, [0, 1, "\t"][random(3)]);
    const bytes = Buffer.from(json);
    const read = memberPlaces(bytes)?.map(({ name, valueStart, end }) => [
      name,
      JSON.parse(bytes.toString("utf8", valueStart, end)),
    ]);
    expect(Object.fromEntries(read!), json).toEqual(JSON.parse(json));
  }
});
