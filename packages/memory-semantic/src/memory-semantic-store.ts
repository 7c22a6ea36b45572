import {
  headOf,
  isReserved,
  LLMCacheError,
  mayReplace,
  ownEntry,
  StoreListeners,
  withoutSlack,
  type CacheKey,
  type EntriesOptions,
  type Entry,
  type EntryHead,
  type ListedEntry,
  type Store,
  type StoreAddOptions,
  type StoreCallOptions,
  type StoreEvent,
  type StoreHit,
} from "@llmcache/core";
import { embedderError, EmbedderState, PendingWrites, VectorSource, WrongVector } from "@llmcache/similarity/stores";
import { semanticSettings, type MemorySemanticStoreOptions, type SemanticSettings } from "./options.ts";
import type { StoredRecord } from "./record.ts";
import { Records, type Usage } from "./records.ts";
import { readSnapshot, writeSnapshot, type SnapshotEntry } from "./snapshot.ts";

export type { Usage } from "./records.ts";

/** What became of a snapshot; see {@link MemorySemanticStore.load}. */
export interface Loaded {
  /** How many entries came into the store. */
  readonly entries: number;
  /** Why none did, if the file could not be used. */
  readonly reason?: string | undefined;
}

/**
 * Keeps entries in the process and finds them by id or, within their scope, by what their text means. Texts are kept in clear. Bounded by
 * number and by bytes over all scopes, the least recently used going first. Starts no timer and keeps no process alive: entries past their `deleteAt` go when their
 * scope is searched, when they are met, or when they are the longest unused.
 *
 * A lookup by id asks no embedder. If the embedder fails, a lookup by similarity rejects with `ERR_LLMCACHE_EMBEDDER`, and an entry that is written is found by its
 * id alone until it is written again; that is told by `degraded` and `recovered`. A vector that cannot be compared (NaN, zeros, another length) is an error before anything is
 * written. Nothing is shared: what is given is copied, what is handed out is frozen or a copy. The embedder is closed by whoever made it.
 */
export class MemorySemanticStore implements Store {
  readonly contract = 1;
  readonly name = "memory-semantic";
  readonly match = "similar";
  readonly expiry = "swept";
  readonly #settings: SemanticSettings;
  readonly #vectors: VectorSource;
  readonly #embedder: EmbedderState;
  readonly #listeners: StoreListeners = new StoreListeners("memory-semantic");
  readonly #records: Records;
  readonly #pending: PendingWrites = new PendingWrites();
  #closed = false;

  /** @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming the option that is not what it may be. */
  constructor(options: MemorySemanticStoreOptions) {
    this.#settings = semanticSettings(options);
    this.#vectors = new VectorSource(this.#settings.embedder);
    this.#embedder = new EmbedderState(this.#vectors.id, this.#listeners);
    this.#records = new Records(this.#settings, this.#listeners);
  }

