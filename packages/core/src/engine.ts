import type { AnswerCache, Outcome, OutcomeStatus, Run, RunNote, Verdict } from "./answer-cache.ts";
import { Body, ownBytes } from "./body.ts";
import {
  checkControl,
  effectiveControl,
  type CacheControl,
  type CheckedControl,
  type EffectiveControl,
} from "./control.ts";
import { controlsInForce } from "./context.ts";
import { withDeadline } from "./deadline.ts";
import { copyHead, type Entry, type EntryHead, type EntryMetadata } from "./entry.ts";
import { isLLMCacheError, LLMCacheError } from "./errors.ts";
import {
  Listeners,
  type AnswerFate,
  type BypassReason,
  type CacheEvent,
  type FailureEvent,
  type Ledger,
  type MissReason,
} from "./events.ts";
import { Flights, type Flight } from "./flight.ts";
import { ageMs, lifetime, staleness } from "./freshness.ts";
import type { Json } from "./json.ts";
import { identityRecord, requestKey, type CacheKey, type CacheRequest, type KeyOptions } from "./key.ts";
import type { Settings } from "./settings.ts";
import { Statistics } from "./statistics.ts";
import type { Store, StoreEvent, StoreHit } from "./store.ts";

/** One call on its way: what was asked, under which settings and controls. */
export interface Call {
  readonly settings: Settings;
  readonly control: EffectiveControl;
  readonly request: CacheRequest;
  readonly key: CacheKey;
  readonly startedAt: number;
  readonly signal: AbortSignal | undefined;
  /** Why it goes past the cache, if it does; then it need not have a key. */
  readonly bypass: BypassReason | undefined;
  readonly bypassError: unknown;
}

/** How a stored form becomes what the caller wants; `undefined`: it cannot serve this call. */
export type Decode<T> = (body: Body, head: EntryHead) => T | undefined;

/** What the lookup found. */
export type Found<T> = { readonly hit: StoreHit; readonly value: T } | { readonly reason: MissReason };

/** A provider being asked. */
export interface Asking {
  readonly run: Run;
  readonly startedAt: number;
  /** What was asked, as it was then: the caller may change the request while the answer comes. */
  readonly asked: Pick<EntryMetadata, "operation" | "provider" | "model" | "namespace" | "sample">;
  readonly request: Json | undefined;
  readonly noted: { model?: string | undefined; ledger: { -readonly [K in keyof Ledger]: Ledger[K] } };
}

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
]);

/**
 * What `through`, `throughMany` and `stream` have in common: the only caller of clock and store, and the only place that decides
 * what a failure means.
 */
export class Engine {
  settings: Settings;
  enabled = true;
  readonly flights: Flights = new Flights();
  readonly statistics: Statistics = new Statistics();
  readonly listeners: Listeners = new Listeners();
  readonly #owner: AnswerCache;
  readonly #background: Set<Promise<void>> = new Set<Promise<void>>();
  #asking = 0;

  constructor(owner: AnswerCache, settings: Settings) {
    this.#owner = owner;
    this.settings = settings;
  }

  get inFlight(): number {
    return this.#asking;
  }

  // --- A call begins -------------------------------------------------------------------------------------------------

