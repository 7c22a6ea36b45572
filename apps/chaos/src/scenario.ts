import type { LLMCache, LLMCacheOptions, Store } from "@llmcache/core";
import type { Pace } from "./pace.ts";
import type { Servers } from "./servers.ts";

/** One fault: what it happens to, how it begins and ends, and what callers and listeners may expect. */
export interface Scenario {
  /** Which kind of store it happens to: `"redis"`. */
  readonly group: string;
  /** The fault, for the table. */
  readonly name: string;
  readonly expected: Expected;
  /** It takes long, and says little that others do not: left out of the short form. */
  readonly isLong?: boolean;
  /** For how long, where the usual time will not do. */
  readonly duringMs?: Readonly<Record<Pace["name"], number>>;
  /** Of what is stored, where the usual lifetime will not do. */
  readonly ttlMs?: number;
  readonly questions?: number;
  /** Of the cache, beside those that every scenario sets. */
  readonly options?: LLMCacheOptions;
  /** How many calls to the store a caller waits for at most, each no longer than `storeTimeoutMs`. @default 1 */
  readonly storeCalls?: number;
  /** It has to run in a process of its own: one with a small file system, or one that is not allowed everything. */
  readonly place?: Place;
  open(pace: Pace, servers: Servers): Promise<Stage>;
}

export type Place = "small-disk" | "nobody";

/** What a fault happens to. Disposing it ends the store, and the server if it is the stage's own. */
export interface Stage extends AsyncDisposable {
  readonly store: Store;
  begin(cache: LLMCache): void | Promise<void>;
  end(cache: LLMCache): void | Promise<void>;
}

/** Beside what holds for all faults: right answers, no errors, no long waits, recovery, nothing left. */
export interface Expected {
  /** What must have been told: types of store events, and `get failed` and the like. */
  readonly events: readonly string[];
  /** Words that must stand in some event's message. */
  readonly words?: RegExp;
  /** It is not over when the fault ends, but when something took over: recovery is counted from the beginning. */
  readonly healsItself?: boolean;
  /** Are there hits while it lasts? */
  readonly hits?: boolean;
  /** Is what was stored before it served after it? */
  readonly keeps?: boolean;
  /** After the first calls of the fault, most calls take as long as without a cache. */
  readonly isCheap?: boolean;
}
