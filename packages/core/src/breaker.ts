import { LLMCacheError } from "./errors.ts";
import { reasonOf } from "./fault.ts";
import type { StoreEvent } from "./store.ts";

/** What {@link Breaker} goes by. */
export interface BreakerSettings {
  /** The store's name, for messages. */
  readonly name: string;
  readonly failures: number;
  readonly pauseMs: number;
  readonly clock: () => number;
}

/** One call that was let through. */
export interface Passage {
  /** Calls that began before the last opening say nothing about what is now. */
  readonly round: number;
  isOver: boolean;
}

interface Pause {
  readonly from: number;
  readonly until: number;
  /** What every call is refused with. */
  readonly refusal: LLMCacheError;
}

interface Probe {
  readonly passage: Passage;
  readonly startedAt: number;
}

/**
 * When is a store that fails left alone, and when is it tried again? Closed, it lets all calls through and counts failures in a row; open, none but one
 * after every pause, the probe. It starts no timer: it looks at the clock when it is asked.
 */
export class Breaker {
  readonly #settings: BreakerSettings;
  readonly #tell: (event: Omit<StoreEvent, "store">) => void;
  /** Failures in a row. */
  #failures = 0;
  #round = 0;
  #pause: Pause | undefined;
  #probe: Probe | undefined;

  constructor(settings: BreakerSettings, tell: (event: Omit<StoreEvent, "store">) => void) {
    this.#settings = settings;
    this.#tell = tell;
  }

  /** Why a call may not pass, if it may not. The same error for all calls of one pause. */
  refusal(): LLMCacheError | undefined {
    if (this.#pause === undefined) return undefined;
    const now = this.#settings.clock();
    this.#giveUpProbe(now);
    const { from, until, refusal } = this.#pause;
    // A clock that was set back must not make the pause longer.
    const isWaiting = now >= from && now < until;
    return isWaiting || this.#probe !== undefined ? refusal : undefined;
  }

  /** A call passes, which {@link refusal} must have allowed; in a pause it is the probe. */
  enter(): Passage {
    const passage = { round: this.#round, isOver: false };
    if (this.#pause !== undefined) this.#probe = { passage, startedAt: this.#settings.clock() };
    return passage;
  }

  /** It succeeded. */
  succeeded(passage: Passage): void {
    if (!this.#ends(passage)) return;
    this.#failures = 0;
    if (this.#pause === undefined) return;
    this.#pause = undefined;
    this.#probe = undefined;
    this.#tell({ type: "recovered", message: `The ${this.#settings.name} store works again, and is used again.` });
  }

  /** It failed, and that was the store's fault. */
  failed(passage: Passage, what: string, error: unknown): void {
    if (!this.#ends(passage)) return;
    this.#failures++;
    const isOpen = this.#pause !== undefined;
    if (!isOpen && this.#failures < this.#settings.failures) return;
    const refusal = this.#open(this.#settings.clock(), what, error);
    if (!isOpen) this.#tell({ type: "degraded", message: refusal.message, error });
  }

  /** It ended in a way that says nothing about the store. */
  left(passage: Passage): void {
    if (this.#ends(passage) && this.#probe?.passage === passage) this.#probe = undefined;
  }

  /** Once for each call, and only if it counts: not if it began before the last change, nor a probe that was given up. */
  #ends(passage: Passage): boolean {
    if (passage.isOver) return false;
    passage.isOver = true;
    return passage.round === this.#round;
  }

  #giveUpProbe(now: number): void {
    const probe = this.#probe;
    const { pauseMs } = this.#settings;
    if (probe === undefined || (now >= probe.startedAt && now < probe.startedAt + pauseMs)) return;
    this.#failures++;
    this.#open(Math.min(now, probe.startedAt + pauseMs), "the probe", new Error(`no answer in ${pauseMs} ms`));
  }

  #open(now: number, what: string, cause: unknown): LLMCacheError {
    const { name, pauseMs } = this.#settings;
    const refusal = new LLMCacheError(
      "ERR_LLMCACHE_PAUSED",
      `The ${name} store is not asked for now, because ${this.#failures} calls in a row failed, the last one (${what}) with: ${reasonOf(cause)}. It is tried again from ${shown(now + pauseMs)} on.`,
      { cause },
    );
    this.#pause = { from: now, until: now + pauseMs, refusal };
    this.#probe = undefined;
    this.#round++;
    return refusal;
  }
}

function shown(instant: number): string {
  const date = new Date(instant);
  return Number.isNaN(date.getTime()) ? String(instant) : date.toISOString();
}
