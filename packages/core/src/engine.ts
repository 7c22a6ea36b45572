import type { AnswerCache } from "./answer-cache.ts";
import { about, type Call } from "./call.ts";
import {
  checkControl,
  effectiveControl,
  type CacheControl,
  type CheckedControl,
  type EffectiveControl,
} from "./control.ts";
import { controlsInForce } from "./context.ts";
import { Deadlines } from "./deadline.ts";
import { isLLMCacheError, LLMCacheError } from "./errors.ts";
import { Listeners, type BypassReason, type CacheEvent, type FailureEvent, type MissReason } from "./events.ts";
import { Flights } from "./flight.ts";
import { requestKey, type CacheKey, type CacheRequest, type KeyOptions } from "./key.ts";
import type { Settings } from "./settings.ts";
import { similarFor } from "./similar.ts";
import { Statistics } from "./statistics.ts";
import { storeError, type Store, type StoreEvent } from "./store.ts";
import { TagReader, type StoreWork } from "./tags.ts";

/** Options of any kind of call. */
type AnyCallOptions = CacheControl & {
  readonly signal?: AbortSignal | undefined;
  readonly unkeyable?: "throw" | "bypass" | undefined;
};

const NO_KEY: CacheKey = { id: "" };
const NO_REQUEST: CacheRequest = { operation: "", prompt: null };
const NO_CONTROL: CheckedControl = {};
/** Call options that are no controls. */
const CALL_OPTIONS: ReadonlySet<string> = new Set([
  "signal",
  "encode",
  "decode",
  "judge",
  "unkeyable",
  "maxBatch",
  "chunkType",
  "isLast",
  "isFailure",
]);

/**
 * What all calls of one cache have in common: the settings, the clock, the runs under way, the only way to the store, and what is
 * told of failures.
 */
export class Engine {
  settings: Settings;
  enabled = true;
  /** Providers being asked. */
  asking = 0;
  readonly flights: Flights = new Flights();
  readonly statistics: Statistics = new Statistics();
  readonly listeners: Listeners = new Listeners();
  readonly #owner: AnswerCache;
  readonly #background: Set<Promise<void>> = new Set<Promise<void>>();
  #ofTurn: TagReader | undefined;
  readonly #deadlines: Deadlines = new Deadlines();
  readonly #refreshes: Set<() => void> = new Set<() => void>();

  constructor(owner: AnswerCache, settings: Settings) {
    this.#owner = owner;
    this.settings = settings;
  }

  // --- A call begins -------------------------------------------------------------------------------------------------

  /** Control and key of a call, or why it goes past the cache. Calls of one list share a reader of tags. */
  begin(request: CacheRequest, options: AnyCallOptions, tags?: TagReader): Call {
    const { settings } = this;
    const control = this.control(options);
    let bypass = this.#bypassReason(settings, control, request);
    let bypassError: unknown;
    let key = NO_KEY;
    if (bypass === undefined) {
      try {
        key = requestKey(request, keyOptions(settings, control, request));
      } catch (error) {
        if (options.unkeyable !== "bypass") throw error;
        bypass = "no-identity";
        bypassError = error;
      }
    }
    const call = {
      settings,
      control,
      request,
      key,
      startedAt: settings.clock(),
      signal: options.signal,
      tags: tags ?? this.tagReader(settings),
      bypass,
      bypassError,
    };
    if (bypass !== undefined && control.onlyIfCached) throw this.#mayNotPass(call);
    return call;
  }

  tagReader(settings: Settings = this.settings): TagReader {
    return new TagReader(settings, this.work);
  }

  /** One that knows nothing yet, for all who ask in this turn: a thousand who joined one run read what it depends on once. */
  tagReaderOfTurn(settings: Settings): TagReader {
    if (settings !== this.settings) return this.tagReader(settings);
    if (this.#ofTurn === undefined) {
      this.#ofTurn = this.tagReader(settings);
      queueMicrotask(() => {
        this.#ofTurn = undefined;
      });
    }
    return this.#ofTurn;
  }

  /** The same call, which knows nothing of generations yet: what it read of them may have been overtaken while it waited. */
  afresh(call: Call): Call {
    return { ...call, tags: this.tagReader(call.settings) };
  }

