import { LLMCacheError, type Store } from "@llmcache/core";
import { masked, pathOf, type OpenOptions } from "@llmcache/core/open";
import { openSimilar, similarParameters } from "@llmcache/similarity/stores";
import { MemorySemanticStore } from "./memory-semantic-store.ts";
import type { MemorySemanticStoreOptions } from "./options.ts";

const PARAMETERS = { maxEntries: "number", maxBytes: "bytes", index: "text", indexAbove: "number" } as const;

/**
 * Opens `memory-semantic:?embedder=use-lite`; further parameters are the options of `MemorySemanticStore`: `threshold`, `guard`, `maxEntries` … `embedder`
 * is a name that `embedder` of `@llmcache/embeddings` takes, with `dimensions` if the model is asked for others than its own. `threshold` may be left out
 * for embedders that one was measured for (`defaultThreshold`). `clock`, `from` and `embedder` of the options are used, `codec` is not: nothing leaves the process. Disposing the
 * store disposes the embedder, too.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming the parameter that is not what it may be, or the package that is not installed.
 */
export async function open(url: string, options: OpenOptions): Promise<Store> {
  if (!["", "//"].includes(pathOf(url))) {
    throw new LLMCacheError(
      "ERR_LLMCACHE_OPTION",
      `memory-semantic: has no path, only parameters such as memory-semantic:?embedder=use-lite; not ${masked(url)}.`,
    );
  }
  const { embedder, dimensions, threshold, guard, index, ...bounds } = similarParameters(url, PARAMETERS);
  return openSimilar(
    url,
    { embedder, dimensions, threshold, guard },
    options,
    // The constructor checks the index.
    (similar) =>
      new MemorySemanticStore({
        ...bounds,
        ...similar,
        index: index as MemorySemanticStoreOptions["index"],
        clock: options.clock,
      }),
  );
}
