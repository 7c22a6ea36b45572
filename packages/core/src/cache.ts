import type { AnswerCache, CallOptions, ManyOptions, Outcome, Run, StreamOptions } from "./answer-cache.ts";
import { Body } from "./body.ts";
import type { Call } from "./call.ts";
import { runInFrame } from "./context.ts";
import { checkControl, checkTags, type CacheControl } from "./control.ts";
import { headOfAnswer, unasked } from "./asking.ts";
import { Engine, isId, keyOptions } from "./engine.ts";
import { copyHead, type EntryHead } from "./entry.ts";
import { LLMCacheError } from "./errors.ts";
import type { CacheListener } from "./events.ts";
import type { Json } from "./json.ts";
import { requestKey, type CacheKey, type CacheRequest } from "./key.ts";
import { eventLogger, statisticsLogger, type Logger, type LogStatsOptions } from "./log.ts";
import { checkOptions, updatedOptions, type LLMCacheOptions } from "./settings.ts";
import type { CacheStatistics } from "./statistics.ts";
import { find } from "./lookup.ts";
import { served, servedStale } from "./outcome.ts";
import { storeError, type Store } from "./store.ts";
import { stream } from "./stream.ts";
import type { Generations } from "./tags.ts";
import { forget, type Forgotten, type ForgetOptions } from "./forget.ts";
import { invalidateTags, remove, removeAll, writeNow } from "./writing.ts";
import { beginLookup, lookup, repeatedLookup } from "./repeated-lookup.ts";
import { through } from "./through.ts";
import { throughMany } from "./through-many.ts";
import { warm, type WarmItem, type WarmOptions, type WarmResult } from "./warm.ts";
import {
  cachedMethod,
  FunctionNames,
  wrap,
  type Cacheable,
  type MethodDecorator,
  type Wrapped,
  type WrapOptions,
} from "./wrap.ts";

/** What is written by {@link LLMCache.set}. */
export interface SetOptions extends CacheControl {
  /** Which facts to keep with the answer; the reserved names are written by the cache. */
  readonly metadata?: Readonly<Record<string, string | number>> | undefined;
}

/**
 * A cache for answers of language models. `new LLMCache()` alone keeps a bounded map in the process; give a `store` for anything
 * else. All times are on its `clock`. Disposing ends refreshes and waits for what is being written; the store is closed by whoever made it.
 */
export class LLMCache implements AnswerCache, AsyncDisposable {
  readonly #engine: Engine;
  readonly #names: FunctionNames = new FunctionNames();
  #store: Store;
  #unlisten: (() => void) | undefined;

  /** @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming what is unknown or wrong. */
  constructor(options: LLMCacheOptions = {}) {
    const settings = checkOptions(options);
    this.#engine = new Engine(this, settings);
    this.#store = settings.store;
    this.#listenTo(settings.store);
  }

  /** The store in use. */
  get store(): Store {
    return this.#store;
  }

  /** Runs under way: 0 when nothing is. */
  get inFlight(): number {
    return this.#engine.flights.size;
  }

  // --- Calls ---------------------------------------------------------------------------------------------------------

