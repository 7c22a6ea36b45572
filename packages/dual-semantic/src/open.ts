import type { Store } from "@llmcache/core";
import type { OpenOptions } from "@llmcache/core/open";
import { openInRedis, redisSemanticParameters } from "@llmcache/redis-semantic/internal";
import { dualSemanticStore } from "./factory.ts";
import type { NearOptions } from "./options.ts";

const PARAMETERS = {
  tls: "boolean",
  nearMaxEntries: "number",
  nearMaxBytes: "bytes",
  nearMaxTtl: "durationMs",
  nearIndex: "text",
  nearIndexAbove: "number",
  exactFirst: "boolean",
  bus: "boolean",
} as const;
const MS_PER_SECOND = 1000;

/**
 * Opens `dual-semantic://user:password@host:6379/0?embedder=use-lite`, with `tls=true` for TLS. Parameters are those of `redis-semantic:` URLs, `exactFirst`, `bus`, and the
 * options of `near` as `nearMaxEntries`, `nearMaxBytes`, `nearMaxTtl`, `nearIndex` and `nearIndexAbove`. `clock`, `codec`, `from` and `embedder` of the options
 * are used. Disposing the store disposes the embedder, too.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming the parameter that is not what it may be, or the package that is not installed.
 */
export async function open(url: string, options: OpenOptions): Promise<Store> {
  const { tls, nearMaxEntries, nearMaxBytes, nearMaxTtl, nearIndex, nearIndexAbove, exactFirst, bus, ...rest } =
    redisSemanticParameters(url, PARAMETERS);
  const near = {
    maxEntries: nearMaxEntries,
    maxBytes: nearMaxBytes,
    // The constructor checks it.
    index: nearIndex as NearOptions["index"],
    indexAbove: nearIndexAbove,
    ...(nearMaxTtl === undefined ? {} : { maxTtl: nearMaxTtl / MS_PER_SECOND }),
  };
  return openInRedis(url, tls === true, rest, options, (settings) =>
    dualSemanticStore({ ...settings, near, exactFirst, bus, clock: options.clock }),
  );
}
