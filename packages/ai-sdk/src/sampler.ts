import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4Content,
  LanguageModelV4Message,
  LanguageModelV4Usage,
} from "@ai-sdk/provider";
import { LLMCacheError, OptionChecks, type Json, type RunNote } from "@llmcache/core";
import { functionSampler, type SampleRun, type Sampler } from "@llmcache/sampling";
import { wrapLanguageModel } from "ai";
import { tokensOf } from "./live-parts.ts";
import { isJson } from "./pack.ts";
import { retried, sleepFor, type Retrying } from "./sampler-retry.ts";

/** Fields of a call that a prompt may say besides its messages. */
type PromptFields = Omit<LanguageModelV4CallOptions, SamplersField | "prompt">;

/** What is asked: a user's text, messages in the form of the provider specification, or messages with more of a call's fields (tools …). */
export type AiSdkPrompt =
  | string
  | readonly LanguageModelV4Message[]
  | (PromptFields & { readonly prompt: readonly LanguageModelV4Message[] });

/** Fields of a call that are the sampler's own. */
type SamplersField = (typeof SAMPLERS_FIELDS)[number];

/** Options of {@link aiSdkSampler}. */
export interface AiSdkSamplerOptions {
  /** Any language model of the AI SDK. A cache in it is passed by: samples are the sampler's to keep. */
  readonly model: Parameters<typeof wrapLanguageModel>[0]["model"];
  /** @default the provider's, and none in the identity */
  readonly temperature?: number | undefined;
  /** Further fields of all calls, such as `maxOutputTokens` or `topP`. They count in the identity. @default none */
  readonly settings?: Readonly<Record<string, Json | undefined>> | undefined;
  /** The model's name in the identity: one for a model that providers call differently. @default its `modelId` */
  readonly alias?: string | undefined;
  /** Texts, or the whole content: with reasoning and tool calls. They are different samples, kept apart. @default "text" */
  readonly samples?: "text" | "content" | undefined;
  /**
   * How often a call is sent again whose error the provider's package calls retryable: after the time that the provider wants
   * (`Retry-After`), else after 0.5, 1, 2 … 8 s, less a random part. @default 4
   */
  readonly retries?: number | undefined;
  /** Who wants to be left alone for longer has failed. Milliseconds. @default 60_000 */
  readonly maxRetryDelayMs?: number | undefined;
  /** What a call cost, for `totals().cost`. @default nothing is known of money */
  readonly price?: ((answer: { readonly model: string; readonly usage: LanguageModelV4Usage }) => number) | undefined;
  /** Milliseconds since the epoch, for dates in `Retry-After`. @default Date.now */
  readonly clock?: (() => number) | undefined;
  /** Waits between retries; rejects with the signal's reason if that comes first. @default in real time */
  readonly sleep?: ((ms: number, signal: AbortSignal) => Promise<void>) | undefined;
}

const SAMPLERS_FIELDS = ["temperature", "abortSignal", "includeRawChunks"] as const;
const DEFAULT_RETRIES = 4;
const DEFAULT_MAX_RETRY_DELAY_MS = 60_000;
const OPERATIONS = { text: "sample", content: "sample.ai-sdk" } as const;
const checks = new OptionChecks("aiSdkSampler");

/**
 * A sampler of any language model of the AI SDK: one call is one sample. Its identity is the model's id or its alias, the temperature and the
 * settings; not the provider.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` for a wrong option. A pull rejects with the model's errors as they are, once retries are used up;
 * with `ERR_LLMCACHE_REQUEST` for a prompt that is none, or has tools where samples are texts; with `ERR_LLMCACHE_VALUE` for content that is
 * no JSON (files as bytes).
 */