  /** @see AnswerCache.through */
  through<T>(
    request: CacheRequest,
    produce: (run: Run) => Promise<T>,
    options: CallOptions<T> = {},
  ): Promise<Outcome<T>> {
    return through(this.#engine, request, produce, options);
  }

  /** @see AnswerCache.lookup */
  async lookup<T>(request: CacheRequest, options: CallOptions<T> = {}): Promise<Outcome<T> | undefined> {
    options.signal?.throwIfAborted();
    return lookup(this.#engine, beginLookup(this.#engine, request, options), options);
  }

  /**
   * A {@link LLMCache.lookup} for a request that comes again and again: control and key are worked out once for as long as the cache's
   * options stay the same, under the `run`s around this call (not those around the later ones). Request and options must not be
   * changed afterwards. Freshness, tags, statistics and events are those of each call.
   */
  repeatedLookup<T>(request: CacheRequest, options: CallOptions<T> = {}): () => Promise<Outcome<T> | undefined> {
    return repeatedLookup(this.#engine, request, options);
  }

  /** @see AnswerCache.throughMany */
  throughMany<T>(
    requests: readonly CacheRequest[],
    produce: (missing: readonly number[], run: Run) => Promise<readonly T[]>,
    options: ManyOptions<T> = {},
  ): Promise<readonly Outcome<T>[]> {
    return throughMany(this.#engine, requests, produce, options);
  }

  /** @see AnswerCache.stream */
  stream<C>(
    request: CacheRequest,
    produce: (run: Run) => AsyncIterable<C>,
    options: StreamOptions<C>,
  ): Promise<Outcome<AsyncIterableIterator<C>>> {
    return stream(this.#engine, request, produce, options);
  }

  /**
   * A function like `fn` whose results are cached; it keeps type, `name` and `length`, and calls `fn` with its own `this`.
   * See {@link WrapOptions} for what counts in the key.
   *
   * @throws LLMCacheError `ERR_LLMCACHE_OPTION` if it has no name, or another function has been wrapped under it.
   */
  wrap<F extends Cacheable>(fn: F, options: WrapOptions<F> = {}): Wrapped<F> {
    return wrap(this, this.#names, fn, options);
  }

  /** {@link LLMCache.wrap} as a standard method decorator: `@cache.cached({ ttl: "1h" })`. */
  cached<F extends Cacheable>(options: WrapOptions<F> = {}): MethodDecorator<F> {
    return cachedMethod(this, this.#names, options);
  }

  /** Asks for what is not fresh yet, several at a time; reports each result and survives single failures. */
  warm<T>(items: Iterable<WarmItem<T>>, options: WarmOptions<T> = {}): Promise<readonly WarmResult<T>[]> {
    return warm(this, items, options);
  }

  // --- Entries -------------------------------------------------------------------------------------------------------

  /**
   * The stored answer, if there is one that may be served; nobody is asked. By id, nothing but freshness is judged. Nothing is
   * found while the cache is disabled, nor for operations that are not cached.
   *
   * @throws LLMCacheError `ERR_LLMCACHE_STORE` under `onStoreFailure: "throw"`.
   */
  async get<T = Json>(
    request: CacheRequest | { readonly id: string },
    options: CallOptions<T> = {},
  ): Promise<Outcome<T> | undefined> {
    const engine = this.#engine;
    const call = engine.beginDirect(request, options);
    if (call.bypass !== undefined) return undefined;
    const found = await find<T>(engine, call, options.decode);
    if ("hit" in found) return served(engine, call, found);
    return found.stale && servedStale(engine, call, found.stale);
  }

  /**
   * Stores an answer, in the place of what was there and of what is under way.
   *
   * @returns its head; with `ttl: 0` or `noStore`, while the cache is disabled, and for operations that are not cached, nothing is
   * stored.
   * @throws LLMCacheError `ERR_LLMCACHE_VALUE` if it is neither JSON nor bytes, `ERR_LLMCACHE_STORE` if it could not be written.
   */
  async set(request: CacheRequest, value: Json | Uint8Array, options: SetOptions = {}): Promise<EntryHead> {
    const engine = this.#engine;
    const { metadata = {}, ...controls } = options;
    const call = engine.beginDirect(request, controls);
    const { control, key, bypass } = call;
    checkMetadata(metadata);
    const body = value instanceof Uint8Array ? Body.bytes(value) : Body.json(value);
    const stored = bypass === undefined && !control.noStore && control.ttlMs !== 0;
    const generations = stored ? await this.#generations(call) : undefined;
    const head = headOfAnswer(engine, call, unasked(engine, call, generations));
    const entry = { ...head, metadata: { ...metadata, ...head.metadata }, body };
    if (stored) {
      await engine.flights.detach(key.id);
      await writeNow(engine, call, entry);
      // Calls that began in the meantime read what was there before: they do not write over this.
      void engine.flights.detach(key.id);
    }
    return copyHead(entry);
  }

  /**
   * Removes an answer; one that is under way is handed to those who wait for it and not stored.
   *
   * @throws LLMCacheError `ERR_LLMCACHE_STORE` if that failed: the entry may still be there.
   */
  async delete(request: CacheRequest | { readonly id: string }, options: CacheControl = {}): Promise<void> {
    await remove(this.#engine, isId(request) ? request.id : this.key(request, options).id);
  }

  /** Removes all that the store's prefix owns. @throws LLMCacheError `ERR_LLMCACHE_STORE` if that failed. */
  async clear(): Promise<void> {
    await removeAll(this.#engine);
  }

  /**
   * Nothing that carries one of these tags is served any more, in whichever process or tier it lies: their generations change. What is
   * under way is handed over and not stored. Tags belong to the cache's own `namespace`; those of runs and calls share them.
   *
   * @throws LLMCacheError `ERR_LLMCACHE_STORE` if that failed: what carries the tags may still be served.
   */
  async invalidate({ tags }: { readonly tags: readonly string[] }): Promise<void> {
    await invalidateTags(this.#engine, checkTags(tags, "tags"));
  }

  /**
   * Goes through all entries of the store and removes those that `where` picks by their heads: everything of one model, say. Costs
   * a listing of the store; what is to be invalidated often should have a tag. What is under way is handed over and not stored.
   *
   * @throws LLMCacheError `ERR_LLMCACHE_UNSUPPORTED` if the store cannot list, `ERR_LLMCACHE_STORE` if it failed: some may be left.
   */
  forget(options: ForgetOptions): Promise<Forgotten> {
    return forget(this.#engine, options);
  }

  /** The key that a call with this request would have here and now. @throws LLMCacheError `ERR_LLMCACHE_REQUEST` */
  key(request: CacheRequest, options: CacheControl = {}): CacheKey {
    const { settings } = this.#engine;
    return requestKey(request, keyOptions(settings, this.#engine.control(options), request));
  }

  // --- Scope and settings --------------------------------------------------------------------------------------------

  /**
   * Runs `fn`: for every call inside, however deep and asynchronous, this cache and this control are in force. Nests; ends with
   * `fn`, also on a throw.
   */
  run<R>(fn: () => R): R;
  run<R>(control: CacheControl, fn: () => R): R;
  run<R>(control: CacheControl | (() => R), fn?: () => R): R {
    const [own, body] = typeof control === "function" ? [{}, control] : [control, fn];
    if (typeof body !== "function")
      throw new LLMCacheError("ERR_LLMCACHE_OPTION", "run takes a function, or a control and a function.");
    return runInFrame(this, checkControl(own, ""), body);
  }

  /** Caches again after {@link LLMCache.disable}. */
  enable(): void {
    this.#engine.enabled = true;
  }

  /** Every call goes past the cache, also those of clients made before; calls under way finish as they began. */
  disable(): void {
    this.#engine.enabled = false;
  }

  /**
   * Changes options, also for clients made before; what is not named stays. Calls under way finish as they began.
   *
   * @throws LLMCacheError `ERR_LLMCACHE_OPTION`; then nothing has changed.
   */
  update(options: LLMCacheOptions): void {
    const before = this.#engine.settings;
    const settings = updatedOptions(before, options);
    this.#engine.settings = settings;
    if (settings.store === this.#store) return;
    this.#store = settings.store;
    this.#listenTo(settings.store);
  }

  // --- What happened -------------------------------------------------------------------------------------------------

  /** Counts, and the two ledgers of what was spent and saved, since the cache was made. */
  stats(): CacheStatistics {
    return this.#engine.statistics.snapshot(this.#engine.asking);
  }

  /** Tells each event to `listener`. @returns a function that ends it. */
  on(listener: CacheListener): () => void {
    return this.#engine.listeners.add(listener);
  }

  /** One line per event: key, model, status, age; never the prompt. @returns a function that ends it. */
  logEvents(logger: Logger): () => void {
    return this.on(eventLogger(logger));
  }

  /** Hit and miss rates every so often; keeps no process alive. @returns a function that ends it. */
  logStats(logger: Logger, options: LogStatsOptions = {}): () => void {
    return statisticsLogger(() => this.stats(), logger, options);
  }

  /** Resolves when everything that goes on in the background has settled: writes, and refreshes of expired answers. */
  settled(): Promise<void> {
    return this.#engine.settled();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#engine.close();
    this.#unlisten?.();
    this.#unlisten = undefined;
  }

  async #generations(call: Call): Promise<Generations | undefined> {
    const { tags } = call.control;
    if (tags === undefined) return undefined;
    try {
      return await call.tags.forAnswer(tags);
    } catch (error) {
      this.#engine.failed(call, "get", error);
      throw storeError(call.settings.store, "read tags", error);
    }
  }

  #listenTo(store: Store): void {
    this.#unlisten?.();
    this.#unlisten = store.on?.((event) => this.#engine.storeTold(event));
  }
}

function checkMetadata(metadata: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(metadata)) {
    if (typeof value === "string" || (typeof value === "number" && Number.isFinite(value))) continue;
    throw new LLMCacheError(
      "ERR_LLMCACHE_OPTION",
      `metadata.${name} must be a string or a finite number, not ${String(value)}.`,
    );
  }
}
