import type { Body } from "./body.ts";
import { LLMCacheError } from "./errors.ts";
import { headOf, isReserved, type Entry } from "./entry.ts";
import type { Json } from "./json.ts";
import type { CacheKey } from "./key.ts";
import type { EntriesOptions, ListedEntry, Store, StoreAddOptions, StoreHit } from "./store.ts";

/** Options of {@link MapStore}. */
export interface MapStoreOptions {
  /** Entries kept at most; the least recently used go first. @default 1000 */
  readonly maxEntries?: number;
}

const DEFAULT_MAX_ENTRIES = 1000;

/**
 * The smallest store: a bounded Map in the process, the default of `new LLMCache()`. It keeps values, not bytes. For bounds
 * in bytes and for many entries take `@llmcache/memory`.
 */
export class MapStore implements Store {
  readonly contract = 1;
  readonly name = "map";
  readonly match = "exact";
  readonly expiry = "swept";
  readonly #maxEntries: number;
  /** In order of use, the longest unused first. */
  readonly #entries: Map<string, Entry> = new Map<string, Entry>();

  /** @throws LLMCacheError `ERR_LLMCACHE_OPTION` if `maxEntries` is no whole number from 1. */
  constructor(options: MapStoreOptions = {}) {
    const { maxEntries = DEFAULT_MAX_ENTRIES } = options;
    if (!Number.isSafeInteger(maxEntries) || maxEntries < 1) {
      throw new LLMCacheError(
        "ERR_LLMCACHE_OPTION",
        `maxEntries must be a whole number from 1, not ${String(maxEntries)}.`,
      );
    }
    this.#maxEntries = maxEntries;
  }

  async get(key: CacheKey): Promise<StoreHit | undefined> {
    const entry = this.#entries.get(key.id);
    if (entry === undefined) return undefined;
    this.#entries.delete(key.id);
    this.#entries.set(key.id, entry);
    return { entry };
  }

  async set(entry: Entry): Promise<void> {
    this.#put(entry);
  }

  async add(entry: Entry, options: StoreAddOptions = {}): Promise<boolean> {
    const there = this.#entries.get(entry.id);
    if (there !== undefined && !mayReplace(there, entry, options.over)) return false;
    this.#put(entry);
    return true;
  }

  async delete(key: Pick<CacheKey, "id">): Promise<void> {
    this.#entries.delete(key.id);
  }

  async clear(): Promise<void> {
    this.#entries.clear();
  }

  async getMany(keys: readonly CacheKey[]): Promise<readonly (StoreHit | undefined)[]> {
    return Promise.all(keys.map((key) => this.get(key)));
  }

  async *entries(options: EntriesOptions = {}): AsyncGenerator<ListedEntry> {
    const { after, limit = Number.POSITIVE_INFINITY, bodies = false } = options;
    const ids = [...this.#entries.keys()].sort();
    let given = 0;
    for (const id of ids) {
      if (given >= limit) return;
      const entry = this.#entries.get(id);
      if ((after !== undefined && id <= after) || entry === undefined || isReserved(entry)) continue;
      given++;
      yield { head: headOf(entry), size: entry.body.size, cursor: id, ...(bodies ? { body: entry.body } : {}) };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#entries.clear();
  }

  #put(entry: Entry): void {
    this.#entries.delete(entry.id);
    this.#entries.set(entry.id, ownEntry(entry, entry.body.asOwnValue()));
    if (this.#entries.size > this.#maxEntries) this.#evict(entry.createdAt);
  }

  /** One goes: the longest unused, but the cache's own only when nothing else is left, or they are over. */
  #evict(now: number): void {
    for (const [id, entry] of this.#entries) {
      if (isReserved(entry) && (entry.deleteAt === undefined || entry.deleteAt > now)) continue;
      this.#entries.delete(id);
      return;
    }
    const oldest = this.#entries.keys().next();
    if (oldest.done !== true) this.#entries.delete(oldest.value);
  }
}

/** The rule of {@link Store.add}: may `entry` take the place of what is there? */
export function mayReplace(there: Entry, entry: Entry, over: StoreAddOptions["over"]): boolean {
  if (there.deleteAt !== undefined && there.deleteAt <= entry.createdAt) return true;
  return over !== undefined && over.id === there.id && over.createdAt === there.createdAt;
}

/**
 * For stores in the process: an entry that shares nothing with whoever gave it and is frozen, so that it can be handed to
 * every reader as it is. Members that are `undefined` are left out.
 */
export function ownEntry(entry: Entry, body: Body): Entry {
  const { id, scope, text, createdAt, staleAt, deleteAt, metadata, tags, request } = entry;
  // Member by member: conditional spreads cost 40 bytes an entry.
  const own: { -readonly [member in keyof Entry]: Entry[member] } = {
    id,
    createdAt,
    metadata: Object.freeze({ ...metadata }),
    body,
  };
  if (scope !== undefined) own.scope = scope;
  if (text !== undefined) own.text = text;
  if (staleAt !== undefined) own.staleAt = staleAt;
  if (deleteAt !== undefined) own.deleteAt = deleteAt;
  if (tags !== undefined) own.tags = Object.freeze({ ...tags });
  // Through text, as in stores of bytes: members of the request that are `undefined` vanish.
  if (request !== undefined) own.request = deepFrozen(JSON.parse(JSON.stringify(request)) as Json);
  return Object.freeze(own);
}

function deepFrozen<T extends Json>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    for (const member of Object.values(value)) deepFrozen(member as Json);
    Object.freeze(value);
  }
  return value;
}
