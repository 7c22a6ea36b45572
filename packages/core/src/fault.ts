import { isLLMCacheError } from "./errors.ts";

/**
 * Is this rejection of a store's call the store's fault? An abort is only where it was time that ran out, which is how the cache's
 * `storeTimeoutMs` arrives; a wrong option, a closed store and one that is paused are not.
 */
export function isFault(error: unknown, signal: AbortSignal | undefined): boolean {
  if (signal?.aborted === true) return isLLMCacheError(signal.reason, "ERR_LLMCACHE_STORE");
  return !isLLMCacheError(error) || error.code === "ERR_LLMCACHE_STORE";
}

/** What an error says, for messages. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
