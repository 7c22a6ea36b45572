import { LLMCacheError, type Json, type JsonObject, type Verdict } from "@llmcache/core";
import { isObject, parseText } from "./json-shape.ts";

/**
 * Kinds of complete answers that are handed over but not stored, unless they are named in `storeAnyway`:
 * - `"empty"`: neither text nor a call;
 * - `"refusal"`: the model refused;
 * - `"content-filter"`: the provider's filter cut it;
 * - `"truncated"`: cut for want of room, without a limit that the caller set;
 * - `"malformed-tool-call"`: a tool call whose arguments are no JSON;
 * - `"broken-format"`: no JSON, although the request asked for it;
 * - `"fewer-choices"`: fewer than the `n` that were asked for;
 * - `"other-finish-reason"`: it ended for another reason than one that means a whole answer.
 */
export type StoreAnyway = (typeof KINDS)[number];

const KINDS = [
  "empty",
  "refusal",
  "content-filter",
  "truncated",
  "malformed-tool-call",
  "broken-format",
  "fewer-choices",
  "other-finish-reason",
] as const;

/** @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming a kind that there is not. */
export function storeAnywaySet(kinds: readonly StoreAnyway[] = []): ReadonlySet<StoreAnyway> {
  for (const kind of kinds) {
    if (!KINDS.includes(kind)) {
      throw new LLMCacheError(
        "ERR_LLMCACHE_OPTION",
        `storeAnyway: ${JSON.stringify(kind)} is no kind; known are ${KINDS.join(", ")}.`,
      );
    }
  }
  return new Set(kinds);
}

const WHOLE: ReadonlySet<string> = new Set([
  "stop",
  "tool_calls",
  "function_call",
  "end_turn",
  "stop_sequence",
  "eos",
  "eos_token",
]);

/** May this answer to this request be stored? */
export function judgeChat(answer: Json, request: JsonObject, storeAnyway: ReadonlySet<StoreAnyway>): Verdict {
  if (!isObject(answer)) return "pass";
  if (answer["error"] !== undefined && answer["error"] !== null) return "fail";
  const { choices } = answer;
  if (!Array.isArray(choices) || choices.length === 0) return "pass";
  if (choices.length < wantedChoices(request) && !storeAnyway.has("fewer-choices")) return "pass";
  for (const choice of choices as readonly Json[]) {
    const flaws = isObject(choice) ? flawsOf(choice, request) : undefined;
    if (flaws === undefined || flaws.some((flaw) => !storeAnyway.has(flaw))) return "pass";
  }
  return "store";
}

/** How many choices a request asks for. */
export function wantedChoices(request: JsonObject): number {
  const { n } = request;
  return typeof n === "number" ? n : 1;
}

/** All that is wrong with a choice; `undefined` if it is none. */
function flawsOf(choice: JsonObject, request: JsonObject): StoreAnyway[] | undefined {
  const { message, finish_reason: finishReason } = choice;
  if (!isObject(message)) return undefined;
  const flaws: StoreAnyway[] = [];
  const refused = typeof message["refusal"] === "string" && message["refusal"] !== "";
  if (refused) flaws.push("refusal");
  if (finishReason === "content_filter") flaws.push("content-filter");
  else if (finishReason === "length") {
    if (!hasLimit(request)) flaws.push("truncated");
  } else if (typeof finishReason !== "string" || !WHOLE.has(finishReason)) flaws.push("other-finish-reason");
  const calls = callsOf(message);
  if (calls.some((call) => !isArguments(call))) flaws.push("malformed-tool-call");
  const { content, audio } = message;
  // What was refused or filtered has nothing else to say.
  if (flaws.includes("content-filter")) return flaws;
  if (refused || calls.length > 0 || isObject(audio) || (Array.isArray(content) && content.length > 0)) return flaws;
  if (typeof content !== "string" || content.trim() === "") flaws.push("empty");
  else if (wantsJson(request) && parseText(content) === undefined) flaws.push("broken-format");
  return flaws;
}

/** Did the caller say how long the answer may be? */
function hasLimit(request: JsonObject): boolean {
  return typeof request["max_tokens"] === "number" || typeof request["max_completion_tokens"] === "number";
}

/** The arguments of function calls; the free text of custom tools is whatever it is. */
function callsOf(message: JsonObject): (Json | undefined)[] {
  const { tool_calls: calls, function_call: call } = message;
  const list = Array.isArray(calls) ? (calls as readonly Json[]) : [];
  const functions = list.map((each) => {
    if (!isObject(each)) return undefined;
    if (isObject(each["custom"])) return "";
    return isObject(each["function"]) ? each["function"]["arguments"] : undefined;
  });
  return isObject(call) ? [...functions, call["arguments"]] : functions;
}

/** Some models send nothing for a function without parameters. */
function isArguments(text: Json | undefined): boolean {
  return typeof text === "string" && (text === "" || parseText(text) !== undefined);
}

function wantsJson(request: JsonObject): boolean {
  const format = request["response_format"];
  return isObject(format) && (format["type"] === "json_object" || format["type"] === "json_schema");
}
