import type { Json, RunNote } from "@llmcache/core";
import { isJsonObject } from "@llmcache/fetch";

/** What went in, in the answer's own words: its `input_tokens` are those that were neither written to nor read from the prompt cache. */
const INPUT = ["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"] as const;

/** Who answered and what it used, as far as an answer says. */
export function noteOf(answer: Json): RunNote {
  if (!isJsonObject(answer)) return {};
  const { model, usage } = answer;
  return {
    ...(typeof model === "string" ? { model } : {}),
    ...(isJsonObject(usage)
      ? { tokens: { input: sum(INPUT.map((name) => usage[name])), output: sum([usage["output_tokens"]]) } }
      : {}),
  };
}

function sum(counts: readonly (Json | undefined)[]): number | undefined {
  const numbers = counts.filter((count) => typeof count === "number");
  return numbers.length === 0 ? undefined : numbers.reduce((total, count) => total + count, 0);
}
