import type { Json, JsonObject } from "@llmcache/core";
import { describe, expect, test } from "vitest";
import type { AnthropicFormatOptions, StoreAnyway } from "../src/index.ts";
import { call } from "./asking.ts";

const body = { model: "claude-sonnet-5", max_tokens: 100, messages: [{ role: "user", content: "a" }] };
const text = { type: "text", text: "hello", citations: null };
const use = { type: "tool_use", id: "1", name: "f", input: { a: 1 } };
const answer = {
  id: "msg_1",
  type: "message",
  role: "assistant",
  model: "claude-sonnet-5",
  content: [text],
  stop_reason: "end_turn",
};

function judge(more: JsonObject, request: JsonObject = body, options: AnthropicFormatOptions = {}): string {
  return call(request, { options }).judge({ ...answer, ...more });
}

test("whole answers are stored, also those cut by the caller's own limit", () => {
  expect(judge({})).toBe("store");
  expect(judge({ stop_reason: "stop_sequence", stop_sequence: "x" })).toBe("store");
  expect(judge({ stop_reason: "tool_use", content: [use] })).toBe("store");
  expect(judge({ stop_reason: "max_tokens" })).toBe("store");
  expect(judge({ content: [{ type: "thinking", thinking: "t", signature: "s" }, text] })).toBe("store");
  expect(judge({ content: [{ type: "redacted_thinking", data: "x" }, text] })).toBe("store");
  expect(judge({ stop_reason: "compaction", content: [{ type: "compaction", content: "c" }] })).toBe("store");
});

const search = { type: "server_tool_use", id: "1", name: "web_search", input: {} };
const bad: readonly (readonly [kind: StoreAnyway, answer: JsonObject, request?: JsonObject])[] = [
  ["empty", { content: [] }],
  ["empty", { content: [{ ...text, text: " \n" }] }],
  ["empty", { content: [{ type: "thinking", thinking: "t", signature: "s" }] }],
  ["refusal", { stop_reason: "refusal" }],
  ["refusal", { stop_reason: "refusal", content: [] }],
  ["paused-turn", { stop_reason: "pause_turn" }],
  ["truncated", { stop_reason: "model_context_window_exceeded" }],
  ["truncated", { stop_reason: "max_tokens" }, { ...body, max_tokens: null }],
  ["other-stop-reason", { stop_reason: "bored" }],
  ["other-stop-reason", { stop_reason: "toString" }],
  ["malformed-tool-call", { stop_reason: "tool_use", content: [{ ...use, input: '{"a":' }] }],
  ["malformed-tool-call", { stop_reason: "tool_use", content: [{ ...use, input: [] }] }],
  ["malformed-tool-call", { stop_reason: "max_tokens", content: [text, use] }],
  ["broken-format", {}, { ...body, output_config: { format: { type: "json_schema", schema: {} } } }],
  ["broken-format", {}, { ...body, output_format: { type: "json_schema", schema: {} } }],
  ["hosted-tool", { content: [search, text] }],
  ["hosted-tool", { content: [{ type: "new_thing" }, text] }],
  ["hosted-tool", { container: { id: "c" } }],
];

test.each(bad.map(([kind, more, request]) => ({ kind, more, request })))(
  "$kind answers are handed over, and stored for who wants it",
  ({ kind, more, request = body }) => {
    expect(judge(more, request)).toBe("pass");
    expect(judge(more, request, { storeAnyway: [kind] })).toBe("store");
  },
);

test("a format that was asked for is kept, block by block", () => {
  const request = { ...body, output_config: { format: { type: "json_schema", schema: {} } } };
  expect(judge({ content: [{ ...text, text: '{"a":1}' }] }, request)).toBe("store");
  expect(
    judge(
      {
        content: [
          { ...text, text: '{"a":1}' },
          { ...text, text: "and more" },
        ],
      },
      request,
    ),
  ).toBe("pass");
  expect(judge({ stop_reason: "tool_use", content: [text, use] }, request)).toBe("store");
});

