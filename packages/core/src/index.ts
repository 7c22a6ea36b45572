export {
  isAnswerCache,
  resolveCacheOption,
  type AnswerCache,
  type CacheOption,
  type CallOptions,
  type ManyOptions,
  type Outcome,
  type OutcomeStatus,
  type RejectOptions,
  type Run,
  type RunNote,
  type StreamOptions,
  type Verdict,
} from "./answer-cache.ts";
export { Body, ownBytes, type BodyKind } from "./body.ts";
export { withBreaker, type BreakerOptions } from "./breaker-store.ts";
export { isInvalidationMessage, LocalBus, type InvalidationBus, type InvalidationMessage } from "./bus.ts";
export { LLMCache, type SetOptions } from "./cache.ts";
export { aesCodec, type AesKey, type AesOptions } from "./aes-codec.ts";
export { codecs, type Codec, type CodecPart } from "./codec.ts";
export { parseCacheControl } from "./control-header.ts";
export type { CacheControl, SimilarOptions } from "./control.ts";
export { currentCache } from "./context.ts";
export { CREDENTIAL_PARAMETERS } from "./credential-parameters.ts";
export { durationMs, type Duration } from "./duration.ts";
export type { EmbedOptions, Embedder } from "./embedder.ts";
export { encode } from "./encoding.ts";
export {
  copyHead,
  headOf,
  isReserved,
  RESERVED_OPERATIONS,
  type Entry,
  type EntryHead,
  type EntryMetadata,
} from "./entry.ts";
export { estimateEntry } from "./entry-size.ts";
export { isLLMCacheError, LLMCacheError, type ErrorCode, type LLMCacheErrorOptions } from "./errors.ts";
export type {
  AnswerFate,
  BypassEvent,
  BypassReason,
  CacheEvent,
  CacheListener,
  FailureEvent,
  HitEvent,
  InvalidateEvent,
  Ledger,
  MissEvent,
  MissReason,
  RejectedEvent,
  StoredEvent,
} from "./events.ts";
export { diffRequests, explainKey, type RequestDifference } from "./explain.ts";
export { decodeEntry, decodeHead, encodeEntry, FRAME_FORMAT, type DecodeOptions } from "./frame.ts";
export type { Forgotten, ForgetOptions } from "./forget.ts";
export { ageMs, staleness, type Staleness } from "./freshness.ts";
export type { Json, JsonObject } from "./json.ts";
export {
  KEY_FORMAT,
  requestKey,
  type CacheKey,
  type CacheRequest,
  type IdentityRecord,
  type KeyOptions,
  type Levels,
  type RequestShape,
} from "./key.ts";
export type { Logger, LogStatsOptions } from "./log.ts";
export { MapStore, mayReplace, ownEntry, type MapStoreOptions } from "./map-store.ts";
export { registerOperation } from "./operations.ts";
export { orAborted } from "./or-aborted.ts";
export { OptionChecks } from "./option-checks.ts";
export type { LLMCacheOptions } from "./settings.ts";
export type { CacheStatistics, LedgerTotals } from "./statistics.ts";
export { storeAnywaySet, verdictOn } from "./store-anyway.ts";
export { storeFrom, type StoreFunctions } from "./store-from.ts";
export {
  StoreListeners,
  type EntriesOptions,
  type ListedEntry,
  type Store,
  type StoreAddOptions,
  type StoreCallOptions,
  type StoreEvent,
  type StoreHit,
} from "./store.ts";
export type { TierOptions } from "./tier-options.ts";
export { TieredStore, type TieredStoreOptions } from "./tiered-store.ts";
export { checkToolOptions, tenantOf, type Tenant, type ToolAnnotations, type ToolOptions } from "./tool-options.ts";
export type { WarmItem, WarmOptions, WarmResult } from "./warm.ts";
export { withoutSlack } from "./without-slack.ts";
export type { Cacheable, MethodDecorator, ResultOf, Wrapped, WrapOptions } from "./wrap.ts";
export { zstdCodec, type ZstdOptions } from "./zstd-codec.ts";
