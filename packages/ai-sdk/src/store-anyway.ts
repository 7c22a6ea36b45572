import { LLMCacheError, type Verdict } from "@llmcache/core";

const KINDS = [
  "empty",
  "content-filter",
  "truncated",
  "malformed-tool-call",
  "broken-format",
  "other-finish-reason",
  "hosted-tool",
] as const;

/**
 * Kinds of complete answers that are handed over but not stored, unless they are named in `storeAnyway`:
 * - `"empty"`: neither text nor a call nor a file;
 * - `"content-filter"`: the provider's filter cut it;
 * - `"truncated"`: cut for want of room, without a limit (`maxOutputTokens`) that the caller set;
 * - `"malformed-tool-call"`: a tool call whose input is no JSON, or that names a tool which was not offered;
 * - `"broken-format"`: no JSON although the call asked for it, or JSON that is not of the schema that it gave;
 * - `"other-finish-reason"`: it ended for another reason than one that means a whole answer;
 * - `"hosted-tool"`: the provider ran a tool for it, which may have looked at what changes or have done something.
 */
export type StoreAnyway = (typeof KINDS)[number];

/** @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming a kind that there is not. */
export function storeAnywaySet(kinds: readonly StoreAnyway[] = []): ReadonlySet<StoreAnyway> {
  for (const kind of kinds) {
    if (!KINDS.includes(kind)) {
      throw new LLMCacheError(
        "ERR_LLMCACHE_OPTION",
        `storeAnyway: ${JSON.stringify(kind)} is no kind; known are ${KINDS.join(", ")}.`,
      );
    }
  }
  return new Set(kinds);
}

/** What an answer with these flaws is good for. */
export function verdictOn(flaws: readonly StoreAnyway[], storeAnyway: ReadonlySet<StoreAnyway>): Verdict {
  return flaws.every((flaw) => storeAnyway.has(flaw)) ? "store" : "pass";
}
