import { BackFills } from "./back-fill.ts";
import { BusLink } from "./bus-link.ts";
import type { InvalidationBus } from "./bus.ts";
import { Changes } from "./changes.ts";
import { isReserved, type Entry, type EntryHead } from "./entry.ts";
import { LLMCacheError } from "./errors.ts";
import type { CacheKey } from "./key.ts";
import { Search, search } from "./tier-search.ts";
import {
  StoreListeners,
  type EntriesOptions,
  type ListedEntry,
  type Store,
  type StoreAddOptions,
  type StoreCallOptions,
  type StoreEvent,
  type StoreHit,
} from "./store.ts";
import { listTiers } from "./tier-listing.ts";
import { clearIn, deleteIn, rejectPairIn, setEverywhere, type Stack } from "./tier-writing.ts";
import { addIfAbsent } from "./tier-adding.ts";
import { check, checkedTiers, type TierOptions } from "./tier-options.ts";
import { tierError, type Tier } from "./tier.ts";

/** Options of {@link TieredStore}. */
export interface TieredStoreOptions {
  /** Milliseconds since the epoch, for `maxTtl`; give it the cache's. @default Date.now */
  readonly clock?: (() => number) | undefined;
  /** Tells copies in other processes what changed here, and is told. @default none: `maxTtl` bounds how long copies last */
  readonly bus?: InvalidationBus | undefined;
}

const KNOWN: Readonly<Record<keyof TieredStoreOptions, true>> = { clock: true, bus: true };
/** Of the cache's own entries only these are copied, and only to the origin: a lease is somebody's. */
const TAG_OPERATION = "llmcache.tag";

/**
 * Stores one behind the other, near to far: a memory before Redis, Redis before a bucket. All are asked for an exact match before any
 * is asked for a similar one; what was found is copied into the nearer ones in the background, with the instants it has. Writes go to all
 * tiers that are written to, deletes too; the farthest of these (`origin`) decides `add`.
 *
 * A tier that fails is passed over and told of once (`degraded`, `write-failed`, `recovered`). A call rejects with
 * `ERR_LLMCACHE_STORE`, naming the tiers, where nothing was found and some tier failed, where all failed to write, and where some
 * failed to delete or clear: then the entry may still be there. With tiers that are only read, `set`, `add`, `delete` and `clear`
 * reject with `ERR_LLMCACHE_UNSUPPORTED`.
 *
 * Disposing it waits for copies on their way. The tiers are disposed by whoever made them.
 */
export class TieredStore implements Store {
  readonly contract = 1;
  readonly name = "tiered";
  readonly match: "exact" | "similar";
  readonly expiry: "native" | "swept";
  readonly origin?: Store;
  readonly entries?: NonNullable<Store["entries"]>;
  readonly rejectPair?: NonNullable<Store["rejectPair"]>;
  readonly #stack: Stack;
  readonly #origin: Tier | undefined;
  readonly #listeners: StoreListeners = new StoreListeners("tiered");
  readonly #link: BusLink | undefined;
  #isClosed = false;