  /** Control and key of a call, or why it goes past the cache. */
  begin(request: CacheRequest, options: AnyCallOptions): Call {
    const { settings } = this;
    const control = this.control(options);
    let bypass = this.#bypassReason(settings, control, request);
    let bypassError: unknown;
    let key = NO_KEY;
    if (bypass === undefined) {
      try {
        key = requestKey(request, keyOptions(settings, control));
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
      bypass,
      bypassError,
    };
    if (bypass !== undefined && control.onlyIfCached) throw this.#mayNotPass(call);
    return call;
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
    const about = { settings, control, startedAt: settings.clock(), signal: options.signal, bypassError: undefined };
    if (isId(target)) {
      const bypass = this.enabled ? undefined : "off";
      return { ...about, request: NO_REQUEST, key: { id: target.id }, bypass };
    }
    const key = requestKey(target, keyOptions(settings, control));
    return { ...about, request: target, key, bypass: this.#bypassReason(settings, control, target) };
  }

  control(options: CacheControl): EffectiveControl {
    const runs = controlsInForce(this.#owner);
    const plain = isEmpty(options);
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

  // --- Lookup --------------------------------------------------------------------------------------------------------

  /** Looks the key up and judges what is there. Store trouble is a miss, or an error where it may not be passed over. */
  async find<T>(call: Call, decode: Decode<T> | undefined): Promise<Found<T>> {
    const unread = notToRead(call.control);
    if (unread !== undefined) return { reason: unread };
    const accept = acceptor(this, call, decode);
    try {
      return accept.result(
        await this.#inTime(call.settings, "get", (store, signal) =>
          store.get(call.key, { signal, accept: accept.test }),
        ),
      );
    } catch (error) {
      this.storeFailed(call, error);
      return { reason: "store-failure" };
    }
  }

  /** The same for several keys, in their order. */
  async findMany<T>(calls: readonly Call[], decode: Decode<T> | undefined): Promise<readonly Found<T>[]> {
    const [first] = calls;
    if (first === undefined) return [];
    const { settings } = first;
    const unread = notToRead(first.control);
    if (unread !== undefined) return calls.map(() => ({ reason: unread }));
    if (settings.store.getMany === undefined) return Promise.all(calls.map((call) => this.find(call, decode)));
    const byId = new Map(calls.map((call) => [call.key.id, acceptor(this, call, decode)]));
    try {
      const hits = await this.#inTime(settings, "getMany", async (store, signal) =>
        store.getMany?.(
          calls.map((call) => call.key),
          { signal, accept: (hit, key) => byId.get(key.id)?.test(hit) ?? false },
        ),
      );
      return calls.map((call, index) => (byId.get(call.key.id) as Acceptor<T>).result(hits?.[index]));
    } catch (error) {
      this.storeFailed(first, error);
      return calls.map(() => ({ reason: "store-failure" as const }));
    }
  }

  /** May this hit be served to this call, and as what? */
  judge<T>(
    call: Call,
    hit: StoreHit,
    decode: Decode<T> | undefined,
  ): { readonly value: T } | { readonly reason: MissReason } {
    const { entry } = hit;
    if (entry.id !== call.key.id) return { reason: "other-id" };
    const reason = staleness(entry, call.control, call.settings.clock());
    if (reason !== undefined) return { reason };
    return this.decode(call, entry.body, entry, decode);
  }

  /** A decoder that throws is a miss and an event, not an error: what it was given came from outside. */
  decode<T>(
    call: Call,
    body: Body,
    head: EntryHead,
    decode: Decode<T> | undefined,
  ): { readonly value: T } | { readonly reason: MissReason } {
    try {
      const value = decode === undefined ? (plainValue(body) as T) : decode(body, head);
      return value === undefined ? { reason: "undecodable" } : { value };
    } catch (error) {
      this.failed(call, "decode", error);
      return { reason: "undecodable" };
    }
  }

  storeFailed(call: Call, error: unknown): void {
    this.failed(call, "get", error);
    if (!call.settings.throwOnStoreFailure && !call.control.onlyIfCached) return;
    throw storeError(call.settings.store, "read", error);
  }

  /** A miss for which nobody may be asked: counted, and the error to throw. */
  missing(call: Call, reason: MissReason): LLMCacheError {
    this.statistics.count("misses");
    this.emit(() => ({
      ...base(call, call.settings.clock(), false),
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

  // --- The provider is asked -----------------------------------------------------------------------------------------

  ask(call: Call, signal: AbortSignal): Asking {
    this.#asking++;
    return this.#account(call, signal);
  }

  /** The account of an answer that did not come from a provider now. */
  unasked(call: Call): Asking {
    return this.#account(call, new AbortController().signal);
  }

  #account(call: Call, signal: AbortSignal): Asking {
    const { settings, request, control } = call;
    const { operation, provider, model, sample } = request;
    const namespace = shownNamespace(request, control);
    const noted: Asking["noted"] = { ledger: {} };
    return {
      run: { signal, note: (info) => note(noted, info) },
      startedAt: settings.clock(),
      asked: {
        operation,
        ...(provider === undefined ? {} : { provider }),
        ...(model === undefined ? {} : { model }),
        ...(namespace === undefined ? {} : { namespace }),
        ...(sample === undefined || sample === 0 ? {} : { sample }),
      },
      request: settings.keepRequests ? this.#keptRequest(call) : undefined,
      noted,
    };
  }

  /** Where the key was made of less than the request (a custom `key`), that request need not be JSON: then it is not kept. */
  #keptRequest(call: Call): Json | undefined {
    try {
      return keptRequest(call.request, call.settings, call.control);
    } catch (error) {
      this.failed(call, "encode", error);
      return undefined;
    }
  }

  /** The provider has answered or failed: closes the account that {@link ask} opened. */
  asked(call: Call, asking: Asking, reason: MissReason, answer: Exclude<AnswerFate, "not-asked">): void {
    this.#asking--;
    const now = call.settings.clock();
    const spent = { ...asking.noted.ledger, durationMs: Math.max(0, now - asking.startedAt) };
    this.statistics.count("misses");
    this.statistics.spend(spent);
    this.emit(() => ({ ...base(call, now, false), type: "miss", reason, answer, spent }));
  }

  /** The verdict on a value; a judge that throws, or gives something else, lets it pass unstored. */
  verdict<T>(call: Call, value: T, judge: ((value: T) => Verdict) | undefined): Verdict {
    if (judge === undefined) return "store";
    try {
      const verdict: unknown = judge(value);
      if (verdict === "store" || verdict === "pass" || verdict === "fail") return verdict;
      throw new LLMCacheError(
        "ERR_LLMCACHE_OPTION",
        `judge must give "store", "pass" or "fail", not ${typeof verdict}.`,
      );
    } catch (error) {
      this.failed(call, "judge", error);
      return "pass";
    }
  }

  /** The stored form of a value, or `undefined` where there is none. */
  encode<T>(call: Call, value: T, encode: ((value: T) => Json | Uint8Array | undefined) | undefined): Body | undefined {
    if (value === undefined) return undefined;
    try {
      const encoded: unknown = encode === undefined ? value : encode(value);
      if (encoded === undefined) return undefined;
      return encoded instanceof Uint8Array ? Body.bytes(encoded) : Body.json(encoded);
    } catch (error) {
      this.failed(call, "encode", error);
      return undefined;
    }
  }

  /** The head of a new answer; frozen, because all who share the run are shown it. */
  head(call: Call, asking: Asking): EntryHead {
    const { settings, control, key } = call;
    const createdAt = settings.clock();
    return Object.freeze({
      ...key,
      createdAt,
      ...lifetime(control, settings.keepStaleMs, createdAt),
      metadata: Object.freeze(this.#metadata(call, asking, createdAt)),
      ...(asking.request === undefined ? {} : { request: asking.request }),
    });
  }

  #metadata(call: Call, asking: Asking, now: number): EntryMetadata {
    const { noted, asked } = asking;
    const metadata: EntryMetadata = {
      ...asked,
      ...(noted.model === undefined ? {} : { model: noted.model }),
      ...noted.ledger,
      durationMs: Math.max(0, now - asking.startedAt),
    };
    const cost = metadata.cost ?? this.#price(call, metadata);
    if (cost === undefined) return metadata;
    noted.ledger.cost = cost;
    return { ...metadata, cost };
  }

  #price(call: Call, metadata: EntryMetadata): number | undefined {
    try {
      const cost = call.settings.price?.({ metadata });
      return typeof cost === "number" && Number.isFinite(cost) ? cost : undefined;
    } catch (error) {
      this.failed(call, "price", error);
      return undefined;
    }
  }

  // --- Writing -------------------------------------------------------------------------------------------------------

  /** Will an answer of this call be stored at all? */
  stores(call: Call, flight: Flight): boolean {
    return !call.control.noStore && call.control.ttlMs !== 0 && !flight.detached;
  }

  /** Writes in the background; the flight is over when that has settled. */
  keep(call: Call, flight: Flight, entry: Entry): void {
    this.keepMany(call, [{ flight, entry }]);
  }

  /** The same for several entries at once. What was deleted in the meantime (by a judge, a listener) is not written. */
  keepMany(call: Call, answers: readonly { readonly flight: Flight; readonly entry: Entry }[]): void {
    const kept: { readonly flight: Flight; readonly entry: Entry }[] = [];
    for (const answer of answers) {
      if (answer.flight.detached) this.flights.close(answer.flight);
      else kept.push(answer);
    }
    if (kept.length === 0) return;
    for (const { flight, entry } of kept) flight.head = entry;
    const written = this.#write(
      call,
      kept.map(({ entry }) => entry),
    ).finally(() => {
      for (const { flight } of kept) this.flights.close(flight);
    });
    for (const { flight } of kept) flight.written = written;
    this.inBackground(written);
  }

  /** Writes for a caller who waits for it. */
  async writeNow(call: Call, entry: Entry): Promise<void> {
    try {
      await this.#writeAll(call.settings, [entry]);
    } catch (error) {
      this.failed(call, "set", error);
      throw storeError(call.settings.store, "write", error);
    }
    this.#wrote(call, [entry]);
  }

  async #write(call: Call, entries: readonly Entry[]): Promise<void> {
    try {
      await this.#writeAll(call.settings, entries);
    } catch (error) {
      this.failed(call, "set", error);
      return;
    }
    this.#wrote(call, entries);
  }

  #wrote(call: Call, entries: readonly Entry[]): void {
    for (const entry of entries) {
      this.statistics.count("stores");
      this.emit(() => ({
        ...base(call, call.settings.clock(), false),
        id: entry.id,
        type: "store",
        sizeBytes: entry.body.size,
      }));
    }
  }

