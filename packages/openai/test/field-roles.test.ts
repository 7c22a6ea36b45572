import type { JsonObject } from "@llmcache/core";
import { describe, expect, test } from "vitest";
import { CHAT_FIELDS, COMPLETIONS_FIELDS, RESPONSES_FIELDS, type FieldRole } from "../src/index.ts";
import { callOf, CHAT_URL, COMPLETIONS_URL, keyOf, RESPONSES_URL } from "./asking.ts";
import { CHAT_VALUES, COMPLETIONS_VALUES, RESPONSES_VALUES, type Pair } from "./field-values.ts";

interface Endpoint {
  readonly name: string;
  readonly url: string;
  readonly body: JsonObject;
  readonly fields: Readonly<Record<string, FieldRole>>;
  readonly values: Readonly<Record<string, Pair>>;
  readonly ignored: readonly string[];
}

const ENDPOINTS: readonly Endpoint[] = [
  {
    name: "chat completions",
    url: CHAT_URL,
    body: { model: "gpt-4o", messages: [{ role: "user", content: "hello" }] },
    fields: CHAT_FIELDS,
    values: CHAT_VALUES,
    ignored: ["metadata", "safety_identifier", "stream", "stream_options", "user"],
  },
  {
    name: "Responses",
    url: RESPONSES_URL,
    body: { model: "gpt-4o", input: "hello" },
    fields: RESPONSES_FIELDS,
    values: RESPONSES_VALUES,
    ignored: ["stream", "stream_options"],
  },
  {
    name: "completions",
    url: COMPLETIONS_URL,
    body: { model: "gpt-3.5-turbo-instruct", prompt: "hello" },
    fields: COMPLETIONS_FIELDS,
    values: COMPLETIONS_VALUES,
    ignored: ["stream", "stream_options", "user"],
  },
];

/** Fields for which a value makes the request one that is not cached. */
const PASSING: Readonly<Record<string, JsonObject>> = {
  conversation: { conversation: "conv_1" },
  background: { background: true },
};

describe.each(ENDPOINTS)("$name", ({ url, body, fields, values, ignored }) => {
  const options = { storeAnyway: ["hosted-tool" as const] };
  const key = (more: JsonObject): string => keyOf({ ...body, ...more }, { url, options });

  test.each(Object.entries(fields))("%s: %s", (name, role) => {
    const [one, other] = values[name] as Pair;
    const isSame = JSON.stringify(one) === JSON.stringify(other);
    expect(key({ [name]: one }) === key({ [name]: other })).toBe(role === "ignored" || isSame);
    // A field that is given is not one that is left out.
    expect(key({ [name]: one }) === key({})).toBe(role === "ignored" || name in body);
    const passing = PASSING[name];
    if (passing !== undefined) expect(callOf({ ...body, ...passing }, { url, options })).toBeUndefined();
  });

  test("ignores exactly the documented fields", () => {
    const names = Object.entries(fields).filter(([, role]) => role === "ignored");
    expect(names.map(([name]) => name).sort()).toEqual(ignored);
  });

  test("counts fields that nobody knows, whatever they hold", () => {
    const bodies: JsonObject[] = [
      {},
      { top_k: 1 },
      { top_k: 2 },
      { options: { num_ctx: 2048 } },
      { options: { num_ctx: 4096 } },
      { extra_body: { user: "a" } },
      { extra_body: { user: "b" } },
      { Temperature: 0 },
      { header: 1 },
      { body: {} },
    ];
    expect(new Set(bodies.map(key)).size).toBe(bodies.length);
  });

  test('tells 1 from "1", a missing temperature from 0, and null from missing', () => {
    const bodies: JsonObject[] = [
      {},
      { seed: 1 },
      { seed: "1" },
      { temperature: 0 },
      { temperature: null },
      { stop: [] },
    ];
    expect(new Set(bodies.map(key)).size).toBe(bodies.length);
  });
});

test("a chat request is none for completions, whatever format is asked first", () => {
  const chat = callOf({ model: "m", messages: [{ role: "user", content: "a" }], prompt: "a" }, { url: CHAT_URL });
  expect(chat?.request.operation).toBe("chat.completions");
});

test("one text is three questions to three endpoints", () => {
  const ids = [
    keyOf({ model: "m", messages: [{ role: "user", content: "a" }] }),
    keyOf({ model: "m", input: "a" }, { url: RESPONSES_URL }),
    keyOf({ model: "m", prompt: "a" }, { url: COMPLETIONS_URL }),
  ];
  expect(new Set(ids).size).toBe(3);
});
