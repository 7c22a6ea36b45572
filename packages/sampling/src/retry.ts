import { setTimeout as wait } from "node:timers/promises";
import type { OptionChecks } from "@llmcache/core";
import { retryAfterMs } from "./retry-after.ts";

/** How a sampler goes about failures that may pass. */
export interface RetryOptions {
  /**
   * How often a request is sent again, at most, that failed with what may pass (408, 409, 429, 5xx, a lost connection): after the time
   * that the provider wants (`Retry-After`), else after 0.5, 1, 2 … 8 s, less a random part. The client's own retries are off. @default 4
   */
  readonly retries?: number | undefined;
  /** Who wants to be left alone for longer has failed. Milliseconds. @default 60_000 */
  readonly maxRetryDelayMs?: number | undefined;
  /** Milliseconds since the epoch, for dates in `Retry-After`. @default Date.now */
  readonly clock?: (() => number) | undefined;
  /** Waits between retries; rejects with the signal's reason if that comes first. @default in real time */
  readonly sleep?: ((ms: number, signal: AbortSignal) => Promise<void>) | undefined;
}

/** What a client's errors say. */
export interface FailureRules {
  /** May another attempt not meet this failure? */
  mayPass(error: unknown): boolean;
  /** A header of the answer that the error comes of. @param name in lower case. */
  header(error: unknown, name: string): string | undefined;
}

/** Gives what `ask` gives, asked again after failures that may pass. @param onRetry called before it is asked again. */
export type Retry = <T>(
  ask: () => PromiseLike<T>,
  failures: FailureRules,
  signal: AbortSignal,
  onRetry: () => void,
) => Promise<T>;

const DEFAULT_RETRIES = 4;
const DEFAULT_MAX_RETRY_DELAY_MS = 60_000;
const FIRST_DELAY_MS = 500;
const LONGEST_OWN_DELAY_MS = 8000;
/** So many of a delay's parts are random: those who failed together shall not come back together. */
const RANDOM_SHARE = 0.25;

/** @throws LLMCacheError `ERR_LLMCACHE_OPTION` for a wrong option. What it returns rejects with the last failure, as it is. */
export function retrying(checks: OptionChecks, options: RetryOptions): Retry {
  const {
    retries = DEFAULT_RETRIES,
    maxRetryDelayMs = DEFAULT_MAX_RETRY_DELAY_MS,
    clock = Date.now,
    sleep = sleepFor,
  } = options;
  checks.whole("retries", retries, 0);
  checks.ms("maxRetryDelayMs", maxRetryDelayMs, 0);
  checks.clock(clock);
  return async (ask, failures, signal, onRetry) => {
    for (let attempt = 0; ; attempt++) {
      try {
        return await ask();
      } catch (error) {
        signal.throwIfAborted();
        if (attempt >= retries || !failures.mayPass(error)) throw error;
        const delayMs = retryAfterMs((name) => failures.header(error, name), clock()) ?? ownDelayMs(attempt);
        if (delayMs > maxRetryDelayMs) throw error;
        await sleep(delayMs, signal);
        onRetry();
      }
    }
  };
}

/** Sleeps in real time. */
async function sleepFor(ms: number, signal: AbortSignal): Promise<void> {
  await wait(ms, undefined, { signal }).catch((error: unknown) => {
    signal.throwIfAborted();
    throw error;
  });
}

function ownDelayMs(attempt: number): number {
  const delayMs = Math.min(FIRST_DELAY_MS * 2 ** attempt, LONGEST_OWN_DELAY_MS);
  return delayMs * (1 - RANDOM_SHARE * Math.random());
}
