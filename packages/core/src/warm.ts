import type { AnswerCache, CallOptions, Outcome, Run } from "./answer-cache.ts";
import { LLMCacheError } from "./errors.ts";
import type { CacheRequest } from "./key.ts";

/** Something to have in the cache. */
export interface WarmItem<T> {
  readonly request: CacheRequest;
  readonly produce: (run: Run) => Promise<T>;
  readonly control?: CallOptions<T> | undefined;
}

/** What became of an item. */
export interface WarmResult<T> {
  /** Position among the items. */
  readonly index: number;
  /** `fresh`: it was there. `asked`: the provider was asked. `failed`: see `error`. `skipped`: the signal was aborted before. */
  readonly status: "fresh" | "asked" | "failed" | "skipped";
  readonly outcome?: Outcome<T>;
  readonly error?: unknown;
}

/** Options of `warm`. */
export interface WarmOptions<T = unknown> {
  /** How many are asked for at the same time. @default 4 */
  readonly concurrency?: number | undefined;
  /** Told after each item. One that throws affects nothing. */
  readonly onProgress?: ((result: WarmResult<T>, done: number) => void) | undefined;
  /** Ends what is under way and skips the rest. */
  readonly signal?: AbortSignal | undefined;
}

const DEFAULT_CONCURRENCY = 4;

/** See `LLMCache.warm`. Never rejects for a single item. */
export async function warm<T>(
  cache: AnswerCache,
  items: Iterable<WarmItem<T>>,
  options: WarmOptions<T>,
): Promise<readonly WarmResult<T>[]> {
  const { concurrency = DEFAULT_CONCURRENCY, onProgress, signal } = options;
  if (!Number.isSafeInteger(concurrency) || concurrency < 1) {
    throw new LLMCacheError(
      "ERR_LLMCACHE_OPTION",
      `concurrency must be a whole number from 1, not ${String(concurrency)}.`,
    );
  }
  const results: WarmResult<T>[] = [];
  let done = 0;
  const source = [...items].entries();
  const work = async (): Promise<void> => {
    for (const [index, item] of source) {
      const result = { index, ...(await warmOne(cache, item, signal)) };
      results[index] = result;
      done++;
      tell(onProgress, result, done);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  return results;
}

async function warmOne<T>(
  cache: AnswerCache,
  item: WarmItem<T>,
  signal: AbortSignal | undefined,
): Promise<Omit<WarmResult<T>, "index">> {
  if (signal?.aborted === true) return { status: "skipped" };
  try {
    const signals = [signal, item.control?.signal].filter((each) => each !== undefined);
    const control = { ...item.control, signal: signals.length > 1 ? AbortSignal.any(signals) : signals[0] };
    const outcome = await cache.through(item.request, item.produce, control);
    if (outcome.status === "stale") {
      // It is being refreshed, which is waited for, or could not be.
      const fresh = { ...control, staleWhileRevalidate: 0, staleIfError: 0 };
      return { status: "asked", outcome: await cache.through(item.request, item.produce, fresh) };
    }
    return { status: outcome.status === "hit" || outcome.status === "joined" ? "fresh" : "asked", outcome };
  } catch (error) {
    return { status: "failed", error };
  }
}

function tell<T>(onProgress: WarmOptions<T>["onProgress"], result: WarmResult<T>, done: number): void {
  try {
    const told: unknown = onProgress?.(result, done);
    if (told instanceof Promise) told.catch(() => undefined);
  } catch {
    // A listener's failure is its own.
  }
}
