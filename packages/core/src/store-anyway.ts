import type { Verdict } from "./answer-cache.ts";
import { LLMCacheError } from "./errors.ts";

/**
 * For adapters: the kinds of complete answers, and of requests, that a caller wants stored all the same.
 *
 * @param known all kinds that the adapter tells apart.
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming a kind that there is not.
 */
export function storeAnywaySet<Kind extends string>(
  known: readonly Kind[],
  wanted: readonly Kind[] = [],
): ReadonlySet<Kind> {
  for (const kind of wanted) {
    if (!known.includes(kind)) {
      throw new LLMCacheError(
        "ERR_LLMCACHE_OPTION",
        `storeAnyway: ${JSON.stringify(kind)} is no kind; known are ${known.join(", ")}.`,
      );
    }
  }
  return new Set(wanted);
}

/** For adapters: what an answer with these flaws is good for. */
export function verdictOn<Kind>(flaws: readonly Kind[], storeAnyway: ReadonlySet<Kind>): Verdict {
  return flaws.every((flaw) => storeAnyway.has(flaw)) ? "store" : "pass";
}
