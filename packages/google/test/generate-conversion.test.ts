import type { Json, JsonObject } from "@llmcache/core";
import type { ServerSentEvent } from "@llmcache/fetch";
import { describe, expect, test } from "vitest";
import { call } from "./asking.ts";

const wire = call({ contents: [{ role: "user", parts: [{ text: "a" }] }] });
const usageMetadata = { promptTokenCount: 1, candidatesTokenCount: 2, totalTokenCount: 3 };
const around = { modelVersion: "gemini-3-flash", responseId: "r" };

function chunk(parts: readonly Json[] | undefined, candidate: JsonObject = {}, more: JsonObject = {}): JsonObject {
  const content = parts === undefined ? {} : { content: { parts, role: "model" } };
  return { candidates: [{ ...content, index: 0, ...candidate }], usageMetadata, ...around, ...more };
}

const events = (...chunks: readonly JsonObject[]): ServerSentEvent[] =>
  chunks.map((each) => ({ event: "message", data: JSON.stringify(each) }));
const END = { finishReason: "STOP" };

test("an answer is told as one event, which amounts to it", () => {
  const parts = [
    { text: "hm", thought: true },
    { text: "a", thoughtSignature: "s" },
    { functionCall: { name: "f", args: { n: [1] } } },
  ];
  const answer = chunk(parts, { ...END, safetyRatings: [{ category: "c", probability: "LOW" }] });
  const told = wire.toEvents(answer) ?? [];
  expect(told).toEqual(events(answer));
  expect(wire.toAnswer(told)).toEqual(answer);
  expect(wire.toEvents("a")).toBeUndefined();
});

test("an answer with an integer that a double cannot hold is not written anew", () => {
  const part = JSON.parse('{"functionCall":{"name":"f","args":{"id":12345678901234567890}}}') as Json;
  expect(wire.toEvents(chunk([part], END))).toBeUndefined();
});

describe("a stream", () => {
  test("is put together: texts go on, thoughts and signatures stay apart", () => {
    const stream = events(
      chunk([{ text: "h", thought: true }], {}, { usageMetadata: { promptTokenCount: 1 } }),
      chunk([{ text: "m", thought: true }]),
      chunk([{ text: "Gr" }]),
      chunk([{ text: "üße" }]),
      chunk([{ text: "", thoughtSignature: "s" }]),
      chunk([{ functionCall: { name: "f", args: {} } }, { text: "!" }]),
      chunk([{ text: "" }], END),
    );
    expect(wire.judgeEvents(stream)).toBe("store");
    expect(wire.toAnswer(stream)).toEqual(
      chunk(
        [
          { text: "hm", thought: true },
          { text: "Grüße" },
          { text: "", thoughtSignature: "s" },
          { functionCall: { name: "f", args: {} } },
          { text: "!" },
        ],
        END,
      ),
    );
    expect(wire.noteEvents(stream)).toEqual({ model: "gemini-3-flash", tokens: { input: 1, output: 2 } });
  });

  test("of several candidates is put together by their numbers", () => {
    const two = (index: number, text: string, more: JsonObject = {}): JsonObject => ({
      candidates: [{ content: { parts: [{ text }], role: "model" }, index, ...more }],
      usageMetadata,
    });
    const answer = wire.toAnswer(events(two(1, "x"), two(0, "a"), two(1, "y", END), two(0, "b", END))) as JsonObject;
    expect(
      (answer["candidates"] as JsonObject[]).map(({ index, content }) => [index, (content as JsonObject)["parts"]]),
    ).toEqual([
      [0, [{ text: "ab" }]],
      [1, [{ text: "xy" }]],
    ]);
  });

  test("that ends without a reason is not stored; one with an error in it is a failure", () => {
    expect(wire.judgeEvents(events(chunk([{ text: "a" }])))).toBe("none");
    expect(wire.judgeEvents([])).toBe("none");
    const error = { error: { code: 503, status: "UNAVAILABLE" } };
    expect(wire.judgeEvents(events(chunk([{ text: "a" }]), error))).toBe("fail");
    expect(events(chunk([{ text: '"error"' }], END), error).map((each) => wire.endsStream(each))).toEqual([
      false,
      true,
    ]);
    expect(wire.judgeEvents([...events(chunk([{ text: "a" }], END)), { event: "message", data: "{" }])).toBe("fail");
    expect(wire.toAnswer(events(chunk([{ text: "a" }], END), error))).toBeUndefined();
  });

  test.each<readonly [string, readonly JsonObject[]]>([
    ["without usage", [{ candidates: [{ content: { parts: [{ text: "a" }] }, ...END }] }]],
    ["of two ids", [chunk([{ text: "a" }]), chunk([{ text: "b" }], END, { responseId: "s" })]],
    ["with members that nobody knows", [chunk([{ text: "a" }], END, { news: 1 })]],
    ["with candidates that have more", [chunk([{ text: "a" }], { ...END, news: 1 })]],
    [
      "with ratings that change",
      [chunk([{ text: "a" }], { safetyRatings: [1] }), chunk([{ text: "b" }], { ...END, safetyRatings: [2] })],
    ],
    ["with calls in pieces", [chunk([{ functionCall: { name: "f", partialArgs: [] } }], END)]],
    ["with numbers that would be changed", [chunk([{ functionCall: { name: "f", args: { n: 2 ** 60 } } }], END)]],
  ])("%s is stored, and sent again only as a stream", (_name, chunks) => {
    expect(wire.judgeEvents(events(...chunks))).toBe("store");
    expect(wire.toAnswer(events(...chunks))).toBeUndefined();
  });
});
