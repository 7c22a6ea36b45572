import type Anthropic from "@anthropic-ai/sdk";
import type {
  Message,
  MessageCreateParamsNonStreaming,
  MessageParam,
} from "@anthropic-ai/sdk/resources/messages/messages";
import { LLMCacheError, OptionChecks, type Json, type RunNote } from "@llmcache/core";
import { isJsonObject } from "@llmcache/fetch";
import { functionSampler, type SampleRun, type Sampler } from "@llmcache/sampling";
import {
  checkProviderOptions,
  HTTP_FAILURES,
  promptFields,
  providerIdentity,
  retrying,
  withCost,
  type FailureRules,
  type PromptRules,
  type ProviderSamplerOptions,
} from "@llmcache/sampling/provider";
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
export interface AnthropicSamplerOptions extends ProviderSamplerOptions {
  /** The official client, or one made from it. Caches in it are passed by: samples are the sampler's to keep. */
  readonly client: Pick<Anthropic, "messages">;
  readonly model: string;
  /** How long an answer may be. Counts in the identity. */
  readonly maxTokens: number;
  /** Texts, or whole messages: with tool calls, for instance. They are different samples, kept apart. @default "text" */
  readonly samples?: SampleKind | undefined;
  /** What a request cost, for `totals().cost`. @default nothing is known of money */
  readonly price?: Price | undefined;
}

const SAMPLERS_FIELDS = ["model", "stream", "temperature"] as const;
const OPERATIONS: Readonly<Record<SampleKind, string>> = { text: "sample", message: "sample.message" };
const UNAUTHORIZED = 401;
const PROMPT: PromptRules = {
  messages: "messages",
  message: (text) => ({ role: "user", content: text }),
  samplers: SAMPLERS_FIELDS,
  tools: ["tools"],
  forTools: `anthropicSampler({ samples: "message" })`,
};
const checks = new OptionChecks("anthropicSampler");

/**
 * A sampler of Anthropic's Messages: one request for each sample. Its identity is the model or its alias, the temperature, `maxTokens` and the
 * settings; not the server. Every answer is a sample: one without text is `""`.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` for a wrong option. A pull rejects with the client's errors as they are, once retries are
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
  if (typeof (client as Partial<Anthropic> | undefined)?.messages?.create !== "function")
    throw checks.wrong("client", "an Anthropic client", client);
  checks.whole("maxTokens", maxTokens);
  checkProviderOptions(checks, options, {
    names: { model, alias },
    kinds: Object.keys(OPERATIONS),
    fields: [...SAMPLERS_FIELDS, "max_tokens", "messages"],
  });
  const retry = retrying(checks, options);

  const ask = async (prompt: AnthropicPrompt, _count: number, run: SampleRun): Promise<(string | Message)[]> => {
    const fields = promptFields(prompt, PROMPT, samples === "text");
    const body = { max_tokens: maxTokens, ...settings, ...fields, model, temperature } as never;
    const answer = (await retry(
      async () => client.messages.create(body, { ...PAST_CACHES, maxRetries: 0, signal: run.signal }),
      failuresOf(client),
      run.signal,
      () => run.again(),
    )) as unknown as Json;
    run.note(spentOn(answer, price));
    return [sampleOf(answer, samples)];
  };
  const all = { ...settings, max_tokens: maxTokens };
  return functionSampler<AnthropicPrompt, string | Message>(
    ask,
    providerIdentity(OPERATIONS[samples], alias, { settings: all, temperature }),
  );
}

/** Of one request. A client that gets tokens itself forgets the one that was refused, and has another for the next attempt. */
function failuresOf(client: Pick<Anthropic, "messages">): FailureRules {
  const { apiKey, authToken } = client as Partial<Anthropic>;
  let tokens = (apiKey ?? authToken ?? null) === null ? 1 : 0;
  return {
    ...HTTP_FAILURES,
    mayPass: (error) =>
      HTTP_FAILURES.mayPass(error) ||
      ((error as { readonly status?: unknown }).status === UNAUTHORIZED && tokens-- > 0),
  };
}

/** For a client of ours, and for one whose `fetch` is ours: each request shall be answered by the model. */
const PAST_CACHES = { cache: false, fetchOptions: { llmcache: false } } as object;

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

/** What it took. */
function spentOn(answer: Json, price: Price | undefined): RunNote {
  const note = noteOf(answer);
  const usage = isJsonObject(answer) ? answer["usage"] : undefined;
  return withCost(note, price && (() => price({ model: note.model, usage })));
}
