import type { Entry } from "@llmcache/core";
import { LRUCache } from "lru-cache";

/**
 * Entries in the order of use, bounded by bytes and by number. (The number is bounded here and not by lru-cache, which would
 * take the memory for all of them in advance.)
 */
export class Shelf {
  readonly maxBytes: number;
  readonly #maxEntries: number;
  readonly #entries: LRUCache<string, Entry>;

  constructor(maxEntries: number, maxBytes: number) {
    this.maxBytes = maxBytes;
    this.#maxEntries = maxEntries;
    this.#entries = new LRUCache<string, Entry>({ maxSize: maxBytes });
  }

  /** Counts as a use. */
  get(id: string): Entry | undefined {
    return this.#entries.get(id);
  }

  /** Does not count as a use. */
  peek(id: string): Entry | undefined {
    return this.#entries.peek(id);
  }

  put(entry: Entry, bytes: number): void {
    this.#entries.set(entry.id, entry, { size: bytes });
    if (this.#entries.size > this.#maxEntries) this.#entries.pop();
  }

  delete(id: string): void {
    this.#entries.delete(id);
  }

  clear(): void {
    this.#entries.clear();
  }

  ids(): string[] {
    return [...this.#entries.keys()];
  }
}
