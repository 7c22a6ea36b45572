import { verdictOn, type Json, type JsonObject, type Verdict } from "@llmcache/core";
import { isJsonObject, parseJsonText } from "@llmcache/fetch";
import { isArguments } from "./json-shape.ts";
import type { StoreAnyway } from "./store-anyway.ts";

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
  if (!isJsonObject(answer)) return "none";
  if (answer["error"] !== undefined && answer["error"] !== null) return "fail";
  const { choices } = answer;
  if (!Array.isArray(choices) || choices.length === 0) return "none";
  if (choices.length < wantedChoices(request) && !storeAnyway.has("fewer-choices")) return "pass";
  for (const choice of choices as readonly Json[]) {
    const flaws = isJsonObject(choice) ? flawsOf(choice, request) : undefined;
    if (flaws === undefined) return "none";
    if (verdictOn(flaws, storeAnyway) === "pass") return "pass";
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
  if (!isJsonObject(message)) return undefined;
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
  if (refused || calls.length > 0 || isJsonObject(audio) || (Array.isArray(content) && content.length > 0))
    return flaws;
  if (typeof content !== "string" || content.trim() === "") flaws.push("empty");
  else if (wantsJson(request) && parseJsonText(content) === undefined) flaws.push("broken-format");
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
    if (!isJsonObject(each)) return undefined;
    if (isJsonObject(each["custom"])) return "";
    return isJsonObject(each["function"]) ? each["function"]["arguments"] : undefined;
  });
  return isJsonObject(call) ? [...functions, call["arguments"]] : functions;
}

function wantsJson(request: JsonObject): boolean {
  const format = request["response_format"];
  return isJsonObject(format) && (format["type"] === "json_object" || format["type"] === "json_schema");
}
