import { setTimeout as wait } from "node:timers/promises";
import { APIConnectionError } from "openai";

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
const RETRIED = [408, 409, 429] as const;
const LOWEST_SERVER_ERROR = 500;

/** What `ask` gives, asked again after failures that may pass. @param onRetry called before it is asked again. */
export async function retried<T>(
  ask: () => Promise<T>,
  { retries, maxRetryDelayMs, clock, sleep }: Retrying,
  signal: AbortSignal,
  onRetry: () => void,
): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await ask();
    } catch (error) {
      signal.throwIfAborted();
      if (attempt >= retries || !mayPass(error)) throw error;
      const delayMs = wantedDelayMs(error, clock()) ?? ownDelayMs(attempt);
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

/** A failure that another attempt may not meet: too many requests, trouble at the provider or on the way. */
function mayPass(error: unknown): boolean {
  if (headerOf(error, "x-should-retry") === "false") return false;
  const { status } = error as { readonly status?: unknown };
  if (typeof status !== "number") return isConnectionLoss(error);
  return RETRIED.includes(status as (typeof RETRIED)[number]) || status >= LOWEST_SERVER_ERROR;
}

/** Before the answer, which the client tells; or in the middle of it, which `fetch` does, by a TypeError. */
function isConnectionLoss(error: unknown): boolean {
  if (error instanceof APIConnectionError) return true;
  const { name, cause } = error as { readonly name?: unknown; readonly cause?: { readonly code?: unknown } };
  return name === "TypeError" && typeof cause?.code === "string";
}

/** `Retry-After`, in milliseconds, seconds or as a date; `undefined` where there is none that can be read. */
function wantedDelayMs(error: unknown, now: number): number | undefined {
  const ms = numberOf(headerOf(error, "retry-after-ms"));
  if (ms !== undefined) return ms;
  const after = headerOf(error, "retry-after");
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

function headerOf(error: unknown, name: string): string | undefined {
  const { headers } = error as { readonly headers?: { get?(name: string): string | null } };
  return headers?.get?.(name) ?? undefined;
}
