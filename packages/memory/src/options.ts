import { OptionChecks } from "@llmcache/core";

/** Options of `MemoryStore`. */
export interface MemoryStoreOptions {
  /** Entries kept at most; the least recently used go first. `Infinity`: only bytes count. @default 1000; `Infinity` where `maxBytes` is given */
  readonly maxEntries?: number | undefined;
  /** Bytes kept at most, as estimated (see the README); the least recently used go first. @default 67108864 (64 MiB) */
  readonly maxBytes?: number | undefined;
  /** An entry of more bytes is not stored, and what was stored under its id is dropped. @default 1048576 (1 MiB) */
  readonly maxEntryBytes?: number | undefined;
  /**
   * `values` keeps JSON as values and copies them for every reader: fastest. `bytes` keeps JSON text as bytes, outside of the
   * JavaScript heap, and parses it for every reader: half the memory for text beyond Latin-1. @default "values"
   */
  readonly storage?: "values" | "bytes" | undefined;
  /** The time in ms since the epoch, for dropping entries past their `deleteAt`; give it the cache's. @default Date.now */
  readonly clock?: (() => number) | undefined;
}

/** {@link MemoryStoreOptions} after they were checked. */
export interface MemorySettings {
  readonly maxEntries: number;
  readonly maxBytes: number;
  readonly maxEntryBytes: number;
  readonly storage: "values" | "bytes";
  readonly clock: () => number;
}

const check: OptionChecks = new OptionChecks("MemoryStore");

const DEFAULT_MAX_ENTRIES = 1000;
const DEFAULT_MAX_BYTES = 64 * 1024 * 1024;
const DEFAULT_MAX_ENTRY_BYTES = 1024 * 1024;

/** @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming the field. */
export function memorySettings(options: MemoryStoreOptions): MemorySettings {
  const {
    maxBytes = DEFAULT_MAX_BYTES,
    // Who says how many bytes wants so many bytes.
    maxEntries = options.maxBytes === undefined ? DEFAULT_MAX_ENTRIES : Number.POSITIVE_INFINITY,
    maxEntryBytes = DEFAULT_MAX_ENTRY_BYTES,
    storage = "values",
    clock = Date.now,
  } = options;
  if (maxEntries !== Number.POSITIVE_INFINITY) check.whole("maxEntries", maxEntries);
  check.whole("maxBytes", maxBytes);
  check.whole("maxEntryBytes", maxEntryBytes);
  if (storage !== "values" && storage !== "bytes") throw check.wrong("storage", `"values" or "bytes"`, storage);
  check.clock(clock);
  return { maxEntries, maxBytes, maxEntryBytes: Math.min(maxEntryBytes, maxBytes), storage, clock };
}
