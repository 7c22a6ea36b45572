export const STORE_ANYWAY = [
  "empty",
  "content-filter",
  "truncated",
  "malformed-tool-call",
  "broken-format",
  "fewer-candidates",
  "other-finish-reason",
  "hosted-tool",
] as const;

/**
 * Kinds of complete answers that are handed over but not stored, unless they are named in `storeAnyway`:
 * - `"empty"`: no candidate, or one that neither says nor calls anything;
 * - `"content-filter"`: the prompt or the answer was blocked (safety, recitation, a blocklist …);
 * - `"truncated"`: cut for want of room, without a limit that the caller set;
 * - `"malformed-tool-call"`: a function call that is none, or was cut;
 * - `"broken-format"`: no JSON, although the request asked for it;
 * - `"fewer-candidates"`: fewer than the `candidateCount` that were asked for;
 * - `"other-finish-reason"`: it ended for another reason than one that means a whole answer.
 *
 * And a kind of requests that pass by the cache, unless it is named:
 * - `"hosted-tool"`: the provider may run tools for it that look at what changes or that do something (search, maps, URLs, code), or
 *   the caller runs them on a screen.
 */
export type StoreAnyway = (typeof STORE_ANYWAY)[number];
