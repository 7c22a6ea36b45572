import { requestKey, type Json, type JsonObject } from "@llmcache/core";
import { expect, test } from "vitest";
import { dice, type Dice } from "../../fetch/test/dice.ts";
import { ANYTHING, changed, define, shuffled, sorted, type Changes } from "../../fetch/test/request-pairs.ts";
import { openAIFormats } from "../src/index.ts";
import { FUZZ_ENDPOINTS, type FuzzEndpoint } from "./fuzz-endpoints.ts";

const FULL = process.env["LLMCACHE_TEST_FULL"] === "1";
/** Pairs over all endpoints together. */
const PAIRS = FULL ? 1_000_000 : 9000;
const SEED = 20_261;

const UNKNOWN = ["top_k", "num_ctx", "extra_body", "body", "header", "__proto__", "0", "Temperature"] as const;
const CHANGES: Changes = {
  names: ["more"],
  other: (value, roll) => (roll() < 0.5 ? roll.of(ANYTHING) : retyped(value)),
};

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

/** The same, or something else: anywhere, or in what is asked, which has the most ways to be written. */
function altered(body: JsonObject, endpoint: FuzzEndpoint, roll: Dice): JsonObject {
  const fate = roll();
  if (fate < 0.4) return body;
  const asked = endpoint.asked;
  if (fate < 0.7 && asked in body) return { ...body, [asked]: changed(body[asked] as Json, roll, CHANGES) };
  return changed(body, roll, CHANGES) as JsonObject;
}

function retyped(value: Json): Json {
  if (typeof value === "string" && value !== "" && Number.isFinite(Number(value))) return Number(value);
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return typeof value === "string" ? [value] : JSON.stringify(value);
}

/** The same for whoever reads it: members in another order, ignored fields added or changed. */
function rewritten(body: JsonObject, endpoint: FuzzEndpoint, roll: Dice): JsonObject {
  const told = shuffled(body, roll) as Record<string, Json>;
  const ignored = Object.entries(endpoint.fields).flatMap(([name, role]) => (role === "ignored" ? [name] : []));
  for (const name of ignored) {
    const fate = roll();
    if (fate < 0.3) define(told, name, roll.of(ANYTHING));
    else if (fate < 0.5) delete told[name];
  }
  return told;
}

function essenceOf(body: JsonObject, endpoint: FuzzEndpoint): string {
  const counted = Object.entries(body).filter(
    ([name]) => endpoint.fields[name] !== "ignored" || !Object.hasOwn(endpoint.fields, name),
  );
  return sorted(endpoint.essence(Object.fromEntries(counted)));
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
        sorted(way.counted) === sorted(otherWay.counted);
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
