import type { Json, JsonObject } from "@llmcache/core";
import { isLLMCacheError } from "@llmcache/core";
import { describe, expect, test } from "vitest";
import { openAIChat, type StoreAnyway } from "../src/index.ts";
import { call } from "./asking.ts";

const body = { model: "m", messages: [{ role: "user", content: "hello" }] };

function answer(message: JsonObject, finishReason: Json = "stop"): JsonObject {
  return {
    id: "1",
    object: "chat.completion",
    created: 1,
    model: "m",
    choices: [{ index: 0, message: { role: "assistant", ...message }, finish_reason: finishReason }],
  };
}

function functionCall(text: string): JsonObject {
  return { content: null, tool_calls: [{ id: "1", type: "function", function: { name: "f", arguments: text } }] };
}

const verdict = (given: Json, more: JsonObject = {}, storeAnyway: readonly StoreAnyway[] = []): string =>
  call({ ...body, ...more }, { options: { storeAnyway } }).judge(given);

interface Rule {
  readonly rule: StoreAnyway;
  readonly name: string;
  readonly given: JsonObject;
  readonly more: JsonObject;
}

const RULES: readonly Rule[] = (
  [
    ["empty", "no text", answer({ content: "" })],
    ["empty", "only white space", answer({ content: " \n" })],
    ["empty", "null", answer({ content: null })],
    ["empty", "only reasoning", answer({ content: null, reasoning_content: "hm" })],
    ["empty", "no parts", answer({ content: [] })],
    [
      "empty",
      "nothing but reasoning before the caller's limit",
      answer({ content: "" }, "length"),
      { max_completion_tokens: 5 },
    ],
    ["refusal", "a refusal", answer({ content: null, refusal: "No." })],
    ["content-filter", "filtered text", answer({ content: "a" }, "content_filter")],
    ["content-filter", "everything filtered", answer({ content: "" }, "content_filter")],
    ["truncated", "cut without a limit", answer({ content: "a" }, "length")],
    ["truncated", "cut where the limit is null", answer({ content: "a" }, "length"), { max_tokens: null }],
    ["malformed-tool-call", "arguments cut off", answer(functionCall('{"a":'), "tool_calls")],
    [
      "malformed-tool-call",
      "arguments of the old kind cut off",
      answer({ content: null, function_call: { name: "f", arguments: "{" } }, "function_call"),
    ],
    ["malformed-tool-call", "no call at all", answer({ content: null, tool_calls: [null] }, "tool_calls")],
    [
      "malformed-tool-call",
      "one of two",
      answer(
        {
          tool_calls: [...(functionCall("{}")["tool_calls"] as Json[]), ...(functionCall("{")["tool_calls"] as Json[])],
        },
        "tool_calls",
      ),
    ],
    [
      "broken-format",
      "no JSON for json_object",
      answer({ content: "{" }),
      { response_format: { type: "json_object" } },
    ],
    [
      "broken-format",
      "no JSON for json_schema",
      answer({ content: "sure: {}" }),
      { response_format: { type: "json_schema" } },
    ],
    [
      "broken-format",
      "JSON cut by the caller's limit",
      answer({ content: '{"a":' }, "length"),
      { max_tokens: 5, response_format: { type: "json_object" } },
    ],
    ["fewer-choices", "one of two choices", answer({ content: "a" }), { n: 2 }],
    ["other-finish-reason", "an unknown reason", answer({ content: "a" }, "insufficient_system_resource")],
    ["other-finish-reason", "no reason", answer({ content: "a" }, null)],
  ] as readonly (readonly [StoreAnyway, string, JsonObject, JsonObject?])[]
).map(([rule, name, given, more = {}]) => ({ rule, name, given, more }));

