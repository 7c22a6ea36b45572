import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { encode, type Json } from "../src/index.ts";
import { canonical, referenceEncode } from "./reference-encoder.ts";

const FULL = process.env["LLMCACHE_TEST_FULL"] !== undefined;
const PAIRS = FULL ? 1_000_000 : 3000;
const RUNS = FULL ? 100_000 : 3000;
vi.setConfig({ testTimeout: FULL ? 3_600_000 : 30_000 });

const hex = (value: unknown): string => Buffer.from(encode(value)).toString("hex");

/** Strings of every kind, names of every kind: short ones so that they meet often. */
const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 4 }),
  fc.string({ maxLength: 30 }),
  fc.constantFrom(
    "",
    "a",
    "b",
    "a','b",
    "__proto__",
    "constructor",
    "toString",
    "1",
    "01",
    "10",
    "9",
    "\ud800",
    "\ud801",
    "\udc00",
    "\ufffd",
    "é",
    "e\u0301",
    "😀",
    "s",
    "\0",
  ),
);
const leaf = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer({ min: -3, max: 3 }),
  text,
);
const json: fc.Arbitrary<Json> = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: "small" },
    leaf,
    fc.array(tie("value"), { maxLength: 4 }),
    fc.array(fc.tuple(text, tie("value")), { maxLength: 4 }).map(fromMembers),
  ),
})).value;

/** An own member whatever its name: an assignment would lose `__proto__`. */
function fromMembers(members: readonly (readonly [string, Json])[]): Json {
  return Object.fromEntries(members) as Json;
}

/** The same value with members in another order, at every depth. */
function shuffled(value: Json, random: () => number): Json {
  if (Array.isArray(value)) return value.map((item: Json) => shuffled(item, random));
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).map(([name, member]) => [name, shuffled(member as Json, random)] as const);
  return fromMembers(
    members
      .map((member) => ({ member, at: random() }))
      .sort((a, b) => a.at - b.at)
      .map(({ member }) => member),
  );
}

interface Place {
  readonly path: readonly (string | number)[];
  readonly leaf: Json;
}

function places(value: Json, path: readonly (string | number)[] = []): Place[] {
  if (Array.isArray(value))
    return [{ path, leaf: value }, ...value.flatMap((item: Json, i) => places(item, [...path, i]))];
  if (typeof value === "object" && value !== null) {
    return [
      { path, leaf: value },
      ...Object.entries(value).flatMap(([name, member]) => places(member as Json, [...path, name])),
    ];
  }
  return [{ path, leaf: value }];
}

function replaced(value: Json, path: readonly (string | number)[], by: Json): Json {
  const [step, ...rest] = path;
  if (step === undefined) return by;
  if (Array.isArray(value)) return value.map((item: Json, i) => (i === step ? replaced(item, rest, by) : item));
  return fromMembers(
    Object.entries(value as Record<string, Json>).map(
      ([name, member]) => [name, name === step ? replaced(member, rest, by) : member] as const,
    ),
  );
}

