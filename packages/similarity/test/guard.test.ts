import fc from "fast-check";
import { expect, test } from "vitest";
import { anyLanguageRules, defaultRules, Guard, type Rule } from "../src/index.ts";

const numRuns = process.env["LLMCACHE_TEST_FULL"] === "1" ? 50_000 : 1000;
const guard = new Guard();

/** Pieces that rules look at, glued and spaced at random, among any characters. */
const piece = fc.constantFrom(
  ..."what is not n't the cat cats 'quoted' \"quoted\" ` ``` 1,000 1 2.5 two hundred and million IV iv V war 3rd third may May monday $ € % ° C 5km a@b.c http://x/ ../p 不 猫 ٣ ½ ² 👍🏽 👨‍👩‍👧 = < Node.js C++ U.S. .NET it's can't won't İ ß ﬁ \ud800 \udc00 \u0000 \u202e \ufeff \n \t ' ’ - -- . , by from to than he her my am".split(
    " ",
  ),
);
const text = fc.oneof(
  fc.array(fc.tuple(piece, fc.constantFrom(" ", "", "  ")), { maxLength: 25 }).map((parts) => parts.flat().join("")),
  fc.string({ unit: "binary", maxLength: 80 }),
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 40 }).map((units) => String.fromCharCode(...units)),
);

test("no text makes it throw, and it says the same both ways round", () => {
  fc.assert(
    fc.property(text, text, (a, b) => {
      expect(guard.refusal(a, b)).toEqual(guard.refusal(b, a));
    }),
    { numRuns },
  );
});

test("a text is itself, whatever white space surrounds it", () => {
  fc.assert(
    fc.property(text, (a) => {
      expect(guard.refusal(a, a)).toBeUndefined();
      expect(guard.refusal(` ${a}\n`, a)).toBeUndefined();
    }),
    { numRuns },
  );
});

test("a text is itself with other white space between its words and in lower case", () => {
  const words = fc.array(
    fc.constantFrom(
      ..."what is the capital of france in 1,000 words without can't Paris UserService IIII two hundred".split(" "),
    ),
    { minLength: 1, maxLength: 15 },
  );
  fc.assert(
    fc.property(words, (list) => {
      expect(guard.refusal(list.join(" "), list.join(" \n\t "))).toBeUndefined();
      expect(guard.refusal(list.join(" "), list.join(" ").toLowerCase())).toBeUndefined();
    }),
    { numRuns },
  );
});

test("a number that is exchanged is refused wherever it stands", () => {
  const words = fc.array(fc.constantFrom(..."show me rows of the report for team blue and green lamps".split(" ")), {
    maxLength: 12,
  });
  fc.assert(
    fc.property(words, words, fc.nat(10_000_000), fc.nat(10_000_000), (before, after, x, y) => {
      fc.pre(x !== y);
      const sentence = (value: number) => [...before, value, ...after].join(" ");
      expect(guard.refusal(sentence(x), sentence(y))?.rule).toBe("number");
    }),
    { numRuns },
  );
});

test("a long text is only compared for being the same", () => {
  const long = "What is this? ".repeat(80_000);
  expect(guard.refusal(long, `${long} `)).toBeUndefined();
  expect(guard.refusal(long, `${long} please`)).toEqual({
    rule: "length",
    difference: `${long.length} / ${long.length + 7} characters`,
  });
  expect(new Guard({ maxChars: 10 }).refusal("What is it then?", "it then")?.rule).toBe("length");
  expect(new Guard({ maxChars: 10 }).refusal("it then", "What is it then?")?.rule).toBe("length");
  expect(new Guard({ maxChars: 10 }).refusal("What is it?", "what is it?")?.rule).toBe("length");
});

test("hostile texts of the greatest length are read in linear time", () => {
  // A pattern or a search that goes back takes minutes, and the test's time runs out.
  const size = 50_000;
  const wide = new Guard({ maxChars: 2 * size });
  for (const unit of [
    "a.",
    "'a",
    "`",
    '"',
    "1,",
    "1-",
    "a'",
    "don't ",
    "not x ",
    "twenty ",
    "I ",
    "a@",
    "((",
    "“",
    "a\u0301",
    "cat0 ",
    "👍",
    "one and ",
    "'a' ",
    "from a to b ",
  ]) {
    const hostile = unit.repeat(size / unit.length);
    expect(() => wide.refusal(hostile, `${hostile} x`)).not.toThrow();
  }
});

test("rules can be chosen, in their order, and one's own added", () => {
  const mine: Rule = {
    name: "tenant",
    differs: ({ a, b }) => (a.source.includes("ACME") === b.source.includes("ACME") ? undefined : "ACME"),
  };
  const own = new Guard({ rules: [mine] });
  expect(own.refusal("price for ACME", "price for 12")).toEqual({ rule: "tenant", difference: "ACME" });
  expect(own.refusal("price for 11", "price for 12")).toBeUndefined();
  expect(new Guard({ rules: [mine, ...defaultRules] }).refusal("price for 11", "price for 12")?.rule).toBe("number");
  expect(new Guard({ rules: anyLanguageRules }).refusal("prix de 11 lampes", "prix de 12 lampes")?.rule).toBe("number");
});

test("every rule has a name of its own", () => {
  const names = defaultRules.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(anyLanguageRules.every((rule) => defaultRules.includes(rule))).toBe(true);
});

test("wrong options are refused", () => {
  expect(() => new Guard({ rules: "all" as never })).toThrow(/rules must be a list/u);
  expect(() => new Guard({ rules: [{ name: "x" } as never] })).toThrow(/rules must be a list/u);
  expect(() => new Guard({ maxChars: -1 })).toThrow(/maxChars must be a whole number/u);
});
