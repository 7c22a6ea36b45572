import type { Json, JsonObject } from "@llmcache/core";
import { expect, test } from "vitest";
import type { GoogleFormatOptions, StoreAnyway } from "../src/index.ts";
import { call } from "./asking.ts";

const body = { contents: [{ role: "user", parts: [{ text: "a" }] }] };
const text = { text: "hello" };

function judge(candidate: JsonObject, request: JsonObject = body, options: GoogleFormatOptions = {}): string {
  const { parts = [text], ...more } = candidate;
  return call(request, { options }).judge({
    candidates: [{ content: { role: "model", parts }, finishReason: "STOP", ...more }],
  });
}

const limited = { ...body, generationConfig: { maxOutputTokens: 10 } };
const asJson = { ...body, generationConfig: { responseMimeType: "application/json" } };
const use = { functionCall: { name: "f", args: { a: 1 } }, thoughtSignature: "s" };

test("whole answers are stored, also those cut by the caller's own limit", () => {
  expect(judge({})).toBe("store");
  expect(judge({ finishReason: "MAX_TOKENS" }, limited)).toBe("store");
  expect(judge({ parts: [{ text: "hm", thought: true }, text] })).toBe("store");
  expect(judge({ parts: [use] })).toBe("store");
  expect(judge({ parts: [{ functionCall: { name: "f" } }] })).toBe("store");
  expect(judge({ parts: [{ inlineData: { mimeType: "image/png", data: "AA" } }] })).toBe("store");
  expect(judge({ parts: [{ text: '{"a":1}' }] }, asJson)).toBe("store");
  expect(judge({ groundingMetadata: {} })).toBe("store");
});

const bad: readonly (readonly [kind: StoreAnyway, candidate: JsonObject, request?: JsonObject])[] = [
  ["empty", { parts: [] }],
  ["empty", { content: {} }],
  ["empty", { parts: [{ text: " " }] }],
  ["empty", { parts: [{ text: "hm", thought: true }] }],
  ["empty", { parts: [{ text: "", thoughtSignature: "s" }] }],
  ["content-filter", { finishReason: "SAFETY" }],
  ["content-filter", { finishReason: "RECITATION", content: {} }],
  ["content-filter", { finishReason: "PROHIBITED_CONTENT" }],
  ["truncated", { finishReason: "MAX_TOKENS" }],
  ["malformed-tool-call", { finishReason: "MALFORMED_FUNCTION_CALL" }],
  ["malformed-tool-call", { parts: [{ functionCall: { args: {} } }] }],
  ["malformed-tool-call", { parts: [{ functionCall: { name: "f", args: "x" } }] }],
  ["malformed-tool-call", { parts: [{ functionCall: { name: "f", willContinue: true } }] }],
  ["malformed-tool-call", { parts: [text, use], finishReason: "MAX_TOKENS" }, limited],
  ["broken-format", {}, asJson],
  ["fewer-candidates", {}, { ...body, generationConfig: { candidateCount: 2 } }],
  ["other-finish-reason", { finishReason: "OTHER" }],
  ["other-finish-reason", { finishReason: "CONTINUATION" }],
  ["other-finish-reason", { finishReason: "BORED" }],
  ["other-finish-reason", { finishReason: "toString" }],
  ["hosted-tool", { groundingMetadata: { webSearchQueries: ["a"] } }],
  ["hosted-tool", { parts: [{ executableCode: { code: "1" } }, text] }],
  ["hosted-tool", { parts: [{ tomorrowsPart: {} }, text] }],
];

test.each(bad.map(([kind, candidate, request]) => ({ kind, candidate, request })))(
  "$kind answers are handed over, and stored for who wants it",
  ({ kind, candidate, request = body }) => {
    expect(judge(candidate, request)).toBe("pass");
    const also: StoreAnyway[] = kind === "malformed-tool-call" ? [kind, "empty"] : [kind];
    expect(judge(candidate, request, { storeAnyway: also })).toBe("store");
  },
);

test("a prompt that was blocked, and an answer without candidates, are not stored", () => {
  expect(call(body).judge({ promptFeedback: { blockReason: "SAFETY" } })).toBe("pass");
  expect(call(body).judge({ candidates: [] })).toBe("pass");
  expect(
    call(body, { options: { storeAnyway: ["content-filter"] } }).judge({ promptFeedback: { blockReason: "SAFETY" } }),
  ).toBe("store");
});

test("what is no answer is never stored", () => {
  for (const strange of [null, [], "a", {}, { candidates: {} }, { candidates: ["a"] }, { candidates: [{}] }] as const)
    expect(call(body).judge(strange as Json)).toBe("none");
  expect(judge({ finishReason: null })).toBe("none");
  expect(call(body).judge({ error: { code: 503 } })).toBe("fail");
});

test("what was used is told with thoughts", () => {
  const usageMetadata = { promptTokenCount: 3, candidatesTokenCount: 4, thoughtsTokenCount: 5, totalTokenCount: 12 };
  expect(call(body).note({ modelVersion: "m", usageMetadata })).toEqual({
    model: "m",
    tokens: { input: 3, output: 9 },
  });
});

test("an unknown kind of answer to store is an error that names it", () => {
  expect(() => call(body, { options: { storeAnyway: ["all" as never] } })).toThrow(
    expect.objectContaining({ code: "ERR_LLMCACHE_OPTION", message: expect.stringContaining('"all"') as string }),
  );
});
