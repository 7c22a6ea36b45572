import type { Body } from "./body.ts";
import type { CacheControl } from "./control.ts";
import type { EntryHead } from "./entry.ts";
import type { Ledger } from "./events.ts";
import type { Json } from "./json.ts";
import type { CacheKey, CacheRequest } from "./key.ts";

/** What adapters, gateways and sampling views take; `LLMCache` implements it. */
export interface AnswerCache {
  /**
   * The stored answer to `request`, or the one `produce` gives, which is stored. Identical calls under way share one.
   *
   * Rejects with what `produce` rejects with; with `options.signal.reason` on an abort; with `LLMCacheError`
   * `ERR_LLMCACHE_REQUEST` if the request is no JSON (unless `unkeyable` is `"bypass"`), `ERR_LLMCACHE_MISS` under
   * `onlyIfCached`, and `ERR_LLMCACHE_STORE` where store trouble may not be passed over.
   */
  through<T>(request: CacheRequest, produce: (run: Run) => Promise<T>, options?: CallOptions<T>): Promise<Outcome<T>>;

  /**
   * A stored answer that may be served as it is, counted as a hit; `undefined` for all else (also for similar answers), which is not counted: `through` answers
   * that. For adapters whose way to `through` is long. Rejects like `through`, but never because of a store.
   */
  lookup?<T>(request: CacheRequest, options?: CallOptions<T>): Promise<Outcome<T> | undefined>;

  /**
   * The same for a list: each item is looked up by itself, equal items count once, and `produce` is asked only for what is
   * missing: it gets positions in `requests` and answers in their order. Outcomes stand in the order of `requests`.
   *
   * Rejects when a chunk fails, after the other chunks have been stored; with `ERR_LLMCACHE_COUNT` if `produce` gives another
   * number of answers than it was asked for, of which nothing is stored.
   */
  throughMany<T>(
    requests: readonly CacheRequest[],
    produce: (missing: readonly number[], run: Run) => Promise<readonly T[]>,
    options?: ManyOptions<T>,
  ): Promise<readonly Outcome<T>[]>;

  /**
   * The same for a stream of chunks. Resolves as soon as it is known whether this is a hit; on a miss that is before the first
   * chunk (under `staleIfError` behind it). The provider is read as fast as the slowest reader takes; who leaves the iteration ends his own reading, the last
   * one ends the run. Stored only after a normal end. The iterable can be iterated once.
   */
  stream<C>(
    request: CacheRequest,
    produce: (run: Run) => AsyncIterable<C>,
    options: StreamOptions<C>,
  ): Promise<Outcome<AsyncIterableIterator<C>>>;
}

/** What `produce` is given. */
export interface Run {
  /** Aborted when nobody waits for the answer any more. Hand it on to the provider, in the place of the caller's own. */
  readonly signal: AbortSignal;
  /**
   * Facts about the answer, for metadata, statistics and costs. May be called several times; the last value counts. In
   * `throughMany`, `item` is a position in `missing`, whose own share this is; without it the model is that of all items, and the rest
   * is on the account of the first.
   */
  note(info: RunNote, item?: number): void;
}

/** See {@link Run.note}. */
export interface RunNote {
  /** The model that answered, if it says. */
  readonly model?: string | undefined;
  /** How many tokens were used: in all, or by direction. */
  readonly tokens?: number | { readonly input?: number | undefined; readonly output?: number | undefined } | undefined;
  /** In the unit of the cache's `price`, which is not asked then. */
  readonly cost?: number | undefined;
}

/**
 * What is to happen with an answer: stored; handed over only, because it is bad; handed over, and counted as the provider's failure;
 * handed over, because it is no answer at all (a request that was refused, a stream that was cut). Sampling views store bad answers too.
 */
export type Verdict = "store" | "pass" | "fail" | "none";

/** Options of one call. */
export interface CallOptions<T> extends CacheControl {
  /** Ends this caller's waiting; the run goes on while others wait for it. */
  readonly signal?: AbortSignal | undefined;
  /** The stored form. @default the value itself, which must be JSON */
  readonly encode?: ((value: T) => Json | Uint8Array) | undefined;
  /** The value of a stored form; `undefined`: this entry cannot serve this call, which is a miss. @default the body's value or a copy of its bytes */
  readonly decode?: ((body: Body, head: EntryHead) => T | undefined) | undefined;
  /** @default "store" for everything but `undefined` */
  readonly judge?: ((value: T) => Verdict) | undefined;
  /** A request that can have no key: an error, or a call past the cache with an event. @default "throw" */
  readonly unkeyable?: "throw" | "bypass" | undefined;
}

