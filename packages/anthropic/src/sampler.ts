import type Anthropic from "@anthropic-ai/sdk";
import type {
  Message,
  MessageCreateParamsNonStreaming,
  MessageParam,
} from "@anthropic-ai/sdk/resources/messages/messages";
import { LLMCacheError, OptionChecks, type Json, type RunNote } from "@llmcache/core";
import { isJsonObject } from "@llmcache/fetch";
import { functionSampler, type Sampler } from "@llmcache/sampling";
import { noteOf } from "./answer-note.ts";

/** What is asked: a user's text, messages, or messages with more of a request's fields (a system prompt, tools …). */
export type AnthropicPrompt =
  | string
  | readonly MessageParam[]
  | (Partial<Omit<MessageCreateParamsNonStreaming, SamplersField | "messages">> & {
      readonly messages: readonly MessageParam[];
    });

/** Which part of an answer is the sample. */
export type SampleKind = "text" | "message";

/** What a request cost, from the `usage` and the model of its answer. */
export type Price = (answer: { readonly model: string | undefined; readonly usage: Json | undefined }) => number;

/** Fields of a request that are the sampler's own. */
type SamplersField = (typeof SAMPLERS_FIELDS)[number];

/** Options of {@link anthropicSampler}. */
export interface AnthropicSamplerOptions {
  /** The official client, or one made from it. Caches in it are passed by: samples are the sampler's to keep. */
  readonly client: Pick<Anthropic, "messages">;
  readonly model: string;
  /** How long an answer may be. Counts in the identity. */
  readonly maxTokens: number;
  /** Where the model takes one. @default the provider's, and none in the identity */
  readonly temperature?: number | undefined;
  /** Further fields of all requests, such as `system` or `thinking`. They count in the identity. @default none */
  readonly settings?: Readonly<Record<string, Json | undefined>> | undefined;
  /** The model's name in the identity: one for a model that providers call differently. @default model */
  readonly alias?: string | undefined;
  /** Texts, or whole messages: with tool calls, for instance. They are different samples, kept apart. @default "text" */
  readonly samples?: SampleKind | undefined;
  /** How often the client sends a request again that failed with what may pass, at most. @default 4 */
  readonly retries?: number | undefined;
  /** What a request cost, for `totals().cost`. @default nothing is known of money */
  readonly price?: Price | undefined;
}

const SAMPLERS_FIELDS = ["model", "stream", "temperature"] as const;
const DEFAULT_RETRIES = 4;
const OPERATIONS: Readonly<Record<SampleKind, string>> = { text: "sample", message: "sample.message" };
const checks = new OptionChecks("anthropicSampler");

/**
 * A sampler of Anthropic's Messages: one request for each sample. Its identity is the model or its alias, the temperature, `maxTokens` and the
 * settings; not the server. Every answer is a sample: one without text is `""`.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` for a wrong option. A pull rejects with the client's errors as they are, once its retries are
 * used up; with `ERR_LLMCACHE_REQUEST` for a prompt that is none, or has tools where samples are texts; with `ERR_LLMCACHE_COUNT` if what is
 * answered is no message.
 */
export function anthropicSampler(
  options: AnthropicSamplerOptions & { readonly samples: "message" },
): Sampler<AnthropicPrompt, Message>;
export function anthropicSampler(
  options: AnthropicSamplerOptions & { readonly samples?: "text" | undefined },
): Sampler<AnthropicPrompt>;
export function anthropicSampler(options: AnthropicSamplerOptions): Sampler<AnthropicPrompt, string | Message> {
  const { client, model, maxTokens, temperature, settings = {}, alias = model, samples = "text", price } = options;
  const { retries = DEFAULT_RETRIES } = options;
  if (typeof (client as Partial<Anthropic> | undefined)?.messages?.create !== "function")
    throw checks.wrong("client", "an Anthropic client", client);
  for (const [name, value] of Object.entries({ model, alias }))
    if (typeof value !== "string" || value === "") throw checks.wrong(name, "the name of a model", value);
  checks.whole("maxTokens", maxTokens);
  if (temperature !== undefined && !Number.isFinite(temperature))
    throw checks.wrong("temperature", "a number", temperature);
  if (!Object.hasOwn(OPERATIONS, samples)) throw checks.wrong("samples", `"text" or "message"`, samples);
  checks.whole("retries", retries, 0);
  for (const name of [...SAMPLERS_FIELDS, "max_tokens", "messages"])
    if (settings[name] !== undefined) throw checks.error(`settings.${name} is not one of the further fields.`);

  const ask = async (prompt: AnthropicPrompt, _count: number, run: AskRun): Promise<(string | Message)[]> => {
    const body = { max_tokens: maxTokens, ...settings, ...fieldsOf(prompt, samples), model, temperature } as never;
    const how = { ...PAST_CACHES, maxRetries: retries, signal: run.signal };
    const answer = (await client.messages.create(body, how)) as unknown as Json;
    run.note(spentOn(answer, price));
    return [sampleOf(answer, samples)];
  };
  return functionSampler<AnthropicPrompt, string | Message>(ask, {
    operation: OPERATIONS[samples],
    model: alias,
    settings: { ...settings, max_tokens: maxTokens, ...(temperature === undefined ? {} : { temperature }) },
  });
}

type AskRun = Parameters<Parameters<typeof functionSampler>[0]>[2];

/** For a client of ours, and for one whose `fetch` is ours: each request shall be answered by the model. */
const PAST_CACHES = { cache: false, fetchOptions: { llmcache: false } } as object;

/** The fields of a request that a prompt is. */
function fieldsOf(prompt: AnthropicPrompt, samples: SampleKind): object {
  if (typeof prompt === "string") return { messages: [{ role: "user", content: prompt }] };
  if (Array.isArray(prompt)) return { messages: prompt };
  if (!isJsonObject(prompt) || !Array.isArray(prompt["messages"]))
    throw new LLMCacheError(
      "ERR_LLMCACHE_REQUEST",
      "A prompt is a text, a list of messages, or an object with messages.",
    );
  for (const name of SAMPLERS_FIELDS)
    if (prompt[name] !== undefined)
      throw new LLMCacheError("ERR_LLMCACHE_REQUEST", `A prompt cannot say ${name}: that is the sampler's.`);
  if (samples === "text" && prompt["tools"] !== undefined)
    throw new LLMCacheError(
      "ERR_LLMCACHE_REQUEST",
      `A prompt with tools needs anthropicSampler({ samples: "message" }).`,
    );
  return prompt;
}

/** The text of an answer, or all of it. */
function sampleOf(answer: Json, kind: SampleKind): string | Message {
  const content = isJsonObject(answer) ? answer["content"] : undefined;
  if (!Array.isArray(content))
    throw new LLMCacheError("ERR_LLMCACHE_COUNT", "The provider's answer is no message: it has no content.");
  if (kind === "message") return answer as unknown as Message;
  return (content as readonly Json[])
    .map((block) => (isJsonObject(block) && block["type"] === "text" ? block["text"] : undefined))
    .filter((text) => typeof text === "string")
    .join("");
}

/** What it took. An answer is not lost because nobody knows what it cost. */
function spentOn(answer: Json, price: Price | undefined): RunNote {
  const note = noteOf(answer);
  if (price === undefined) return note;
  try {
    return { ...note, cost: price({ model: note.model, usage: isJsonObject(answer) ? answer["usage"] : undefined }) };
  } catch {
    return note;
  }
}
