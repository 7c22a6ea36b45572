export { addStatus, statusHeaders } from "./cache-status.ts";
export { cachedFetch, type CachedFetch, type CachedFetchInit, type CachedFetchOptions } from "./cached-fetch.ts";
export { CONTROL_HEADERS, controlFromHeaders } from "./request-control.ts";
export type { Replay } from "./response.ts";
export { EventReader, readEvents, splitEvents, writeEvent, type ServerSentEvent } from "./sse.ts";
export type { Fetch } from "./upstream.ts";
export type { ListCall, SplitList, WireCall, WireFormat, WireRequest } from "./wire-format.ts";
