import { requestKey, type Json, type JsonObject } from "@llmcache/core";
import { expect, test } from "vitest";
import { openAIFormats } from "../src/index.ts";
import { dice, type Dice } from "./dice.ts";
import { FUZZ_ENDPOINTS, type FuzzEndpoint } from "./fuzz-endpoints.ts";

const FULL = process.env["LLMCACHE_TEST_FULL"] === "1";
/** Pairs over all endpoints together. */
const PAIRS = FULL ? 1_000_000 : 9000;
const SEED = 20_261;

const UNKNOWN = ["top_k", "num_ctx", "extra_body", "body", "header", "__proto__", "0", "Temperature"] as const;
const ANYTHING: readonly Json[] = [
  0,
  1,
  "1",
  "0",
  true,
  false,
  null,
  "",
  "a",
  [],
  {},
  [1],
  ["1"],
  [[1]],
  { a: 1 },
  { a: "1" },
  { a: [1] },
  0.1,
  -1,
  1e21,
];

function someBody(endpoint: FuzzEndpoint, roll: Dice): JsonObject {
  const body: Record<string, Json> = { ...endpoint.required(roll) } as Record<string, Json>;
  const names = Object.keys(endpoint.fields);
  for (let count = roll.below(5); count > 0; count--) {
    const name = roll.of(names);
    if (!(name in body)) body[name] = roll.of(endpoint.values[name] as readonly Json[]);
  }
  if (roll() < 0.3) define(body, roll.of(UNKNOWN), roll.of(ANYTHING));
  return body;
}

/** Also for `__proto__`. */
function define(target: Record<string, Json>, name: string, value: Json): void {
  Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
}

/** The same with one thing changed, somewhere inside. */
function changed(value: Json, roll: Dice): Json {
  if (roll() < 0.12) return roll() < 0.5 ? roll.of(ANYTHING) : retyped(value);
  if (Array.isArray(value)) {
    const list = [...(value as readonly Json[])];
    const at = roll.below(list.length + 1);
    if (at === list.length || roll() < 0.2) return roll() < 0.5 ? [...list, roll.of(ANYTHING)] : list.reverse();
    list[at] = changed(list[at] as Json, roll);
    return list;
  }
  if (typeof value !== "object" || value === null) return roll() < 0.5 ? roll.of(ANYTHING) : retyped(value);
  const names = Object.keys(value);
  const name = roll.of([...names, "more"]);
  const rest = { ...(value as Record<string, Json>) };
  const before = Object.getOwnPropertyDescriptor(rest, name)?.value as Json | undefined;
  if (before !== undefined && roll() < 0.2)
    return Object.fromEntries(Object.entries(rest).filter(([each]) => each !== name));
  define(rest, name, before === undefined ? roll.of(ANYTHING) : changed(before, roll));
  return rest;
}

/** The same, or something else: anywhere, or in what is asked, which has the most ways to be written. */
function altered(body: JsonObject, endpoint: FuzzEndpoint, roll: Dice): JsonObject {
  const fate = roll();
  if (fate < 0.4) return body;
  const asked = endpoint.asked;
  if (fate < 0.7 && asked in body) return { ...body, [asked]: changed(body[asked] as Json, roll) };
  return changed(body, roll) as JsonObject;
}

function retyped(value: Json): Json {
  if (typeof value === "string" && value !== "" && Number.isFinite(Number(value))) return Number(value);
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return typeof value === "string" ? [value] : JSON.stringify(value);
}

/** The same for whoever reads it: members in another order, ignored fields added or changed. */
function rewritten(body: JsonObject, endpoint: FuzzEndpoint, roll: Dice): JsonObject {
  const shuffled = shuffle(body, roll) as Record<string, Json>;
  const ignored = Object.entries(endpoint.fields).flatMap(([name, role]) => (role === "ignored" ? [name] : []));
  for (const name of ignored) {
    const fate = roll();
    if (fate < 0.3) define(shuffled, name, roll.of(ANYTHING));
    else if (fate < 0.5) delete shuffled[name];
  }
  return shuffled;
}

