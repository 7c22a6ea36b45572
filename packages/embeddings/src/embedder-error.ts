import { LLMCacheError } from "@llmcache/core";

/** What an embedder, or an answer it got, is at fault for. The message begins with the embedder's id. */
export function embedderError(id: string, message: string, cause?: unknown): LLMCacheError {
  return new LLMCacheError("ERR_LLMCACHE_EMBEDDER", `${id}: ${message}`, cause === undefined ? undefined : { cause });
}

/** A model's vector of what it does not know is the same for all that it does not know: texts would be alike that are not. */
export function unknownText(id: string): LLMCacheError {
  return embedderError(
    id,
    "a text holds something that the model does not know, so that its vector would leave it out.",
  );
}
