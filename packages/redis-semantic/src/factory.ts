import { overConnection, type RedisAddressOptions } from "@llmcache/redis/internal";
import type { RedisSemanticSettings } from "./options.ts";
import { RedisSemanticStore } from "./redis-semantic-store.ts";

/**
 * Options of {@link redisSemanticStore}: where the server is, as in `@llmcache/redis` (`url`, or `host` and `port`, or `nodes` of a Cluster, or
 * `sentinels`; `password` …), and those of the store. If nothing says where it is, the environment is asked: `REDIS_URL`, or `REDIS_HOST`, `REDIS_PORT`,
 * `REDIS_USERNAME` and `REDIS_PASSWORD`.
 */
export interface RedisSemanticConnectionOptions extends RedisSemanticSettings, RedisAddressOptions {}

/**
 * Opens a connection, in the background, and the store over it. A server that is away delays nothing and crashes nothing: calls
 * reject until it is there. Dispose the store to close the connection.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming the option that is not what it may be.
 */
export function redisSemanticStore(options: RedisSemanticConnectionOptions): RedisSemanticStore {
  return overConnection(options, (client, settings) => new RedisSemanticStore({ ...settings, client }));
}