  /** The entry under the key's id; if there is none that `accept` takes, one with a similar text from the key's scope. */
  async get(key: CacheKey, options?: StoreCallOptions): Promise<StoreHit | undefined> {
    this.#begin(options);
    const own = this.#read(key.id);
    if (own !== undefined && (options?.accept === undefined || (await options.accept(own, key)))) return own;
    const { scope, text } = key;
    // Without anything behind the same wall nothing needs to be compared.
    if (scope === undefined || text === undefined || this.#records.partition(scope) === undefined) return undefined;
    return this.#nearest({ id: key.id, scope, text }, key, options);
  }

  async set(entry: Entry, options?: StoreCallOptions): Promise<void> {
    await this.setMany([entry], options);
  }

  async add(entry: Entry, options?: StoreAddOptions): Promise<boolean> {
    this.#begin(options);
    if (!this.#mayAdd(entry, options?.over)) return false;
    const own = this.#own(entry);
    return this.#vectored([own], options, (vectors, since) => {
      if (!this.#mayAdd(own, options?.over)) return false;
      // Deleted in the meantime: it was added before that.
      return this.#pending.isOvertaken(own.id, since) || this.#write(own, vectors.get(own.id));
    });
  }

  async delete(key: Pick<CacheKey, "id">, options?: StoreCallOptions): Promise<void> {
    this.#begin(options);
    this.#pending.changed(key.id);
    this.#records.drop(key.id);
  }

  async clear(options?: StoreCallOptions): Promise<void> {
    this.#begin(options);
    this.#pending.cleared();
    this.#records.clear();
  }

  async getMany(keys: readonly CacheKey[], options?: StoreCallOptions): Promise<readonly (StoreHit | undefined)[]> {
    return Promise.all(keys.map((key) => this.get(key, options)));
  }

  async setMany(entries: readonly Entry[], options?: StoreCallOptions): Promise<void> {
    this.#begin(options);
    const own = entries.map((entry) => this.#own(entry));
    await this.#vectored(own, options, (vectors, since) => {
      // Among themselves the last one of an id counts.
      const current = own.filter(({ id }) => !this.#pending.isOvertaken(id, since));
      for (const entry of current) this.#write(entry, vectors.get(entry.id));
    });
  }

  /** See `Store.rejectPair`. What is evicted and comes back is remembered for the last thousand. */
  async rejectPair(
    asked: Pick<CacheKey, "id">,
    stored: Pick<EntryHead, "id">,
    options?: StoreCallOptions,
  ): Promise<void> {
    this.#begin(options);
    this.#records.reject(stored.id, asked.id);
  }

  /** In the order of the ids, which are the cursors. Listing does not count as a use. */
  async *entries(options: EntriesOptions = {}): AsyncGenerator<ListedEntry> {
    const { after = "", limit = Number.POSITIVE_INFINITY, bodies = false } = options;
    this.#begin(options);
    const ids = this.#records.ids().filter((id) => id > after);
    let given = 0;
    for (const id of ids.sort()) {
      if (given >= limit) return;
      this.#begin(options);
      const record = this.#records.peekAnswer(id);
      if (record === undefined) continue;
      const { entry, bytes } = record;
      given++;
      yield { head: headOf(entry), size: bytes, cursor: id, ...(bodies ? { body: entry.body } : {}) };
    }
  }

  /**
   * Writes all entries with their vectors to a file, atomically: whoever reads it has the one from before, or all of this. The cache's own
   * entries are left out: a generation of a tag from then would bring back what was invalidated since.
   *
   * Rejects with what the file system says; then the file is as it was.
   */
  async save(path: string): Promise<void> {
    this.#begin(undefined);
    const records = this.#records.inOrder();
    const header = { embedder: this.#vectors.id, dimensions: this.#vectors.dimensions };
    await writeSnapshot(path, header, this.#snapshotOf(records), this.#records.rejectedOfAbsent());
  }

  /**
   * Takes up the entries of a file that {@link MemorySemanticStore.save} wrote, where this store has none under their ids, within its bounds: the last used stay. A file that is not there, is
   * damaged, of another version or of another embedder brings nothing; `reason` says why, and, unless it is just not there, the event `unreadable`.
   *
   * Rejects with what the file system says of a file that cannot be read.
   */
  async load(path: string): Promise<Loaded> {
    this.#begin(undefined);
    const since = this.#pending.begin();
    try {
      return await this.#load(path, since);
    } finally {
      this.#pending.end();
    }
  }

  /** What it holds now. */
  usage(): Usage {
    return this.#records.usage();
  }

  /** Tells `too-large`; `degraded` and `recovered` of the embedder, and `degraded` of an index; `unreadable` of a snapshot. */
  on(listener: (event: StoreEvent) => void): () => void {
    return this.#listeners.on(listener);
  }

  /** Drops everything; calls afterwards reject with `ERR_LLMCACHE_CLOSED`. The embedder stays open. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#records.clear();
    this.#vectors.clear();
  }

  #begin(options: { readonly signal?: AbortSignal | undefined } | undefined): void {
    if (this.#closed) {
      throw new LLMCacheError(
        "ERR_LLMCACHE_CLOSED",
        "The memory-semantic store was closed: use it before it is disposed.",
      );
    }
    options?.signal?.throwIfAborted();
  }

  // --- Reading -------------------------------------------------------------------------------------------------------

  #read(id: string): StoreHit | undefined {
    const record = this.#records.peek(id);
    if (record === undefined) return undefined;
    const { entry } = record;
    if (entry.deleteAt !== undefined && entry.deleteAt <= this.#settings.clock()) {
      this.#records.drop(id);
      return undefined;
    }
    this.#records.touch(record);
    return { entry };
  }

  async #nearest(
    asked: Required<Pick<CacheKey, "id">> & { readonly scope: string; readonly text: string },
    key: CacheKey,
    options: StoreCallOptions | undefined,
  ): Promise<StoreHit | undefined> {
    const { policy, maxCandidates } = this.#settings;
    const { id, scope, text } = asked;
    const vector = await this.#vectorOf(text, options);
    await this.#records.indexReady();
    this.#begin(options);
    const partition = this.#records.partition(scope);
    if (partition === undefined) return undefined;
    for (const record of partition.expired(this.#settings.clock())) this.#records.drop(record.entry.id);
    const neighbours = partition.search(vector, {
      count: maxCandidates,
      least: policy.threshold ?? 0,
      skip: ({ entry, rejected }) => entry.id === id || rejected?.has(id) === true,
    });
    for (const { item: record, similarity } of neighbours) {
      const { entry } = record;
      const stored = entry.text as string;
      if (!policy.decide({ asked: text, stored, similarity, embedder: this.#vectors.id }).serve) continue;
      const hit = { entry, similarity };
      if (options?.accept !== undefined && !(await options.accept(hit, key))) continue;
      this.#records.touch(record);
      return hit;
    }
    return undefined;
  }

  async #vectorOf(text: string, options: StoreCallOptions | undefined): Promise<Float32Array> {
    try {
      const vectors = await this.#vectors.of([text], options?.signal);
      return vectors.get(text) as Float32Array;
    } catch (error) {
      options?.signal?.throwIfAborted();
      throw embedderError(this.#vectors.id, error);
    }
  }

  // --- Writing -------------------------------------------------------------------------------------------------------

  #mayAdd(entry: Entry, over: StoreAddOptions["over"]): boolean {
    const there = this.#records.peek(entry.id)?.entry;
    return there === undefined || mayReplace(there, entry, over);
  }

  /** Nothing is shared with whoever gave it, and it stays as it is while the embedder is asked. */
  #own(entry: Entry): Entry {
    return ownEntry(entry, withoutSlack(entry.body.asOwnValue()));
  }

  /** Writes with the vectors of what has a text; those that the embedder fails to give are missing. */
  async #vectored<T>(
    entries: readonly Entry[],
    options: StoreCallOptions | undefined,
    write: (vectors: ReadonlyMap<string, Float32Array>, since: number) => T,
  ): Promise<T> {
    const since = this.#pending.begin();
    try {
      const vectors = new Map<string, Float32Array>();
      const unknown: Entry[] = [];
      for (const entry of entries) {
        if (entry.scope === undefined || entry.text === undefined || isReserved(entry)) continue;
        const vector = this.#storedVector(entry) ?? this.#vectors.known(entry.text);
        if (vector === undefined) unknown.push(entry);
        else vectors.set(entry.id, vector);
      }
      if (unknown.length > 0) await this.#embed(unknown, vectors, options?.signal);
      if (vectors.size > 0) await this.#records.indexReady();
      this.#begin(undefined);
      const written = write(vectors, since);
      // It was too late, but what is there is there.
      options?.signal?.throwIfAborted();
      return written;
    } finally {
      this.#pending.end();
    }
  }

  async #embed(
    entries: readonly Entry[],
    vectors: Map<string, Float32Array>,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    try {
      const found = await this.#vectors.of([...new Set(entries.map(({ text }) => text as string))], signal);
      for (const { id, text } of entries) vectors.set(id, found.get(text as string) as Float32Array);
      this.#embedder.worked();
    } catch (error) {
      if (error instanceof WrongVector) throw error;
      if (signal?.aborted !== true) this.#embedder.failed(error);
    }
  }

