import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EventReader, readEvents, splitEvents, writeEvent, type ServerSentEvent } from "../src/index.ts";

function bytes(text: string): Uint8Array {
  return Buffer.from(text, "utf8");
}

const data = (text: string): string[] => readEvents(bytes(text)).events.map((event) => event.data);

describe("EventReader", () => {
  const TEXT = `\uFEFFdata: Grüße 🙂\r\n\r\n: ping\nevent: note\ndata: a\ndata:\rdata:  b\r\rid: 1\nretry: 5\ndata\n\ndata: [DONE]\n\n`;
  const EVENTS: ServerSentEvent[] = [
    { event: "message", data: "Grüße 🙂" },
    { event: "note", data: "a\n\n b" },
    { event: "message", data: "" },
    { event: "message", data: "[DONE]" },
  ];

  test("reads events of all kinds", () => {
    expect(readEvents(bytes(TEXT))).toEqual({ events: EVENTS, whole: true });
  });

  test("reads the same however the bytes are cut in two, and byte by byte", () => {
    const all = bytes(TEXT);
    for (let cut = 0; cut <= all.byteLength; cut++) {
      const reader = new EventReader();
      const read = [...reader.push(all.subarray(0, cut)), ...reader.push(all.subarray(cut))];
      expect(read).toEqual(EVENTS);
    }
    const reader = new EventReader();
    expect([...all].flatMap((byte) => reader.push(Uint8Array.of(byte)))).toEqual(EVENTS);
    expect(reader.isBetweenEvents).toBe(true);
  });

  test("gives an event with the byte that completes it", () => {
    const reader = new EventReader();
    expect(reader.push(bytes("data: a\r\n"))).toEqual([]);
    expect(reader.push(bytes("\r"))).toEqual([{ event: "message", data: "a" }]);
    expect(reader.push(bytes("\n"))).toEqual([]);
    expect(reader.isBetweenEvents).toBe(true);
  });

  test("keeps nothing of the bytes it was given", () => {
    const reader = new EventReader();
    const chunk = bytes("data: abc");
    reader.push(chunk);
    chunk.fill(0x78);
    expect(reader.push(bytes("\n\n"))).toEqual([{ event: "message", data: "abc" }]);
  });

  test("takes away one byte order mark at the very beginning, and no other", () => {
    expect(data("\uFEFFdata: a\n\n\uFEFFdata: b\n\n")).toEqual(["a"]);
    expect(data("data: \uFEFFa\n\n")).toEqual(["\uFEFFa"]);
  });

  test("takes away one space behind the colon, and no other", () => {
    expect(data("data:a\n\ndata: a\n\ndata:  a\n\ndata:\ta\n\n")).toEqual(["a", "a", " a", "\ta"]);
  });

  test("gives no event without data, and forgets its name", () => {
    expect(readEvents(bytes("event: x\n\ndata: a\n\n")).events).toEqual([{ event: "message", data: "a" }]);
    expect(data(": only a comment\n\n\n\n")).toEqual([]);
  });

  test.each([
    ["data: a\n\ndata: b", "b"],
    ["data: a\n\ndata: b\n", "b"],
    ["data: a\n\ndata: b\r", "b"],
    ["data: a\n\ndata: b\ndata: c", "b\nc"],
    ["data: b", "b"],
    ["\uFEFFdata: b", "b"],
  ])("does not give an event that lacks its empty line: %j", (text, unfinished) => {
    const reader = new EventReader();
    const read = reader.push(bytes(text));
    expect(read.map((event) => event.data)).toEqual(text.startsWith("data: a") ? ["a"] : []);
    expect(reader.isBetweenEvents).toBe(false);
    expect(reader.unfinished).toEqual({ event: "message", data: unfinished });
    // Looking at it changes nothing.
    expect(reader.push(bytes("\n\n")).map((event) => event.data)).toEqual([unfinished]);
  });

  test("has nothing unfinished between events", () => {
    const reader = new EventReader();
    expect(reader.unfinished).toBeUndefined();
    reader.push(bytes("data: a\n\n: bye"));
    expect(reader.unfinished).toBeUndefined();
    expect(reader.isBetweenEvents).toBe(false);
  });
});

