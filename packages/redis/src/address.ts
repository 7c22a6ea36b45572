import { LLMCacheError } from "@llmcache/core";
import { masked, schemeOf } from "@llmcache/core/open";
import type { RedisAddressOptions } from "./factory.ts";
import { partsOf, type UrlParts } from "./url.ts";

/** What a URL says of its server behind the question mark. */
export const ADDRESS_PARAMETERS: { readonly cluster: "boolean"; readonly rejectUnauthorized: "boolean" } = {
  cluster: "boolean",
  rejectUnauthorized: "boolean",
};

/** Their values. */
export interface AddressValues {
  readonly cluster: boolean | undefined;
  readonly rejectUnauthorized: boolean | undefined;
}

const DEFAULT_HOST = "localhost";

/**
 * Where the server is that a URL names, whatever its scheme: `redis:`, or that of another store in Redis. The `REDIS_…` variables are not asked.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming what is not what it may be.
 */
export function addressOf(
  url: string,
  isTls: boolean,
  { cluster = false, rejectUnauthorized }: AddressValues,
): RedisAddressOptions {
  const { host = DEFAULT_HOST, port, db, tls, ...login } = partsBehindScheme(url, isTls ? "rediss" : "redis");
  if (rejectUnauthorized !== undefined && !isTls) throw wrong(url, "rejectUnauthorized says nothing without TLS");
  if (cluster && db !== undefined && db !== 0) throw wrong(url, "a Cluster has only database 0");
  return {
    ...login,
    ...(cluster ? { nodes: [{ host, port }] } : { host, port, db }),
    tls: rejectUnauthorized === undefined ? tls : { rejectUnauthorized },
  };
}

function partsBehindScheme(url: string, scheme: "redis" | "rediss"): UrlParts {
  try {
    return partsOf(`${scheme}${url.slice(url.indexOf(":")).replace(/\?[^#]*/, "")}`);
  } catch (error) {
    if (schemeOf(url) === scheme) throw error;
    throw wrong(url, "what follows its scheme must be as in redis://user:password@host:6379/0, percent-encoded");
  }
}

function wrong(url: string, what: string): LLMCacheError {
  return new LLMCacheError("ERR_LLMCACHE_OPTION", `${masked(url)} cannot be opened: ${what}.`);
}
