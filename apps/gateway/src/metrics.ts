import type { CacheEvent, LLMCache, Store } from "@llmcache/core";
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { RequestRecord } from "./gateway-options.ts";
import { LabelValues } from "./label-values.ts";
import type { NamedStore } from "./store-probe.ts";
import { Tally } from "./tally.ts";

/** Options of {@link GatewayMetrics}. */
export interface MetricsOptions {
  readonly cache: LLMCache;
  readonly stores: readonly NamedStore[];
  /** Models that are told apart. @default the first 50 of which something was stored */
  readonly models?: readonly string[] | undefined;
  readonly processMetrics: boolean;
}

const MOST_MODELS = 50;
const MOST_NAMES = 50;
/** Seconds: hits take fractions of a millisecond, answers of reasoning models minutes. */
const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];

/** The gateway's metrics in a registry of their own. No text, key or credential of anybody is in them, and every label is bounded. */
export class GatewayMetrics {
  readonly #registry: Registry = new Registry();
  readonly contentType: string = this.#registry.contentType;
  readonly #process: Registry | undefined;
  readonly #upstreams: LabelValues = new LabelValues(undefined, MOST_NAMES);
  readonly #operations: LabelValues = new LabelValues(undefined, MOST_NAMES);
  readonly #storeNames: LabelValues = new LabelValues(undefined, MOST_NAMES);
  readonly #models: LabelValues;
  readonly #unlisten: () => void;

  readonly #tallies: Tally<string>[] = [];
  readonly #durations: Histogram<"upstream" | "operation" | "cache">;
  readonly #observers: Map<string, { observe(seconds: number): void }> = new Map<
    string,
    { observe(seconds: number): void }
  >();
  readonly #requests: Tally<string>;
  readonly #bytesIn: Tally<string>;
  readonly #bytesOut: Tally<string>;
  readonly #hits: Tally<string>;
  readonly #misses: Tally<string>;
  readonly #bypasses: Tally<string>;
  readonly #modelCalls: Tally<string>;
  readonly #stored: Tally<string>;
  readonly #storedBytes: Tally<string>;
  readonly #rejected: Tally<string>;
  readonly #invalidations: Tally<string>;
  readonly #failures: Tally<string>;
  readonly #storeEvents: Tally<string>;
  readonly #degraded: Gauge<"store">;