  /** Past the cache there is only the provider, and `onlyIfCached` says never to ask it. */
  #mayNotPass(call: Call): LLMCacheError {
    this.countBypass(call);
    return new LLMCacheError(
      "ERR_LLMCACHE_MISS",
      `This ${call.request.operation} call goes past the cache (${call.bypass}), and onlyIfCached forbids to ask the provider.`,
      { cause: call.bypassError },
    );
  }

  /** A call about one entry, by its request or its id: it has a key whatever the cache does with it, and needs no opting in. */
  beginDirect(target: CacheRequest | { readonly id: string }, options: AnyCallOptions): Call {
    const { settings } = this;
    const control = this.control({ ...options, use: true });
    const common = {
      settings,
      control,
      startedAt: settings.clock(),
      signal: options.signal,
      tags: this.tagReader(settings),
      bypassError: undefined,
    };
    if (isId(target)) {
      const bypass = this.enabled ? undefined : "off";
      return { ...common, request: NO_REQUEST, key: { id: target.id }, bypass };
    }
    const key = requestKey(target, keyOptions(settings, control, target));
    return { ...common, request: target, key, bypass: this.#bypassReason(settings, control, target) };
  }

  control(options: CacheControl): EffectiveControl {
    const runs = controlsInForce(this.#owner);
    const plain = hasNoControl(options);
    if (plain && runs.length === 0) return this.settings.plainControl;
    return effectiveControl(this.settings.control, runs, plain ? NO_CONTROL : checkControl(options, "", CALL_OPTIONS));
  }

  /** May the call share a run with others? Those who want something special, or want to see for themselves, may not. */
  mayJoin(call: Call): boolean {
    const { control } = call;
    return !control.noCache && !control.noStore && !control.onlyIfCached && control.sMaxAgeMs !== 0;
  }

  #bypassReason(settings: Settings, control: EffectiveControl, request: CacheRequest): BypassReason | undefined {
    if (!this.enabled) return "off";
    if (control.use === false) return "use-false";
    if (settings.optIn && control.use !== true) return "not-opted-in";
    return settings.allows(request.operation) ? undefined : "operation";
  }

  // --- The store -----------------------------------------------------------------------------------------------------

  /** The only way to the store: what takes longer than `storeTimeoutMs` has failed. */
  inTime<T>(settings: Settings, what: string, start: (store: Store, signal: AbortSignal) => Promise<T>): Promise<T> {
    const { store, storeTimeoutMs } = settings;
    return this.#deadlines.run(
      storeTimeoutMs,
      () =>
        new LLMCacheError(
          "ERR_LLMCACHE_STORE",
          `${what} on the ${store.name} store took longer than ${storeTimeoutMs} ms.`,
        ),
      (signal) => start(store, signal),
    );
  }

  /** Ends refreshes, waits for what is written, and leaves no timer; calls may go on. */
  async close(): Promise<void> {
    for (const end of this.#refreshes) end();
    await this.settled();
    this.#deadlines.close();
  }

  readonly work: StoreWork = (settings, what, start) => this.inTime(settings, what, start);

  /** A lookup failed: told, and an error where it may not be passed over. */
  storeFailed(call: Call, error: unknown): void {
    this.failed(call, "get", error);
    if (!call.settings.throwOnStoreFailure && !call.control.onlyIfCached) return;
    throw storeError(call.settings.store, "read", error);
  }

  // --- What is told --------------------------------------------------------------------------------------------------

  /** A miss for which nobody may be asked: counted, and the error to throw. */
  missing(call: Call, reason: MissReason): LLMCacheError {
    this.statistics.count("misses");
    this.emit(() => ({
      ...about(call, call.settings.clock(), false),
      type: "miss",
      reason,
      answer: "not-asked",
      spent: {},
    }));
    return new LLMCacheError(
      "ERR_LLMCACHE_MISS",
      `Nothing usable is stored for this ${call.request.operation} request (key ${call.key.id}), and onlyIfCached forbids to ask the provider.`,
    );
  }

  countBypass(call: Call): void {
    const now = call.settings.clock();
    this.statistics.count("bypasses");
    const { bypass: reason = "off", bypassError: error } = call;
    this.emit(() => ({ ...about(call, now, false), id: undefined, type: "bypass", reason, error }));
  }

  failed(call: Call | undefined, during: FailureEvent["during"], error: unknown): void {
    // A store that is not asked for a while has told why when that began.
    if (isLLMCacheError(error, "ERR_LLMCACHE_PAUSED")) return;
    this.statistics.count("failures");
    const at = this.settings.clock();
    const common = call === undefined ? { at, cacheHit: false, durationMs: 0 } : about(call, at, false);
    this.emit(() => ({ ...common, type: "failure", during, error }));
  }

  /** What the store tells by itself. */
  storeTold(storeEvent: StoreEvent): void {
    this.emit(() => ({
      type: "failure",
      during: "store",
      at: this.settings.clock(),
      cacheHit: false,
      durationMs: 0,
      id: storeEvent.id,
      error: storeEvent.error ?? storeEvent.message,
      storeEvent,
    }));
  }

  emit(build: () => CacheEvent): void {
    this.listeners.emit(build);
  }

  // --- In the background ---------------------------------------------------------------------------------------------

  /** A refresh that is under way: disposing ends it. @returns what to call when it is over. */
  refreshing(end: () => void): () => void {
    this.#refreshes.add(end);
    return () => void this.#refreshes.delete(end);
  }

  /** `settled` waits for it. It must not reject. */
  inBackground(work: Promise<void>): void {
    this.#background.add(work);
    void work.finally(() => this.#background.delete(work));
  }

  async settled(): Promise<void> {
    while (this.#background.size > 0) await Promise.all(this.#background);
    await this.settings.store.settled?.();
  }
}

/** What the settings and the surroundings of a call add to its identity. */
export function keyOptions(settings: Settings, control: EffectiveControl, request: CacheRequest): KeyOptions {
  const { namespaces, versions } = control;
  const similar = similarFor(request, control, settings.store);
  return { namespaces, versions, secret: settings.secret, key: settings.key, similar };
}

/** Does a call say nothing of the cache? Most don't. */
function hasNoControl(options: object): boolean {
  for (const name in options) if (!CALL_OPTIONS.has(name)) return false;
  return true;
}

/** Is an entry named by its id alone? */
export function isId(target: CacheRequest | { readonly id: string }): target is { readonly id: string } {
  return "id" in target && !("operation" in target);
}
