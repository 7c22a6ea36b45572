export { LLMCacheBaseCache } from "./base-cache.ts";
export { CachedEmbeddings, type CachedEmbeddingsOptions } from "./cached-embeddings.ts";
export { cachedTool, type CachedToolOptions, type ToolAnnotations } from "./cached-tool.ts";
export type { CachedCallOptions } from "./call-options.ts";
export { withCache, type CachedModel, type WithCacheOptions } from "./with-cache.ts";