  async #writeAll(settings: Settings, entries: readonly Entry[]): Promise<void> {
    const [entry] = entries;
    if (entry === undefined) return;
    await this.#inTime(settings, "set", async (store, signal) => {
      if (entries.length === 1) return store.set(entry, { signal });
      if (store.setMany !== undefined) return store.setMany(entries, { signal });
      await Promise.all(entries.map((each) => store.set(each, { signal })));
    });
  }

  /** Deletes now, after writes of the same id that are under way, whose answers will not come back. */
  async remove(id: string, settings: Settings = this.settings): Promise<void> {
    await this.flights.detach(id);
    try {
      await this.#inTime(settings, "delete", (store, signal) => store.delete({ id }, { signal }));
    } catch (error) {
      throw storeError(settings.store, "delete", error);
    }
    this.emit(() => ({ type: "invalidate", what: "entry", at: settings.clock(), cacheHit: false, id, durationMs: 0 }));
  }

  /** The entry under this id as it is, judged by nobody. */
  async peek(settings: Settings, id: string): Promise<StoreHit | undefined> {
    return this.#inTime(settings, "get", (store, signal) => store.get({ id }, { signal }));
  }

  async removeAll(): Promise<void> {
    const { settings } = this;
    await this.flights.detach();
    try {
      await settings.store.clear();
    } catch (error) {
      throw storeError(settings.store, "clear", error);
    }
    this.emit(() => ({ type: "invalidate", what: "all", at: settings.clock(), cacheHit: false, durationMs: 0 }));
  }

  #inTime<T>(settings: Settings, what: string, start: (store: Store, signal: AbortSignal) => Promise<T>): Promise<T> {
    const { store, storeTimeoutMs } = settings;
    return withDeadline(
      (signal) => start(store, signal),
      storeTimeoutMs,
      () =>
        new LLMCacheError(
          "ERR_LLMCACHE_STORE",
          `${what} on the ${store.name} store took longer than ${storeTimeoutMs} ms.`,
        ),
    );
  }

  // --- The call ends -------------------------------------------------------------------------------------------------

  /** A stored answer. */
  served<T>(call: Call, value: T, hit: StoreHit): Outcome<T> {
    return this.#spared(call, "hit", value, hit.entry, hit);
  }

  /** The answer of a call that was already under way. */
  joined<T>(call: Call, flight: Flight, value: T, head: EntryHead): Outcome<T> {
    return this.#spared(call, "joined", value, head, { flight });
  }

  #spared<T>(
    call: Call,
    status: "hit" | "joined",
    value: T,
    head: EntryHead,
    more: Partial<StoreHit> & { readonly flight?: Flight },
  ): Outcome<T> {
    const { similarity, tier, entry, flight } = more;
    const now = call.settings.clock();
    const saved = ledgerOf(head.metadata);
    this.statistics.count(status === "hit" ? "hits" : "joined");
    this.statistics.save(saved);
    const age = ageMs(head, now);
    this.emit(() => ({
      ...base(call, now, true),
      operation: head.metadata.operation ?? call.request.operation,
      model: head.metadata.model ?? call.request.model,
      type: status,
      ageMs: age,
      saved,
      tier,
      similarity,
    }));
    return new CallOutcome(this, call, status, value, { head: entry, flight, ageMs: age, saved, similarity, tier });
  }

  /** A call that reads another's stream while it comes. */
  joinedLive<T>(call: Call, flight: Flight, value: T): Outcome<T> {
    const now = call.settings.clock();
    this.statistics.count("joined");
    this.emit(() => ({ ...base(call, now, true), type: "joined", ageMs: 0, saved: {} }));
    return new CallOutcome(this, call, "joined", value, { flight });
  }

  /** An answer that the provider gave. */
  answered<T>(call: Call, flight: Flight, value: T): Outcome<T> {
    return new CallOutcome(this, call, "miss", value, { flight });
  }

  /** A call that went past the cache. */
  bypassed<T>(call: Call, value: T): Outcome<T> {
    return new CallOutcome(this, call, "bypass", value, {});
  }

  countBypass(call: Call): void {
    const now = call.settings.clock();
    this.statistics.count("bypasses");
    const { bypass: reason = "off", bypassError: error } = call;
    this.emit(() => ({ ...base(call, now, false), id: undefined, type: "bypass", reason, error }));
  }

  failed(call: Call | undefined, during: FailureEvent["during"], error: unknown): void {
    this.statistics.count("failures");
    const at = this.settings.clock();
    const about = call === undefined ? { at, cacheHit: false, durationMs: 0 } : base(call, at, false);
    this.emit(() => ({ ...about, type: "failure", during, error }));
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

  /** `settled` waits for it. It must not reject. */
  inBackground(work: Promise<void>): void {
    this.#background.add(work);
    void work.finally(() => this.#background.delete(work));
  }

  async settled(): Promise<void> {
    while (this.#background.size > 0) await Promise.all(this.#background);
  }
}

interface Acceptor<T> {
  readonly test: (hit: StoreHit) => boolean;
  readonly result: (hit: StoreHit | undefined) => Found<T>;
}

/** The cache's verdict for one lookup; decodes each candidate once, whether the store asks for it or not. */
function acceptor<T>(engine: Engine, call: Call, decode: Decode<T> | undefined): Acceptor<T> {
  let reason: MissReason = "absent";
  let accepted: { readonly entry: Entry; readonly value: T } | undefined;
  const test = (hit: StoreHit): boolean => {
    const judged = engine.judge(call, hit, decode);
    if ("reason" in judged) {
      reason = judged.reason;
      return false;
    }
    accepted = { entry: hit.entry, value: judged.value };
    return true;
  };
  const result = (hit: StoreHit | undefined): Found<T> => {
    if (hit === undefined) return { reason };
    if (accepted?.entry !== hit.entry && !test(hit)) return { reason };
    return { hit, value: (accepted as { value: T }).value };
  };
  return { test, result };
}

class CallOutcome<T> implements Outcome<T> {
  readonly status: OutcomeStatus;
  readonly key: CacheKey;
  readonly value: T;
  readonly ageMs: number | undefined;
  readonly similarity: number | undefined;
  readonly tier: string | undefined;
  readonly saved: Ledger | undefined;
  readonly #engine: Engine;
  readonly #call: Call;
  readonly #flight: Flight | undefined;
  readonly #head: EntryHead | undefined;

  constructor(
    engine: Engine,
    call: Call,
    status: OutcomeStatus,
    value: T,
    more: Pick<Outcome<T>, "head" | "ageMs" | "similarity" | "tier" | "saved"> & {
      readonly flight?: Flight | undefined;
    },
  ) {
    this.#engine = engine;
    this.#call = call;
    this.status = status;
    this.key = call.key;
    this.value = value;
    this.#head = more.head;
    this.ageMs = more.ageMs;
    this.similarity = more.similarity;
    this.tier = more.tier;
    this.saved = more.saved;
    this.#flight = more.flight;
  }

  /** A copy: the store may hold the original. */
  get head(): EntryHead | undefined {
    const head = this.#head ?? this.#flight?.head;
    return head === undefined ? undefined : copyHead(head);
  }

  async reject(): Promise<void> {
    const flight = this.#flight;
    const call = this.#call;
    const { settings } = call;
    if (flight !== undefined) {
      flight.detached = true;
      this.#engine.flights.unlist(flight);
      await flight.written;
    } else {
      await this.#engine.flights.get(call.key.id)?.written;
    }
    const head = this.#head ?? flight?.head;
    if (head !== undefined) {
      try {
        const there = await this.#engine.peek(settings, head.id);
        if (there?.entry.id === head.id && there.entry.createdAt === head.createdAt)
          await this.#engine.remove(head.id, settings);
      } catch (error) {
        if (isLLMCacheError(error, "ERR_LLMCACHE_STORE")) throw error;
        throw storeError(settings.store, "delete", error);
      }
    }
    this.#engine.statistics.count("rejected");
    this.#engine.emit(() => ({ ...base(call, settings.clock(), false), type: "rejected" }));
  }
}

function base(
  call: Call,
  at: number,
  cacheHit: boolean,
): {
  readonly at: number;
  readonly cacheHit: boolean;
  readonly id: string;
  readonly operation: string;
  readonly model: string | undefined;
  readonly durationMs: number;
} {
  const { request, key } = call;
  return {
    at,
    cacheHit,
    id: key.id,
    operation: request.operation,
    model: request.model,
    durationMs: Math.max(0, at - call.startedAt),
  };
}

function notToRead(control: EffectiveControl): MissReason | undefined {
  if (control.noCache) return "no-cache";
  return control.sMaxAgeMs === 0 ? "too-old" : undefined;
}

/** What the settings and the surroundings of a call add to its identity. */
export function keyOptions(settings: Settings, control: EffectiveControl): KeyOptions {
  return { namespaces: control.namespaces, versions: control.versions, secret: settings.secret, key: settings.key };
}

function plainValue(body: Body): unknown {
  return body.kind === "json" ? body.json() : ownBytes(body.bytes());
}

/** Takes over what is usable: usage reports of providers hold null and NaN, which no entry may. */
function note(noted: Asking["noted"], info: RunNote): void {
  const { model, tokens, cost } = info;
  const { ledger } = noted;
  if (typeof model === "string") noted.model = model;
  if (isAmount(tokens)) {
    ledger.tokens = tokens;
    delete ledger.inputTokens;
    delete ledger.outputTokens;
  } else if (typeof tokens === "object" && tokens !== null) {
    const { input, output } = tokens;
    if (isAmount(input)) ledger.inputTokens = input;
    if (isAmount(output)) ledger.outputTokens = output;
    if (isAmount(input) || isAmount(output)) ledger.tokens = (ledger.inputTokens ?? 0) + (ledger.outputTokens ?? 0);
  }
  if (isAmount(cost)) ledger.cost = cost;
}

function isAmount(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

function ledgerOf(metadata: EntryMetadata): Ledger {
  const { tokens, inputTokens, outputTokens, cost, durationMs } = metadata;
  return {
    ...(tokens === undefined ? {} : { tokens }),
    ...(inputTokens === undefined ? {} : { inputTokens }),
    ...(outputTokens === undefined ? {} : { outputTokens }),
    ...(cost === undefined ? {} : { cost }),
    ...(durationMs === undefined ? {} : { durationMs }),
  };
}

/** For people: the levels as a path, slashes in names escaped. */
function shownNamespace(request: CacheRequest, control: EffectiveControl): string | undefined {
  if (request.namespace === undefined && control.namespaces === undefined) return undefined;
  const levels = identityRecord(
    { operation: "x", prompt: "", namespace: request.namespace },
    { namespaces: control.namespaces },
  );
  const path = levels.namespace.flat().map((name) => name.replaceAll("/", "%2F"));
  return path.length === 0 ? undefined : path.join("/");
}

function keptRequest(request: CacheRequest, settings: Settings, control: EffectiveControl): Json {
  const { shape: _, ...kept } = request;
  const record = identityRecord(kept, { namespaces: control.namespaces, versions: control.versions });
  return Body.json(
    JSON.parse(JSON.stringify(settings.key === undefined ? record : { ...record, request: kept })),
  ).json();
}

function storeError(store: Store, what: string, cause: unknown): LLMCacheError {
  if (isLLMCacheError(cause)) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  return new LLMCacheError("ERR_LLMCACHE_STORE", `The ${store.name} store failed to ${what}: ${message}`, { cause });
}

function isEmpty(value: object): boolean {
  for (const _ in value) return false;
  return true;
}

/** Is an entry named by its id alone? */
export function isId(target: CacheRequest | { readonly id: string }): target is { readonly id: string } {
  return "id" in target && !("operation" in target);
}
