import { cut, isList } from "./pieces.ts";
import { modelOf } from "./request-model.ts";
import type { RecordedRequest } from "./recorded-request.ts";
import type { ChatScript, ChoiceScript, ToolCallScript, UsageScript } from "./script.ts";
import { lastUserText } from "./last-user-text.ts";
import { tokensIn } from "./token-count.ts";

const FIRST_CREATED = 1_700_000_000;
const DEFAULT_FINGERPRINT = "fp_model_server";
const DEFAULT_TIER = "default";

/** The members of a chat request that shape its answer. */
export interface ChatRequest {
  readonly model?: unknown;
  readonly messages?: unknown;
  readonly n?: unknown;
  readonly logprobs?: unknown;
  readonly top_logprobs?: unknown;
  readonly stream?: unknown;
  readonly stream_options?: {
    readonly include_usage?: unknown;
    readonly include_obfuscation?: unknown;
  } | null;
}

/** One choice with everything decided; JSON and stream are two ways to write it. */
export interface Choice {
  readonly index: number;
  readonly content: string | null;
  readonly contentPieces: readonly string[];
  readonly reasoning: string | undefined;
  readonly refusal: string | null;
  readonly toolCalls: readonly (ToolCallScript & { readonly id: string })[];
  readonly annotations: readonly unknown[];
  readonly finishReason: string;
  /** How many alternatives each token names; `undefined` without log probabilities. */
  readonly topLogprobs: number | undefined;
}

/** A chat answer with everything decided. */
export interface ChatAnswer {
  readonly id: string;
  readonly created: number;
  readonly model: string;
  readonly serviceTier: string;
  readonly systemFingerprint: string;
  readonly usage: UsageScript | undefined;
  readonly choices: readonly Choice[];
}

export function asksForStream(body: ChatRequest): boolean {
  return body.stream === true;
}

/** Fills in what the script leaves open, from the request and its number. */
export function chatAnswer(request: RecordedRequest, body: ChatRequest, script: ChatScript): ChatAnswer {
  const scripts = script.choices ?? Array.from({ length: choiceCount(body) }, () => script);
  const choices = scripts.map((choice, index) => completeChoice(request, body, script, choice, index));
  return {
    id: script.id ?? `chatcmpl-${String(request.number).padStart(6, "0")}`,
    created: script.created ?? FIRST_CREATED + request.number,
    model: script.model ?? modelOf(request, body.model),
    serviceTier: script.serviceTier ?? DEFAULT_TIER,
    systemFingerprint: script.systemFingerprint ?? DEFAULT_FINGERPRINT,
    usage: script.usage === false ? undefined : completeUsage(body, choices, script.usage),
    choices,
  };
}

function completeChoice(
  request: RecordedRequest,
  body: ChatRequest,
  answer: ChatScript,
  script: ChoiceScript,
  index: number,
): Choice {
  const pieces = answer.stream?.pieces;
  const given = script.content === undefined && isList(pieces) ? pieces.join("") : script.content;
  const silent = script.toolCalls !== undefined || script.refusal !== undefined;
  const echo = silent ? null : `answer ${request.number} to: ${lastUserText(body.messages)}`;
  const text = given === undefined ? echo : given;
  const ownText = answer.choices !== undefined && script.content !== undefined;
  const content = text && index > 0 && !ownText ? `${text} [choice ${index}]` : text;
  const toolCalls = (script.toolCalls ?? []).map((call, position) => ({
    ...call,
    id: call.id ?? `call_${request.number}_${index}_${position}`,
  }));
  const wantsLogprobs = script.logprobs ?? body.logprobs === true;
  return {
    index,
    content,
    contentPieces: cut(content ?? "", pieces),
    reasoning: script.reasoning,
    refusal: script.refusal ?? null,
    toolCalls,
    annotations: script.annotations ?? [],
    finishReason: script.finishReason ?? (toolCalls.length > 0 ? "tool_calls" : "stop"),
    topLogprobs: wantsLogprobs ? (typeof body.top_logprobs === "number" ? body.top_logprobs : 0) : undefined,
  };
}

function completeUsage(body: ChatRequest, choices: readonly Choice[], script: UsageScript = {}): UsageScript {
  const reasoning = tokensIn(choices.map((choice) => choice.reasoning ?? "").join(""));
  const answered = choices.map(
    (choice) => (choice.content ?? "") + (choice.refusal ?? "") + choice.toolCalls.map(callText).join(""),
  );
  const prompt = script.prompt_tokens ?? tokensIn(JSON.stringify(body.messages ?? []));
  const completion = script.completion_tokens ?? tokensIn(answered.join("")) + reasoning;
  return {
    ...script,
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: script.total_tokens ?? prompt + completion,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0, ...script.prompt_tokens_details },
    completion_tokens_details: {
      reasoning_tokens: reasoning,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
      ...script.completion_tokens_details,
    },
  };
}

function callText(call: ToolCallScript): string {
  return call.name + ("input" in call ? call.input : call.arguments);
}

function choiceCount(body: ChatRequest): number {
  return typeof body.n === "number" && Number.isInteger(body.n) && body.n > 0 ? body.n : 1;
}
