import {
  APICallError,
  type LanguageModelV4,
  type LanguageModelV4CallOptions,
  type LanguageModelV4Content,
  type LanguageModelV4Message,
  type LanguageModelV4Usage,
} from "@ai-sdk/provider";
import { LLMCacheError, OptionChecks, type RunNote } from "@llmcache/core";
import { functionSampler, type SampleRun, type Sampler } from "@llmcache/sampling";
import {
  checkProviderOptions,
  promptFields,
  providerIdentity,
  retrying,
  withCost,
  type FailureRules,
  type PromptRules,
  type ProviderSamplerOptions,
} from "@llmcache/sampling/provider";
import { wrapLanguageModel } from "ai";
import { tokensOf } from "./live-parts.ts";
import { isJson } from "./pack.ts";

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
export interface AiSdkSamplerOptions extends ProviderSamplerOptions {
  /** Any language model of the AI SDK. A cache in it is passed by: samples are the sampler's to keep. */
  readonly model: Parameters<typeof wrapLanguageModel>[0]["model"];
  /** Texts, or the whole content: with reasoning and tool calls. They are different samples, kept apart. @default "text" */
  readonly samples?: "text" | "content" | undefined;
  /** What a call cost, for `totals().cost`. @default nothing is known of money */
  readonly price?: ((answer: { readonly model: string; readonly usage: LanguageModelV4Usage }) => number) | undefined;
}

const SAMPLERS_FIELDS = ["temperature", "abortSignal", "includeRawChunks"] as const;
const OPERATIONS = { text: "sample", content: "sample.ai-sdk" } as const;
const FAILURES: FailureRules = {
  mayPass: (error) => APICallError.isInstance(error) && error.isRetryable,
  header: (error, name) => (APICallError.isInstance(error) ? error.responseHeaders?.[name] : undefined),
};
const PROMPT: PromptRules = {
  messages: "prompt",
  message: (text) => ({ role: "user", content: [{ type: "text", text }] }),
  samplers: SAMPLERS_FIELDS,
  tools: ["tools"],
  forTools: `aiSdkSampler({ samples: "content" })`,
};
const checks = new OptionChecks("aiSdkSampler");

/**
 * A sampler of any language model of the AI SDK: one call is one sample. Its identity is the model's id or its alias, the temperature and the
 * settings; not the provider. It is made again where the provider's package calls the error retryable.
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
  const model = modelOf(options.model);
  const { alias = model.modelId } = options;
  checkProviderOptions(checks, options, {
    names: { alias },
    kinds: Object.keys(OPERATIONS),
    fields: [...SAMPLERS_FIELDS, "prompt"],
  });
  const retry = retrying(checks, options);

  const ask = async (prompt: AiSdkPrompt, _count: number, run: SampleRun) => {
    const own: Partial<LanguageModelV4CallOptions> = promptFields(prompt, PROMPT, samples === "text");
    const params = {
      ...settings,
      ...own,
      providerOptions: { ...(settings["providerOptions"] as object), ...own.providerOptions, llmcache: { use: false } },
      temperature,
      abortSignal: run.signal,
    } as LanguageModelV4CallOptions;
    const answer = await retry(
      () => model.doGenerate(params),
      FAILURES,
      run.signal,
      () => run.again(),
    );
    run.note(spent(answer, price));
    return [samples === "text" ? textOf(answer.content) : contentOf(answer.content)];
  };
  return functionSampler<AiSdkPrompt, string | LanguageModelV4Content[]>(
    ask,
    providerIdentity(OPERATIONS[samples], alias, options),
  );
}

/** Models of older specifications as ones of this. */
function modelOf(model: AiSdkSamplerOptions["model"]): LanguageModelV4 {
  if (typeof (model as { readonly doGenerate?: unknown } | undefined)?.doGenerate !== "function")
    throw checks.wrong("model", "a language model of the AI SDK", model);
  return wrapLanguageModel({ model, middleware: [] });
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
  return withCost(note, price && (() => price({ model: model ?? "", usage })));
}
