import {
  headOf,
  isReserved,
  LLMCacheError,
  mayReplace,
  ownEntry,
  StoreListeners,
  withoutSlack,
  type Body,
  type CacheKey,
  type EntriesOptions,
  type Entry,
  type ListedEntry,
  type Store,
  type StoreAddOptions,
  type StoreCallOptions,
  type StoreEvent,
  type StoreHit,
} from "@llmcache/core";
import { entrySize } from "./entry-size.ts";
import { memorySettings, type MemorySettings, type MemoryStoreOptions } from "./options.ts";
import { Shelf } from "./shelf.ts";

export type { MemoryStoreOptions } from "./options.ts";

/** Beside `maxBytes`, the cache's own entries (generations of tags, leases) have a shelf of their own, bounded by this. */
const RESERVED_BYTES = 4 * 1024 * 1024;

/**
 * Keeps entries in the process, bounded by number and by bytes, the least recently used going first. Starts no timer and
 * keeps no process alive: entries past their `deleteAt` go when they are met or when they are the longest unused.
 *
 * Nothing is shared: what is given is copied, what is handed out is frozen or a copy.
 */
export class MemoryStore implements Store {
  readonly contract = 1;
  readonly name = "memory";
  readonly match = "exact";
  readonly expiry = "swept";
  readonly #settings: MemorySettings;
  readonly #listeners: StoreListeners = new StoreListeners("memory");
  readonly #answers: Shelf;
  readonly #reserved: Shelf;
  #closed = false;

  /** @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming the option that is not what it may be. */
  constructor(options: MemoryStoreOptions = {}) {
    this.#settings = memorySettings(options);
    const { maxEntries, maxBytes } = this.#settings;
    this.#answers = new Shelf(maxEntries, maxBytes);
    this.#reserved = new Shelf(Number.POSITIVE_INFINITY, Math.min(RESERVED_BYTES, maxBytes));
  }

  async get(key: CacheKey, options?: StoreCallOptions): Promise<StoreHit | undefined> {
    this.#begin(options);
    return this.#read(key.id);
  }

  /** Rejects with a SyntaxError where a body's stored bytes are no JSON and `storage` is `values`. */
  async set(entry: Entry, options?: StoreCallOptions): Promise<void> {
    this.#begin(options);
    this.#write(entry);
  }

  async add(entry: Entry, options?: StoreAddOptions): Promise<boolean> {
    this.#begin(options);
    const there = this.#answers.peek(entry.id) ?? this.#reserved.peek(entry.id);
    return there !== undefined && !mayReplace(there, entry, options?.over) ? false : this.#write(entry);
  }

  async delete(key: Pick<CacheKey, "id">, options?: StoreCallOptions): Promise<void> {
    this.#begin(options);
    this.#drop(key.id);
  }

  async clear(options?: StoreCallOptions): Promise<void> {
    this.#begin(options);
    this.#answers.clear();
    this.#reserved.clear();
  }

  async getMany(keys: readonly CacheKey[], options?: StoreCallOptions): Promise<readonly (StoreHit | undefined)[]> {
    this.#begin(options);
    return keys.map((key) => this.#read(key.id));
  }

  async setMany(entries: readonly Entry[], options?: StoreCallOptions): Promise<void> {
    this.#begin(options);
    for (const entry of entries) this.#write(entry);
  }

  /** In the order of the ids, which are the cursors. Listing does not count as a use. */
  async *entries(options: EntriesOptions = {}): AsyncGenerator<ListedEntry> {
    const { after = "", limit = Number.POSITIVE_INFINITY, bodies = false } = options;
    this.#begin(options);
    const ids = this.#answers.ids().filter((id) => id > after);
    let given = 0;
    for (const id of ids.sort()) {
      if (given >= limit) return;
      this.#begin(options);
      const entry = this.#answers.peek(id);
      if (entry === undefined) continue;
      given++;
      yield { head: headOf(entry), size: entrySize(entry), cursor: id, ...(bodies ? { body: entry.body } : {}) };
    }
  }

  /** Tells `too-large`. */
  on(listener: (event: StoreEvent) => void): () => void {
    return this.#listeners.on(listener);
  }

  /** Drops everything; calls afterwards reject with `ERR_LLMCACHE_CLOSED`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#answers.clear();
    this.#reserved.clear();
  }

  #begin(options: { readonly signal?: AbortSignal | undefined } | undefined): void {
    if (this.#closed)
      throw new LLMCacheError("ERR_LLMCACHE_CLOSED", "The memory store was closed: use it before it is disposed.");
    options?.signal?.throwIfAborted();
  }

  #read(id: string): StoreHit | undefined {
    const entry = this.#answers.get(id) ?? this.#reserved.get(id);
    if (entry === undefined) return undefined;
    if (entry.deleteAt !== undefined && entry.deleteAt <= this.#settings.clock()) {
      this.#drop(id);
      return undefined;
    }
    return { entry };
  }

  /** @returns whether it was stored. */
  #write(entry: Entry): boolean {
    const own = ownEntry(entry, this.#stored(entry.body));
    const size = entrySize(own);
    this.#drop(entry.id);
    const shelf = isReserved(own) ? this.#reserved : this.#answers;
    const most = Math.min(this.#settings.maxEntryBytes, shelf.maxBytes);
    if (size > most) {
      const message = `An entry of about ${size} bytes was not stored: ${most} is the most for one (maxEntryBytes).`;
      this.#listeners.tell({ type: "too-large", message, id: entry.id });
      return false;
    }
    shelf.put(own, size);
    return true;
  }

  #stored(body: Body): Body {
    return withoutSlack(this.#settings.storage === "bytes" ? body.asBytes() : body.asOwnValue());
  }

  #drop(id: string): void {
    this.#answers.delete(id);
    this.#reserved.delete(id);
  }
}
