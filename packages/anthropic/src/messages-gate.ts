import type { BetaStopReason } from "@anthropic-ai/sdk/resources/beta/messages/messages";
import type { StopReason } from "@anthropic-ai/sdk/resources/messages/messages";
import { verdictOn, type Json, type JsonObject, type Verdict } from "@llmcache/core";
import { isJsonObject, parseJsonText } from "@llmcache/fetch";
import { isHostedBlock } from "./hosted-tools.ts";
import type { StoreAnyway } from "./store-anyway.ts";

/** What is wrong with an answer that stopped for this reason; nothing with `null`. */
const STOP_REASONS = {
  end_turn: null,
  stop_sequence: null,
  tool_use: null,
  // The caller asked to be given the summary before the answer goes on.
  compaction: null,
  // Only where nobody has set a limit, which no request that the provider takes leaves out.
  max_tokens: "truncated",
  model_context_window_exceeded: "truncated",
  pause_turn: "paused-turn",
  refusal: "refusal",
} satisfies Record<StopReason | BetaStopReason, StoreAnyway | null>;

/** Blocks that say nothing by themselves. */
const SILENT: ReadonlySet<unknown> = new Set(["thinking", "redacted_thinking", "fallback"]);

/** May this message be stored? One that has not stopped never is. */
export function judgeMessage(answer: Json, request: JsonObject, storeAnyway: ReadonlySet<StoreAnyway>): Verdict {
  if (!isJsonObject(answer)) return "none";
  const { type, error, content, stop_reason: stopReason, container } = answer;
  if (type === "error" || (error !== undefined && error !== null)) return "fail";
  if (typeof stopReason !== "string" || !Array.isArray(content) || !content.every(isJsonObject)) return "none";
  const flaws = [...stopFlaws(stopReason, request), ...contentFlaws(content, stopReason, request)];
  if (container !== undefined && container !== null) flaws.push("hosted-tool");
  return verdictOn(flaws, storeAnyway);
}

function stopFlaws(reason: string, request: JsonObject): StoreAnyway[] {
  if (!Object.hasOwn(STOP_REASONS, reason)) return ["other-stop-reason"];
  const flaw = STOP_REASONS[reason as keyof typeof STOP_REASONS];
  if (flaw === null || (reason === "max_tokens" && typeof request["max_tokens"] === "number")) return [];
  return [flaw];
}

/** What is wrong with what it says. */
function contentFlaws(content: readonly JsonObject[], stopReason: string, request: JsonObject): StoreAnyway[] {
  const flaws: StoreAnyway[] = [];
  const calls = content.filter(({ type }) => type === "tool_use");
  // Of a call that was cut there may be less than was said.
  const isCut = stopReason === "max_tokens" && content.at(-1)?.["type"] === "tool_use";
  if (isCut || calls.some(({ input }) => !isJsonObject(input))) flaws.push("malformed-tool-call");
  if (content.some(isHostedBlock)) flaws.push("hosted-tool");
  // What was refused has nothing else to say.
  if (stopReason === "refusal") return flaws;
  const texts = content.flatMap(({ type, text }) => (type === "text" && typeof text === "string" ? [text] : []));
  if (content.some(({ type }) => type !== "text" && !SILENT.has(type))) return flaws;
  if (texts.join("").trim() === "") flaws.push("empty");
  // Block by block, as the SDK reads them.
  else if (wantsJson(request) && texts.some((text) => parseJsonText(text) === undefined)) flaws.push("broken-format");
  return flaws;
}

function wantsJson({ output_config: config, output_format: older }: JsonObject): boolean {
  const format = isJsonObject(config) ? (config["format"] ?? older) : older;
  return isJsonObject(format) && format["type"] === "json_schema";
}
