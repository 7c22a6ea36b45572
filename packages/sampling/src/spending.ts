import type { EntryMetadata, RunNote } from "@llmcache/core";
import type { Totals } from "./sampler.ts";

const NOTHING: Totals = {
  requests: 0,
  failedRequests: 0,
  samples: 0,
  durationMs: 0,
  inputTokens: 0,
  outputTokens: 0,
  cost: 0,
};

/** Adds up what requests took. */
export class Spending {
  #totals: Totals = NOTHING;

  get totals(): Totals {
    return this.#totals;
  }

  /** A request begins; the account is closed when it has ended. */
  open(): RequestAccount {
    this.#add({ requests: 1 });
    return new RequestAccount((part) => this.#add(part));
  }

  #add(part: Partial<Totals>): void {
    const sum: Record<string, number> = { ...this.#totals };
    for (const [name, value] of Object.entries(part)) sum[name] = (sum[name] ?? 0) + value;
    this.#totals = Object.freeze(sum) as unknown as Totals;
  }
}

/** What one request took. */
export class RequestAccount {
  readonly #add: (part: Partial<Totals>) => void;
  readonly #begin: number = performance.now();
  #noted: RunNote = {};

  constructor(add: (part: Partial<Totals>) => void) {
    this.#add = add;
  }

  readonly note = (info: RunNote): void => {
    this.#noted = { ...this.#noted, ...info };
  };

  readonly again = (): void => {
    this.#add({ requests: 1, failedRequests: 1 });
  };

  /** @param samples how many came; `undefined`: it failed. */
  close(samples: number | undefined): void {
    const { tokens, cost } = this.#noted;
    const { input, output } = typeof tokens === "object" ? tokens : { input: undefined, output: tokens };
    this.#add({
      failedRequests: samples === undefined ? 1 : 0,
      samples: samples ?? 0,
      durationMs: performance.now() - this.#begin,
      inputTokens: amount(input) ?? 0,
      outputTokens: amount(output) ?? 0,
      cost: amount(cost) ?? 0,
    });
  }

  /** What is kept with each of its samples. Tokens and cost are the request's, so that sums over samples are right only for the first. */
  metadataOf(index: number): EntryMetadata {
    const { model, tokens, cost } = this.#noted;
    const own = index === 0;
    const { input, output } = typeof tokens === "object" ? tokens : { input: undefined, output: undefined };
    const [sum, inputTokens, outputTokens, price] = [
      typeof tokens === "object" ? (amount(input) ?? 0) + (amount(output) ?? 0) : amount(tokens),
      amount(input),
      amount(output),
      amount(cost),
    ];
    return {
      ...(model === undefined ? {} : { model }),
      ...(own && sum !== undefined ? { tokens: sum } : {}),
      ...(own && inputTokens !== undefined ? { inputTokens } : {}),
      ...(own && outputTokens !== undefined ? { outputTokens } : {}),
      ...(own && price !== undefined ? { cost: price } : {}),
    };
  }
}

/** Usage reports of providers hold null and NaN. */
function amount(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}
