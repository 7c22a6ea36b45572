import type { Json, JsonObject } from "@llmcache/core";
import { expect } from "vitest";
import { isJsonObject } from "../src/index.ts";
import { dice, type Dice } from "./dice.ts";

/** What may stand anywhere. */
export const ANYTHING: readonly Json[] = [
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

/** Also for `__proto__`. */
export function define(target: object, name: string, value: Json): void {
  Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
}

/** How values are changed. */
export interface Changes {
  /** Members that may be added. */
  readonly names: readonly string[];
  /** Put in the place of what is there, somewhere: of one value, in the place of it. */
  readonly other: (value: Json, roll: Dice) => Json;
}

/** The same with one thing changed, somewhere inside. */
export function changed(value: Json, roll: Dice, how: Changes): Json {
  if (roll() < 0.1) return how.other(value, roll);
  if (Array.isArray(value)) {
    const list = [...(value as readonly Json[])];
    const at = roll.below(list.length + 1);
    if (at === list.length || roll() < 0.2) return roll() < 0.5 ? [...list, how.other(null, roll)] : list.reverse();
    list[at] = changed(list[at] as Json, roll, how);
    return list;
  }
  if (!isJsonObject(value)) return how.other(value, roll);
  const name = roll.of([...Object.keys(value), ...how.names]);
  const rest = { ...value };
  const before = Object.getOwnPropertyDescriptor(rest, name)?.value as Json | undefined;
  if (before !== undefined && roll() < 0.2)
    return Object.fromEntries(Object.entries(rest).filter(([each]) => each !== name)) as Json;
  define(rest, name, before === undefined ? how.other(null, roll) : changed(before, roll, how));
  return rest;
}

/** The same with members in another order. */
export function shuffled(value: Json, roll: Dice): Json {
  if (Array.isArray(value)) return (value as readonly Json[]).map((item) => shuffled(item, roll));
  if (!isJsonObject(value)) return value;
  const entries = Object.entries(value).map(([name, member]) => ({ name, member, place: roll() }));
  const object = {};
  for (const { name, member } of entries.sort((a, b) => a.place - b.place))
    define(object, name, shuffled(member as Json, roll));
  return object;
}

/** As text, with members in order: written down here, so that it does not share the key's mistakes. */
export function sorted(value: Json): string {
  if (Array.isArray(value)) return `[${(value as readonly Json[]).map(sorted).join(",")}]`;
  if (!isJsonObject(value)) return JSON.stringify(value);
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${sorted(member as Json)}`).join(",")}}`;
}

/** Requests of a format, in pairs. */
export interface Pairs {
  readonly seed: number;
  readonly count: number;
  body(roll: Dice): JsonObject;
  /** The same, with something else in it. */
  change(body: JsonObject, roll: Dice): Json;
  /** The same, written in another way. */
  rewrite(body: JsonObject, roll: Dice): JsonObject;
  /** What a request asks, whichever way it is written. */
  essence(body: JsonObject): string;
  /** The id of its key; `undefined` where the format does not understand it. */
  keyOf(body: JsonObject): string | undefined;
}

/** Fails for two requests that have one key and ask different things, or two keys and ask the same. */
export function expectKeysToTellApart(pairs: Pairs): void {
  const { seed, count } = pairs;
  const roll = dice(seed);
  const seen = { equal: 0, different: 0 };
  for (let pair = 0; pair < count; pair++) {
    const body = pairs.body(roll);
    const alike = roll() < 0.4 ? body : pairs.change(body, roll);
    if (!isJsonObject(alike)) continue;
    const other = pairs.rewrite(alike, roll);
    const [one, two] = [pairs.keyOf(body), pairs.keyOf(other)];
    if (one === undefined || two === undefined) continue;
    const isSame = pairs.essence(body) === pairs.essence(other);
    if ((one === two) !== isSame)
      expect.fail(
        `pair ${pair}: ${JSON.stringify(body)} and ${JSON.stringify(other)} are ${isSame ? "the same" : "different"}`,
      );
    seen[isSame ? "equal" : "different"]++;
  }
  // The cases are of both kinds, and most are understood.
  expect(seen.equal).toBeGreaterThan(count / 5);
  expect(seen.different).toBeGreaterThan(count / 5);
}
