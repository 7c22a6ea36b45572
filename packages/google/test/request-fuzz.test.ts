import { requestKey, type Json, type JsonObject } from "@llmcache/core";
import { expect, test } from "vitest";
import { googleGenerateContent } from "../src/index.ts";
import { wireRequest } from "./asking.ts";
import { dice, type Dice } from "./dice.ts";

const FULL = process.env["LLMCACHE_TEST_FULL"] === "1";
const PAIRS = FULL ? 200_000 : 4000;
const SEED = 20_263;

const TEXTS = ["a", "b", "a\nmodel: b", "1", "", "ü", "labels", '["a"]'] as const;
const ANYTHING: readonly Json[] = [
  0,
  1,
  "1",
  "0",
  true,
  null,
  "",
  "a",
  [],
  {},
  [1],
  ["1"],
  { a: 1 },
  { a: "1" },
  0.1,
  -1,
];
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

/** Also for `__proto__`. */
function define(target: object, name: string, value: Json): void {
  Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
}

/** The same with one thing changed, somewhere inside. */
function changed(value: Json, roll: Dice): Json {
  if (roll() < 0.1) return roll.of(ANYTHING);
  if (Array.isArray(value)) {
    const list = [...(value as readonly Json[])];
    const at = roll.below(list.length + 1);
    if (at === list.length || roll() < 0.2) return roll() < 0.5 ? [...list, roll.of(ANYTHING)] : list.reverse();
    list[at] = changed(list[at] as Json, roll);
    return list;
  }
  if (!isObject(value)) return roll.of(ANYTHING);
  const name = roll.of([...Object.keys(value), "more", "labels", "role"]);
  const rest = { ...value };
  const before = Object.getOwnPropertyDescriptor(rest, name)?.value as Json | undefined;
  if (before !== undefined && roll() < 0.2)
    return Object.fromEntries(Object.entries(rest).filter(([each]) => each !== name)) as Json;
  define(rest, name, before === undefined ? roll.of(ANYTHING) : changed(before, roll));
  return rest;
}

/** The same for whoever reads it: members in another order, labels added, changed or left out. */
function rewritten(body: JsonObject, roll: Dice): JsonObject {
  const told = shuffled(body, roll) as Record<string, Json>;
  const fate = roll();
  if (fate < 0.3) told["labels"] = roll.of(ANYTHING);
  else if (fate < 0.5) delete told["labels"];
  return told;
}

function shuffled(value: Json, roll: Dice): Json {
  if (Array.isArray(value)) return (value as readonly Json[]).map((item) => shuffled(item, roll));
  if (!isObject(value)) return value;
  const entries = Object.entries(value).map(([name, member]) => ({ name, member, place: roll() }));
  const object = {};
  for (const { name, member } of entries.sort((a, b) => a.place - b.place))
    define(object, name, shuffled(member as Json, roll));
  return object;
}

/** What a request asks: written down anew here, so that it does not share the format's mistakes. */
function essence(given: JsonObject): string {
  const { generationConfig: config } = given;
  const isNothing = isObject(config) && Object.keys(config).length === 0;
  const ignored = isNothing ? ["labels", "generationConfig"] : ["labels"];
  const rest = Object.entries(given).filter(([name]) => !ignored.includes(name));
  return sorted(Object.fromEntries<Json | undefined>(rest));
}

function sorted(value: Json): string {
  if (Array.isArray(value)) return `[${(value as readonly Json[]).map(sorted).join(",")}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${sorted(member as Json)}`).join(",")}}`;
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

test(
  "two requests have one key exactly if they ask the same",
  () => {
    const format = googleGenerateContent({ storeAnyway: ["hosted-tool"] });
    const keyOf = (body: JsonObject): string | undefined => {
      const call = format.read(wireRequest({}), Buffer.from(JSON.stringify(body)));
      return call && requestKey(call.request).id;
    };
    const roll = dice(SEED);
    const seen = { equal: 0, different: 0 };
    for (let pair = 0; pair < PAIRS; pair++) {
      const body = someBody(roll);
      const alike = roll() < 0.4 ? body : changed(body, roll);
      if (!isObject(alike)) continue;
      const other = rewritten(alike, roll);
      const [one, two] = [keyOf(body), keyOf(other)];
      if (one === undefined || two === undefined) continue;
      const isSame = essence(body) === essence(other);
      if ((one === two) !== isSame)
        expect.fail(
          `pair ${pair}: ${JSON.stringify(body)} and ${JSON.stringify(other)} are ${isSame ? "the same" : "different"}`,
        );
      seen[isSame ? "equal" : "different"]++;
    }
    expect(seen.equal).toBeGreaterThan(PAIRS / 5);
    expect(seen.different).toBeGreaterThan(PAIRS / 5);
  },
  FULL ? 600_000 : 20_000,
);
