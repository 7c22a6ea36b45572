export type { LLMCacheProviderOptions } from "./call-control.ts";
export { cacheMiddleware } from "./language-middleware.ts";
export type { LanguageCacheOptions, ModelCacheOptions, Replay } from "./options.ts";
export type { StoreAnyway } from "./store-anyway.ts";
export { embeddingCacheMiddleware } from "./embedding-middleware.ts";
export { imageCacheMiddleware } from "./image-middleware.ts";
export { cachedTool, type CachedToolOptions, type Tenant, type ToolAnnotations } from "./cached-tool.ts";
