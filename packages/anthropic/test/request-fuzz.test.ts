import { requestKey, type Json, type JsonObject } from "@llmcache/core";
import { isJsonObject } from "@llmcache/fetch";
import { test } from "vitest";
import type { Dice } from "../../fetch/test/dice.ts";
import {
  ANYTHING,
  changed,
  define,
  expectKeysToTellApart,
  shuffled,
  sorted,
  type Changes,
} from "../../fetch/test/request-pairs.ts";
import { anthropicMessages, MESSAGES_FIELDS } from "../src/index.ts";
import { MESSAGES_URL } from "./asking.ts";
import { MESSAGES_VALUES } from "./field-values.ts";

const FULL = process.env["LLMCACHE_TEST_FULL"] === "1";
const PAIRS = FULL ? 200_000 : 4000;
const SEED = 20_262;

const TEXTS = ["a", "b", "a\nassistant: b", "1", "", "ü", "cache_control", '["a"]'] as const;
const UNKNOWN = ["temperature", "top_k", "body", "query", "__proto__", "0", "Metadata"] as const;
const HINTS: readonly Json[] = [{ type: "ephemeral" }, { type: "ephemeral", ttl: "1h" }, null];
const CHANGES: Changes = {
  names: ["more", "cache_control"],
  other: (_, roll) => roll.of([...ANYTHING, ...HINTS]),
};
const NAMES = Object.keys(MESSAGES_FIELDS) as (keyof typeof MESSAGES_FIELDS)[];

function textBlock(roll: Dice): JsonObject {
  return { type: "text", text: roll.of(TEXTS) };
}

function block(roll: Dice): JsonObject {
  switch (roll.below(6)) {
    case 0:
      return { type: "image", source: { type: "url", url: roll.of(TEXTS) } };
    case 1:
      return { type: "tool_use", id: "1", name: "f", input: roll.of([{}, { cache_control: HINTS[0] as Json }]) };
    case 2:
      return { type: "tool_result", tool_use_id: "1", content: roll() < 0.5 ? roll.of(TEXTS) : [textBlock(roll)] };
    case 3:
      return { type: "document", source: { type: "content", content: [textBlock(roll)] } };
    default:
      return textBlock(roll);
  }
}

function message(roll: Dice): JsonObject {
  const list = Array.from({ length: roll.below(3) }, () => block(roll));
  return { role: roll.of(["user", "user", "assistant"]), content: roll() < 0.4 ? roll.of(TEXTS) : list };
}

function someBody(roll: Dice): JsonObject {
  const body: Record<string, Json> = {
    model: roll.of(["m", "n"]),
    max_tokens: 10,
    messages: Array.from({ length: 1 + roll.below(3) }, () => message(roll)),
  };
  if (roll() < 0.4) body["system"] = roll() < 0.5 ? roll.of(TEXTS) : [textBlock(roll)];
  if (roll() < 0.3)
    body["tools"] = [{ name: roll.of(["f", "g"]), input_schema: roll.of([{}, { cache_control: HINTS[0] as Json }]) }];
  if (roll() < 0.3) body["metadata"] = roll.of<Json>([{ user_id: "a" }, { user_id: "b", other: 1 }, {}, { other: 1 }]);
  for (let count = roll.below(4); count > 0; count--) {
    const name = roll.of(NAMES);
    if (!(name in body)) body[name] = roll.of(MESSAGES_VALUES[name]);
  }
  if (roll() < 0.3) define(body, roll.of(UNKNOWN), roll.of(ANYTHING));
  return body;
}

/** The same for whoever reads it: members in another order; ignored ones and hints added, changed or left out. */
function rewritten(body: JsonObject, roll: Dice): JsonObject {
  const told = shuffled(body, roll) as Record<string, Json>;
  for (const name of ["stream", "cache_control"]) {
    const fate = roll();
    if (fate < 0.3) define(told, name, roll.of(ANYTHING));
    else if (fate < 0.5) delete told[name];
  }
  const { metadata } = told;
  if (isJsonObject(metadata) && roll() < 0.5) told["metadata"] = { ...metadata, user_id: roll.of(ANYTHING) };
  for (const holder of holders(told)) {
    if (roll() < 0.2) define(holder, "cache_control", roll.of(HINTS));
  }
  return told;
}

/** Everything that may bear a hint. */
function holders(body: JsonObject): object[] {
  const blocksOf = (list: Json | undefined): JsonObject[] =>
    (Array.isArray(list) ? (list as readonly Json[]) : []).filter(isJsonObject).filter(mayBear);
  const withInner = (each: JsonObject): JsonObject[] => {
    const source =
      isJsonObject(each["source"]) && each["source"]["type"] === "content" ? each["source"]["content"] : undefined;
    const inner = each["type"] === "tool_result" ? each["content"] : each["type"] === "document" ? source : undefined;
    return [each, ...blocksOf(inner).flatMap(withInner)];
  };
  const { system, tools, messages } = body;
  const said = (Array.isArray(messages) ? (messages as readonly Json[]) : []).filter(isJsonObject);
  return [...blocksOf(system), ...said.flatMap(({ content }) => blocksOf(content))]
    .flatMap(withInner)
    .concat(blocksOf(tools));
}

/** What is no hint there already, which counts. */
function mayBear(holder: JsonObject): boolean {
  return !("cache_control" in holder) || isHint(holder["cache_control"]);
}

function isHint(value: Json | undefined): boolean {
  return value === null || (isJsonObject(value) && typeof value["type"] === "string");
}

/** What a request asks, in one of the ways to write it: written down anew here, so that it does not share the format's mistakes. */
function essence(given: JsonObject): string {
  const body = structuredCloneOf(given) as Record<string, Json>;
  delete body["stream"];
  delete body["cache_control"];
  for (const holder of holders(body)) delete (holder as Record<string, unknown>)["cache_control"];
  const { metadata } = body;
  if (isJsonObject(metadata)) {
    delete (metadata as Record<string, Json>)["user_id"];
    if (Object.keys(metadata).length === 0) delete body["metadata"];
  }
  const messages = body["messages"] as JsonObject[];
  const last = messages.at(-1) as Record<string, Json>;
  const { content } = last;
  const only = Array.isArray(content) && content.length === 1 ? (content[0] as Json) : undefined;
  const isText =
    isJsonObject(only) && Object.keys(only).length === 2 && only["type"] === "text" && typeof only["text"] === "string";
  if (last["role"] === "user" && Object.keys(last).length === 2 && isText) last["content"] = only["text"] as Json;
  return sorted(body);
}

function structuredCloneOf(value: Json): Json {
  return JSON.parse(JSON.stringify(value)) as Json;
}

test("two requests have one key exactly if they ask the same", () => {
  const format = anthropicMessages({ storeAnyway: ["hosted-tool"] });
  const request = { method: "POST", url: new URL(MESSAGES_URL), headers: new Headers() };
  expectKeysToTellApart({
    seed: SEED,
    count: PAIRS,
    body: someBody,
    change: (body, roll) => changed(body, roll, CHANGES),
    rewrite: rewritten,
    essence,
    keyOf(body) {
      const call = format.read(request, Buffer.from(JSON.stringify(body)));
      return call && requestKey(call.request).id;
    },
  });
});
