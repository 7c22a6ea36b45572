import { expect, test } from "vitest";
import { slotOf } from "../src/slots.ts";

test.each([
  ["123456789", 0x31c3 % 16_384],
  ["foo", 12_182],
  ["", 0],
  ["{user1000}.following", slotOf("user1000")],
  ["foo{}{bar}", slotOf("foo{}{bar}")],
  ["foo{{bar}}zap", slotOf("{bar")],
  ["foo{bar}{zap}", slotOf("bar")],
])("the slot of %o, as the specification of Redis Cluster has it", (key, slot) => {
  expect(slotOf(key)).toBe(slot);
});

test("an empty tag is no tag, and letters beyond ASCII count as their bytes", () => {
  expect(slotOf("foo{}{bar}")).not.toBe(slotOf("bar"));
  expect(slotOf("ключ")).toBe(slotOf("{ключ}x"));
});
