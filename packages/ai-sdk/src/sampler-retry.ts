import { setTimeout as wait } from "node:timers/promises";
import { APICallError } from "@ai-sdk/provider";

/** How a sampler goes about failures that may pass. */
export interface Retrying {
  /** How often a request is sent again, at most. */
  readonly retries: number;
  /** Waits of this length are the longest; a provider that wants a longer one has failed. Milliseconds. */
  readonly maxRetryDelayMs: number;
  readonly clock: () => number;
  /** Rejects with the signal's reason if that comes first. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

const FIRST_DELAY_MS = 500;
const LONGEST_OWN_DELAY_MS = 8000;
/** So many of a delay's parts are random: those who failed together shall not come back together. */
const RANDOM_SHARE = 0.25;
const MS_PER_SECOND = 1000;

/** What `ask` gives, asked again after failures that may pass. @param onRetry called before it is asked again. */
export async function retried<T>(
  ask: () => PromiseLike<T>,
  { retries, maxRetryDelayMs, clock, sleep }: Retrying,
  signal: AbortSignal,
  onRetry: () => void,
): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await ask();
    } catch (error) {
      signal.throwIfAborted();
      if (attempt >= retries || !APICallError.isInstance(error) || !error.isRetryable) throw error;
      const delayMs = wantedDelayMs(error.responseHeaders, clock()) ?? ownDelayMs(attempt);
      if (delayMs > maxRetryDelayMs) throw error;
      await sleep(delayMs, signal);
      onRetry();
    }
  }
}

/** Sleeps in real time. */
export async function sleepFor(ms: number, signal: AbortSignal): Promise<void> {
  await wait(ms, undefined, { signal }).catch((error: unknown) => {
    signal.throwIfAborted();
    throw error;
  });
}

/** `Retry-After`, in milliseconds, seconds or as a date; `undefined` where there is none that can be read. */
function wantedDelayMs(headers: Readonly<Record<string, string>> | undefined, now: number): number | undefined {
  const ms = numberOf(headers?.["retry-after-ms"]);
  if (ms !== undefined) return ms;
  const after = headers?.["retry-after"];
  if (after === undefined) return undefined;
  const seconds = numberOf(after);
  if (seconds !== undefined) return seconds * MS_PER_SECOND;
  const at = Date.parse(after);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\s*\d+(?:\.\d+)?\s*$/.test(text) ? Number(text) : undefined;
}

function ownDelayMs(attempt: number): number {
  const delayMs = Math.min(FIRST_DELAY_MS * 2 ** attempt, LONGEST_OWN_DELAY_MS);
  return delayMs * (1 - RANDOM_SHARE * Math.random());
}