export function aiSdkSampler(
  options: AiSdkSamplerOptions & { readonly samples: "content" },
): Sampler<AiSdkPrompt, LanguageModelV4Content[]>;
export function aiSdkSampler(
  options: AiSdkSamplerOptions & { readonly samples?: "text" | undefined },
): Sampler<AiSdkPrompt>;
export function aiSdkSampler(options: AiSdkSamplerOptions): Sampler<AiSdkPrompt, string | LanguageModelV4Content[]> {
  const { temperature, settings = {}, samples = "text", price } = options;
  const {
    retries = DEFAULT_RETRIES,
    maxRetryDelayMs = DEFAULT_MAX_RETRY_DELAY_MS,
    clock = Date.now,
    sleep = sleepFor,
  } = options;
  const model = modelOf(options.model);
  const { alias = model.modelId } = options;
  if (typeof alias !== "string" || alias === "") throw checks.wrong("alias", "the name of a model", alias);
  if (temperature !== undefined && !Number.isFinite(temperature))
    throw checks.wrong("temperature", "a number", temperature);
  if (!Object.hasOwn(OPERATIONS, samples)) throw checks.wrong("samples", `"text" or "content"`, samples);
  checks.whole("retries", retries, 0);
  checks.ms("maxRetryDelayMs", maxRetryDelayMs, 0);
  checks.clock(clock);
  for (const name of [...SAMPLERS_FIELDS, "prompt"])
    if (settings[name] !== undefined) throw checks.error(`settings.${name} is not one of the further fields.`);

  const retrying: Retrying = { retries, maxRetryDelayMs, clock, sleep };
  const ask = async (prompt: AiSdkPrompt, _count: number, run: SampleRun) => {
    const own = fieldsOf(prompt, samples);
    const params = {
      ...settings,
      ...own,
      providerOptions: { ...(settings["providerOptions"] as object), ...own.providerOptions, llmcache: { use: false } },
      temperature,
      abortSignal: run.signal,
    } as LanguageModelV4CallOptions;
    const answer = await retried(
      () => model.doGenerate(params),
      retrying,
      run.signal,
      () => run.again(),
    );
    run.note(spent(answer, price));
    return [samples === "text" ? textOf(answer.content) : contentOf(answer.content)];
  };
  return functionSampler<AiSdkPrompt, string | LanguageModelV4Content[]>(ask, {
    operation: OPERATIONS[samples],
    model: alias,
    ...(temperature === undefined && Object.keys(settings).length === 0
      ? {}
      : { settings: { ...settings, ...(temperature === undefined ? {} : { temperature }) } }),
  });
}

/** Models of older specifications as ones of this. */
function modelOf(model: AiSdkSamplerOptions["model"]): LanguageModelV4 {
  if (typeof (model as { readonly doGenerate?: unknown } | undefined)?.doGenerate !== "function")
    throw checks.wrong("model", "a language model of the AI SDK", model);
  return wrapLanguageModel({ model, middleware: [] });
}

/** The fields of a call that a prompt is. */
function fieldsOf(prompt: AiSdkPrompt, samples: keyof typeof OPERATIONS): Partial<LanguageModelV4CallOptions> {
  if (typeof prompt === "string") return { prompt: [{ role: "user", content: [{ type: "text", text: prompt }] }] };
  if (Array.isArray(prompt)) return { prompt: [...(prompt as readonly LanguageModelV4Message[])] };
  const fields = prompt as PromptFields & { readonly prompt?: unknown };
  if (typeof fields !== "object" || fields === null || !Array.isArray(fields.prompt))
    throw new LLMCacheError(
      "ERR_LLMCACHE_REQUEST",
      "A prompt is a text, a list of messages, or an object with prompt.",
    );
  for (const name of SAMPLERS_FIELDS)
    if ((fields as Readonly<Record<string, unknown>>)[name] !== undefined)
      throw new LLMCacheError("ERR_LLMCACHE_REQUEST", `A prompt cannot say ${name}: that is the sampler's.`);
  if (samples === "text" && fields.tools !== undefined)
    throw new LLMCacheError("ERR_LLMCACHE_REQUEST", `A prompt with tools needs aiSdkSampler({ samples: "content" }).`);
  return fields as Partial<LanguageModelV4CallOptions>;
}

function textOf(content: readonly LanguageModelV4Content[]): string {
  return content.map((part) => (part.type === "text" ? part.text : "")).join("");
}

/** As JSON: without members that are `undefined`. */
function contentOf(content: readonly LanguageModelV4Content[]): LanguageModelV4Content[] {
  const plain = content.map((part) =>
    Object.fromEntries(Object.entries(part).filter(([, value]) => value !== undefined)),
  );
  if (isJson(plain)) return plain as unknown as LanguageModelV4Content[];
  throw new LLMCacheError(
    "ERR_LLMCACHE_VALUE",
    "The model's answer has content that is no JSON, and cannot be a sample.",
  );
}

function spent(
  { usage, response }: { readonly usage: LanguageModelV4Usage; readonly response?: { readonly modelId?: string } },
  price: AiSdkSamplerOptions["price"],
): RunNote {
  const model = response?.modelId;
  const note = { model, tokens: tokensOf(usage) };
  if (price === undefined) return note;
  try {
    return { ...note, cost: price({ model: model ?? "", usage }) };
  } catch {
    // An answer is not lost because nobody knows what it cost.
    return note;
  }
}
