import { OptionChecks } from "@llmcache/core";
import { batchSettings, type BatchOptions } from "./batch-options.ts";
import { BatchingEmbedder } from "./batching-embedder.ts";
import type { BatchedEmbedder, TextModel } from "./text-model.ts";

/**
 * Puts around any embedder what those of this package have: texts of several callers go in one request, equal ones once; vectors are
 * checked and remembered; there is a deadline; one caller's abort does not end the request of others, the last one's does.
 *
 * Does not close what it is given.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming the field.
 */
export function batched(model: TextModel, options: BatchOptions = {}): BatchedEmbedder {
  const check = new OptionChecks("batched");
  const { id, dimensions, embed } = (model ?? {}) as Partial<Record<keyof TextModel, unknown>>;
  if (typeof embed !== "function") throw check.wrong("model", "an embedder, with id, dimensions and embed", model);
  if (typeof id !== "string" || id === "") throw check.wrong("model.id", "a text that is not empty", id);
  if (dimensions !== undefined) check.whole("model.dimensions", dimensions);
  return new BatchingEmbedder(model, batchSettings("batched", options));
}
