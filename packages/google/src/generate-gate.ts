import type { FinishReason } from "@google/genai";
import { verdictOn, type Json, type JsonObject, type Verdict } from "@llmcache/core";
import { isJsonObject, parseJsonText } from "@llmcache/fetch";
import { isHosted } from "./hosted-tools.ts";
import type { StoreAnyway } from "./store-anyway.ts";

/** What is wrong with a candidate that ended for this reason; nothing with `null`. */
const FINISH_REASONS: Readonly<Record<string, StoreAnyway | null>> = {
  STOP: null,
  // But for a limit that the caller set.
  MAX_TOKENS: "truncated",
  BLOCKLIST: "content-filter",
  IMAGE_PROHIBITED_CONTENT: "content-filter",
  IMAGE_RECITATION: "content-filter",
  IMAGE_SAFETY: "content-filter",
  LANGUAGE: "content-filter",
  PROHIBITED_CONTENT: "content-filter",
  RECITATION: "content-filter",
  SAFETY: "content-filter",
  SPII: "content-filter",
  MALFORMED_FUNCTION_CALL: "malformed-tool-call",
  TOO_MANY_TOOL_CALLS: "malformed-tool-call",
  UNEXPECTED_TOOL_CALL: "malformed-tool-call",
  // To be asked to go on.
  CONTINUATION: "other-finish-reason",
  FINISH_REASON_UNSPECIFIED: "other-finish-reason",
  IMAGE_OTHER: "other-finish-reason",
  MALFORMED_RESPONSE: "other-finish-reason",
  NO_IMAGE: "other-finish-reason",
  OTHER: "other-finish-reason",
} satisfies Record<`${FinishReason}`, StoreAnyway | null>;

/** May this answer to this request be stored? One whose candidates have not all finished never is. */
export function judgeGenerated(answer: Json, request: JsonObject, storeAnyway: ReadonlySet<StoreAnyway>): Verdict {
  if (!isJsonObject(answer)) return "none";
  const { error, candidates, promptFeedback } = answer;
  if (error !== undefined && error !== null) return "fail";
  const isBlocked = isJsonObject(promptFeedback) && typeof promptFeedback["blockReason"] === "string";
  if (candidates === undefined && !isBlocked) return "none";
  const list = candidates ?? [];
  if (!Array.isArray(list) || !list.every(isJsonObject)) return "none";
  const flaws: StoreAnyway[] = isBlocked ? ["content-filter"] : list.length === 0 ? ["empty"] : [];
  if (list.length > 0 && list.length < wantedCandidates(request)) flaws.push("fewer-candidates");
  for (const candidate of list) {
    const own = flawsOf(candidate, request);
    if (own === undefined) return "none";
    flaws.push(...own);
  }
  return verdictOn(flaws, storeAnyway);
}

/** How many candidates a request asks for. */
function wantedCandidates(request: JsonObject): number {
  const { candidateCount } = configOf(request);
  return typeof candidateCount === "number" ? candidateCount : 1;
}

/** All that is wrong with a candidate; `undefined` if it has not finished. */
function flawsOf(candidate: JsonObject, request: JsonObject): StoreAnyway[] | undefined {
  const { finishReason, content } = candidate;
  if (typeof finishReason !== "string") return undefined;
  const parts = isJsonObject(content) && Array.isArray(content["parts"]) ? (content["parts"] as readonly Json[]) : [];
  if (!parts.every(isJsonObject)) return undefined;
  const flaws: StoreAnyway[] = [];
  const flaw = Object.hasOwn(FINISH_REASONS, finishReason) ? FINISH_REASONS[finishReason] : "other-finish-reason";
  if (typeof flaw === "string" && !(finishReason === "MAX_TOKENS" && hasLimit(request))) flaws.push(flaw);
  if (isHosted(candidate, parts)) flaws.push("hosted-tool");
  const calls = parts.flatMap((part) => (part["functionCall"] === undefined ? [] : [part["functionCall"]]));
  const isCut = finishReason === "MAX_TOKENS" && parts.at(-1)?.["functionCall"] !== undefined;
  if (isCut || !calls.every(isCall)) flaws.push("malformed-tool-call");
  // What was blocked has nothing else to say.
  if (flaws.includes("content-filter")) return flaws;
  const said = parts.filter(({ thought }) => thought !== true);
  if (
    said.some(
      ({ text, ...others }) => text === undefined && Object.keys(others).some((name) => name !== "thoughtSignature"),
    )
  )
    return flaws;
  const text = said.map((part) => (typeof part["text"] === "string" ? part["text"] : "")).join("");
  if (text.trim() === "") flaws.push("empty");
  else if (wantsJson(request) && parseJsonText(text) === undefined) flaws.push("broken-format");
  return flaws;
}

/** A function without parameters may be called without arguments. */
function isCall(call: Json): boolean {
  if (!isJsonObject(call) || typeof call["name"] !== "string") return false;
  const { args, willContinue } = call;
  return willContinue !== true && (args === undefined || args === null || isJsonObject(args));
}

function hasLimit(request: JsonObject): boolean {
  return typeof configOf(request)["maxOutputTokens"] === "number";
}

function wantsJson(request: JsonObject): boolean {
  const { responseMimeType } = configOf(request);
  return responseMimeType === "application/json";
}

function configOf({ generationConfig }: JsonObject): JsonObject {
  return isJsonObject(generationConfig) ? generationConfig : {};
}
