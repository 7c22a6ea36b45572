import { LLMCacheError, type Outcome } from "@llmcache/core";
import { outcomesOf } from "@llmcache/fetch";

/** How what was handed out was answered; nothing, where the cache had no part in it. */
const answers: WeakMap<object, readonly Outcome<unknown>[]> = new WeakMap<object, readonly Outcome<unknown>[]>();

/** Remembers, as long as it lives, which Response an answer was read from. */
export function remember(answer: unknown, response: Response): void {
  if (typeof answer === "object" && answer !== null) answers.set(answer, outcomesOf(response) ?? []);
}

/**
 * Removes the entry behind an answer that turned out to be bad, if it still is the one that was handed out.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` for what no client of a cache has handed out; `ERR_LLMCACHE_STORE` if the store fails.
 */
export async function reject(answer: unknown): Promise<void> {
  const isObject = typeof answer === "object" && answer !== null;
  const outcomes = isObject ? (answers.get(answer) ?? outcomesOf(answer as Response)) : undefined;
  if (outcomes === undefined) {
    throw new LLMCacheError(
      "ERR_LLMCACHE_OPTION",
      "reject takes an answer that messages.create of a cached client has handed out: the very object, no copy of it, no promise.",
    );
  }
  await Promise.all(outcomes.map((outcome) => outcome.reject()));
}