describe("the encoding", () => {
  it("is what the documented format says, byte by byte", () => {
    fc.assert(
      fc.property(json, (value) => hex(value) === referenceEncode(value).toString("hex")),
      { numRuns: RUNS },
    );
  });

  it("is the same whatever the order of members, at every depth", () => {
    fc.assert(
      fc.property(json, fc.nat(), (value, seed) => {
        let state = seed;
        const random = (): number => (state = (state * 1103515245 + 12345) & 0x7fffffff);
        return hex(shuffled(value, random)) === hex(value);
      }),
      { numRuns: RUNS },
    );
  });

  it("changes with every leaf, member and item", () => {
    fc.assert(
      fc.property(json, fc.nat(), json, (value, at, by) => {
        const all = places(value);
        const { path } = all[at % all.length] as Place;
        const other = replaced(value, path, by);
        return (hex(other) === hex(value)) === (canonical(other) === canonical(value));
      }),
      { numRuns: RUNS },
    );
  });

  it("is equal for two values exactly if they are the same JSON", () => {
    fc.assert(
      fc.property(json, json, (a, b) => (hex(a) === hex(b)) === (canonical(a) === canonical(b))),
      { numRuns: PAIRS },
    );
  });

  it("tells apart everything in a heap of values that are nearly the same", () => {
    const atoms: Json[] = [
      null,
      true,
      false,
      0,
      1,
      -1,
      0.1,
      1e-7,
      "",
      "0",
      "1",
      "null",
      "true",
      "a",
      "b",
      "ab",
      "a','b",
      "[]",
      "{}",
      "\ud800",
      "\udc00",
      "\ud800\ud801",
      "\ufffd",
      "é",
      "e\u0301",
      "\0",
      "\0\0",
      [],
      {},
    ];
    const names = ["", "a", "b", "a1", "1", "10", "9", "__proto__", "\ud800", "\ufffd"];
    const heap: Json[] = [...atoms];
    for (const x of atoms) {
      heap.push([x], [[x]], { a: [x] }, [{ a: x }]);
      for (const name of names) heap.push(fromMembers([[name, x]]));
      for (const y of atoms) {
        heap.push(
          [x, y],
          fromMembers([
            ["a", x],
            ["b", y],
          ]),
          fromMembers([
            ["a", fromMembers([["b", x]])],
            ["c", y],
          ]),
          [[x], y],
          [x, [y]],
        );
      }
    }
    const byText = new Map(heap.map((value) => [canonical(value), value]));
    const encodings = new Set([...byText.values()].map(hex));
    expect(byText.size).toBeGreaterThan(4000);
    expect(encodings.size).toBe(byText.size);
  });

  it.each([
    [["a','b"], ["a", "b"]],
    [{ a: "1b" }, { a1: "b" }],
    [1, "1"],
    [{ a: null }, {}],
    [[[], []], [[[]]]],
    [{ a: { b: 1 } }, { a: {}, b: 1 }],
    ["\ud800", "\ud801"],
    ["\ud800", "\ufffd"],
    ["\ud800\udc00", "\udc00\ud800"],
    [{ "\ud800": 1 }, { "\ufffd": 1 }],
    [0.1 + 0.2, 0.3],
    [9007199254740992, 9007199254740991],
    ["é", "e\u0301"],
    [
      ["ab", "c"],
      ["a", "bc"],
    ],
    [true, "true"],
  ] as const)("keeps %j and %j apart", (a, b) => {
    expect(hex(a)).not.toBe(hex(b));
  });

  it.each([
    [{ a: undefined, b: 1 }, { b: 1 }],
    [-0, 0],
    [{ a: -0 }, { a: 0 }],
    [1.0, 1],
    [Object.create(null) as object, {}],
    [Object.assign(Object.create(null) as object, { b: 1, a: 2 }), { a: 2, b: 1 }],
  ])("takes %j and %j for the same", (a, b) => {
    expect(hex(a)).toBe(hex(b));
  });

  it("knows an own __proto__ from none", () => {
    const own = JSON.parse('{"__proto__":{"a":1}}') as Json;
    expect(hex(own)).not.toBe(hex({}));
    expect(hex(own)).not.toBe(hex(JSON.parse('{"__proto__":{"a":2}}')));
  });

  it("sees objects of another realm as what they are, and not instances of classes", () => {
    const foreign = Object.create(
      Object.create(null, { isPrototypeOf: { value: 1 }, hasOwnProperty: { value: 1 } }) as object,
    ) as Record<string, number>;
    foreign["a"] = 1;
    expect(hex(foreign)).toBe(hex({ a: 1 }));
    class Nothing {
      a = 1;
    }
    expect(() => hex(new Nothing())).toThrow();
    const ofNull = Object.create(Object.create(null, { secret: { value: 1 } }) as object) as object;
    expect(() => hex(ofNull)).toThrow();
  });

  it("is right at the edges of the loop for short strings, whatever stands where", () => {
    for (const length of [0, 1, 22, 23, 24, 25, 26]) {
      const plain = "x".repeat(length);
      expect(hex(plain)).toBe(referenceEncode(plain).toString("hex"));
      for (let at = 0; at < length; at++) {
        for (const odd of ["é", "€", "😀", "\ud800", "\udc00", "\u007f", "\u0080"]) {
          const mixed = plain.slice(0, at) + odd + plain.slice(at + 1);
          expect(hex([mixed, mixed])).toBe(referenceEncode([mixed, mixed]).toString("hex"));
        }
      }
    }
  });

  it("is right where its buffer grows, and afterwards", () => {
    for (const length of [5000, 5454, 5455, 5456, 16 * 1024 - 5, 16 * 1024, 16 * 1024 + 1, 100_000, 400_000]) {
      for (const unit of ["a", "é", "€", "\ud800"]) {
        const value = [length, unit.repeat(length), { tail: [1, "end"] }];
        expect(Buffer.compare(encode(value), referenceEncode(value))).toBe(0);
      }
    }
    const many = Object.fromEntries(
      Array.from({ length: 5000 }, (_, i) => [`name ${i * 7919}`, [i, String(i), { i }]]),
    );
    expect(Buffer.compare(encode(many), referenceEncode(many))).toBe(0);
    expect(hex("small again")).toBe(referenceEncode("small again").toString("hex"));
  });

  it.each([0, 1, 15, 16, 17, 18, 40])("sorts %i members by UTF-16 code units", (count) => {
    const names = [
      "😀",
      "\uffff",
      "z",
      "Z",
      "",
      "é",
      "10",
      "9",
      "__proto__",
      ...Array.from({ length: 40 }, (_, i) => `k${(i * 17) % 41}`),
    ].slice(0, count);
    const value = fromMembers(names.map((name, i) => [name, i] as const));
    const reversed = fromMembers(names.map((name, i) => [name, i] as const).reverse());
    expect(hex(value)).toBe(referenceEncode(value).toString("hex"));
    expect(hex(reversed)).toBe(hex(value));
  });

  it("can be asked for within itself, by a getter, and after it has thrown", () => {
    const inner = { big: "y".repeat(40_000) };
    const value = {
      a: "x".repeat(30_000),
      get b() {
        return hex(inner).length;
      },
      c: "z".repeat(30_000),
    };
    expect(hex(value)).toBe(referenceEncode({ a: value.a, b: hex(inner).length, c: value.c }).toString("hex"));
    const throwing = {
      a: "x".repeat(30_000),
      get b(): never {
        throw new RangeError("mine");
      },
    };
    expect(() => hex(throwing)).toThrow("mine");
    expect(hex({ a: 1 })).toBe(referenceEncode({ a: 1 }).toString("hex"));
  });

  it("gives bytes of its own", () => {
    const first = encode("first");
    const copy = Buffer.from(first);
    encode("second, which is longer");
    expect(Buffer.compare(first, copy)).toBe(0);
  });
});

describe("the documented vectors", () => {
  const page = readFileSync(new URL("../../../docs/key-format.md", import.meta.url), "utf8");
  const block = /```json encodings\n([\s\S]*?)```/.exec(page)?.[1] as string;
  const vectors = JSON.parse(block) as { value: Json; hex: string }[];

  it("are at least ten", () => expect(vectors.length).toBeGreaterThanOrEqual(10));

  it.each(vectors)("%j", ({ value, hex: expected }) => {
    expect(hex(value)).toBe(expected);
    expect(referenceEncode(value).toString("hex")).toBe(expected);
  });
});