test("a search for tools is no hosted tool", () => {
  const found = [{ ...search, name: "tool_search_tool_regex" }, { type: "tool_search_tool_result", content: {} }, use];
  expect(judge({ stop_reason: "tool_use", content: found })).toBe("store");
});

test("what is no message is never stored", () => {
  const strange: readonly Json[] = [
    null,
    [],
    "x",
    {},
    { ...answer, stop_reason: null },
    { ...answer, content: null },
    { ...answer, content: ["x"] },
  ];
  for (const each of strange) expect(call(body).judge(each)).toBe("none");
  expect(call(body).judge({ type: "error", error: { type: "overloaded_error" } })).toBe("fail");
  expect(judge({ error: { type: "api_error" } })).toBe("fail");
});

test("an unknown kind of answer to store is an error that names it", () => {
  expect(() => call(body, { options: { storeAnyway: ["all" as never] } })).toThrow(
    expect.objectContaining({ code: "ERR_LLMCACHE_OPTION", message: expect.stringContaining('"all"') as string }),
  );
});

describe("an answer of another model", () => {
  const asked = (
    model: string,
    answered: string,
    more: JsonObject = {},
    options: AnthropicFormatOptions = {},
  ): string => judge({ model: answered }, { ...body, model, ...more }, options);

  test.each([
    ["claude-sonnet-4-5", "claude-sonnet-4-5-20250929"],
    ["claude-3-5-sonnet-latest", "claude-3-5-sonnet-20241022"],
    ["Claude-Sonnet-5", "claude-sonnet-5"],
    ["us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5-20250929"],
    ["anthropic.claude-3-haiku-20240307-v1:0", "claude-3-haiku-20240307"],
    ["us-gov.anthropic.claude-3-haiku-20240307-v1:0", "claude-3-haiku-20240307"],
    ["claude-sonnet-4-5@20250929", "claude-sonnet-4-5-20250929"],
    ["anthropic/claude-sonnet-5", "claude-sonnet-5"],
    ["arn:aws:bedrock:us-east-1:1:application-inference-profile/x", "claude-sonnet-5"],
  ])("is not: %s answered by %s", (model, answered) => {
    expect(asked(model, answered)).toBe("store");
  });

  test.each([
    ["claude-sonnet-5", "claude-opus-5"],
    ["claude-sonnet-4", "claude-sonnet-4-5"],
    ["claude-sonnet-4", "claude-sonnet-4-5-20250929"],
    ["claude-sonnet-4-5-20250929", "claude-sonnet-4-5-20251001"],
    ["claude-sonnet-4-5-20250929", "claude-sonnet-4-5"],
  ])("is handed over only: %s answered by %s", (model, answered) => {
    expect(asked(model, answered)).toBe("pass");
    expect(asked(model, answered, {}, { storeOtherModels: true })).toBe("store");
    expect(asked(model, answered, {}, { alias: { [model]: "x" } })).toBe("store");
    expect(asked(model, answered, { fallbacks: [{ model: answered }] })).toBe("store");
    expect(asked(model, answered, { fallbacks: "default" })).toBe("store");
    expect(asked(model, answered, { fallbacks: [{ model: "claude-haiku-5" }] })).toBe("pass");
  });
});

test("what was used is told with what was written to and read from the prompt cache", () => {
  const usage = { input_tokens: 3, cache_creation_input_tokens: 20, cache_read_input_tokens: 100, output_tokens: 7 };
  expect(call(body).note({ ...answer, usage })).toEqual({
    model: "claude-sonnet-5",
    tokens: { input: 123, output: 7 },
  });
  expect(call(body).note({ ...answer, usage: { output_tokens: 7 } })).toEqual({
    model: "claude-sonnet-5",
    tokens: { input: undefined, output: 7 },
  });
  expect(call(body).note(answer)).toEqual({ model: "claude-sonnet-5" });
});
