import { LLMCacheError } from "@llmcache/core";
import { masked, parametersOf, pathOf, type OpenStore } from "@llmcache/core/open";
import { DiskStore } from "./disk-store.ts";

const PARAMETERS = {
  maxBytes: "bytes",
  maxEntryBytes: "bytes",
  busyTimeout: "durationMs",
  readOnly: "boolean",
} as const;

/**
 * Opens `disk:` and a path, `disk:./cache.db`, `disk:~/.cache/llm`, `disk:/var/cache/llm.db`, percent-encoded where it has `?`,
 * `#`, `%` or a space; without one, the default of `DiskStore`. Parameters are the options of `DiskStore`:
 * `disk:./cache.db?maxBytes=2GB&busyTimeout=2s`. `codec` and `clock` of the options are used.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming the parameter that is not what it may be.
 */
export const open: OpenStore = (url, { codec, clock }) => {
  const path = pathOf(url);
  if (/^\/\/[^/]/.test(path)) {
    throw new LLMCacheError(
      "ERR_LLMCACHE_OPTION",
      `disk: has no host: write disk:./cache.db, disk:/var/cache.db or disk:///var/cache.db, not ${masked(url)}.`,
    );
  }
  const { busyTimeout, ...rest } = parametersOf(url, PARAMETERS);
  return new DiskStore({
    ...rest,
    path: path.replace(/^\/\/(?=\/)/, "") || undefined,
    busyTimeoutMs: busyTimeout,
    codec,
    clock,
  });
};
