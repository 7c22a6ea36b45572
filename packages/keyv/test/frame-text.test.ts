import assert from "node:assert/strict";
import { describe, expect, test } from "vitest";
import { Body, decodeEntry, encodeEntry, zstdCodec } from "@llmcache/core";
import { assertSameEntry, sampleEntry } from "@llmcache/core/conformance";
import fc from "fast-check";
import { Keyv } from "keyv";
import { frameToText, textToFrame } from "../src/frame-text.ts";

const runs = process.env["LLMCACHE_TEST_FULL"] === "1" ? 20_000 : 300;

test("a frame of JSON is its own text, with the checksum in hex behind it", () => {
  const entry = sampleEntry({ value: "Grüße, 東京 👩‍👩‍👧" });
  const frame = Buffer.from(encodeEntry(entry));
  const text = frameToText(frame);
  expect(text).toBe(frame.subarray(0, -4).toString("utf8") + frame.subarray(-4).toString("hex"));
  expect(text).toContain('"Grüße, 東京 👩‍👩‍👧"');
  expect(Buffer.byteLength(text)).toBe(frame.byteLength + 4);
});

test("bytes that are text stay text, NUL excepted, which some databases refuse", () => {
  const sent = "data: {}\n\n\0 and \u0001";
  const entry = sampleEntry({ bytes: Buffer.from(sent) });
  const text = frameToText(encodeEntry(entry));
  expect(text).toContain("data: {}\n\n\u00010 and \u00011");
  expect(text).not.toContain("\0");
  assertSameEntry(decodeEntry(textToFrame(text) as Uint8Array, { id: entry.id }), entry);
});

test("what a codec leaves as it is stays text", () => {
  const text = frameToText(encodeEntry(sampleEntry({ value: "short" }), zstdCodec()));
  expect(text).toMatch(/^\{.*"short"/s);
});

test.each([
  [500, 1.13],
  [4000, 1.09],
  [40_000, 1.08],
])(
  "an answer with a text of %i characters is at most %f times its frame, also inside Keyv's JSON",
  async (length, most) => {
    const content = 'The quick "brown" fox — jumps over\n the lazy dog, and it\'s fine. '.repeat(length / 66);
    const choices = [
      { index: 0, message: { role: "assistant", content, refusal: null }, logprobs: null, finish_reason: "stop" },
    ];
    const value = {
      id: "chatcmpl-1",
      object: "chat.completion",
      model: "gpt-4o-mini",
      choices,
      usage: { total_tokens: 210 },
    };
    const frame = encodeEntry(sampleEntry({ value }));
    const inKeyv = async (stored: unknown): Promise<number> =>
      Buffer.byteLength(String(await new Keyv().encode({ value: stored })));
    expect(Buffer.byteLength(frameToText(frame))).toBe(frame.byteLength + 4);
    expect((await inKeyv(frameToText(frame))) / frame.byteLength).toBeLessThan(most);
    expect((await inKeyv(Buffer.from(frame))) / frame.byteLength).toBeGreaterThan(1.33);
  },
);

test("other bytes are base64", () => {
  const frame = Buffer.from(encodeEntry(sampleEntry({ bytes: Buffer.from([0xff, 0xfe]) })));
  expect(frameToText(frame)).toBe(`base64,${frame.toString("base64")}`);
});

describe("there and back", () => {
  test("every frame is what it was", () => {
    const body = fc.oneof(
      fc.uint8Array().map((bytes) => Body.bytes(bytes)),
      fc.string({ unit: "binary" }).map((text) => Body.bytes(Buffer.from(text))),
      fc
        .array(fc.constantFrom("\0", "\u0001", "0", "1", "a", "é"))
        .map((characters) => Body.bytes(Buffer.from(characters.join("")))),
      fc.jsonValue().map((value) => Body.json(value)),
    );
    fc.assert(
      fc.property(body, (body) => {
        const frame = encodeEntry(sampleEntry({ body }));
        const text = frameToText(frame);
        assert.ok(text.isWellFormed() && !text.includes("\0"));
        assert.equal(Buffer.compare(textToFrame(text) as Uint8Array, frame), 0);
      }),
      { numRuns: runs },
    );
  });

  test.each(["", "{", "{}", "x", ":base64:e30=", "{}0000zzzz", "base64", '{"value":"…"}'])(
    "%j stands for no frame that can be decoded",
    (text) => {
      const frame = textToFrame(text);
      expect(frame && decodeEntry(frame)).toBeUndefined();
    },
  );
});
