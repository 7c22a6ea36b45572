import type { AIMessage } from "@langchain/core/messages";
import type { ChatGeneration } from "@langchain/core/outputs";
import type { Verdict } from "@llmcache/core";

const LIMITS = [
  "max_tokens",
  "max_completion_tokens",
  "max_output_tokens",
  "maxOutputTokens",
  "maxTokens",
  "num_predict",
];

/** May these generations be stored? @param asked the settings of the call */
export function judge(generations: readonly ChatGeneration[], asked: unknown): Verdict {
  if (generations.length === 0) return "none";
  return generations.every((generation) => isGood(generation, asked)) ? "store" : "pass";
}

function isGood({ message, generationInfo }: ChatGeneration, asked: unknown): boolean {
  const {
    content,
    tool_calls: calls = [],
    invalid_tool_calls: broken = [],
    additional_kwargs: more,
  } = message as AIMessage;
  if (broken.length > 0 || typeof more["refusal"] === "string") return false;
  const reason = endOf({ ...message.response_metadata, ...generationInfo });
  if (/content.?filter|safety|refusal|recitation|blocklist|prohibited/i.test(reason)) return false;
  if (/^(?:length|max_?tokens|max_?output_?tokens|incomplete)$/i.test(reason) && !hasLimit(asked)) return false;
  if (calls.length > 0) return true;
  const text = typeof content === "string" ? content : textOf(content);
  const others = typeof content === "string" ? 0 : content.filter((part) => !SILENT.has(part.type)).length;
  if (text.trim() === "" && others === 0) return false;
  return !wantsJson(asked) || isJson(text);
}

const SILENT: ReadonlySet<string> = new Set([
  "text",
  "text_delta",
  "reasoning",
  "thinking",
  "redacted_thinking",
  "output_text",
]);

function textOf(parts: readonly unknown[]): string {
  return parts
    .map((part) => (part as { readonly text?: unknown }).text)
    .filter((text) => typeof text === "string")
    .join("");
}

/** Why it ended, by the name that the provider has for it. */
function endOf(said: Readonly<Record<string, unknown>>): string {
  const found = [said["finish_reason"], said["stop_reason"], said["finishReason"], said["done_reason"], said["status"]];
  return found.find((each) => typeof each === "string") ?? "";
}

function hasLimit(asked: unknown): boolean {
  return someMember(asked, (name, value) => LIMITS.includes(name) && typeof value === "number");
}

function wantsJson(asked: unknown): boolean {
  return someMember(
    asked,
    (name, value) =>
      (name === "response_format" && isObject(value) && String(value["type"]).startsWith("json")) ||
      (name === "format" && (value === "json" || (isObject(value) && String(value["type"]).startsWith("json")))),
  );
}

/** In the settings and the objects right inside them. */
function someMember(settings: unknown, test: (name: string, value: unknown) => boolean, depth = 0): boolean {
  if (!isObject(settings) || depth > 2) return false;
  return Object.entries(settings).some(([name, value]) => test(name, value) || someMember(value, test, depth + 1));
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
