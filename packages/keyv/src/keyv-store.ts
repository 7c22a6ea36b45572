import {
  decodeEntry,
  encodeEntry,
  headOf,
  isReserved,
  LLMCacheError,
  mayReplace,
  orAborted,
  StoreListeners,
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
import type { Heard } from "./error-watch.ts";
import { frameToText, textToFrame } from "./frame-text.ts";
import { canList, clearsItsNamespaceAlone, isInProcess, placeOf } from "./keyv-shape.ts";
import { keyvSettings, namespaceOf, type KeyvSettings, type KeyvStoreOptions } from "./options.ts";
import { Records, type Operation, type TextRecord } from "./records.ts";
import { Turns } from "./turns.ts";

export type { KeyvStoreOptions } from "./options.ts";

const PAGE_KEYS = 100;

/**
 * Keeps entries in whatever Keyv 6 has an adapter for. They are stored as text (see the README), under the prefix and the id;
 * `deleteAt` becomes the adapter's expiry. The Keyv's own `get` and `set` are not used, because they hide failures: the store
 * works on its adapter, and every failure rejects with LLMCacheError `ERR_LLMCACHE_STORE`.
 *
 * `add` reads and then writes: atomic among the stores of this process that share the adapter, not between processes. That is
 * told once, by `not-atomic`, unless the adapter is a Map in this process.
 *
 * Whoever made the Keyv or adapter disconnects it, unless `disconnect` says otherwise.
 */
export class KeyvStore implements Store {
  readonly contract = 1;
  readonly name = "keyv";
  readonly match = "exact";
  readonly expiry = "native";
  /** In the order of the ids, which are the cursors. Only with adapters that can list; each listing reads all of them twice. */
  readonly entries?: (options?: EntriesOptions) => AsyncGenerator<ListedEntry>;
  readonly #settings: KeyvSettings;
  readonly #records: Records;
  readonly #turns: Turns;
  readonly #listeners: StoreListeners = new StoreListeners("keyv");
  #toldNotAtomic: boolean;
  #closing: Promise<void> | undefined;

  /** @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming the option that is not what it may be. */
  constructor(options: KeyvStoreOptions) {
    this.#settings = keyvSettings(options);
    const { adapter } = this.#settings;
    this.#records = new Records(this.#settings);
    this.#turns = Turns.of(placeOf(adapter));
    this.#toldNotAtomic = isInProcess(adapter);
    if (canList(adapter)) this.entries = (listing) => this.#list(listing);
  }

  async get(key: CacheKey, options?: StoreCallOptions): Promise<StoreHit | undefined> {
    this.#begin(options);
    return this.#hit(key.id, await this.#records.ask("read", options?.signal, () => this.#records.get(key.id)));
  }

  async set(entry: Entry, options?: StoreCallOptions): Promise<void> {
    this.#begin(options);
    const record = this.#recordOf(entry);
    await this.#write("write", [entry.id], options, (heard) => this.#records.set(record, heard));
  }

  async add(entry: Entry, options?: StoreAddOptions): Promise<boolean> {
    this.#begin(options);
    const record = this.#recordOf(entry);
    if (record.text === undefined) return false;
    this.#tellNotAtomic();
    return this.#write("write", [entry.id], options, async (heard) => {
      const there = this.#hit(entry.id, await this.#records.get(entry.id));
      if (there !== undefined && !mayReplace(there.entry, entry, options?.over)) return false;
      await this.#records.set(record, heard);
      return true;
    });
  }

  async delete(key: Pick<CacheKey, "id">, options?: StoreCallOptions): Promise<void> {
    this.#begin(options);
    await this.#write("delete", [key.id], options, (heard) => this.#records.delete(key.id, heard));
  }

  /**
   * Drops the entries of this store and nothing else: by the adapter's own `clear` where the prefix is empty and the adapter
   * keeps to its namespace, else by listing.
   *
   * Rejects with `ERR_LLMCACHE_UNSUPPORTED` where the adapter can do neither.
   */
  async clear(options?: StoreCallOptions): Promise<void> {
    this.#begin(options);
    const { prefix, adapter } = this.#settings;
    const atOnce = prefix === "" && clearsItsNamespaceAlone(adapter);
    if (!atOnce && this.entries === undefined) {
      throw new LLMCacheError(
        "ERR_LLMCACHE_UNSUPPORTED",
        "The keyv store cannot clear: this adapter cannot list its keys, and clearing all of it could drop the data of others. Empty the backend by its own means.",
      );
    }
    const done = this.#turns.takeAll(async () => {
      options?.signal?.throwIfAborted();
      await (atOnce ? this.#records.clear() : this.#records.deleteAll(options?.signal));
    });
    await orAborted(done, options?.signal);
  }

  async getMany(keys: readonly CacheKey[], options?: StoreCallOptions): Promise<readonly (StoreHit | undefined)[]> {
    this.#begin(options);
    if (keys.length === 0) return [];
    const ids = keys.map(({ id }) => id);
    const texts = await this.#records.ask("read", options?.signal, () => this.#records.getMany(ids));
    return ids.map((id, index) => this.#hit(id, texts[index]));
  }

  async setMany(entries: readonly Entry[], options?: StoreCallOptions): Promise<void> {
    this.#begin(options);
    // Of several with one id the last one counts.
    const last = new Map(entries.map((entry) => [entry.id, entry]));
    const records = [...last.values()].map((entry) => this.#recordOf(entry));
    await this.#write("write", [...last.keys()], options, (heard) => this.#records.setMany(records, heard));
  }

  /** Tells `not-atomic`, `unreadable` and `too-large`. */
  on(listener: (event: StoreEvent) => void): () => void {
    return this.#listeners.on(listener);
  }

  /** Waits for writes under way; calls afterwards reject with `ERR_LLMCACHE_CLOSED`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async #close(): Promise<void> {
    await this.#turns.ended();
    if (this.#settings.disconnect) await this.#records.disconnect();
  }

  #begin(options: { readonly signal?: AbortSignal | undefined } | undefined): void {
    if (this.#closing !== undefined) {
      throw new LLMCacheError("ERR_LLMCACHE_CLOSED", "The keyv store was closed: use it before it is disposed.");
    }
    options?.signal?.throwIfAborted();
    const { keyv, adapter, namespace } = this.#settings;
    const current = namespaceOf(undefined, adapter);
    if (current === namespace && namespaceOf(keyv, adapter) === namespace) return;
    throw new LLMCacheError(
      "ERR_LLMCACHE_STORE",
      `The keyv store was made for the namespace ${JSON.stringify(namespace)}, and its adapter is in ${JSON.stringify(current)} now: give each Keyv an adapter of its own.`,
    );
  }

  /** Work in the turn of its ids: what is aborted or late in the eyes of the caller may still happen, in its turn. */
  #write<T>(
    operation: Operation,
    ids: readonly string[],
    options: StoreCallOptions | undefined,
    work: (heard: Heard) => Promise<T>,
  ): Promise<T> {
    const { namespace, prefix } = this.#settings;
    const places = ids.map((id) => `${namespace}\n${prefix}${id}`);
    const done = this.#turns.take(places, async () => {
      options?.signal?.throwIfAborted();
      return this.#records.heeding(operation, work);
    });
    return orAborted(done, options?.signal);
  }

  async *#list(options: EntriesOptions = {}): AsyncGenerator<ListedEntry> {
    const { after = "", limit = Number.POSITIVE_INFINITY, bodies = false, signal } = options;
    this.#begin(options);
    if (limit <= 0) return;
    const ids = (await this.#records.ids(signal)).filter((id) => id > after).sort();
    let given = 0;
    for (let at = 0; at < ids.length; at += PAGE_KEYS) {
      this.#begin(options);
      const page = ids.slice(at, at + PAGE_KEYS);
      const texts = await this.#records.ask("list", signal, () => this.#records.getMany(page));
      for (const [index, id] of page.entries()) {
        const text = texts[index];
        const entry = this.#hit(id, text)?.entry;
        if (entry === undefined || isReserved(entry)) continue;
        const size = Buffer.byteLength(text as string, "utf8");
        yield { head: headOf(entry), size, cursor: id, ...(bodies ? { body: entry.body } : {}) };
        given++;
        if (given >= limit) return;
        this.#begin(options);
      }
    }
  }

  /** Without a text where that would be too large. */
  #recordOf(entry: Entry): TextRecord {
    const { id, deleteAt } = entry;
    const { codec, maxEntryBytes } = this.#settings;
    const text = frameToText(encodeEntry(entry, codec));
    const size = Buffer.byteLength(text, "utf8");
    if (size <= maxEntryBytes) return { id, text, deleteAt };
    const message = `An entry of ${size} bytes was not stored: ${maxEntryBytes} is the most for one (maxEntryBytes).`;
    this.#listeners.tell({ type: "too-large", message, id });
    return { id, text: undefined, deleteAt };
  }

  #hit(id: string, text: unknown): StoreHit | undefined {
    if (text === undefined || text === null) return undefined;
    const frame = typeof text === "string" ? textToFrame(text) : undefined;
    const entry = frame && decodeEntry(frame, { id, codec: this.#settings.codec });
    if (entry !== undefined) return { entry };
    const message = "What is stored under this id cannot be read: damaged, of another format, or of another codec.";
    this.#listeners.tell({ type: "unreadable", message, id });
    return undefined;
  }

  #tellNotAtomic(): void {
    if (this.#toldNotAtomic) return;
    this.#toldNotAtomic = true;
    const message =
      "Keyv has no conditional write: two processes that add the same entry at the same moment may both be told that they did, and the later one's stays.";
    this.#listeners.tell({ type: "not-atomic", message });
  }
}
