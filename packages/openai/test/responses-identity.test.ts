import type { Json, JsonObject } from "@llmcache/core";
import { describe, expect, test } from "vitest";
import { callOf, keyOf, RESPONSES_URL, type Asking } from "./asking.ts";

const url = RESPONSES_URL;
const body = { model: "gpt-4o", input: "hello" };
const key = (more: JsonObject, asking: Asking = {}): string => keyOf({ ...body, ...more }, { url, ...asking });
const passes = (more: JsonObject, asking: Asking = {}): boolean =>
  callOf({ ...body, ...more }, { url, ...asking }) === undefined;

function user(content: Json, more: JsonObject = {}): JsonObject {
  return { role: "user", content, ...more };
}

describe("the input", () => {
  test("is the same as a text, as a message, and as a message of one part", () => {
    const ways = ["a", [user("a")], [user("a", { type: "message" })], [user([{ type: "input_text", text: "a" }])]];
    expect(new Set(ways.map((input) => key({ input }))).size).toBe(1);
  });

  test("is never glued together, and counts with role, order, type and everything that an item holds", () => {
    const inputs: Json[] = [
      [user("a"), { role: "assistant", content: "b" }],
      [user("a\nassistant: b")],
      [user("a"), user("b")],
      [user("b"), user("a")],
      [user("ab")],
      [{ role: "system", content: "a" }],
      [{ role: "developer", content: "a" }],
      [{ role: "assistant", content: "a" }],
      [user("a", { id: "msg_1" })],
      [user("a", { status: "completed" })],
      [user("a", { type: "other" })],
      [
        user([
          { type: "input_text", text: "a" },
          { type: "input_text", text: "b" },
        ]),
      ],
      [user([{ type: "output_text", text: "a" }])],
      [user([{ type: "input_image", image_url: "https://example.org/a.png", detail: "auto" }])],
      [user([{ type: "input_image", image_url: "https://example.org/b.png", detail: "auto" }])],
      [user([{ type: "input_image", image_url: "data:image/png;base64,AAAA", detail: "auto" }])],
      [user([{ type: "input_image", image_url: "data:image/png;base64,AAAB", detail: "auto" }])],
      [user([{ type: "input_image", file_id: "file_1", detail: "auto" }])],
      [user([{ type: "input_file", file_data: "AAAA", filename: "a.pdf" }])],
      [user([{ type: "input_file", file_data: "AAAA", filename: "b.pdf" }])],
      [{ type: "item_reference", id: "msg_1" }],
      [{ type: "item_reference", id: "msg_2" }],
      [{ type: "function_call_output", call_id: "c", output: "1" }],
      [{ type: "function_call_output", call_id: "d", output: "1" }],
      [{ type: "reasoning", id: "rs_1", summary: [] }],
      [{ type: "reasoning", id: "rs_1", summary: [], encrypted_content: "x" }],
      [],
      "",
      null,
    ];
    const ids = inputs.map((input) => key({ input }));
    expect(new Set([...ids, key({ input: "a" }), key({ instructions: "a" })]).size).toBe(ids.length + 2);
  });

  test("may be missing beside a template, and must hold objects", () => {
    expect(callOf({ prompt: { id: "p", version: "1" } }, { url })).toBeDefined();
    for (const strange of [{ input: ["a"] }, { input: 1 }, { input: [null] }, { model: 1 }])
      expect(passes(strange as JsonObject)).toBe(true);
  });

  test("is told apart from instructions, and null instructions from none", () => {
    const bodies = [
      {},
      { instructions: null },
      { instructions: "" },
      { instructions: "a" },
      { input: [user("a"), user("hello")] },
    ];
    expect(new Set(bodies.map((more) => key(more as JsonObject))).size).toBe(bodies.length);
  });
});