  constructor(options: MetricsOptions) {
    const { cache, models, stores, processMetrics } = options;
    const registers = [this.#registry];
    this.#models = new LabelValues(models, MOST_MODELS);
    const counter = (name: string, help: string, ...labelNames: string[]): Tally<string> => {
      const tally = new Tally(new Counter({ name: `llmcache_${name}`, help, labelNames, registers }), labelNames);
      this.#tallies.push(tally);
      return tally;
    };

    this.#requests = counter(
      "requests_total",
      "Requests that were answered.",
      "upstream",
      "operation",
      "cache",
      "status",
    );
    this.#durations = new Histogram({
      name: "llmcache_request_duration_seconds",
      help: "Time from the request's head to the answer's end.",
      labelNames: ["upstream", "operation", "cache"],
      buckets: BUCKETS,
      registers,
    });
    this.#bytesIn = counter("request_bytes_total", "Bytes of requests' bodies.", "upstream", "operation");
    this.#bytesOut = counter("response_bytes_total", "Bytes of answers' bodies.", "upstream", "operation");
    this.#hits = counter("hits_total", "Calls that were answered without the provider.", "kind", "operation", "tier");
    this.#misses = counter("misses_total", "Calls for which the provider was asked.", "reason", "answer", "operation");
    this.#bypasses = counter("bypasses_total", "Calls past the cache.", "reason");
    this.#modelCalls = counter("model_calls_total", "Calls by model.", "model", "result");
    this.#stored = counter("stored_total", "Entries written.");
    this.#storedBytes = counter("stored_bytes_total", "Bytes of the entries written.");
    this.#rejected = counter("rejected_total", "Answers that somebody rejected.");
    this.#invalidations = counter("invalidations_total", "Entries, tags or all that was dropped on purpose.", "what");
    this.#failures = counter("failures_total", "What failed, whether or not somebody noticed.", "during");
    this.#storeEvents = counter("store_events_total", "What stores told.", "store", "type");
    this.#degraded = new Gauge({
      name: "llmcache_store_degraded",
      help: "1 from when a store failed, or its breaker opened, until it works again.",
      labelNames: ["store"],
      registers,
    });
    for (const { name } of stores) this.#degraded.set({ store: this.#storeNames.of(name) }, 0);
    this.#collectStatistics(cache);
    this.#collectUsage(stores);
    this.#process = processMetrics ? registryOfProcess() : undefined;
    this.#unlisten = cache.on((event) => this.#told(event));
  }

  /** One request was answered. */
  observe(record: RequestRecord): void {
    const { status, cache, durationMs, bytesIn, bytesOut } = record;
    const upstream = this.#upstreams.of(record.upstream);
    const operation = this.#operations.of(record.operation);
    this.#requests.add(1, upstream, operation, cache, statusClass(status));
    this.#observer(upstream, operation, cache).observe(amount(durationMs) / 1000);
    this.#bytesIn.add(amount(bytesIn), upstream, operation);
    this.#bytesOut.add(amount(bytesOut), upstream, operation);
  }

  /** All of it, in the text format of {@link GatewayMetrics.contentType}. */
  async text(): Promise<string> {
    for (const tally of this.#tallies) tally.flush();
    return (await this.#registry.metrics()) + ((await this.#process?.metrics()) ?? "");
  }

  close(): void {
    this.#unlisten();
    this.#registry.clear();
  }

  #observer(upstream: string, operation: string, cache: string): { observe(seconds: number): void } {
    const key = `${upstream}\0${operation}\0${cache}`;
    let observer = this.#observers.get(key);
    if (observer === undefined) {
      observer = this.#durations.labels(upstream, operation, cache);
      this.#observers.set(key, observer);
    }
    return observer;
  }

  #told(event: CacheEvent): void {
    switch (event.type) {
      case "hit":
      case "joined":
      case "stale": {
        const kind = event.similarity === undefined ? event.type : "similar";
        const tier = this.#storeNames.of(event.tier);
        this.#hits.add(1, kind, this.#operations.of(event.operation), tier);
        // Who joined may have named anything: the answer is not there yet.
        this.#modelCalls.add(1, this.#models.of(event.model, event.type !== "joined"), kind);
        break;
      }
      case "miss": {
        const { reason, answer, operation, model } = event;
        this.#misses.add(1, reason, answer, this.#operations.of(operation));
        // A model that gave no answer worth keeping may be anything that somebody wrote there.
        this.#modelCalls.add(1, this.#models.of(model, answer === "stored"), "miss");
        break;
      }
      case "bypass":
        this.#bypasses.add(1, event.reason);
        break;
      case "store":
        this.#stored.add(1);
        this.#storedBytes.add(amount(event.sizeBytes));
        break;
      case "rejected":
        this.#rejected.add(1);
        break;
      case "invalidate":
        this.#invalidations.add(1, event.what);
        break;
      case "failure": {
        this.#failures.add(1, event.during);
        if (event.storeEvent === undefined) break;
        const { type } = event.storeEvent;
        const store = this.#storeNames.of(event.storeEvent.store);
        this.#storeEvents.add(1, store, type);
        if (type === "degraded") this.#degraded.set({ store }, 1);
        if (type === "recovered") this.#degraded.set({ store }, 0);
        break;
      }
      default:
        event satisfies never;
    }
  }

  /** The two ledgers: read when somebody asks. */
  #collectStatistics(cache: LLMCache): void {
    const registers = [this.#registry];
    const gauge = (name: string, help: string, read: () => number): void => {
      void new Gauge({
        name: `llmcache_${name}`,
        help,
        registers,
        collect() {
          this.set(read());
        },
      });
    };
    const ledger = (
      name: string,
      help: string,
      of: "tokens" | "inputTokens" | "outputTokens" | "cost" | "calls",
    ): void => {
      void new Counter({
        name: `llmcache_${name}`,
        help,
        labelNames: ["ledger"],
        registers,
        collect() {
          const { spent, saved } = cache.stats();
          this.reset();
          this.inc({ ledger: "spent" }, amount(spent[of]));
          this.inc({ ledger: "saved" }, amount(saved[of]));
        },
      });
    };
    ledger("calls_total", "Answers that providers gave (spent), and that were there already (saved).", "calls");
    ledger("tokens_total", "Tokens that were paid for (spent), and that were not (saved).", "tokens");
    ledger("input_tokens_total", "Of these, input tokens.", "inputTokens");
    ledger("output_tokens_total", "Of these, output tokens.", "outputTokens");
    ledger(
      "cost_total",
      "Money that was paid (spent), and that was not (saved), in the unit of the cache's price.",
      "cost",
    );
    gauge(
      "hit_ratio",
      "Calls answered without the provider, of those that looked, since the start.",
      () => cache.stats().hitRate,
    );
    gauge("provider_calls_in_flight", "Providers being asked.", () => cache.stats().inFlight);
  }

  #collectUsage(stores: readonly NamedStore[]): void {
    const telling = stores.filter(({ store }) => usageOf(store) !== undefined);
    if (telling.length === 0) return;
    const names = this.#storeNames;
    for (const kind of ["entries", "bytes"] as const) {
      void new Gauge({
        name: `llmcache_store_${kind}`,
        help: kind === "entries" ? "Entries in the store." : "Bytes they take, as the store estimates.",
        labelNames: ["store"],
        registers: [this.#registry],
        collect() {
          for (const { name, store } of telling) this.set({ store: names.of(name) }, amount(usageOf(store)?.[kind]));
        },
      });
    }
  }
}

let processRegistry: Registry | undefined;

/** Once for all: what is observed for it is observed for as long as the process lasts. */
function registryOfProcess(): Registry {
  if (processRegistry === undefined) {
    processRegistry = new Registry();
    collectDefaultMetrics({ register: processRegistry });
  }
  return processRegistry;
}

/** What a store tells of its size, if it does. */
function usageOf(store: Store): { readonly entries: number; readonly bytes: number } | undefined {
  const { usage } = store as { readonly usage?: unknown };
  if (typeof usage !== "function") return undefined;
  try {
    const told = usage.call(store) as { readonly entries?: unknown; readonly bytes?: unknown } | undefined;
    if (typeof told?.entries !== "number" || typeof told.bytes !== "number") return undefined;
    return { entries: told.entries, bytes: told.bytes };
  } catch {
    // One store that fails must not hide all the rest.
    return undefined;
  }
}

function statusClass(status: number): string {
  return status >= 100 && status < 600 ? `${Math.floor(status / 100)}xx` : "none";
}

/** Counters throw on what is no amount. */
function amount(value: number | undefined): number {
  return value !== undefined && Number.isFinite(value) && value > 0 ? value : 0;
}
