export { redisSemanticStore, type RedisSemanticConnectionOptions } from "./factory.ts";
export type { CandidatePolicy, LearningEmbedder, RedisSemanticSettings, RedisSemanticStoreOptions } from "./options.ts";
export { RedisSemanticStore } from "./redis-semantic-store.ts";
