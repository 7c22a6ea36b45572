import { LLMCacheError, type EntryHead, type Outcome } from "@llmcache/core";

/** The outcome of a call on a view: it cannot be rejected. @param value in the place of the outcome's own, if given. */
export function sampleOutcome<T>(outcome: Outcome<T>, value: T = outcome.value): Outcome<T> {
  return {
    status: outcome.status,
    key: outcome.key,
    value,
    get head(): EntryHead | undefined {
      return outcome.head;
    },
    ageMs: outcome.ageMs,
    similarity: outcome.similarity,
    tier: outcome.tier,
    saved: outcome.saved,
    reject: async () => {
      throw new LLMCacheError(
        "ERR_LLMCACHE_UNSUPPORTED",
        "A sample cannot be rejected: dropping bad ones would bias the others. Ask for the next one.",
      );
    },
  };
}
