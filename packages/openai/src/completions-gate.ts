import { verdictOn, type Json, type JsonObject, type Verdict } from "@llmcache/core";
import { isJsonObject } from "@llmcache/fetch";
import type { StoreAnyway } from "./store-anyway.ts";

const WHOLE: ReadonlySet<string> = new Set(["stop", "eos", "eos_token", "end_turn", "stop_sequence"]);

/** May this answer to this request be stored? */
export function judgeCompletion(answer: Json, request: JsonObject, storeAnyway: ReadonlySet<StoreAnyway>): Verdict {
  if (!isJsonObject(answer)) return "none";
  if (answer["error"] !== undefined && answer["error"] !== null) return "fail";
  const { choices } = answer;
  if (!Array.isArray(choices) || choices.length === 0) return "none";
  if (choices.length < wantedCompletions(request) && !storeAnyway.has("fewer-choices")) return "pass";
  for (const choice of choices as readonly Json[]) {
    if (!isJsonObject(choice) || typeof choice["text"] !== "string") return "none";
    if (verdictOn(flawsOf(choice["text"], choice["finish_reason"], request), storeAnyway) === "pass") return "pass";
  }
  return "store";
}

/** How many choices a request asks for: so many for each of its prompts. */
export function wantedCompletions({ n, prompt }: JsonObject): number {
  const each = typeof n === "number" ? n : 1;
  if (!Array.isArray(prompt)) return each;
  // Numbers are the tokens of one prompt.
  return typeof prompt[0] === "number" ? each : each * prompt.length;
}

function flawsOf(text: string, finishReason: Json | undefined, request: JsonObject): StoreAnyway[] {
  const flaws: StoreAnyway[] = [];
  if (finishReason === "content_filter") return ["content-filter"];
  if (finishReason === "length") {
    if (typeof request["max_tokens"] !== "number") flaws.push("truncated");
  } else if (typeof finishReason !== "string" || !WHOLE.has(finishReason)) flaws.push("other-finish-reason");
  if (text === "") flaws.push("empty");
  return flaws;
}
