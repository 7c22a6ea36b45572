import type { RunNote } from "@llmcache/core";

/** The note with what it cost, where there is a price. An answer is not lost because nobody knows what it cost. */
export function withCost(note: RunNote, price: (() => number) | undefined): RunNote {
  if (price === undefined) return note;
  try {
    return { ...note, cost: price() };
  } catch {
    return note;
  }
}
