import { LLMCacheError, type Verdict } from "@llmcache/core";

const KINDS = [
  "empty",
  "refusal",
  "truncated",
  "paused-turn",
  "malformed-tool-call",
  "broken-format",
  "other-stop-reason",
  "hosted-tool",
] as const;

/**
 * Kinds of complete answers that are handed over but not stored, unless they are named in `storeAnyway`:
 * - `"empty"`: neither text nor a call;
 * - `"refusal"`: the model refused, or a classifier did;
 * - `"truncated"`: cut for want of room, without a limit that the caller set;
 * - `"paused-turn"`: the provider paused a long turn, and waits for it to be continued;
 * - `"malformed-tool-call"`: a tool call whose input is no JSON object, or was cut;
 * - `"broken-format"`: no JSON, although the request asked for it;
 * - `"other-stop-reason"`: it ended for another reason than one that means a whole answer.
 *
 * And a kind of requests that pass by the cache, unless it is named:
 * - `"hosted-tool"`: the provider may run tools for it that look at what changes or that do something (web search and fetch, code
 *   execution, MCP servers, containers), or the caller runs those on a screen (computer, browser).
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
