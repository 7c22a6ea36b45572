import { verdictOn, type Json, type JsonObject, type Verdict } from "@llmcache/core";
import { isJsonObject, parseJsonText } from "@llmcache/fetch";
import { isArguments } from "./json-shape.ts";
import { isHostedItem, usesHostedTools } from "./responses-tools.ts";
import type { StoreAnyway } from "./store-anyway.ts";

/** May this Response be stored? One that is under way, waits, was cancelled or has an unknown status never is. */
export function judgeResponse(answer: Json, request: JsonObject, storeAnyway: ReadonlySet<StoreAnyway>): Verdict {
  if (!isJsonObject(answer)) return "none";
  const { status, output, error } = answer;
  if (status === "failed" || (error !== undefined && error !== null)) return "fail";
  if (!Array.isArray(output) || !output.every(isJsonObject)) return "none";
  const ending = endingFlaws(answer, request);
  if (ending === undefined) return "none";
  const flaws = [...ending, ...outputFlaws(output, request)];
  // A template that is kept at OpenAI may bring tools along, of which the request does not speak.
  if (isJsonObject(request["prompt"]) && usesHostedTools(answer)) flaws.push("hosted-tool");
  return verdictOn(flaws, storeAnyway);
}

/** What is wrong with how it ended; `undefined` if it did not. */
function endingFlaws(
  { status, incomplete_details: details }: JsonObject,
  request: JsonObject,
): StoreAnyway[] | undefined {
  if (status === "completed") return [];
  if (status !== "incomplete") return undefined;
  const reason = isJsonObject(details) ? details["reason"] : undefined;
  if (reason === "content_filter") return ["content-filter"];
  if (reason !== "max_output_tokens") return ["other-finish-reason"];
  return typeof request["max_output_tokens"] === "number" ? [] : ["truncated"];
}

/** What is wrong with what it says. */
function outputFlaws(output: readonly JsonObject[], request: JsonObject): StoreAnyway[] {
  const flaws: StoreAnyway[] = [];
  const parts = output.flatMap((item) => (item["type"] === "message" ? partsOf(item) : []));
  const refused = parts.some(({ type }) => type === "refusal");
  const others = output.filter(({ type }) => type !== "message" && type !== "reasoning");
  if (refused) flaws.push("refusal");
  if (others.some(isHostedItem)) flaws.push("hosted-tool");
  if (others.some(({ type, arguments: text }) => type === "function_call" && !isArguments(text)))
    flaws.push("malformed-tool-call");
  if (refused || others.length > 0) return flaws;
  if (textOf(parts).trim() === "") flaws.push("empty");
  else if (wantsJson(request) && !output.every(saysJson)) flaws.push("broken-format");
  return flaws;
}

/** Is this no last word of the model, or JSON? */
function saysJson(item: JsonObject): boolean {
  if (item["type"] !== "message" || item["phase"] === "commentary") return true;
  return parseJsonText(textOf(partsOf(item))) !== undefined;
}

function partsOf(message: JsonObject): readonly JsonObject[] {
  const { content } = message;
  return Array.isArray(content) ? (content as readonly Json[]).filter(isJsonObject) : [];
}

function textOf(parts: readonly JsonObject[]): string {
  return parts.map(({ type, text }) => (type === "output_text" && typeof text === "string" ? text : "")).join("");
}

function wantsJson({ text }: JsonObject): boolean {
  const format = isJsonObject(text) ? text["format"] : undefined;
  return isJsonObject(format) && (format["type"] === "json_object" || format["type"] === "json_schema");
}
