import { isDeepStrictEqual } from "node:util";
import type {
  EmbeddingModelV4CallOptions,
  EmbeddingModelV4Middleware,
  EmbeddingModelV4Result,
  SharedV4ProviderMetadata,
  SharedV4Warning,
} from "@ai-sdk/provider";
import {
  currentCache,
  LLMCacheError,
  registerOperation,
  type AnswerCache,
  type CacheRequest,
  type Json,
  type Outcome,
  type Verdict,
} from "@llmcache/core";
import { EMBEDDING_FIELDS } from "./call-fields.ts";
import { countedOptions, splitOptions } from "./call-control.ts";
import { providerOf, type AnyModel } from "./model-provider.ts";
import { settingsOf } from "./field-roles.ts";
import { countHeaders } from "./language-request.ts";
import { checkModelOptions, modelName, type ModelCacheOptions } from "./options.ts";
import { decodeEmbedding, encodeEmbedding, type StoredEmbedding } from "./stored-embedding.ts";

const OPERATION = "ai-sdk.embedding";

/**
 * Middleware that keeps the embedding of each text: of a list, the model is asked only for those that are missing, each once.
 *
 * @param cache without one, the cache in force (`cache.run(…)`) answers; with none there, calls only pass.
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` for a wrong option. Calls reject with what the model rejects with, as it is; with
 * `ERR_LLMCACHE_COUNT` if it gives another number of embeddings than it was asked for; otherwise like `AnswerCache.throughMany`.
 */
export function embeddingCacheMiddleware(
  cache?: AnswerCache,
  options: ModelCacheOptions = {},
): EmbeddingModelV4Middleware {
  checkModelOptions(options);
  registerOperation(OPERATION);
  return {
    specificationVersion: "v4",
    async wrapEmbed({ params, model }) {
      const { control, rest } = splitOptions(params.providerOptions);
      const asked = (
        rest === params.providerOptions ? params : { ...params, providerOptions: rest }
      ) as EmbeddingModelV4CallOptions;
      const inForce = cache ?? currentCache();
      if (inForce === undefined) return model.doEmbed(asked);
      const answers: EmbeddingModelV4Result[] = [];
      const outcomes = await inForce.throughMany<StoredEmbedding>(
        requestsOf(asked, model, options),
        async (missing, run) => {
          const values = missing.map((position) => asked.values[position] as string);
          const answer = await model.doEmbed({ ...asked, values, abortSignal: run.signal });
          answers.push(answer);
          const items = itemsOf(answer, values);
          items.forEach(({ tokens }, index) => run.note({ tokens }, index));
          return items;
        },
        {
          ...control,
          signal: asked.abortSignal,
          unkeyable: "bypass",
          encode: encodeEmbedding,
          decode: decodeEmbedding,
          judge,
        },
      );
      const [answer] = answers;
      const isOwn = outcomes.every(({ status }) => status === "miss" || status === "bypass");
      if (isOwn && answers.length === 1 && answer?.embeddings.length === asked.values.length) return answer;
      return together(outcomes);
    },
  };
}

function requestsOf(
  params: EmbeddingModelV4CallOptions,
  model: AnyModel,
  options: ModelCacheOptions,
): readonly CacheRequest[] {
  const settings = settingsOf(params, EMBEDDING_FIELDS);
  const providerOptions = countedOptions(params.providerOptions);
  if (providerOptions !== undefined) settings["providerOptions"] = providerOptions;
  countHeaders(params.headers, model, options, settings);
  const common = {
    operation: OPERATION,
    provider: options.provider ?? providerOf(model),
    model: modelName(model.modelId, options.alias),
    settings: settings as Json,
  };
  return params.values.map((prompt) => ({ ...common, prompt }));
}

/** The answer, dealt out to the texts: tokens by their lengths, so that the shares of a list sum up to what was paid. */
function itemsOf(
  { embeddings, usage, warnings, providerMetadata }: EmbeddingModelV4Result,
  values: readonly string[],
): readonly StoredEmbedding[] {
  if (embeddings.length !== values.length) {
    throw new LLMCacheError(
      "ERR_LLMCACHE_COUNT",
      `The model was asked for ${values.length} embeddings and gave ${embeddings.length}; nothing of them was stored.`,
    );
  }
  const shares =
    usage === undefined
      ? undefined
      : dealt(
          usage.tokens,
          values.map((value) => value.length),
        );
  return embeddings.map((embedding, index) => ({
    embedding,
    tokens: shares?.[index],
    warnings: (warnings ?? []) as Json[],
    providerMetadata: values.length === 1 ? (providerMetadata as Json | undefined) : undefined,
  }));
}

/** Whole shares by weight, which sum up to the total. */
function dealt(total: number, weights: readonly number[]): number[] {
  const sum = weights.reduce((all, weight) => all + weight, 0);
  let given = 0;
  let passed = 0;
  return weights.map((weight, index) => {
    passed += weight;
    const until = index === weights.length - 1 || sum === 0 ? total : Math.round((total * passed) / sum);
    const share = until - given;
    given = until;
    return share;
  });
}

/** No vector, or one with what is no number, is nobody's answer. */
function judge({ embedding }: StoredEmbedding): Verdict {
  return Array.isArray(embedding) && embedding.length > 0 && embedding.every(Number.isFinite) ? "store" : "pass";
}

function together(outcomes: readonly Outcome<StoredEmbedding>[]): EmbeddingModelV4Result {
  const items = outcomes.map(({ value }) => value);
  const warnings: SharedV4Warning[] = [];
  for (const warning of items.flatMap((item) => item.warnings as readonly unknown[] as SharedV4Warning[]))
    if (!warnings.some((known) => isDeepStrictEqual(known, warning))) warnings.push(warning);
  const counted = items.map(({ tokens }) => tokens).filter((tokens) => tokens !== undefined);
  const metadata = items.length === 1 ? items[0]?.providerMetadata : undefined;
  return {
    embeddings: items.map(({ embedding }) => embedding),
    ...(counted.length === 0 ? {} : { usage: { tokens: counted.reduce((sum, tokens) => sum + tokens, 0) } }),
    ...(metadata === undefined ? {} : { providerMetadata: metadata as SharedV4ProviderMetadata }),
    warnings,
  };
}
