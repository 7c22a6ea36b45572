export {
  AssembledCall,
  assembledOnce,
  type AssembledRules,
  type KnownAssembly,
  type StreamAssembly,
} from "./assembled-call.ts";
export { countedQuery, plainPath } from "./base-url.ts";
export { addStatus, statusHeaders } from "./cache-status.ts";
export {
  CallMemo,
  type ArrivedRequest,
  type CallMemoOptions,
  type RememberedCall,
  type SentRequest,
} from "./call-memo.ts";
export { cachedFetch, type CachedFetch, type CachedFetchInit, type CachedFetchOptions } from "./cached-fetch.ts";
export { ignoredFields, type FieldOf, type FieldRole } from "./field-roles.ts";
export { outcomesOf } from "./handed-out.ts";
export { INTEGER_MARK, readJsonRequest, readJsonText, type JsonRequest } from "./json-request.ts";
export { hasInexactInteger, isJsonObject, parseJsonText, withoutMembers } from "./json-value.ts";
export { aliasOf, type ModelAlias } from "./model-alias.ts";
export { patientFetch } from "./patient-fetch.ts";
export { CONTROL_HEADERS, controlFromHeaders, mergeControls } from "./request-control.ts";
export type { ErrorBody, Replay } from "./response.ts";
export { isSigned } from "./signed.ts";
export { EventReader, readEvents, splitEvents, writeEvent, type ServerSentEvent } from "./sse.ts";
export { hitResponse, storedAnswer, type StoredAnswer } from "./stored-answer.ts";
export type { Fetch } from "./upstream.ts";
export type { AskedForMore, ListCall, SplitList, WireCall, WireFormat, WireRequest } from "./wire-format.ts";