/** The specification, as literally as it goes. */
function reference(text: string): ServerSentEvent[] {
  const events: ServerSentEvent[] = [];
  let event = "";
  let buffer: string | undefined;
  const lines = text.replace(/^\uFEFF/, "").split(/\r\n|\n|\r/);
  lines.pop();
  for (const line of lines) {
    if (line === "") {
      if (buffer !== undefined) events.push({ event: event === "" ? "message" : event, data: buffer });
      event = "";
      buffer = undefined;
      continue;
    }
    if (line.startsWith(":")) continue;
    const [, field, value = ""] = /^([^:]*)(?:: ?([\s\S]*))?$/.exec(line) ?? [];
    if (field === "event") event = value;
    if (field === "data") buffer = buffer === undefined ? value : `${buffer}\n${value}`;
  }
  return events;
}

const lines = fc.array(
  fc.oneof(
    fc.constantFrom(
      "",
      "",
      "data",
      "data:",
      "data: ",
      "data:  x",
      ": ping",
      "event: e",
      "event:",
      "id: 1",
      "retry: 1",
      "datax: y",
      "data : z",
      "\uFEFFdata: q",
    ),
    fc.string({ unit: "grapheme", maxLength: 6 }).map((text) => `data: ${text.replaceAll(/[\r\n]/g, "")}`),
  ),
  { maxLength: 12 },
);
const stream = fc
  .tuple(
    fc.constantFrom("", "\uFEFF"),
    fc.array(fc.tuple(lines, fc.constantFrom("\n", "\r", "\r\n")), { maxLength: 3 }),
    fc.constantFrom("", "data: cut"),
  )
  .map(
    ([mark, parts, rest]) => mark + parts.map(([list, end]) => list.map((line) => line + end).join("")).join("") + rest,
  );
const numRuns = process.env["LLMCACHE_TEST_FULL"] === "1" ? 100_000 : 1000;

describe("any stream", () => {
  test("is read as the specification says, however it is cut", () => {
    fc.assert(
      fc.property(stream, fc.array(fc.nat(), { maxLength: 10 }), (text, cuts) => {
        const all = bytes(text);
        const places = [0, ...cuts.map((cut) => cut % (all.byteLength + 1)), all.byteLength].sort((a, b) => a - b);
        const reader = new EventReader();
        const read = places.slice(1).flatMap((end, index) => reader.push(all.subarray(places[index], end)));
        expect(read).toEqual(reference(text));
      }),
      { numRuns },
    );
  });

  test("is cut by splitEvents into pieces that are the stream again, each with at most one event, which is whole", () => {
    fc.assert(
      fc.property(stream, (text) => {
        const all = bytes(text);
        const pieces = splitEvents(all);
        expect(Buffer.concat(pieces).equals(all)).toBe(true);
        const reader = new EventReader();
        const perPiece = pieces.map((piece) => reader.push(piece));
        expect(perPiece.every((events) => events.length <= 1)).toBe(true);
        expect(perPiece.flat()).toEqual(reference(text));
        expect(pieces.every((piece) => piece.byteLength > 0)).toBe(true);
      }),
      { numRuns },
    );
  });
});

describe("writeEvent", () => {
  test("writes what is read as the same event", () => {
    const name = fc.constantFrom("message", "error", "x y", "e:f");
    fc.assert(
      fc.property(
        name,
        fc.string({ unit: "grapheme" }).map((text) => text.replaceAll("\r", "")),
        (event, text) => {
          expect(readEvents(writeEvent({ event, data: text }))).toEqual({
            events: [{ event, data: text }],
            whole: true,
          });
        },
      ),
      { numRuns },
    );
  });

  test("lets no data end the line early", () => {
    expect(readEvents(writeEvent({ event: "message", data: "a\rb\r\nc" })).events).toEqual([
      { event: "message", data: "a\nb\nc" },
    ]);
  });
});
