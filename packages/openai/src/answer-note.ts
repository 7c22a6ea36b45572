import type { Json, RunNote } from "@llmcache/core";
import { isJsonObject } from "@llmcache/fetch";

/** Who answered and what it used, as far as an answer says, under the names of any endpoint. */
export function noteOf(answer: Json): RunNote {
  if (!isJsonObject(answer)) return {};
  const { model, usage } = answer;
  const tokens = isJsonObject(usage)
    ? {
        input: count(usage["prompt_tokens"] ?? usage["input_tokens"]),
        output: count(usage["completion_tokens"] ?? usage["output_tokens"]),
      }
    : undefined;
  return {
    ...(typeof model === "string" ? { model } : {}),
    ...(tokens?.input === undefined && tokens?.output === undefined ? {} : { tokens }),
  };
}

function count(value: Json | undefined): number | undefined {
  return typeof value === "number" ? value : undefined;
}
