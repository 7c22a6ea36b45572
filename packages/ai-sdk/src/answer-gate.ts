import type { LanguageModelV4CallOptions, LanguageModelV4Content } from "@ai-sdk/provider";
import { verdictOn, type Verdict } from "@llmcache/core";
import type { Collected } from "./answer-of-parts.ts";
import { breaksSchema } from "./json-schema.ts";
import type { Answer } from "./parts-of-answer.ts";
import type { StoreAnyway } from "./store-anyway.ts";

/** May this answer to this call be stored? */
export function judgeAnswer(
  answer: Answer,
  params: LanguageModelV4CallOptions,
  storeAnyway: ReadonlySet<StoreAnyway>,
): Verdict {
  const { finishReason, content } = answer as Partial<Answer>;
  if (finishReason === undefined || !Array.isArray(content)) return "none";
  if (finishReason.unified === "error") return "fail";
  return verdictOn(flawsOf(answer, params), storeAnyway);
}

/** The same of a stream. */
export function judgeStream(
  { answer, hasFailed, hasLooseInput }: Collected,
  params: LanguageModelV4CallOptions,
  storeAnyway: ReadonlySet<StoreAnyway>,
): Verdict {
  if (hasFailed) return "fail";
  if (answer === undefined) return "none";
  if (hasLooseInput && !storeAnyway.has("malformed-tool-call")) return "pass";
  return judgeAnswer(answer, params, storeAnyway);
}

function flawsOf(answer: Answer, params: LanguageModelV4CallOptions): StoreAnyway[] {
  const { content } = answer;
  const flaws: StoreAnyway[] = [];
  switch (answer.finishReason.unified) {
    case "stop":
    case "tool-calls":
      break;
    case "content-filter":
      flaws.push("content-filter");
      break;
    case "length":
      if (params.maxOutputTokens === undefined) flaws.push("truncated");
      break;
    default:
      flaws.push("other-finish-reason");
  }
  const calls = content.filter((part) => part.type === "tool-call");
  if (calls.some((call) => !isInput(call.input) || !isOffered(call, params))) flaws.push("malformed-tool-call");
  if (content.some((part) => isHosted(part, params))) flaws.push("hosted-tool");
  // What was filtered has nothing else to say.
  if (flaws.includes("content-filter")) return flaws;
  if (!content.some(says)) flaws.push("empty");
  else if (calls.length === 0 && breaksFormat(answer, params)) flaws.push("broken-format");
  return flaws;
}

/** The AI SDK takes no input for an empty object. */
function isInput(input: string): boolean {
  return input.trim() === "" || parsed(input) !== undefined;
}

/** Tools that the provider runs, and those of no fixed set, have names of their own. */
function isOffered(
  call: Extract<LanguageModelV4Content, { type: "tool-call" }>,
  { tools }: LanguageModelV4CallOptions,
): boolean {
  if (tools === undefined || call.providerExecuted === true || call.dynamic === true) return true;
  return tools.some((tool) => tool.name === call.toolName);
}

/** Sources beside a tool of the provider's were looked up, whether it shows the call or not. */
function isHosted(part: LanguageModelV4Content, { tools }: LanguageModelV4CallOptions): boolean {
  if (part.type === "tool-call") return part.providerExecuted === true;
  if (part.type === "tool-result" || part.type === "tool-approval-request") return true;
  return part.type === "source" && tools?.some((tool) => tool.type === "provider") === true;
}

function says(part: LanguageModelV4Content): boolean {
  switch (part.type) {
    case "text":
      return part.text.trim() !== "";
    case "reasoning":
    case "reasoning-file":
    case "source":
      return false;
    default:
      return true;
  }
}

function breaksFormat(answer: Answer, { responseFormat }: LanguageModelV4CallOptions): boolean {
  if (responseFormat?.type !== "json") return false;
  const text =
    answer.structuredOutputText ?? answer.content.map((part) => (part.type === "text" ? part.text : "")).join("");
  const value = parsed(text);
  return value === undefined || (responseFormat.schema !== undefined && breaksSchema(responseFormat.schema, value));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
