import { expect, test } from "vitest";
import { sampleId } from "@llmcache/core/conformance";
import { ListCursor } from "../src/list-cursor.ts";

const place = { servers: "01234567", node: 2, cursor: "18446744073709551615", count: 100, end: "42" };
const ids = Array.from({ length: 20 }, (_, value) => sampleId(value)).sort();

function behind(count: number): ListCursor {
  let cursor = ListCursor.before(place);
  for (const id of ids.slice(0, count)) cursor = cursor.behind(id);
  return ListCursor.parse(String(cursor));
}

test("a cursor comes back as text", () => {
  expect(behind(3).place).toEqual(place);
  expect(String(behind(3))).toBe(String(ListCursor.parse(String(behind(3)))));
  expect(ListCursor.parse(String(ListCursor.before(place))).leftOf(ids, place)).toEqual(ids);
});

test("in the batch it comes from, what was given is passed, and what is new before it", () => {
  expect(behind(7).leftOf(ids, place)).toEqual(ids.slice(7));
  const withNew = [...ids, "0".repeat(64)].sort();
  expect(behind(7).leftOf(withNew, place)).toEqual(ids.slice(7));
  expect(behind(7).at(place).behind(ids[7]!).leftOf(ids, place)).toEqual(ids.slice(8));
});

test("in a batch that ends elsewhere now, only what was given is passed", () => {
  const other = { ...place, end: "43" };
  const withNew = [...ids, "0".repeat(64)].sort();
  expect(behind(7).leftOf(withNew, other)).toEqual(["0".repeat(64), ...ids.slice(7)]);
  expect(behind(7).at(other).behind("0".repeat(64)).leftOf(withNew, other)).toEqual(ids.slice(7));
});

test("in another batch, nothing is passed", () => {
  for (const other of [
    { ...place, servers: "76543210" },
    { ...place, node: 1 },
    { ...place, cursor: "0" },
    { ...place, count: 200 },
  ]) {
    expect(behind(7).leftOf(ids, other)).toEqual(ids);
    expect(behind(7).at(other).leftOf(ids, other)).toEqual(ids);
  }
});

test.each([
  "",
  "x",
  "01234567.0.0.100.0",
  "01234567.0.0.100.0.abc",
  "01234567.-1.0.100.0.",
  "0123456g.0.0.100.0.",
  "01234567.0.0.100.0.\n",
  undefined,
])("%o is no cursor", (text) => {
  expect(() => ListCursor.parse(text as string)).toThrow(/after must be a cursor of a Redis store/);
});
