import { overConnection, type RedisAddressOptions } from "@llmcache/redis/internal";
import { DualSemanticStore } from "./dual-semantic-store.ts";
import type { DualSemanticSettings } from "./options.ts";

/** Options of {@link dualSemanticStore}: where the server is, as in `@llmcache/redis`, and those of the store. */
export interface DualSemanticConnectionOptions extends DualSemanticSettings, RedisAddressOptions {}

/**
 * Opens a connection, in the background, and the store over it. A server that is away delays nothing and crashes nothing: the process
 * goes on with what it has. Dispose the store to close the connection.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming the option that is not what it may be.
 */
export function dualSemanticStore(options: DualSemanticConnectionOptions): DualSemanticStore {
  return overConnection(options, (client, settings) => new DualSemanticStore({ ...settings, client }));
}