  /** That of an entry with the same text, which it takes the place of. */
  #storedVector({ id, scope, text }: Entry): Float32Array | undefined {
    const there = this.#records.peekAnswer(id);
    const isSame = there?.partition !== undefined && there.entry.scope === scope && there.entry.text === text;
    return isSame ? there.partition?.vectorOf(there).slice() : undefined;
  }

  /** Writes that wait for the same id have been overtaken now. @returns whether it was stored. */
  #write(own: Entry, vector: Float32Array | undefined): boolean {
    this.#pending.changed(own.id);
    return this.#records.put(own, vector);
  }

  // --- Snapshots -----------------------------------------------------------------------------------------------------

  async #load(path: string, since: number): Promise<Loaded> {
    const { embedder } = this.#settings;
    const expected = { embedder: embedder.id, dimensions: this.#vectors.dimensions };
    const snapshot = await readSnapshot(path, expected, this.#settings);
    this.#begin(undefined);
    if ("reason" in snapshot) {
      const { reason, isAbsent = false } = snapshot;
      if (!isAbsent)
        this.#listeners.tell({ type: "unreadable", message: `Nothing was loaded from a snapshot: ${reason}.` });
      return { entries: 0, reason };
    }
    const { dimensions } = this.#vectors;
    // Another store's writes may have said otherwise while it was read.
    if (snapshot.dimensions !== undefined && dimensions !== undefined && snapshot.dimensions !== dimensions)
      return { entries: 0, reason: `its vectors have ${snapshot.dimensions} dimensions instead of ${dimensions}` };
    if (snapshot.dimensions !== undefined) this.#vectors.expect(snapshot.dimensions);
    let entries = 0;
    const now = this.#settings.clock();
    for (const [stored, asked] of snapshot.rejected) for (const id of asked) this.#records.reject(stored, id);
    for (const { entry, vector, rejected } of snapshot.entries) {
      for (const id of rejected) this.#records.reject(entry.id, id);
      const isOver = entry.deleteAt !== undefined && entry.deleteAt <= now;
      // What was deleted while the file was read stays away; what is being written takes its place.
      const isThere = this.#records.peekAnswer(entry.id) !== undefined || this.#pending.isOvertaken(entry.id, since);
      if (isOver || isThere) continue;
      if (this.#records.put(entry, vector)) entries++;
    }
    return { entries };
  }

  *#snapshotOf(records: readonly StoredRecord[]): Generator<SnapshotEntry> {
    for (const record of records) {
      const { entry, partition, rejected } = record;
      if (this.#records.peekAnswer(entry.id) !== record) continue;
      yield { entry, vector: partition?.vectorOf(record), rejected: [...(rejected ?? [])] };
    }
  }
}
