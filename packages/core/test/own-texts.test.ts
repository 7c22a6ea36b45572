import { expect, test } from "vitest";
import { Body } from "@llmcache/core";

test.each([
  ["ASCII", "a".repeat(100)],
  ["short", "ä"],
  ["Latin-1", "ä".repeat(100)],
  ["beyond it", "日本語".repeat(100)],
  ["emoji", "🙂".repeat(50)],
  ["half an emoji", `${"x".repeat(50)}\ud83d${"y".repeat(50)}`],
  ["long", "x".repeat(70_000)],
  ["long, and not ASCII at its end", `${"x".repeat(65_535)}é`],
  ["zero bytes", "\0".repeat(20)],
])("a body with texts of its own says the same: %s", (_, text) => {
  const value = JSON.parse(JSON.stringify({ text, list: [text, 1, null, true], __proto: { deep: text } })) as unknown;
  const body = Body.json(value);
  expect(body.asOwnValue().json()).toEqual(value);
  expect(body.asOwnValue().size).toBe(body.size);
  expect(body.asOwnValue().held).toBe("value");
});

test("members called __proto__ stay members", () => {
  const body = Body.json(JSON.parse('{"__proto__":{"polluted":"a text that is long enough"}}')).asOwnValue();
  expect(JSON.stringify(body.json())).toBe('{"__proto__":{"polluted":"a text that is long enough"}}');
});

test("bytes and texts become what they say", () => {
  expect(Body.stored("json", Buffer.from('"a text of some length"')).asOwnValue().json()).toBe("a text of some length");
  const bytes = Body.bytes(Buffer.from("abc"));
  expect(bytes.asOwnValue()).toBe(bytes);
});
