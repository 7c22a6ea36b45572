import { LLMCacheError, OptionChecks, type Json } from "@llmcache/core";
import { functionSampler, type Sampler } from "@llmcache/sampling";
import type { OpenAI } from "openai";
import type {
  ChatCompletionCreateParamsNonStreaming,
  ChatCompletionMessage,
  ChatCompletionMessageParam,
} from "openai/resources/chat/completions";
import { isObject } from "./json-shape.ts";
import { ai302, closeAI, fireworksAI, ollama, openAICompatible, xmcp, type CompatibleOptions } from "./presets.ts";
import { samplesOf, spentOn, type Price, type SampleKind } from "./sampler-answer.ts";
import { retried, sleepFor, type Retrying } from "./sampler-retry.ts";

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
export interface OpenAISamplerOptions {
  /** The official client, or one made from it. Caches in it are passed by: samples are the sampler's to keep. */
  readonly client?: Pick<OpenAI, "chat"> | undefined;
  /**
   * In its place: a preset's name, or any compatible server's `{ baseURL, apiKey }`. Its client is made for the first request: who
   * replays needs no key.
   */
  readonly preset?: PresetName | CompatibleOptions | undefined;
  readonly model: string;
  /** @default the provider's, and none in the identity */
  readonly temperature?: number | undefined;
  /** Further fields of all requests, such as `max_tokens` or `top_p`. They count in the identity. @default none */
  readonly settings?: Readonly<Record<string, Json | undefined>> | undefined;
  /** How many samples the provider gives in one request (`n`), at most. @default 1 */
  readonly maxBatch?: number | undefined;
  /** The model's name in the identity: one for a model that providers call differently. @default model */
  readonly alias?: string | undefined;
  /** Texts, or whole messages: with tool calls, for instance. They are different samples, kept apart. @default "text" */
  readonly samples?: SampleKind | undefined;
  /**
   * How often a request is sent again that failed with 408, 409, 429, 5xx or for want of a connection: after the time that the
   * provider wants (`Retry-After`), else after 0.5, 1, 2 … 8 s, less a random part. The client's own retries are off. @default 4
   */
  readonly retries?: number | undefined;
  /** Who wants to be left alone for longer has failed. Milliseconds. @default 60_000 */
  readonly maxRetryDelayMs?: number | undefined;
  /** What a request cost, for `totals().cost`. @default nothing is known of money */
  readonly price?: Price | undefined;
  /** Milliseconds since the epoch, for dates in `Retry-After`. @default Date.now */
  readonly clock?: (() => number) | undefined;
  /** Waits between retries; rejects with the signal's reason if that comes first. @default in real time */
  readonly sleep?: ((ms: number, signal: AbortSignal) => Promise<void>) | undefined;
}

const PRESETS: Readonly<Record<PresetName, () => Pick<OpenAI, "chat">>> = { ai302, closeAI, fireworksAI, xmcp, ollama };
const SAMPLERS_FIELDS: readonly SamplersField[] = ["model", "n", "stream", "stream_options", "temperature"];
const DEFAULT_RETRIES = 4;
const DEFAULT_MAX_RETRY_DELAY_MS = 60_000;
const OPERATIONS: Readonly<Record<SampleKind, string>> = { text: "sample", message: "sample.message" };
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
  const {
    retries = DEFAULT_RETRIES,
    maxRetryDelayMs = DEFAULT_MAX_RETRY_DELAY_MS,
    clock = Date.now,
    sleep = sleepFor,
  } = options;
  const clientOf = clientFrom(options);
  for (const [name, value] of Object.entries({ model, alias }))
    if (typeof value !== "string" || value === "") throw checks.wrong(name, "the name of a model", value);
  if (temperature !== undefined && !Number.isFinite(temperature))
    throw checks.wrong("temperature", "a number", temperature);
  if (!Object.hasOwn(OPERATIONS, samples)) throw checks.wrong("samples", `"text" or "message"`, samples);
  checks.whole("retries", retries, 0);
  checks.ms("maxRetryDelayMs", maxRetryDelayMs, 0);
  checks.clock(clock);
  for (const name of [...SAMPLERS_FIELDS, "messages"])
    if (settings[name] !== undefined) throw checks.error(`settings.${name} is not one of the further fields.`);

  const retrying: Retrying = { retries, maxRetryDelayMs, clock, sleep };
  const ask = async (prompt: OpenAIPrompt, n: number, run: Parameters<Parameters<typeof functionSampler>[0]>[2]) => {
    const body = { ...settings, ...fieldsOf(prompt, samples), model, temperature, n } as never;
    const client = clientOf();
    const answer = (await retried(
      async () => client.chat.completions.create(body, { ...PAST_CACHES, maxRetries: 0, signal: run.signal }),
      retrying,
      run.signal,
      () => run.again(),
    )) as unknown as Json;
    run.note(spentOn(answer, price));
    return samplesOf(answer, samples);
  };
  return functionSampler<OpenAIPrompt, string | ChatCompletionMessage>(
    ask,
    {
      operation: OPERATIONS[samples],
      model: alias,
      ...(temperature === undefined && Object.keys(settings).length === 0
        ? {}
        : { settings: { ...settings, ...(temperature === undefined ? {} : { temperature }) } }),
    },
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
  if (typeof preset === "string" ? !Object.hasOwn(PRESETS, preset) : !isObject(preset))
    throw checks.wrong("preset", `{ baseURL, apiKey } or one of ${Object.keys(PRESETS).join(", ")}`, preset);
  const make: () => Pick<OpenAI, "chat"> =
    typeof preset === "string" ? () => PRESETS[preset]() : () => openAICompatible(preset as CompatibleOptions);
  let made: Pick<OpenAI, "chat"> | undefined;
  return () => (made ??= make());
}

/** The fields of a request that a prompt is. */
function fieldsOf(prompt: OpenAIPrompt, samples: SampleKind): object {
  if (typeof prompt === "string") return { messages: [{ role: "user", content: prompt }] };
  if (Array.isArray(prompt)) return { messages: prompt };
  if (!isObject(prompt) || !Array.isArray(prompt["messages"]))
    throw new LLMCacheError(
      "ERR_LLMCACHE_REQUEST",
      "A prompt is a text, a list of messages, or an object with messages.",
    );
  for (const name of SAMPLERS_FIELDS)
    if (prompt[name] !== undefined)
      throw new LLMCacheError("ERR_LLMCACHE_REQUEST", `A prompt cannot say ${name}: that is the sampler's.`);
  if (samples === "text" && (prompt["tools"] !== undefined || prompt["functions"] !== undefined))
    throw new LLMCacheError("ERR_LLMCACHE_REQUEST", `A prompt with tools needs openAISampler({ samples: "message" }).`);
  return prompt;
}
