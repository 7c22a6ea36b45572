import { Breaker, type Passage } from "./breaker.ts";
import type { Entry } from "./entry.ts";
import { isFault } from "./fault.ts";
import type { CacheKey } from "./key.ts";
import { OptionChecks } from "./option-checks.ts";
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

/** Options of {@link withBreaker}. */
export interface BreakerOptions {
  /** After so many failures in a row the store is left alone. @default 5 */
  readonly failures?: number | undefined;
  /** For so long, in milliseconds; then one call tries. @default 10000 */
  readonly pauseMs?: number | undefined;
  /** Milliseconds since the epoch. @default Date.now */
  readonly clock?: (() => number) | undefined;
}

const DEFAULT_FAILURES = 5;
const DEFAULT_PAUSE_MS = 10_000;
const check: OptionChecks = new OptionChecks("withBreaker");
const KNOWN: Readonly<Record<keyof BreakerOptions, true>> = { failures: true, pauseMs: true, clock: true };

/**
 * A store that is left alone for a while when it has failed several times in a row, so that a store that is down costs nothing: every
 * call is refused at once, with one `ERR_LLMCACHE_PAUSED` that says what failed and when the next attempt is. After `pauseMs` one call is let
 * through: if it succeeds the store is used again.
 *
 * Counted are rejections of any method, and calls whose signal is aborted because the cache's time was up, also where nobody sees
 * them (writes in the background). Calls that end in another abort, or because an option was wrong, say nothing.
 * It tells `degraded` and `recovered`, once each. Disposing it disposes the store inside.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming the option that is not what it may be.
 */
export function withBreaker(store: Store, options: BreakerOptions = {}): Store {
  return new BreakerStore(store, options);
}

class BreakerStore implements Store {
  readonly contract = 1;
  readonly name: string;
  readonly match: "exact" | "similar";
  readonly expiry: "native" | "swept";
  readonly origin?: Store;
  readonly rejectPair?: NonNullable<Store["rejectPair"]>;
  readonly getMany?: NonNullable<Store["getMany"]>;
  readonly setMany?: NonNullable<Store["setMany"]>;
  readonly entries?: NonNullable<Store["entries"]>;
  readonly settled?: NonNullable<Store["settled"]>;
  readonly #inner: Store;
  readonly #breaker: Breaker;
  readonly #listeners: StoreListeners;

  constructor(inner: Store, options: BreakerOptions) {
    const settings = checked(inner, options);
    this.#inner = inner;
    this.name = inner.name;
    this.match = inner.match;
    this.expiry = inner.expiry;
    if (inner.origin !== undefined) this.origin = inner.origin;
    this.#listeners = new StoreListeners(inner.name);
    this.#breaker = new Breaker({ name: inner.name, ...settings }, (event) => this.#listeners.tell(event));
    if (inner.rejectPair) {
      this.rejectPair = (asked, stored, given) =>
        this.#guarded("rejectPair", given?.signal, async () => inner.rejectPair?.(asked, stored, given));
    }
    if (inner.getMany) {
      this.getMany = (keys, given) =>
        this.#guarded("getMany", given?.signal, async () => (await inner.getMany?.(keys, given)) ?? []);
    }
    if (inner.setMany)
      this.setMany = (all, given) => this.#guarded("setMany", given?.signal, async () => inner.setMany?.(all, given));
    if (inner.settled) this.settled = async () => inner.settled?.();
    if (inner.entries) this.entries = (given) => this.#list(() => inner.entries?.(given), given);
  }

  get(key: CacheKey, options?: StoreCallOptions): Promise<StoreHit | undefined> {
    return this.#guarded("get", options?.signal, () => this.#inner.get(key, options));
  }

  set(entry: Entry, options?: StoreCallOptions): Promise<void> {
    return this.#guarded("set", options?.signal, () => this.#inner.set(entry, options));
  }

  add(entry: Entry, options?: StoreAddOptions): Promise<boolean> {
    return this.#guarded("add", options?.signal, () => this.#inner.add(entry, options));
  }

  delete(key: Pick<CacheKey, "id">, options?: StoreCallOptions): Promise<void> {
    return this.#guarded("delete", options?.signal, () => this.#inner.delete(key, options));
  }

  clear(options?: StoreCallOptions): Promise<void> {
    return this.#guarded("clear", options?.signal, () => this.#inner.clear(options));
  }

  on(listener: (event: StoreEvent) => void): () => void {
    const endOwn = this.#listeners.on(listener);
    const endInner = this.#inner.on?.(listener);
    return () => {
      endOwn();
      endInner?.();
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inner[Symbol.asyncDispose]();
  }

  /** Every step of a listing is a call. */
  async *#list(
    list: () => AsyncIterable<ListedEntry> | undefined,
    options?: EntriesOptions,
  ): AsyncGenerator<ListedEntry> {
    let steps: AsyncIterator<ListedEntry> | undefined;
    let hasSettled = true;
    const step = async (): Promise<IteratorResult<ListedEntry>> => {
      steps ??= list()?.[Symbol.asyncIterator]();
      return (await steps?.next()) ?? { done: true, value: undefined };
    };
    try {
      for (;;) {
        hasSettled = false;
        const { done, value } = await this.#guarded("entries", options?.signal, step);
        hasSettled = true;
        if (done === true) return;
        yield value;
      }
    } finally {
      const left = steps?.return?.();
      if (hasSettled) await left;
      // Behind a step that hangs this hangs, too.
      else left?.catch(() => undefined);
    }
  }

  /** Settles with the abort at the latest: a call of a store that hangs may never. */
  #guarded<T>(what: string, signal: AbortSignal | undefined, call: () => Promise<T>): Promise<T> {
    const refusal = this.#breaker.refusal();
    if (refusal !== undefined) return Promise.reject(refusal);
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    const passage = this.#breaker.enter();
    return new Promise<T>((resolve, reject) => {
      const onAbort = (): void => {
        this.#rejected(passage, what, signal?.reason, signal);
        reject(signal?.reason);
      };
      const onRejection = (error: unknown): void => {
        signal?.removeEventListener("abort", onAbort);
        this.#rejected(passage, what, error, signal);
        reject(error);
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      try {
        call().then((value) => {
          signal?.removeEventListener("abort", onAbort);
          this.#breaker.succeeded(passage);
          resolve(value);
        }, onRejection);
      } catch (error) {
        onRejection(error);
      }
    });
  }

  #rejected(passage: Passage, what: string, error: unknown, signal: AbortSignal | undefined): void {
    if (isFault(error, signal)) this.#breaker.failed(passage, what, error);
    else this.#breaker.left(passage);
  }
}

function checked(
  inner: Store,
  options: BreakerOptions,
): { readonly failures: number; readonly pauseMs: number; readonly clock: () => number } {
  if ((inner as Partial<Store> | undefined)?.contract !== 1) throw check.error("the store must be one of contract 1.");
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(KNOWN, name))
      throw check.error(`${name} is no option; known are ${Object.keys(KNOWN).join(", ")}.`);
  }
  const { failures = DEFAULT_FAILURES, pauseMs = DEFAULT_PAUSE_MS, clock = Date.now } = options;
  check.whole("failures", failures);
  check.ms("pauseMs", pauseMs);
  check.clock(clock);
  return { failures, pauseMs, clock };
}
