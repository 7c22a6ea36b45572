import type { Json, JsonObject } from "@llmcache/core";
import { isJsonObject } from "@llmcache/fetch";
import { usageShares, usageSum } from "./embeddings-usage.ts";

/** What a prompt takes, which several choices of one request have in common. */
const OF_PROMPT = /^(?:prompt|input|cached?)_/;
const TOTAL = "total_tokens";

/** The usage of one of several choices, as if it had been asked for alone: all of the prompt, and its share of the rest. */
export function usageOfChoice(usage: Json, place: number, count: number): Json {
  if (!isJsonObject(usage)) return usage;
  const { of, rest } = apart(usage);
  const shares = usageShares(rest, count)[place] as JsonObject;
  return withTotal(usage, { ...of, ...shares }, shares);
}

/** The usage of several choices: the prompt once, as the newest way of asking has it, and all of the rest. `undefined` if one has none. */
export function choicesUsage(usages: readonly (Json | undefined)[]): Json | undefined {
  const [first] = usages;
  if (first === undefined || usages.includes(undefined)) return undefined;
  if (!usages.every(isJsonObject)) return first;
  const [of] = usages.map((usage) => apart(usage).of);
  const rest = usageSum(usages.map((usage) => apart(usage).rest)) as JsonObject;
  return withTotal(usages[0] as JsonObject, { ...of, ...rest }, rest);
}

function apart(usage: JsonObject): { readonly of: JsonObject; readonly rest: JsonObject } {
  const entries = Object.entries(usage).filter(([name]) => name !== TOTAL) as [string, Json][];
  return {
    of: Object.fromEntries(entries.filter(([name]) => OF_PROMPT.test(name))),
    rest: Object.fromEntries(entries.filter(([name]) => !OF_PROMPT.test(name))),
  };
}

/** In the order of the original, with a total that is one: what is in it besides the completion stays. */
function withTotal(original: JsonObject, parts: JsonObject, { completion_tokens: completion }: JsonObject): JsonObject {
  const { [TOTAL]: total, completion_tokens: whole } = original;
  const sum =
    typeof total === "number" && typeof whole === "number" && typeof completion === "number"
      ? total - whole + completion
      : total;
  const all: JsonObject = { ...parts, ...(total === undefined ? {} : { [TOTAL]: sum }) };
  const names = [...new Set([...Object.keys(original), ...Object.keys(all)])].filter((name) =>
    Object.hasOwn(all, name),
  );
  return Object.fromEntries(names.map((name) => [name, all[name] as Json]));
}
