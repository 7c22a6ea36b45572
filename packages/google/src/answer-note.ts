import type { Json, RunNote } from "@llmcache/core";
import { isJsonObject } from "@llmcache/fetch";

/** What went in and what came out, thoughts included. */
const INPUT = ["promptTokenCount", "toolUsePromptTokenCount"] as const;
const OUTPUT = ["candidatesTokenCount", "thoughtsTokenCount"] as const;

/** Who answered and what it used, as far as an answer says. */
export function noteOf(answer: Json): RunNote {
  if (!isJsonObject(answer)) return {};
  const { modelVersion: model, usageMetadata: usage } = answer;
  return {
    ...(typeof model === "string" ? { model } : {}),
    ...(isJsonObject(usage) ? { tokens: { input: sum(usage, INPUT), output: sum(usage, OUTPUT) } } : {}),
  };
}

function sum(usage: Readonly<Record<string, Json | undefined>>, names: readonly string[]): number | undefined {
  const numbers = names.map((name) => usage[name]).filter((count) => typeof count === "number");
  return numbers.length === 0 ? undefined : numbers.reduce((total, count) => total + count, 0);
}
