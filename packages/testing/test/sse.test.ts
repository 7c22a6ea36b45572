import { expect, test } from "vitest";
import { chop, encodeEvents } from "../src/sse.ts";

const text = (parts: readonly Uint8Array[]): string[] => parts.map((part) => Buffer.from(part).toString("latin1"));
const chopped = (input: string, split: Parameters<typeof chop>[1]): Uint8Array[] => chop(Buffer.from(input), split);

test("an event is a data line and an empty line, in the line ends asked for", () => {
  expect(text(encodeEvents(["a", "b"]))).toEqual(["data: a\n\n", "data: b\n\n"]);
  expect(text(encodeEvents(["a"], { newline: "\r\n" }))).toEqual(["data: a\r\n\r\n"]);
  expect(text(encodeEvents(["a"], { newline: "\r" }))).toEqual(["data: a\r\r"]);
});

test("a payload of several lines becomes several data lines of one event", () => {
  expect(text(encodeEvents(["a\nb\r\nc"]))).toEqual(["data: a\ndata: b\ndata: c\n\n"]);
});

test("comments stand before the first event and between events, never after the last", () => {
  expect(text(encodeEvents(["a", "b", "c"], { comments: true }))).toEqual([
    ": ping\n\ndata: a\n\n: ping\n\n",
    "data: b\n\n: ping\n\n",
    "data: c\n\n",
  ]);
});

test("by default a chunk is not cut", () => {
  expect(text(chopped("data: a\n\n", undefined))).toEqual(["data: a\n\n"]);
});

test("bytes are cut one by one, numbers of bytes by the number", () => {
  expect(text(chopped("abc", "bytes"))).toEqual(["a", "b", "c"]);
  expect(text(chopped("abcde", 2))).toEqual(["ab", "cd", "e"]);
});

test("utf8 cuts inside every multi-byte character and nowhere else", () => {
  const parts = chopped("aé–😀z", "utf8");
  expect(parts.map((part) => [...part])).toEqual([
    [0x61, 0xc3],
    [0xa9, 0xe2],
    [0x80, 0x93, 0xf0],
    [0x9f, 0x98, 0x80, 0x7a],
  ]);
});

test("lines are cut inside the field name, in the middle and inside the line ends", () => {
  expect(text(chopped("data: 123456\r\n\r\n", "lines"))).toEqual(["da", "ta: ", "123456", "\r", "\n", "\r", "\n"]);
});

test("whatever the cut, the parts together are the chunk", () => {
  const event = 'data: {"a":"é–😀\u0000"}\r\n\r\n: ping\r\n\r\n';
  for (const split of ["events", "bytes", "utf8", "lines", 1, 3, 1000] as const) {
    expect(Buffer.concat(chopped(event, split)).toString()).toBe(event);
  }
});

test("a size that is no positive integer is refused", () => {
  expect(() => chopped("abc", 0)).toThrow(RangeError);
  expect(() => chopped("abc", 1.5)).toThrow(RangeError);
});