  /** @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming what is not what it may be. */
  constructor(tiers: readonly (Store | TierOptions)[], options: TieredStoreOptions = {}) {
    const { clock, bus } = checked(options);
    const all = checkedTiers(tiers);
    const written = all.filter(({ isWritten }) => isWritten);
    this.#stack = { tiers: all, written, changes: new Changes(), fills: new BackFills(clock), clock };
    this.#origin = written.find(({ isOrigin }) => isOrigin);
    if (this.#origin !== undefined) this.origin = this.#origin.store.origin ?? this.#origin.store;
    this.match = all.some(({ store }) => store.match === "similar") ? "similar" : "exact";
    this.expiry = all.every(({ store }) => store.expiry === "native") ? "native" : "swept";
    if (all.some(({ store }) => store.entries !== undefined)) this.entries = (given) => this.#list(given);
    if (this.match === "similar") this.rejectPair = (asked, stored, given) => this.#rejectPair(asked, stored, given);
    if (bus !== undefined) this.#link = new BusLink(bus, this.#stack, this.#listeners);
  }

  async get(key: CacheKey, options?: StoreCallOptions): Promise<StoreHit | undefined> {
    const [found] = await this.#search([key], options);
    return found?.hit;
  }

  async set(entry: Entry, options?: StoreCallOptions): Promise<void> {
    await this.setMany([entry], options);
  }

  async add(entry: Entry, options?: StoreAddOptions): Promise<boolean> {
    const isAdded = await addIfAbsent(this.#stack, this.#writing(options), entry, options);
    if (isAdded) this.#publishRefresh(entry);
    return isAdded;
  }

  /** What a tier that is only read holds stays there; this process does not serve it any more. */
  async delete(key: Pick<CacheKey, "id">, options?: StoreCallOptions): Promise<void> {
    this.#writing(options);
    const { id } = key;
    try {
      await deleteIn(this.#stack, this.#stack.tiers, { id }, options?.signal);
    } finally {
      this.#link?.publish({ type: "delete", id });
    }
  }

  /** What tiers that are only read hold is found as before. */
  async clear(options?: StoreCallOptions): Promise<void> {
    this.#writing(options);
    try {
      await clearIn(this.#stack, this.#stack.written, options?.signal);
    } finally {
      this.#link?.publish({ type: "clear" });
    }
  }

  /** Rejects if some tier failed and nothing was found; if something was, it gives that. */
  async getMany(keys: readonly CacheKey[], options?: StoreCallOptions): Promise<readonly (StoreHit | undefined)[]> {
    const found = await this.#search(keys, options);
    return found.map(({ hit }) => hit);
  }

  async setMany(entries: readonly Entry[], options?: StoreCallOptions): Promise<void> {
    this.#writing(options);
    await setEverywhere(this.#stack, entries, options?.signal);
    for (const entry of entries) this.#publishRefresh(entry);
  }

  /** Tells how tiers fare, and what they tell; `store` is the name of the tier. */
  on(listener: (event: StoreEvent) => void): () => void {
    const ends = [this.#listeners.on(listener), ...this.#stack.tiers.map((tier) => tier.on(listener))];
    return () => {
      for (const end of ends) end();
    };
  }

  /** Resolves when no copy and no message is on its way. */
  async settled(): Promise<void> {
    await Promise.all([this.#stack.fills.settled(), this.#link?.settled()]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#link?.close();
    await this.settled();
  }

  async #search(keys: readonly CacheKey[], options: StoreCallOptions | undefined): Promise<readonly Search[]> {
    this.#begin();
    const { tiers, changes } = this.#stack;
    const since = changes.now();
    const searches = keys.map((key) => new Search(key));
    await search(tiers, searches, options);
    let hasHits = false;
    for (const one of searches) {
      if (one.hit === undefined) continue;
      hasHits = true;
      if (one.from > 0 && !this.#isClosed) this.#copyNearer(one, one.hit.entry, since);
    }
    const failed = hasHits ? undefined : searches.find(({ failures }) => failures !== undefined);
    if (failed?.failures !== undefined) throw tierError("read", failed.failures);
    return searches;
  }

  /** Into the tiers before the one it came from; not where asking failed, nor over something newer. */
  #copyNearer({ from, refused, failures }: Search, entry: Entry, since: number): void {
    const { tiers, changes, fills } = this.#stack;
    if (isReserved(entry) && entry.metadata.operation !== TAG_OPERATION) return;
    for (const tier of tiers.slice(0, from)) {
      if (!tier.takes(entry) || failures?.has(tier) === true) continue;
      const over = refused?.get(tier);
      if (over !== undefined && over.createdAt > entry.createdAt && !tier.outdated.has(over)) continue;
      void fills.offer({ tier, entry, over, isCurrent: () => changes.isUnchanged(entry.id, since) });
    }
  }

  /** In every tier that has similar hits. What cannot be written there is an error, after all others know. */
  async #rejectPair(
    asked: Pick<CacheKey, "id">,
    stored: Pick<EntryHead, "id">,
    options: StoreCallOptions | undefined,
  ): Promise<void> {
    this.#begin();
    options?.signal?.throwIfAborted();
    await rejectPairIn(this.#stack, asked, stored, options?.signal);
  }

  async *#list(options: EntriesOptions | undefined): AsyncGenerator<ListedEntry> {
    this.#begin();
    yield* listTiers(this.#stack.tiers, options);
  }

  #publishRefresh(entry: Entry): void {
    if (!isReserved(entry)) this.#link?.publish({ type: "refresh", id: entry.id, createdAt: entry.createdAt });
  }

  #begin(): void {
    if (this.#isClosed)
      throw new LLMCacheError("ERR_LLMCACHE_CLOSED", "The tiered store was closed: use it before it is disposed.");
  }

  /** The tier that decides. */
  #writing(options: StoreCallOptions | undefined): Tier {
    this.#begin();
    options?.signal?.throwIfAborted();
    if (this.#origin !== undefined) return this.#origin;
    throw new LLMCacheError(
      "ERR_LLMCACHE_UNSUPPORTED",
      "All tiers are only read (write: false): nothing can be written.",
    );
  }
}

function checked(options: TieredStoreOptions): {
  readonly clock: () => number;
  readonly bus: InvalidationBus | undefined;
} {
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(KNOWN, name))
      throw check.error(`${name} is no option; known are ${Object.keys(KNOWN).join(", ")}.`);
  }
  const { clock = Date.now, bus } = options;
  check.clock(clock);
  if (bus !== undefined && (typeof bus?.publish !== "function" || typeof bus.subscribe !== "function"))
    throw check.error("bus must have publish and subscribe.");
  return { clock, bus };
}
