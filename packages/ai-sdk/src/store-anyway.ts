export const STORE_ANYWAY = [
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
export type StoreAnyway = (typeof STORE_ANYWAY)[number];
