import { LLMCacheError } from "@llmcache/core";
import { masked, parametersOf, pathOf, type OpenStore } from "@llmcache/core/open";
import { MemoryStore, type MemoryStoreOptions } from "./memory-store.ts";

const PARAMETERS = { maxEntries: "number", maxBytes: "bytes", maxEntryBytes: "bytes", storage: "text" } as const;

/**
 * Opens `memory:`; parameters are the options of `MemoryStore`: `memory:?maxBytes=64MiB&storage=bytes`. `clock` of the options is
 * used, `codec` is not: nothing leaves the process.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming the parameter that is not what it may be.
 */
export const open: OpenStore = (url, { clock }) => {
  if (!["", "//"].includes(pathOf(url))) {
    throw new LLMCacheError(
      "ERR_LLMCACHE_OPTION",
      `memory: has no path, only parameters such as memory:?maxBytes=64MiB; not ${masked(url)}.`,
    );
  }
  const { storage, ...numbers } = parametersOf(url, PARAMETERS);
  // The constructor checks it.
  return new MemoryStore({ ...numbers, storage: storage as MemoryStoreOptions["storage"], clock });
};
