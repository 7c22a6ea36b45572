export const STORE_ANYWAY = [
  "empty",
  "refusal",
  "content-filter",
  "truncated",
  "malformed-tool-call",
  "broken-format",
  "fewer-choices",
  "other-finish-reason",
  "hosted-tool",
  "unpinned-prompt",
] as const;

/**
 * Kinds of complete answers that are handed over but not stored, unless they are named in `storeAnyway`:
 * - `"empty"`: neither text nor a call;
 * - `"refusal"`: the model refused;
 * - `"content-filter"`: the provider's filter cut it;
 * - `"truncated"`: cut for want of room, without a limit that the caller set;
 * - `"malformed-tool-call"`: a tool call whose arguments are no JSON;
 * - `"broken-format"`: no JSON, although the request asked for it;
 * - `"fewer-choices"`: fewer than the `n` that were asked for;
 * - `"other-finish-reason"`: it ended for another reason than one that means a whole answer.
 *
 * And kinds of requests that pass by the cache, unless they are named:
 * - `"hosted-tool"`: the provider may run tools for it that look at what changes or that do something (web and file search, code
 *   interpreter, computers, MCP);
 * - `"unpinned-prompt"`: it uses a prompt template that is kept at OpenAI, without saying which version of it.
 */
export type StoreAnyway = (typeof STORE_ANYWAY)[number];
