import { isReserved, type Entry } from "./entry.ts";
import { isLLMCacheError, LLMCacheError } from "./errors.ts";
import { isFault, reasonOf } from "./fault.ts";
import { OutdatedCopies } from "./outdated.ts";
import { StoreListeners, type Store, type StoreEvent, type StoreHit } from "./store.ts";

/** What a {@link Tier} is made of. */
export interface TierSettings {
  readonly name: string;
  readonly store: Store;
  readonly isWritten: boolean;
  /** The farthest that is written to: it alone keeps the cache's own entries. */
  readonly isOrigin: boolean;
  readonly maxTtlMs: number;
}

/** Who keeps failing is told of once. */
type Doing = "read" | "write";

/** One tier: how it fares, and which of its copies are out of date. */
export class Tier {
  readonly name: string;
  readonly store: Store;
  readonly isWritten: boolean;
  readonly isOrigin: boolean;
  readonly outdated: OutdatedCopies = new OutdatedCopies();
  readonly #maxTtlMs: number;
  readonly #listeners: StoreListeners;
  readonly #failing: Set<Doing> = new Set<Doing>();

  constructor({ name, store, isWritten, isOrigin, maxTtlMs }: TierSettings) {
    this.name = name;
    this.store = store;
    this.isWritten = isWritten;
    this.isOrigin = isOrigin;
    this.#maxTtlMs = maxTtlMs;
    this.#listeners = new StoreListeners(name);
  }

  /** Does this tier get a copy? Of the cache's own entries there is only one, so that no copy can be out of date. */
  takes(entry: Entry): boolean {
    return this.isWritten && (this.isOrigin || !isReserved(entry));
  }

  /** The entry as it is written here. */
  copyOf(entry: Entry, now: number): Entry {
    if (this.#maxTtlMs === Number.POSITIVE_INFINITY) return entry;
    const deleteAt = Math.min(entry.deleteAt ?? Number.POSITIVE_INFINITY, now + this.#maxTtlMs);
    return { ...entry, staleAt: Math.min(entry.staleAt ?? Number.POSITIVE_INFINITY, deleteAt), deleteAt };
  }

  /** A hit of its store, as one of this tier's. */
  named(hit: StoreHit): StoreHit {
    return { ...hit, tier: hit.tier === undefined ? this.name : `${this.name}/${hit.tier}` };
  }

  worked(doing: Doing): void {
    if (!this.#failing.delete(doing)) return;
    const message = doing === "read" ? "can be read again" : "can be written to again";
    this.#listeners.tell({ type: "recovered", message: `The tier ${this.name} ${message}.` });
  }

  /** Told once until it works again; not if it is paused, which its breaker tells, nor if somebody gave up. */
  failed(doing: Doing, error: unknown, signal: AbortSignal | undefined, id?: string): void {
    if (this.#failing.has(doing) || !isFault(error, signal)) return;
    this.#failing.add(doing);
    const message = doing === "read" ? "cannot be read, and is passed over" : "cannot be written to, and is left out";
    this.#listeners.tell({
      type: doing === "read" ? "degraded" : "write-failed",
      message: `The tier ${this.name} ${message}: ${reasonOf(error)}`,
      id,
      error,
    });
  }

  /** What is told of this tier, and what its store tells, under its name. */
  on(listener: (event: StoreEvent) => void): () => void {
    const { store, name } = this;
    const end = this.#listeners.on(listener);
    const endInner = store.on?.((event) =>
      listener({ ...event, store: event.store === store.name ? name : `${name}/${event.store}` }),
    );
    return () => {
      end();
      endInner?.();
    };
  }
}

/** What went wrong in some tiers, as one error; what a breaker refuses with is passed on as it is, because that costs nothing. */
export function tierError(what: string, failures: ReadonlyMap<Tier, unknown>): unknown {
  const all = [...failures];
  const telling = all.filter(([, error]) => !isLLMCacheError(error, "ERR_LLMCACHE_PAUSED"));
  if (telling.length === 0) return all[0]?.[1];
  const reasons = telling.map(([{ name }, error]) => `${name}: ${reasonOf(error)}`).join("; ");
  return new LLMCacheError("ERR_LLMCACHE_STORE", `Tiers failed to ${what}. ${reasons}`, { cause: telling[0]?.[1] });
}
