import { estimateEntry, type Entry } from "@llmcache/core";

/** What an entry costs beside its texts: the objects, the id twice over, its place in the list. Measured, rounded up. */
const ENTRY_BYTES = 512;

/** Estimated bytes of memory that an entry takes. */
export function entrySize(entry: Entry): number {
  return ENTRY_BYTES + estimateEntry(entry);
}
