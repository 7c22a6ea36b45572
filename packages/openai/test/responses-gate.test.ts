import type { Json, JsonObject } from "@llmcache/core";
import { describe, expect, test } from "vitest";
import type { StoreAnyway } from "../src/index.ts";
import { call, RESPONSES_URL } from "./asking.ts";

const body = { model: "m", input: "hello" };

function message(content: Json, more: JsonObject = {}): JsonObject {
  return { id: "msg_1", type: "message", role: "assistant", status: "completed", content, ...more };
}

const text = (said: string): JsonObject => message([{ type: "output_text", text: said, annotations: [] }]);
const fn = (args: string): JsonObject => ({
  id: "fc_1",
  type: "function_call",
  call_id: "c",
  name: "f",
  arguments: args,
});

function response(output: Json, more: JsonObject = {}): JsonObject {
  return { id: "resp_1", object: "response", status: "completed", model: "m", output, ...more };
}

const cut = (reason: string, output: Json = [text("a")]): JsonObject =>
  response(output, { status: "incomplete", incomplete_details: { reason } });

const verdict = (given: Json, more: JsonObject = {}, storeAnyway: readonly StoreAnyway[] = []): string =>
  call({ ...body, ...more }, { url: RESPONSES_URL, options: { storeAnyway } }).judge(given);

const JSON_FORMAT = { text: { format: { type: "json_schema", name: "a", schema: {} } } };

const FLAWED: readonly (readonly [StoreAnyway, string, JsonObject, JsonObject?])[] = [
  ["empty", "no items", response([])],
  ["empty", "no text", response([text(" ")])],
  ["empty", "only reasoning", response([{ type: "reasoning", id: "rs_1", summary: [] }])],
  ["refusal", "a refusal", response([message([{ type: "refusal", refusal: "No." }])])],
  ["refusal", "a refusal beside text", response([text("a"), message([{ type: "refusal", refusal: "No." }])])],
  ["content-filter", "filtered text", cut("content_filter")],
  ["truncated", "cut without a limit", cut("max_output_tokens")],
  ["truncated", "cut where the limit is null", cut("max_output_tokens"), { max_output_tokens: null }],
  ["other-finish-reason", "cut for another reason", cut("steered")],
  [
    "other-finish-reason",
    "cut for no reason",
    response([text("a")], { status: "incomplete", incomplete_details: null }),
  ],
  ["malformed-tool-call", "arguments cut off", response([fn('{"a":')])],
  ["malformed-tool-call", "one of two", response([fn("{}"), fn("{")])],
  ["malformed-tool-call", "cut by the caller's limit", cut("max_output_tokens", [fn("{")]), { max_output_tokens: 16 }],
  ["broken-format", "no JSON for json_schema", response([text("sure: {}")]), JSON_FORMAT],
  ["broken-format", "no JSON for json_object", response([text("{")]), { text: { format: { type: "json_object" } } }],
  ["hosted-tool", "a web search", response([{ type: "web_search_call", id: "ws_1" }, text("a")])],
  ["hosted-tool", "an MCP call", response([{ type: "mcp_call", id: "mcp_1" }, text("a")])],
  ["hosted-tool", "an item of tomorrow", response([{ type: "of_tomorrow", id: "x" }])],
  [
    "hosted-tool",
    "a template's tools",
    response([text("a")], { tools: [{ type: "web_search" }] }),
    { prompt: { id: "p", version: "1" } },
  ],
];

const RULES = FLAWED.map(([rule, name, given, more = {}]) => ({ rule, name, given, more }));

describe("a flawed Response", () => {
  test.each(RULES)("$rule: $name is handed over only", ({ given, more }) => {
    expect(verdict(given, more)).toBe("pass");
  });

  test.each(RULES)("$rule: $name is stored where that was switched on", ({ rule, given, more }) => {
    expect(verdict(given, more, [rule])).toBe("store");
  });
});

describe("a good Response", () => {
  test.each(
    (
      [
        ["text", response([text("a")])],
        ["text cut by the caller's limit", cut("max_output_tokens"), { max_output_tokens: 16 }],
        ["a call", response([fn('{"a":1}')])],
        ["a call without arguments", response([fn("")])],
        [
          "a custom tool's free text",
          response([{ type: "custom_tool_call", id: "x", call_id: "c", name: "n", input: "{" }]),
        ],
        ["a call beside a format", response([fn("{}")]), JSON_FORMAT],
        ["JSON that was asked for", response([text(' {"a":1}\n')]), JSON_FORMAT],
        [
          "JSON behind a comment",
          response([
            message([{ type: "output_text", text: "Let me see.", annotations: [] }], { phase: "commentary" }),
            text("{}"),
          ]),
          JSON_FORMAT,
        ],
        ["an image", response([{ type: "image_generation_call", id: "ig_1", result: "AAAA", status: "completed" }])],
        ["an error that is null", response([text("a")], { error: null })],
        ["the caller's own hosted-looking tools echoed", response([text("a")], { tools: [{ type: "web_search" }] })],
      ] as readonly (readonly [string, JsonObject, JsonObject?])[]
    ).map(([name, given, more = {}]) => ({ name, given, more })),
  )("$name is stored", ({ given, more }) => {
    expect(verdict(given, more)).toBe("store");
  });
});

describe("what is no answer", () => {
  test.each<readonly [string, Json, string]>([
    ["a failure", response([text("a")], { status: "failed" }), "fail"],
    ["an error", response([text("a")], { error: { code: "server_error", message: "x" } }), "fail"],
    ["an error with status 200", { error: { message: "overloaded" } }, "fail"],
    ["one that is under way", response([text("a")], { status: "in_progress" }), "none"],
    ["one that waits", response([], { status: "queued" }), "none"],
    ["one that was cancelled", response([text("a")], { status: "cancelled" }), "none"],
    ["one of another status", response([text("a")], { status: "done" }), "none"],
    ["one of no status", { ...response([text("a")]), status: null }, "none"],
    ["no output", { ...response([]), output: null }, "none"],
    ["output that is none", response(["a"]), "none"],
    ["a list", [], "none"],
    ["null", null, "none"],
  ])("%s is never stored", (_name, given, expected) => {
    const all = [...new Set(RULES.map(({ rule }) => rule))];
    expect(verdict(given, { max_output_tokens: 16 }, all)).toBe(expected);
  });
});