function shuffle(value: Json, roll: Dice): Json {
  if (Array.isArray(value)) return (value as readonly Json[]).map((item) => shuffle(item, roll));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value as JsonObject).map(([name, member]) => ({ name, member, place: roll() }));
  const object: Record<string, Json> = {};
  for (const { name, member } of entries.sort((a, b) => a.place - b.place))
    define(object, name, shuffle(member as Json, roll));
  return object;
}

/** As text, with members in order. */
function canonical(value: Json): string {
  if (Array.isArray(value)) return `[${(value as readonly Json[]).map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value as JsonObject).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member as Json)}`).join(",")}}`;
}

function essenceOf(body: JsonObject, endpoint: FuzzEndpoint): string {
  const counted = Object.entries(body).filter(
    ([name]) => endpoint.fields[name] !== "ignored" || !Object.hasOwn(endpoint.fields, name),
  );
  return canonical(endpoint.essence(Object.fromEntries(counted)));
}

const formats = openAIFormats({ storeAnyway: ["hosted-tool", "unpinned-prompt"] });

/** Where a request goes, and with which headers; the last ones do not count. */
interface Way {
  readonly url: string;
  readonly counted: Readonly<Record<string, string>>;
  readonly ignored: Readonly<Record<string, string>>;
}

function someWay(endpoint: FuzzEndpoint, roll: Dice): Way {
  const { pathname } = new URL(endpoint.url);
  const base = roll.of([
    "https://api.openai.com",
    "https://api.openai.com",
    "https://other.example",
    "https://api.openai.com/proxy",
  ]);
  return {
    url: `${base}${pathname}${roll.of(["", "", "", "?api-version=1"])}`,
    counted: roll.of([{}, {}, {}, { "openai-beta": "a" }, { "openai-beta": "b" }]),
    ignored: roll.of([{}, { authorization: "Bearer a" }, { "x-request-id": "1" }]),
  };
}

/** `undefined` where the request is not understood, and passes untouched. */
function idOf(body: JsonObject, way: Way): string | undefined {
  const request = { method: "POST", url: new URL(way.url), headers: new Headers({ ...way.counted, ...way.ignored }) };
  const call = formats.find((format) => format.knows(request))?.read(request, Buffer.from(JSON.stringify(body)));
  return call === undefined ? undefined : requestKey(call.request).id;
}

test.each(FUZZ_ENDPOINTS)(
  "$name: two requests have one id exactly if they are equal in all that counts",
  (endpoint) => {
    const roll = dice(SEED);
    const counts = { same: 0, other: 0, passed: 0 };
    const pairs = Math.ceil(PAIRS / FUZZ_ENDPOINTS.length);
    for (let pair = 0; pair < pairs; pair++) {
      const one = someBody(endpoint, roll);
      const other = roll() < 0.9 ? altered(rewritten(one, endpoint, roll), endpoint, roll) : someBody(endpoint, roll);
      const way = someWay(endpoint, roll);
      const otherWay = roll() < 0.8 ? { ...way, ignored: { authorization: "Bearer b" } } : someWay(endpoint, roll);
      const ids = [idOf(one, way), idOf(other, otherWay)];
      if (ids[0] === undefined || ids[1] === undefined) {
        counts.passed++;
        continue;
      }
      const isSame =
        essenceOf(one, endpoint) === essenceOf(other, endpoint) &&
        way.url === otherWay.url &&
        canonical(way.counted) === canonical(otherWay.counted);
      counts[isSame ? "same" : "other"]++;
      if ((ids[0] === ids[1]) !== isSame)
        expect.fail(
          `pair ${pair}: ${isSame ? "equal, two ids" : "different, one id"}\n${JSON.stringify(one)}\n${JSON.stringify(other)}`,
        );
    }
    // The cases are of both kinds, and most are understood.
    expect(counts.same).toBeGreaterThan(pairs / 5);
    expect(counts.other).toBeGreaterThan(pairs / 5);
    expect(counts.passed).toBeLessThan(pairs / 3);
  },
);