describe("the rest", () => {
  test("counts: reasoning, text format, tools and what they hold", () => {
    const fn = { type: "function", name: "f", parameters: { type: "object" }, strict: true };
    const bodies: JsonObject[] = [
      {},
      { reasoning: { effort: "low" } },
      { reasoning: { effort: "low", summary: "auto" } },
      { text: { verbosity: "low" } },
      { text: { format: { type: "json_schema", name: "a", schema: {} } } },
      { text: { format: { type: "json_schema", name: "a", schema: { type: "object" } } } },
      { tools: [] },
      { tools: [fn] },
      { tools: [{ ...fn, strict: false }] },
      { tools: [{ ...fn, parameters: { type: "object", properties: {} } }] },
      { tools: [fn, { ...fn, name: "g" }] },
      { tools: [{ ...fn, name: "g" }, fn] },
      { store: false },
      { previous_response_id: "resp_1" },
      { previous_response_id: null },
    ];
    expect(new Set(bodies.map((more) => key(more))).size).toBe(bodies.length);
  });

  test("counts: base URL, query and headers", () => {
    const ids = [
      key({}),
      key({}, { url: "https://other.example/v1/responses" }),
      key({}, { url: `${url}?api-version=1` }),
      key({}, { headers: { "openai-beta": "responses=v1" } }),
    ];
    expect(new Set(ids).size).toBe(ids.length);
    expect(key({}, { headers: { authorization: "Bearer other" } })).toBe(ids[0]);
  });
});

describe("a request is not cached", () => {
  const local = { type: "shell", environment: { type: "local" } };
  const fn = { type: "function", name: "f" };

  test.each<JsonObject>([
    { background: true },
    { conversation: "conv_1" },
    { conversation: { id: "conv_1" } },
    { generate: false },
    { prompt_cache_options: { prewarm: true } },
    { prompt: { id: "p" } },
    { prompt: { id: "p", version: null } },
    ...[
      { type: "web_search" },
      { type: "web_search_preview" },
      { type: "file_search", vector_store_ids: ["v"] },
      { type: "code_interpreter", container: { type: "auto" } },
      { type: "computer_use_preview" },
      { type: "computer" },
      { type: "mcp", server_label: "s" },
      { type: "programmatic_tool_calling" },
      { type: "shell" },
      { type: "shell", environment: { type: "container_auto" } },
      { type: "namespace", name: "n", tools: [{ type: "mcp" }] },
      { type: "of tomorrow" },
      {},
    ].map((tool) => ({ tools: [fn, tool] })),
    { input: [user("a"), { type: "additional_tools", role: "developer", tools: [{ type: "web_search" }] }] },
  ])("with %j", (more) => {
    expect(passes(more)).toBe(true);
  });

  test.each<JsonObject>([
    { background: false },
    { background: null },
    { conversation: null },
    { prompt: { id: "p", version: "3" } },
    { prompt: null },
    ...[
      fn,
      { type: "custom", name: "c" },
      { type: "local_shell" },
      local,
      { type: "apply_patch" },
      { type: "tool_search" },
      { type: "image_generation" },
      { type: "namespace", name: "n", description: "d", tools: [fn] },
    ].map((tool) => ({ tools: [tool] })),
    { input: [user("a"), { type: "additional_tools", role: "developer", tools: [fn] }] },
  ])("but is with %j", (more) => {
    expect(passes(more)).toBe(false);
  });

  test("because of its tools or its template, unless these are named in storeAnyway", () => {
    const web = { tools: [{ type: "web_search" }] };
    const template = { prompt: { id: "p" } };
    expect(passes(web, { options: { storeAnyway: ["hosted-tool"] } })).toBe(false);
    expect(passes(template, { options: { storeAnyway: ["hosted-tool"] } })).toBe(true);
    expect(passes(template, { options: { storeAnyway: ["unpinned-prompt"] } })).toBe(false);
    expect(passes({ background: true }, { options: { storeAnyway: ["hosted-tool", "unpinned-prompt"] } })).toBe(true);
  });
});

test("what similar stores see of a request is its last text, only where that is all", () => {
  const shape = (more: JsonObject): unknown => callOf({ ...body, ...more }, { url })?.request.shape;
  expect(shape({ temperature: 0 })).toEqual({ turns: 1, tools: false, attachments: false, temperature: 0 });
  expect(shape({ previous_response_id: "resp_1" })).toMatchObject({ attachments: true });
  expect(shape({ tools: [] })).toMatchObject({ tools: true });
  expect(shape({ input: [user("a"), { role: "assistant", content: "b" }, user("c")] })).toMatchObject({ turns: 3 });
  expect(shape({ input: [user([{ type: "input_image", image_url: "u" }])] })).toMatchObject({ attachments: true });
  expect(shape({ input: [{ type: "item_reference", id: "m" }] })).toMatchObject({ attachments: true });
});
