import type { Store } from "@llmcache/core";
import { schemeOf, type OpenOptions } from "@llmcache/core/open";
import { openInRedis, redisSemanticParameters } from "./by-url.ts";
import { redisSemanticStore } from "./factory.ts";

/** The schemes of URLs that {@link open} takes. */
export const schemes = ["redis-semantic", "rediss-semantic"] as const;

/**
 * Opens `redis-semantic://user:password@host:6379/0?embedder=text-embedding-3-small&threshold=0.85`, or `rediss-semantic:` for TLS; what says
 * where the server is stands there as in URLs of `redis:`, `cluster` and `rejectUnauthorized` included. Further parameters are options of `redisSemanticStore`: `prefix`,
 * `timeout`, `engine`, `guard`, `maxCandidates`, `maxEntryBytes`. `embedder` is a name that `embedder` of `@llmcache/embeddings` takes, with `dimensions` if the model is
 * asked for others than its own. `threshold` may be left out for embedders that one was measured for (`defaultThreshold`). `codec`, `from` and `embedder` of the options are
 * used. Disposing the store disposes the embedder, too.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming the parameter that is not what it may be, or the package that is not installed.
 */
export async function open(url: string, options: OpenOptions): Promise<Store> {
  const parameters = redisSemanticParameters(url, {});
  return openInRedis(url, schemeOf(url) === "rediss-semantic", parameters, options, redisSemanticStore);
}
