export { redisBus, type RedisBus, type RedisBusOptions } from "./bus.ts";
export type { RedisArgument, RedisClient, RedisPipeline } from "./client.ts";
export { redisStore, type RedisAddress, type RedisConnectionOptions } from "./factory.ts";
export { RedisStore, type RedisStoreOptions, type RedisStoreSettings } from "./redis-store.ts";
