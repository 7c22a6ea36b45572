import { parametersOf, schemeOf, type OpenStore } from "@llmcache/core/open";
import { ADDRESS_PARAMETERS, addressOf } from "./address.ts";
import { redisStore } from "./factory.ts";

/** The schemes of URLs that {@link open} takes. */
export const schemes = ["redis", "rediss"] as const;

const PARAMETERS = {
  prefix: "text",
  timeout: "durationMs",
  maxEntryBytes: "bytes",
  flushSize: "number",
  flushInterval: "durationMs",
  ...ADDRESS_PARAMETERS,
} as const;

/**
 * Opens `redis://user:password@host:6379/0`, or `rediss:` for TLS; user and password percent-encoded. Parameters are options of
 * `redisStore`: `redis://host?prefix=app&timeout=1s`. With `cluster=true` the host is a node of a Cluster;
 * `rejectUnauthorized=false` takes any certificate. The `REDIS_…` variables are not asked. `codec` of the options is used.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming what is not what it may be.
 */
export const open: OpenStore = (url, { codec }) => {
  const { timeout, flushInterval, cluster, rejectUnauthorized, ...rest } = parametersOf(url, PARAMETERS);
  return redisStore({
    ...rest,
    ...addressOf(url, schemeOf(url) === "rediss", { cluster, rejectUnauthorized }),
    timeoutMs: timeout,
    flushIntervalMs: flushInterval,
    codec,
  });
};
