export const STORE_ANYWAY = [
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
export type StoreAnyway = (typeof STORE_ANYWAY)[number];
