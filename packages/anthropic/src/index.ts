export type { FieldRole, ModelAlias } from "@llmcache/fetch";
export { cachedAnthropic, type CachedAnthropicOptions } from "./cached-anthropic.ts";
export type {
  CachedAnthropic,
  CachedBetaMessages,
  CachedMessages,
  CachedRequestOptions,
  CachedRunnerOptions,
} from "./cached-methods.ts";
export type { AnthropicFormatOptions } from "./format-options.ts";
export { COUNTED_HEADERS } from "./identity.ts";
export { MESSAGES_FIELDS, METADATA_FIELDS } from "./messages-fields.ts";
export { anthropicMessages } from "./messages-format.ts";
export {
  cachedFetch,
  cacheMiddleware,
  type CachedAnthropicFetchOptions,
  type CacheMiddlewareOptions,
} from "./middleware.ts";
export type { StoreAnyway } from "./store-anyway.ts";
