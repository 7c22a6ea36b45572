import { LLMCacheError } from "@llmcache/core";
import { masked, parametersOf, type OpenStore } from "@llmcache/core/open";
import { redisStore } from "./factory.ts";
import { partsOf } from "./url.ts";

/** The schemes of URLs that {@link open} takes. */
export const schemes = ["redis", "rediss"] as const;

const PARAMETERS = {
  prefix: "text",
  timeout: "durationMs",
  maxEntryBytes: "bytes",
  flushSize: "number",
  flushInterval: "durationMs",
  cluster: "boolean",
  rejectUnauthorized: "boolean",
} as const;

const DEFAULT_HOST = "localhost";

/**
 * Opens `redis://user:password@host:6379/0`, or `rediss:` for TLS; user and password percent-encoded. Parameters are options of
 * `redisStore`: `redis://host?prefix=app&timeout=1s`. With `cluster=true` the host is a node of a Cluster;
 * `rejectUnauthorized=false` takes any certificate. The `REDIS_…` variables are not asked. `codec` of the options is used.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming what is not what it may be.
 */
export const open: OpenStore = (url, { codec }) => {
  const { timeout, flushInterval, cluster = false, rejectUnauthorized, ...rest } = parametersOf(url, PARAMETERS);
  const { host = DEFAULT_HOST, port, tls, db, ...login } = partsOf(url.replace(/\?[^#]*/, ""));
  if (rejectUnauthorized !== undefined && tls === undefined)
    throw wrong(url, "rejectUnauthorized says nothing without TLS (rediss:)");
  if (cluster && db !== undefined && db !== 0) throw wrong(url, "a Cluster has only database 0");
  return redisStore({
    ...rest,
    ...login,
    ...(cluster ? { nodes: [{ host, port }] } : { host, port, db }),
    tls: rejectUnauthorized === undefined ? tls : { rejectUnauthorized },
    timeoutMs: timeout,
    flushIntervalMs: flushInterval,
    codec,
  });
};

function wrong(url: string, what: string): LLMCacheError {
  return new LLMCacheError("ERR_LLMCACHE_OPTION", `${masked(url)} cannot be opened: ${what}.`);
}
