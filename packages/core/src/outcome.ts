import type { Outcome, OutcomeStatus, RejectOptions } from "./answer-cache.ts";
import { about, type Call } from "./call.ts";
import type { Engine } from "./engine.ts";
import { copyHead, type EntryHead, type EntryMetadata } from "./entry.ts";
import { isLLMCacheError, LLMCacheError } from "./errors.ts";
import type { Ledger } from "./events.ts";
import type { Flight } from "./flight.ts";
import { ageMs } from "./freshness.ts";
import type { CacheKey } from "./key.ts";
import type { Served } from "./lookup.ts";
import { storeError } from "./store.ts";
import { peek, remove } from "./writing.ts";

/** A stored answer. */
export function served<T>(engine: Engine, call: Call, { hit, value }: Served<T>): Outcome<T> {
  return spared(engine, call, "hit", value, hit.entry, hit);
}

/** A stored answer that is expired. */
export function servedStale<T>(engine: Engine, call: Call, { hit, value }: Served<T>): Outcome<T> {
  return spared(engine, call, "stale", value, hit.entry, hit);
}

/** The answer of a call that was already under way. */
export function joined<T>(engine: Engine, call: Call, flight: Flight, value: T, head: EntryHead): Outcome<T> {
  return spared(engine, call, "joined", value, head, { flight });
}

/** A call that reads another's stream while it comes. */
export function joinedLive<T>(engine: Engine, call: Call, flight: Flight, value: T): Outcome<T> {
  const now = call.settings.clock();
  engine.statistics.count("joined");
  engine.emit(() => ({ ...about(call, now, true), type: "joined", ageMs: 0, saved: {} }));
  return new CallOutcome(engine, call, "joined", value, { flight });
}

/** An answer that the provider gave. */
export function answered<T>(engine: Engine, call: Call, flight: Flight, value: T): Outcome<T> {
  return new CallOutcome(engine, call, "miss", value, { flight });
}

/** A call that went past the cache. */
export function bypassed<T>(engine: Engine, call: Call, value: T): Outcome<T> {
  return new CallOutcome(engine, call, "bypass", value, {});
}

interface More {
  readonly entry?: EntryHead | undefined;
  readonly flight?: Flight | undefined;
  readonly similarity?: number | undefined;
  readonly tier?: string | undefined;
}

const COUNTED = { hit: "hits", joined: "joined", stale: "stale" } as const;

function spared<T>(
  engine: Engine,
  call: Call,
  status: "hit" | "joined" | "stale",
  value: T,
  head: EntryHead,
  more: More,
): Outcome<T> {
  const { similarity, tier, entry, flight } = more;
  const now = call.settings.clock();
  const saved = ledgerOf(head.metadata);
  engine.statistics.count(COUNTED[status]);
  if (similarity !== undefined) engine.statistics.count("similar");
  engine.statistics.save(saved);
  const age = ageMs(head, now);
  engine.emit(() => ({
    ...about(call, now, true),
    operation: head.metadata.operation ?? call.request.operation,
    provider: head.metadata.provider ?? call.request.provider,
    model: head.metadata.model ?? call.request.model,
    answerModel: head.metadata.model,
    type: status,
    ageMs: age,
    saved,
    tier,
    similarity,
  }));
  return new CallOutcome(engine, call, status, value, { head: entry, flight, ageMs: age, saved, similarity, tier });
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

  async reject(options: RejectOptions = {}): Promise<void> {
    if (options.pair === true) return this.#rejectPair();
    const flight = this.#flight;
    const call = this.#call;
    const engine = this.#engine;
    const { settings } = call;
    if (flight !== undefined) {
      flight.detached = true;
      engine.flights.unlist(flight);
      await flight.written;
    } else {
      await engine.flights.get(call.key.id)?.written;
    }
    const head = this.#head ?? flight?.head;
    if (head !== undefined) {
      try {
        const there = await peek(engine, settings, head.id);
        if (there?.entry.id === head.id && there.entry.createdAt === head.createdAt)
          await remove(engine, head.id, settings);
      } catch (error) {
        if (isLLMCacheError(error, "ERR_LLMCACHE_STORE")) throw error;
        throw storeError(settings.store, "delete", error);
      }
    }
    this.#rejected();
  }

  async #rejectPair(): Promise<void> {
    const { settings, key } = this.#call;
    const head = this.#head;
    if (this.similarity === undefined || head === undefined) {
      throw new LLMCacheError(
        "ERR_LLMCACHE_OPTION",
        "pair: this is not the answer to a similar request but the request's own, which reject() without options removes.",
      );
    }
    const { store } = settings;
    if (store.rejectPair === undefined) {
      throw new LLMCacheError("ERR_LLMCACHE_UNSUPPORTED", `The ${store.name} store cannot remember rejected pairs.`);
    }
    try {
      await this.#engine.inTime(settings, "rejectPair", async (_, signal) => store.rejectPair?.(key, head, { signal }));
    } catch (error) {
      throw storeError(store, "reject a pair", error);
    }
    this.#rejected(true);
  }

  #rejected(pair?: boolean): void {
    const call = this.#call;
    this.#engine.statistics.count("rejected");
    this.#engine.emit(() => ({ ...about(call, call.settings.clock(), false), type: "rejected", pair }));
  }
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
