export { redisSemanticStore, type RedisSemanticConnectionOptions } from "./factory.ts";
export type { CandidatePolicy } from "@llmcache/similarity/stores";
export type { LearningEmbedder, RedisSemanticSettings, RedisSemanticStoreOptions } from "./options.ts";
export { RedisSemanticStore } from "./redis-semantic-store.ts";
