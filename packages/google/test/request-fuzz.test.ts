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
import { googleGenerateContent } from "../src/index.ts";
import { wireRequest } from "./asking.ts";

const FULL = process.env["LLMCACHE_TEST_FULL"] === "1";
const PAIRS = FULL ? 200_000 : 4000;
const SEED = 20_263;

const TEXTS = ["a", "b", "a\nmodel: b", "1", "", "ü", "labels", '["a"]'] as const;
const CHANGES: Changes = { names: ["more", "labels", "role"], other: (_, roll) => roll.of(ANYTHING) };
const MEMBERS: Readonly<Record<string, readonly Json[]>> = {
  generationConfig: [{ temperature: 0 }, { temperature: 0, topK: 1 }, { temperature: 1 }, {}],
  systemInstruction: [{ parts: [{ text: "a" }] }, { parts: [{ text: "b" }] }],
  tools: [[{ functionDeclarations: [{ name: "f" }] }], [{ functionDeclarations: [{ name: "g" }] }], []],
  toolConfig: [{ functionCallingConfig: { mode: "ANY" } }, {}],
  safetySettings: [[], [{ category: "a", threshold: "b" }]],
  cachedContent: ["cachedContents/1", "cachedContents/2"],
  labels: [{ a: "1" }, { a: "2" }],
  query: ["", "?a"],
  body: [{}, { a: 1 }],
  __proto: [1, 2],
};

function part(roll: Dice): JsonObject {
  switch (roll.below(5)) {
    case 0:
      return { inlineData: { mimeType: "image/png", data: roll.of(["AA", "AB"]) } };
    case 1:
      return { functionCall: { name: "f", args: roll.of([{}, { labels: 1 }]) } };
    case 2:
      return { text: roll.of(TEXTS), thought: true };
    default:
      return { text: roll.of(TEXTS) };
  }
}

function content(roll: Dice): JsonObject {
  const parts = Array.from({ length: roll.below(3) }, () => part(roll));
  return { parts, ...(roll() < 0.9 ? { role: roll.of(["user", "user", "model"]) } : {}) };
}

function someBody(roll: Dice): JsonObject {
  const body: Record<string, Json> = { contents: Array.from({ length: 1 + roll.below(3) }, () => content(roll)) };
  for (let count = roll.below(4); count > 0; count--) {
    const name = roll.of(Object.keys(MEMBERS));
    define(body, name === "__proto" ? "__proto__" : name, roll.of(MEMBERS[name] as readonly Json[]));
  }
  return body;
}

/** The same for whoever reads it: members in another order, labels added, changed or left out. */
function rewritten(body: JsonObject, roll: Dice): JsonObject {
  const told = shuffled(body, roll) as Record<string, Json>;
  const fate = roll();
  if (fate < 0.3) told["labels"] = roll.of(ANYTHING);
  else if (fate < 0.5) delete told["labels"];
  return told;
}

/** What a request asks: written down anew here, so that it does not share the format's mistakes. */
function essence(given: JsonObject): string {
  const { generationConfig: config } = given;
  const isNothing = isJsonObject(config) && Object.keys(config).length === 0;
  const ignored = isNothing ? ["labels", "generationConfig"] : ["labels"];
  const rest = Object.entries(given).filter(([name]) => !ignored.includes(name));
  return sorted(Object.fromEntries<Json | undefined>(rest));
}

test(
  "two requests have one key exactly if they ask the same",
  () => {
    const format = googleGenerateContent({ storeAnyway: ["hosted-tool"] });
    expectKeysToTellApart({
      seed: SEED,
      count: PAIRS,
      body: someBody,
      change: (body, roll) => changed(body, roll, CHANGES),
      rewrite: rewritten,
      essence,
      keyOf(body) {
        const call = format.read(wireRequest({}), Buffer.from(JSON.stringify(body)));
        return call && requestKey(call.request).id;
      },
    });
  },
  FULL ? 600_000 : 20_000,
);