/** Options of {@link AnswerCache.throughMany}. */
export interface ManyOptions<T> extends CallOptions<T> {
  /** At most so many items per `produce`, in chunks as even as they can be. @default no limit */
  readonly maxBatch?: number | undefined;
}

/** Options of {@link AnswerCache.stream}. */
export interface StreamOptions<C> extends CacheControl {
  readonly signal?: AbortSignal | undefined;
  /** The stored form of a stream that ended; `undefined`: it cannot be stored. */
  readonly encode: (chunks: readonly C[]) => Json | Uint8Array | undefined;
  /** The chunks of a stored form, which it has checked before it returns; `undefined`: this entry cannot serve this call. */
  readonly decode: (body: Body, head: EntryHead) => Iterable<C> | undefined;
  readonly judge?: ((chunks: readonly C[]) => Verdict) | undefined;
  readonly unkeyable?: "throw" | "bypass" | undefined;
  /** Does this chunk end the stream? Then nothing behind it is waited for, and a reader who leaves after it has cut nothing off. */
  readonly isLast?: ((chunk: C) => boolean) | undefined;
  /** Does the first chunk tell that the provider has failed? Then an expired answer may be served in its place (`staleIfError`). */
  readonly isFailure?: ((first: C) => boolean) | undefined;
  /** Calls read each other's streams live only if they name the same kind of chunk; otherwise they wait for the end. @default "" */
  readonly chunkType?: string | undefined;
}

/** How a call was answered. */
export type OutcomeStatus = "hit" | "joined" | "stale" | "miss" | "bypass";

/** An answer and where it came from. */
export interface Outcome<T> {
  readonly status: OutcomeStatus;
  /** Its id is empty where the call went past the cache before a key was made. */
  readonly key: CacheKey;
  /** Private: nobody else holds any part of it. */
  readonly value: T;
  /** Of the entry; absent where nothing was stored, or is known to be yet. */
  readonly head?: EntryHead | undefined;
  /** Since the answer was complete; absent where there is no stored one. */
  readonly ageMs?: number | undefined;
  /** 0 to 1, where this is the answer to a similar request, which stands in `head.text`; absent otherwise. */
  readonly similarity?: number | undefined;
  readonly tier?: string | undefined;
  /** What the provider took for this answer when it was asked: spared now. */
  readonly saved?: Ledger | undefined;
  /**
   * The answer turned out to be bad: removes its entry if it still is the one handed out, so that the next call asks again. With `pair`
   * a similar answer stays where it is, and is not served to this request any more.
   */
  reject(options?: RejectOptions): Promise<void>;
}

/** Options of {@link Outcome.reject}. */
export interface RejectOptions {
  /**
   * Only the two requests do not belong together. An error (`ERR_LLMCACHE_OPTION`) where the answer is the request's own, and
   * (`ERR_LLMCACHE_UNSUPPORTED`) where the store cannot remember it. @default false
   */
  readonly pair?: boolean | undefined;
}

/** Is this something that answers calls, rather than a control? Told by its shape, so that any copy of core will do. */
export function isAnswerCache(value: unknown): value is AnswerCache {
  return typeof value === "object" && value !== null && typeof (value as Partial<AnswerCache>).through === "function";
}

/** The per-call `cache` option of adapters and wrapped functions. */
export type CacheOption = boolean | CacheControl | AnswerCache;

/** What a {@link CacheOption} means: which cache answers, under which control. */
export function resolveCacheOption(
  option: CacheOption | undefined,
  own: AnswerCache | undefined,
): { readonly cache: AnswerCache | undefined; readonly control: CacheControl } {
  if (option === undefined) return { cache: own, control: {} };
  if (typeof option === "boolean") return { cache: own, control: { use: option } };
  if (isAnswerCache(option)) return { cache: option, control: {} };
  return { cache: own, control: option };
}
