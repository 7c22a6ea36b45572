import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { filterFrom, matcher } from "../src/admin-filter.ts";
import { shownURL, withoutSecrets } from "../src/secrets.ts";

const isFull = process.env["LLMCACHE_TEST_FULL"] === "1";

function accepts(model: string, value: string): boolean {
  return matcher(filterFrom({ model }), 0)({ id: "x", createdAt: 0, metadata: { model: value } });
}

test.each([
  ["gpt-*", "gpt-4o", true],
  ["gpt-*", "my-gpt-4o", false],
  ["*-mini", "gpt-4o-mini", true],
  ["*-mini", "gpt-4o-mini-2", false],
  ["g*o*i", "gpt-4o-mini", true],
  ["a*a", "a", false],
  ["a*a", "aa", true],
  ["a*b*b", "ab", false],
  ["*", "", true],
  ["gpt.4o", "gpt-4o", false],
  ["[a-z]+", "abc", false],
])("%s on %s: %s", (pattern, text, isAccepted) => {
  expect(accepts(pattern, text)).toBe(isAccepted);
});

test("a pattern accepts what the same expression does", () => {
  const part = fc.string({ unit: fc.constantFrom("a", "b", ".", "*"), minLength: 1, maxLength: 8 });
  const text = fc.string({ unit: fc.constantFrom("a", "b", "."), maxLength: 10 });
  const property = fc.property(part, text, (pattern, value) => {
    const source = pattern.split("*").map((each) => each.replaceAll(".", "\\."));
    expect(accepts(pattern, value)).toBe(new RegExp(`^${source.join(".*")}$`).test(value));
  });
  fc.assert(property, { numRuns: isFull ? 100_000 : 2000 });
});

test("an entry without the fact that is asked for is not meant", () => {
  const head = { id: "x", createdAt: 0, metadata: {} };
  for (const field of ["model", "provider", "operation", "namespace", "tag"])
    expect(matcher(filterFrom({ [field]: "*" }), 0)(head)).toBe(false);
  expect(matcher(filterFrom({}), 0)(head)).toBe(true);
});

describe("secrets", () => {
  test.each([
    ["redis://user:pa55word@host:6379/0?prefix=x", "redis://…@host:6379/0?…"],
    ["rediss://:pa55word@host", "rediss://…@host"],
    ["keyv:postgres://u:pa55word@host/db", "keyv:postgres://…@host/db"],
    ["s3://bucket/prefix?accessKeyId=pa55word", "s3://bucket/prefix?…"],
    ["disk:./x.db", "disk:./x.db"],
  ])("%s is shown as %s", (url, shown) => {
    expect(shownURL(url)).toBe(shown);
  });

  test("are taken out of messages, as written and decoded, those of unknown URLs too", () => {
    const url = "redis://me:a%40long%2Fsecret@host?password=other%20secret&prefix=llmcache";
    const message = "a@long/secret a%40long%2Fsecret other secret other%20secret redis://x:y@other/0 prefix=llmcache";
    expect(withoutSecrets(message, [url])).toBe("… … … … redis://…@other/0 prefix=llmcache");
  });

  test("long messages are cut", () => {
    expect(withoutSecrets("x".repeat(10_000)).length).toBe(501);
  });
});
