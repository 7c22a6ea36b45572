import type { Ledger } from "./events.ts";

/** Sums of {@link Ledger}s. */
export interface LedgerTotals {
  readonly calls: number;
  readonly tokens: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** In the unit of the cache's `price`. */
  readonly cost: number;
  readonly durationMs: number;
}

/** Counts since the cache was made. Two ledgers: what providers were paid, and what hits spared. */
export interface CacheStatistics {
  readonly hits: number;
  readonly joined: number;
  readonly stale: number;
  /** Of these three: served with the answer to a similar request. */
  readonly similar: number;
  readonly misses: number;
  readonly bypasses: number;
  readonly stores: number;
  readonly rejected: number;
  readonly failures: number;
  /** Calls answered without asking the provider, of those that looked: 0 to 1; 0 before the first. */
  readonly hitRate: number;
  /** Provider calls now under way. */
  readonly inFlight: number;
  readonly spent: LedgerTotals;
  readonly saved: LedgerTotals;
}

/** Which counts there are. */
export type Count =
  | "hits"
  | "joined"
  | "stale"
  | "similar"
  | "misses"
  | "bypasses"
  | "stores"
  | "rejected"
  | "failures";

/** The running sums of one cache. */
export class Statistics {
  readonly #counts: Record<Count, number> = {
    hits: 0,
    joined: 0,
    stale: 0,
    similar: 0,
    misses: 0,
    bypasses: 0,
    stores: 0,
    rejected: 0,
    failures: 0,
  };
  readonly #spent: Totals = new Totals();
  readonly #saved: Totals = new Totals();

  count(what: Count): void {
    this.#counts[what]++;
  }

  spend(ledger: Ledger): void {
    this.#spent.add(ledger);
  }

  save(ledger: Ledger): void {
    this.#saved.add(ledger);
  }

  snapshot(inFlight: number): CacheStatistics {
    const counts = this.#counts;
    const answered = counts.hits + counts.joined + counts.stale;
    const looked = answered + counts.misses;
    return {
      ...counts,
      hitRate: looked === 0 ? 0 : answered / looked,
      inFlight,
      spent: this.#spent.snapshot(),
      saved: this.#saved.snapshot(),
    };
  }
}

class Totals {
  #calls = 0;
  #tokens = 0;
  #inputTokens = 0;
  #outputTokens = 0;
  #cost = 0;
  #durationMs = 0;

  add(ledger: Ledger): void {
    this.#calls++;
    this.#tokens += ledger.tokens ?? 0;
    this.#inputTokens += ledger.inputTokens ?? 0;
    this.#outputTokens += ledger.outputTokens ?? 0;
    this.#cost += ledger.cost ?? 0;
    this.#durationMs += ledger.durationMs ?? 0;
  }

  snapshot(): LedgerTotals {
    return {
      calls: this.#calls,
      tokens: this.#tokens,
      inputTokens: this.#inputTokens,
      outputTokens: this.#outputTokens,
      cost: this.#cost,
      durationMs: this.#durationMs,
    };
  }
}
