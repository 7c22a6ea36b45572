import type { Body } from "./body.ts";
import type { Entry, EntryHead } from "./entry.ts";
import { isLLMCacheError, LLMCacheError } from "./errors.ts";
import type { CacheKey } from "./key.ts";

/**
 * Where entries live. A store may lose an entry at any time and never makes one up. It throws when it fails: what a failure
 * means is the cache's decision, as is whether an entry is fresh. Whoever created a client closes it; a store closes only
 * what it opened itself. `@llmcache/core/conformance` checks an implementation.
 */
export interface Store extends AsyncDisposable {
  readonly contract: 1;
  /** For messages and events: `"memory"`, `"disk"`. No secrets. */
  readonly name: string;
  /** `exact`: looks at `key.id` alone. `similar`: tries `id` first, then `scope` as a hard wall and `text`. */
  readonly match: "exact" | "similar";
  /** Who drops entries after their `deleteAt`: the backend by itself, or the store when it comes by. */
  readonly expiry: "native" | "swept";
  /** Of a composite: its farthest part that is written to. It decides `add` and holds the generations of tags. */
  readonly origin?: Store | undefined;

  /** The entry under `key.id`, or `undefined`. It may be expired. */
  get(key: CacheKey, options?: StoreCallOptions): Promise<StoreHit | undefined>;
  /** Stores under `entry.id`, in the place of what was there. */
  set(entry: Entry, options?: StoreCallOptions): Promise<void>;
  /**
   * Stores if nothing is there, if what is there has `deleteAt ≤ entry.createdAt`, or if what is there still is `over` (same
   * id and `createdAt`): the entry that the caller read and refused. Looks at `id` only. Atomic, or the store says so in its
   * documentation and by an event.
   *
   * @returns whether it was stored.
   */
  add(entry: Entry, options?: StoreAddOptions): Promise<boolean>;
  /** Looks at `id` only; nothing there is no error. */
  delete(key: Pick<CacheKey, "id">, options?: StoreCallOptions): Promise<void>;
  /** Drops what this store's prefix owns and nothing else; an empty prefix is refused where others may live. */
  clear(options?: StoreCallOptions): Promise<void>;

  /**
   * Similar stores: `get` with the key `asked` does not give the entry `stored` as a similar one any more, whatever comes in its place
   * under its id, for as long as the store has it. Looks at ids only; nothing there is no error.
   */
  rejectPair?(asked: Pick<CacheKey, "id">, stored: Pick<EntryHead, "id">, options?: StoreCallOptions): Promise<void>;

  /** One hit or `undefined` per key, in the order of the keys. */
  getMany?(keys: readonly CacheKey[], options?: StoreCallOptions): Promise<readonly (StoreHit | undefined)[]>;
  setMany?(entries: readonly Entry[], options?: StoreCallOptions): Promise<void>;
  /** Everything but the cache's own entries. May repeat one, and never skips what stayed there throughout. */
  entries?(options?: EntriesOptions): AsyncIterable<ListedEntry>;
  /** Resolves when nothing goes on in the background: copies on their way to a nearer tier. */
  settled?(): Promise<void>;
  /** What a store must tell. @returns a function that ends it. */
  on?(listener: (event: StoreEvent) => void): () => void;
}

/** What a store found. */
export interface StoreHit {
  /** `entry.id` is the key it was stored under. */
  readonly entry: Entry;
  /** Cosine clamped to [0, 1]; absent on an exact match. */
  readonly similarity?: number | undefined;
  /** Name of the tier it came from. */
  readonly tier?: string | undefined;
}

/** Options of every call to a store. */
export interface StoreCallOptions {
  readonly signal?: AbortSignal | undefined;
  /**
   * The cache's verdict on a candidate. A store with several (tiers, similar ones) goes on past what it refuses; a store
   * with a single candidate may ignore it.
   */
  readonly accept?: ((hit: StoreHit, key: CacheKey) => boolean | Promise<boolean>) | undefined;
}

/** Options of {@link Store.add}. */
export interface StoreAddOptions extends StoreCallOptions {
  readonly over?: Pick<EntryHead, "id" | "createdAt"> | undefined;
}

/** Options of {@link Store.entries}. */
export interface EntriesOptions {
  /** Also give bodies. @default false */
  readonly bodies?: boolean | undefined;
  /** Go on after this cursor. */
  readonly after?: string | undefined;
  /** At most so many. */
  readonly limit?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** One entry of a listing. */
export interface ListedEntry {
  readonly head: EntryHead;
  /** Bytes it takes, as far as the store knows. */
  readonly size: number;
  readonly body?: Body | undefined;
  /** Give it as `after` to go on behind this entry. */
  readonly cursor: string;
}

/** What a store tells by itself: a file moved aside, a write-behind that failed, a condition the server ignored. */
export interface StoreEvent {
  readonly store: string;
  readonly type:
    | "moved-aside"
    | "degraded"
    | "recovered"
    | "write-failed"
    | "unreadable"
    | "not-atomic"
    | "evicted"
    | "too-large";
  readonly message: string;
  readonly id?: string | undefined;
  readonly error?: unknown;
}

/** The error for a caller who cannot go on without the store. `what` completes "The store failed to …". */
export function storeError(store: Store, what: string, cause: unknown): LLMCacheError {
  if (isLLMCacheError(cause)) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  return new LLMCacheError("ERR_LLMCACHE_STORE", `The ${store.name} store failed to ${what}: ${message}`, { cause });
}

/** {@link Store.on} for those who write stores. A listener that throws affects nothing. */
export class StoreListeners {
  readonly #store: string;
  readonly #listeners: Set<{ readonly call: (event: StoreEvent) => void }> = new Set<{
    readonly call: (event: StoreEvent) => void;
  }>();

  /** @param store the store's name, for the events. */
  constructor(store: string) {
    this.#store = store;
  }

  on(listener: (event: StoreEvent) => void): () => void {
    const registration = { call: listener };
    this.#listeners.add(registration);
    return () => {
      this.#listeners.delete(registration);
    };
  }

  tell(event: Omit<StoreEvent, "store">): void {
    for (const { call } of this.#listeners) {
      try {
        call({ store: this.#store, ...event });
      } catch {
        // What is wrong with a listener is its owner's matter.
      }
    }
  }
}