describe("a flawed answer", () => {
  test.each(RULES)("$rule: $name is handed over only", ({ given, more }) => {
    expect(verdict(given, more)).toBe("pass");
  });

  test.each(RULES)("$rule: $name is stored where that was switched on", ({ rule, given, more }) => {
    expect(verdict(given, more, [rule])).toBe("store");
  });

  test("with two flaws is stored only where both were switched on", () => {
    const cut = answer(functionCall('{"a":'), "length");
    expect(verdict(cut, {}, ["truncated"])).toBe("pass");
    expect(verdict(cut, {}, ["malformed-tool-call"])).toBe("pass");
    expect(verdict(cut, {}, ["truncated", "malformed-tool-call"])).toBe("store");
  });

  test("in one of several choices spoils them all", () => {
    const good = answer({ content: "a" });
    const choices = [
      ...(good["choices"] as Json[]),
      { index: 1, message: { role: "assistant", content: "" }, finish_reason: "stop" },
    ];
    expect(verdict({ ...good, choices }, { n: 2 })).toBe("pass");
  });
});

describe("a good answer", () => {
  test.each([
    ["text", answer({ content: "a" }), {}],
    ["text with null for a refusal", answer({ content: "a", refusal: null }), {}],
    ["text cut by the caller's limit", answer({ content: "a" }, "length"), { max_tokens: 5 }],
    ["text cut by the caller's newer limit", answer({ content: "a" }, "length"), { max_completion_tokens: 5 }],
    ["a call", answer(functionCall('{"a":1}'), "tool_calls"), {}],
    ["a call without arguments", answer(functionCall(""), "tool_calls"), {}],
    ["a call that was demanded", answer(functionCall("{}"), "stop"), {}],
    [
      "a custom tool's free text",
      answer(
        { content: null, tool_calls: [{ id: "1", type: "custom", custom: { name: "f", input: "{" } }] },
        "tool_calls",
      ),
      {},
    ],
    [
      "a call of the old kind",
      answer({ content: null, function_call: { name: "f", arguments: "{}" } }, "function_call"),
      {},
    ],
    ["a call beside a format", answer(functionCall("{}"), "tool_calls"), { response_format: { type: "json_object" } }],
    ["JSON that was asked for", answer({ content: ' {"a":1}\n' }), { response_format: { type: "json_object" } }],
    ["audio", answer({ content: null, audio: { id: "1", data: "", transcript: "" } }), {}],
    ["content in parts", answer({ content: [{ type: "text", text: "a" }] }), {}],
    ["an answer beside an error that is null", { ...answer({ content: "a" }), error: null }, {}],
    [
      "more choices than asked for",
      {
        ...answer({ content: "a" }),
        choices: [0, 1].map((index) => ({
          index,
          message: { role: "assistant", content: "a" },
          finish_reason: "stop",
        })),
      },
      {},
    ],
  ] as const)("%s is stored", (_name, given, more) => {
    expect(verdict(given as unknown as Json, more as JsonObject)).toBe("store");
  });
});

describe("what is no answer", () => {
  test.each([
    ["an error with status 200", { error: { message: "overloaded" } }, "fail"],
    ["an empty object", {}, "none"],
    ["no choices", { choices: [] }, "none"],
    ["choices that are none", { choices: [null] }, "none"],
    ["a choice without a message", { choices: [{ index: 0, finish_reason: "stop" }] }, "none"],
    ["a list", [], "none"],
    ["text", "hello", "none"],
    ["null", null, "none"],
  ] as const)("%s is never stored", (_name, given, expected) => {
    const all: StoreAnyway[] = [...new Set(RULES.map(({ rule }) => rule))];
    expect(verdict(given, {}, all)).toBe(expected);
  });

  test("a rule that there is not is refused by name", () => {
    const make = (): unknown => openAIChat({ storeAnyway: ["refusals" as StoreAnyway] });
    expect(make).toThrow(
      expect.objectContaining({ code: "ERR_LLMCACHE_OPTION", message: expect.stringContaining("refusals") }),
    );
    try {
      make();
    } catch (error) {
      expect(isLLMCacheError(error)).toBe(true);
    }
  });
});
