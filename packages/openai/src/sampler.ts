import { OptionChecks, type Json } from "@llmcache/core";
import { isJsonObject } from "@llmcache/fetch";
import { functionSampler, type SampleRun, type Sampler } from "@llmcache/sampling";
import {
  checkProviderOptions,
  HTTP_FAILURES,
  promptFields,
  providerIdentity,
  retrying,
  type PromptRules,
  type ProviderSamplerOptions,
} from "@llmcache/sampling/provider";
import type { OpenAI } from "openai";
import type {
  ChatCompletionCreateParamsNonStreaming,
  ChatCompletionMessage,
  ChatCompletionMessageParam,
} from "openai/resources/chat/completions";
import { ai302, closeAI, fireworksAI, ollama, openAICompatible, xmcp, type CompatibleOptions } from "./presets.ts";
import { samplesOf, spentOn, type Price, type SampleKind } from "./sampler-answer.ts";

export type { Price, SampleKind } from "./sampler-answer.ts";

/** What is asked: a user's text, messages, or messages with more of a request's fields (tools, a format …). */
export type OpenAIPrompt =
  | string
  | readonly ChatCompletionMessageParam[]
  | (Omit<ChatCompletionCreateParamsNonStreaming, SamplersField | "messages"> & {
      readonly messages: readonly ChatCompletionMessageParam[];
    });

/** Fields of a request that are the sampler's own. */
type SamplersField = "model" | "n" | "stream" | "stream_options" | "temperature";

/** Providers that have a preset. */
export type PresetName = "ai302" | "closeAI" | "fireworksAI" | "xmcp" | "ollama";

/** Options of {@link openAISampler}. */
export interface OpenAISamplerOptions extends ProviderSamplerOptions {
  /** The official client, or one made from it. Caches in it are passed by: samples are the sampler's to keep. */
  readonly client?: Pick<OpenAI, "chat"> | undefined;
  /**
   * In its place: a preset's name, or any compatible server's `{ baseURL, apiKey }`. Its client is made for the first request: who
   * replays needs no key.
   */
  readonly preset?: PresetName | CompatibleOptions | undefined;
  readonly model: string;
  /** How many samples the provider gives in one request (`n`), at most. @default 1 */
  readonly maxBatch?: number | undefined;
  /** Texts, or whole messages: with tool calls, for instance. They are different samples, kept apart. @default "text" */
  readonly samples?: SampleKind | undefined;
  /** What a request cost, for `totals().cost`. @default nothing is known of money */
  readonly price?: Price | undefined;
}

const PRESETS: Readonly<Record<PresetName, () => Pick<OpenAI, "chat">>> = { ai302, closeAI, fireworksAI, xmcp, ollama };
const SAMPLERS_FIELDS: readonly SamplersField[] = ["model", "n", "stream", "stream_options", "temperature"];
const OPERATIONS: Readonly<Record<SampleKind, string>> = { text: "sample", message: "sample.message" };
const PROMPT: PromptRules = {
  messages: "messages",
  message: (text) => ({ role: "user", content: text }),
  samplers: SAMPLERS_FIELDS,
  tools: ["tools", "functions"],
  forTools: `openAISampler({ samples: "message" })`,
};
const checks = new OptionChecks("openAISampler");

/**
 * A sampler of OpenAI's chat completions, and of all who speak them. Its identity is the model or its alias, the temperature and the
 * settings; not the server, not the size of batches. Every choice is a sample: one without text is `""`, one that was refused the
 * refusal.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` for a wrong option. A pull rejects with the client's errors as they are, once retries are
 * used up; with `ERR_LLMCACHE_OPTION` if a preset's key is not set; with `ERR_LLMCACHE_REQUEST` for a prompt that is none, or has tools
 * where samples are texts; with `ERR_LLMCACHE_COUNT` if the answer has no choices.
 */
export function openAISampler(
  options: OpenAISamplerOptions & { readonly samples: "message" },
): Sampler<OpenAIPrompt, ChatCompletionMessage>;
export function openAISampler(
  options: OpenAISamplerOptions & { readonly samples?: "text" | undefined },
): Sampler<OpenAIPrompt>;
export function openAISampler(options: OpenAISamplerOptions): Sampler<OpenAIPrompt, string | ChatCompletionMessage> {
  const { model, temperature, settings = {}, maxBatch, alias = model, samples = "text", price } = options;
  const clientOf = clientFrom(options);
  checkProviderOptions(checks, options, {
    names: { model, alias },
    kinds: Object.keys(OPERATIONS),
    fields: [...SAMPLERS_FIELDS, "messages"],
  });
  const retry = retrying(checks, options);

  const ask = async (prompt: OpenAIPrompt, n: number, run: SampleRun) => {
    const body = { ...settings, ...promptFields(prompt, PROMPT, samples === "text"), model, temperature, n } as never;
    const client = clientOf();
    const answer = (await retry(
      async () => client.chat.completions.create(body, { ...PAST_CACHES, maxRetries: 0, signal: run.signal }),
      HTTP_FAILURES,
      run.signal,
      () => run.again(),
    )) as unknown as Json;
    run.note(spentOn(answer, price));
    return samplesOf(answer, samples);
  };
  return functionSampler<OpenAIPrompt, string | ChatCompletionMessage>(
    ask,
    providerIdentity(OPERATIONS[samples], alias, options),
    maxBatch === undefined ? {} : { maxBatch },
  );
}

/** For a client of ours, and for one whose `fetch` is ours: each request shall be answered by the model. */
const PAST_CACHES = { cache: false, fetchOptions: { llmcache: false } } as object;

/** What is given now, or made when it is needed. */
function clientFrom({ client, preset }: OpenAISamplerOptions): () => Pick<OpenAI, "chat"> {
  if ((client === undefined) === (preset === undefined)) throw checks.error("give either client or preset.");
  if (client !== undefined) {
    const { chat } = client as Partial<OpenAI>;
    if (typeof chat?.completions?.create !== "function") throw checks.wrong("client", "an OpenAI client", client);
    return () => client;
  }
  if (typeof preset === "string" ? !Object.hasOwn(PRESETS, preset) : !isJsonObject(preset))
    throw checks.wrong("preset", `{ baseURL, apiKey } or one of ${Object.keys(PRESETS).join(", ")}`, preset);
  const make: () => Pick<OpenAI, "chat"> =
    typeof preset === "string" ? () => PRESETS[preset]() : () => openAICompatible(preset as CompatibleOptions);
  let made: Pick<OpenAI, "chat"> | undefined;
  return () => (made ??= make());
}
