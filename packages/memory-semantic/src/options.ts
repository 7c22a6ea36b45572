import { OptionChecks } from "@llmcache/core";
import { similarSettings, type SimilarStoreOptions, type SimilarStoreSettings } from "@llmcache/similarity/stores";

/** Options of `MemorySemanticStore`. */
export interface MemorySemanticStoreOptions extends SimilarStoreOptions {
  /** Entries kept at most, over all scopes; the least recently used go first. `Infinity`: only bytes count. @default 10000 */
  readonly maxEntries?: number | undefined;
  /** Bytes kept at most: vectors, texts and bodies, as estimated (see the README). @default 268435456 (256 MiB) */
  readonly maxBytes?: number | undefined;
  /** An entry of more bytes is not stored, and what was stored under its id is dropped. @default 1048576 (1 MiB) */
  readonly maxEntryBytes?: number | undefined;
  /**
   * How large scopes are searched. `"auto"`: with usearch, if it is installed; `"usearch"`: it must be; `"scan"`: every vector is compared.
   *
   * @default "auto"
   */
  readonly index?: "auto" | "scan" | "usearch" | undefined;
  /** A scope of more entries is large. @default 10000 */
  readonly indexAbove?: number | undefined;
  /** The time in ms since the epoch, for dropping entries past their `deleteAt`; give it the cache's. @default Date.now */
  readonly clock?: (() => number) | undefined;
}

/** {@link MemorySemanticStoreOptions} after they were checked. */
export interface SemanticSettings extends SimilarStoreSettings {
  readonly maxEntries: number;
  readonly maxBytes: number;
  readonly maxEntryBytes: number;
  readonly index: "auto" | "scan" | "usearch";
  readonly indexAbove: number;
  readonly clock: () => number;
}

const check: OptionChecks = new OptionChecks("MemorySemanticStore");

const DEFAULT_MAX_ENTRIES = 10_000;
const DEFAULT_MAX_BYTES = 256 * 1024 * 1024;
const DEFAULT_MAX_ENTRY_BYTES = 1024 * 1024;
const DEFAULT_INDEX_ABOVE = 10_000;
const KNOWN: Readonly<Record<keyof MemorySemanticStoreOptions, true>> = {
  embedder: true,
  threshold: true,
  guard: true,
  policy: true,
  maxCandidates: true,
  maxEntries: true,
  maxBytes: true,
  maxEntryBytes: true,
  index: true,
  indexAbove: true,
  clock: true,
};

/** @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming the field. */
export function semanticSettings(options: MemorySemanticStoreOptions): SemanticSettings {
  check.known(options, KNOWN);
  const {
    maxEntries = DEFAULT_MAX_ENTRIES,
    maxBytes = DEFAULT_MAX_BYTES,
    maxEntryBytes = DEFAULT_MAX_ENTRY_BYTES,
    index = "auto",
    indexAbove = DEFAULT_INDEX_ABOVE,
    clock = Date.now,
  } = options;
  if (maxEntries !== Number.POSITIVE_INFINITY) check.whole("maxEntries", maxEntries);
  check.whole("maxBytes", maxBytes);
  check.whole("maxEntryBytes", maxEntryBytes);
  check.whole("indexAbove", indexAbove);
  if (index !== "auto" && index !== "scan" && index !== "usearch")
    throw check.wrong("index", `"auto", "scan" or "usearch"`, index);
  check.clock(clock);
  return {
    ...similarSettings(check, options),
    maxEntries,
    maxBytes,
    maxEntryBytes: Math.min(maxEntryBytes, maxBytes),
    index,
    indexAbove,
    clock,
  };
}
