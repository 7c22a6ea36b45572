import type {
  CacheKey,
  EntriesOptions,
  Entry,
  EntryHead,
  ListedEntry,
  Store,
  StoreAddOptions,
  StoreCallOptions,
  StoreEvent,
  StoreHit,
} from "@llmcache/core";
import type { MemorySemanticStore } from "@llmcache/memory-semantic";

/** What a store may keep beside an entry: when it really ends. No cache writes a name like that. */
const ENDS = "llmcache.dual-semantic.deleteAt";
const NEVER = -1;
/** A store that was told so many pairs of an answer gives it to its own request alone. */
const REJECTED_FOR_ALL = Array.from({ length: 100 }, (_, index) => `any ${index}`);

/**
 * The near store as a tier. Copies go after `maxTtlMs`, and whoever reads them sees the instants that they came with. A key that was looked for
 * in it before is not looked for by similarity again.
 */
export class NearTier implements Store {
  readonly contract = 1;
  readonly name: string;
  readonly match = "similar";
  readonly expiry = "swept";
  readonly #store: MemorySemanticStore;
  readonly #maxTtlMs: number;
  readonly #clock: () => number;
  readonly #sought: WeakSet<CacheKey> = new WeakSet<CacheKey>();
  /** What is handed out for what is stored: the same one each time. */
  readonly #whole: WeakMap<Entry, Entry> = new WeakMap<Entry, Entry>();

  constructor(store: MemorySemanticStore, maxTtlMs: number, clock: () => number) {
    this.#store = store;
    this.#maxTtlMs = maxTtlMs;
    this.#clock = clock;
    this.name = store.name;
  }

  /** From now on this very key is looked for by its id alone. */
  sought(key: CacheKey): void {
    this.#sought.add(key);
  }

  /** Of an entry that is here, or on its way. */
  rejected(stored: string, asked: readonly string[] | "all"): void {
    for (const id of asked === "all" ? REJECTED_FOR_ALL : asked)
      // It rejects where it is closed: then nobody gets anything of it.
      this.#store.rejectPair({ id }, { id: stored }).catch(() => undefined);
  }

  async get(key: CacheKey, options?: StoreCallOptions): Promise<StoreHit | undefined> {
    if (this.#sought.has(key)) return undefined;
    const accept = options?.accept;
    const judge: StoreCallOptions["accept"] = accept && ((hit, asked) => accept(this.#asItWas(hit), asked));
    const hit = await this.#store.get(key, { signal: options?.signal, accept: judge });
    return hit && this.#asItWas(hit);
  }

  set(entry: Entry, options?: StoreCallOptions): Promise<void> {
    return this.#store.set(this.#cut(entry), options);
  }

  add(entry: Entry, options?: StoreAddOptions): Promise<boolean> {
    return this.#store.add(this.#cut(entry), options);
  }

  delete(key: Pick<CacheKey, "id">, options?: StoreCallOptions): Promise<void> {
    return this.#store.delete(key, options);
  }

  clear(options?: StoreCallOptions): Promise<void> {
    return this.#store.clear(options);
  }

  rejectPair(asked: Pick<CacheKey, "id">, stored: Pick<EntryHead, "id">, options?: StoreCallOptions): Promise<void> {
    return this.#store.rejectPair(asked, stored, options);
  }

  setMany(entries: readonly Entry[], options?: StoreCallOptions): Promise<void> {
    return this.#store.setMany(
      entries.map((entry) => this.#cut(entry)),
      options,
    );
  }

  async *entries(options?: EntriesOptions): AsyncGenerator<ListedEntry> {
    for await (const listed of this.#store.entries(options)) yield { ...listed, head: whole(listed.head) };
  }

  on(listener: (event: StoreEvent) => void): () => void {
    return this.#store.on(listener);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#store[Symbol.asyncDispose]();
  }

  #cut(entry: Entry): Entry {
    const { deleteAt = Number.POSITIVE_INFINITY, metadata } = entry;
    const until = this.#clock() + this.#maxTtlMs;
    if (deleteAt <= until) return entry;
    return { ...entry, deleteAt: until, metadata: { ...metadata, [ENDS]: entry.deleteAt ?? NEVER } };
  }

  #asItWas(hit: StoreHit): StoreHit {
    const { entry } = hit;
    if (entry.metadata[ENDS] === undefined) return hit;
    let given = this.#whole.get(entry);
    if (given === undefined) {
      given = Object.freeze(whole(entry));
      this.#whole.set(entry, given);
    }
    return { ...hit, entry: given };
  }
}

/** With its own end again. */
function whole<H extends EntryHead>(head: H): H {
  const { [ENDS]: ends, ...metadata } = head.metadata;
  if (typeof ends !== "number") return head;
  const { deleteAt: _, ...rest } = head;
  const own = { ...rest, metadata: Object.freeze(metadata) };
  return (ends === NEVER ? own : { ...own, deleteAt: ends }) as unknown as H;
}
