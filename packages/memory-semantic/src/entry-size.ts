import { estimateEntry, type Entry } from "@llmcache/core";

/** What an entry costs beside its texts: the objects, the id twice over, its places. Measured, rounded up. */
const ENTRY_BYTES = 768;
const FLOAT_BYTES = 4;

/** Estimated bytes of memory that an entry and its vector take. */
export function entrySize(entry: Entry, dimensions: number): number {
  return ENTRY_BYTES + estimateEntry(entry) + dimensions * FLOAT_BYTES;
}
