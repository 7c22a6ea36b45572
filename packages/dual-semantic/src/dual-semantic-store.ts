import { randomUUID } from "node:crypto";
import {
  durationMs,
  isLLMCacheError,
  TieredStore,
  type CacheKey,
  type EntriesOptions,
  type Entry,
  type EntryHead,
  type InvalidationBus,
  type ListedEntry,
  type Store,
  type StoreAddOptions,
  type StoreCallOptions,
  type StoreEvent,
  type StoreHit,
} from "@llmcache/core";
import { MemorySemanticStore } from "@llmcache/memory-semantic";
import { redisBus, type RedisBus, type RedisBusOptions } from "@llmcache/redis";
import { RedisSemanticStore } from "@llmcache/redis-semantic";
import { NearTier } from "./near-tier.ts";
import { checkOwn, DEFAULT_MAX_TTL, type DualSemanticStoreOptions } from "./options.ts";
import { SharedEmbedder } from "./shared-embedder.ts";

const NAME = "dual-semantic";
const DEFAULT_PREFIX = "llmcache-semantic";

/**
 * A memory-semantic store in front of a redis-semantic one, with one embedding and one decision for both: what was asked in this process lately is
 * answered without Redis, everything else from what all processes share. What Redis finds is copied into the process, under the key and
 * with the instants that it has. A Redis that is away is passed over, and told of by `degraded`; the process goes on with its own.
 *
 * A text that was asked lately is answered as it was then, by what the process has; before the embedder is asked for another one, Redis is asked
 * for the request's own. Other processes' copies go by the bus, at the
 * latest after `near.maxTtl`. Rejects as `TieredStore` and `RedisSemanticStore` do. Disposing it ends what it opened: its listening
 * connection, and the client only if `dualSemanticStore` opened it; the embedder never.
 */
export class DualSemanticStore implements Store {
  readonly contract = 1;
  readonly name: typeof NAME = NAME;
  readonly match = "similar";
  readonly expiry = "native";
  /** Redis: it decides. */
  readonly origin: Store;
  readonly #memory: MemorySemanticStore;
  readonly #redis: RedisSemanticStore;
  readonly #near: NearTier;
  readonly #tiers: TieredStore;
  readonly #embedder: SharedEmbedder;
  readonly #exactFirst: boolean;
  readonly #bus: RedisBus | undefined;
  readonly #told: InvalidationBus | undefined;
  readonly #source: string = randomUUID();
  #closing: Promise<void> | undefined;

  /** @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming the option that is not what it may be. */
  constructor(options: DualSemanticStoreOptions) {
    checkOwn(options);
    const { near = {}, exactFirst = false, bus = true, clock, embedder, ...given } = options;
    const settings = { ...given, prefix: given.prefix ?? DEFAULT_PREFIX };
    const { maxTtl = DEFAULT_MAX_TTL, ...bounds } = near;
    const { threshold, guard, policy, maxCandidates, maxEntryBytes } = settings;
    this.#embedder = new SharedEmbedder(embedder, (stored, asked) => this.#near.rejected(stored, asked));
    // The far one first: it checks what both have in common, the embedder too.
    this.#redis = new RedisSemanticStore({
      ...settings,
      embedder: typeof embedder?.embed === "function" ? this.#embedder : embedder,
    });
    this.#memory = new MemorySemanticStore({
      ...bounds,
      threshold,
      guard,
      policy,
      maxCandidates,
      maxEntryBytes,
      clock,
      embedder: this.#embedder,
    });
    this.origin = this.#redis;
    this.#near = new NearTier(this.#memory, durationMs(maxTtl, "DualSemanticStore: near.maxTtl"), clock ?? Date.now);
    this.#exactFirst = exactFirst;
    this.#bus = bus === true ? redisBus(busOptions(settings)) : undefined;
    this.#told = typeof bus === "boolean" ? this.#bus : bus;
    this.#tiers = new TieredStore([this.#near, this.#redis], { clock, bus: this.#told });
  }

  /**
   * The request's own from the process; a similar one from there, if the vector of the text is at hand; then the request's own from Redis, before
   * the embedder is asked; then a similar one from the process, and from Redis.
   */
  async get(key: CacheKey, options?: StoreCallOptions): Promise<StoreHit | undefined> {
    const { text } = key;
    if (text === undefined) return this.#tiers.get(key, options);
    // A key of its own, by which the tier knows that it was asked.
    const asked = { ...key };
    if (this.#closing === undefined && !this.#exactFirst && this.#embedder.has(text)) {
      const near = await this.#near.get(key, options);
      if (near !== undefined) return { ...near, tier: this.#near.name };
      this.#near.sought(asked);
    }
    return this.#embedder.once(text, () => this.#fromTiers(asked, options));
  }

  set(entry: Entry, options?: StoreCallOptions): Promise<void> {
    return this.#tiers.set(entry, options);
  }

  /** Redis decides; where it is away, it rejects. */
  add(entry: Entry, options?: StoreAddOptions): Promise<boolean> {
    return this.#tiers.add(entry, options);
  }

  delete(key: Pick<CacheKey, "id">, options?: StoreCallOptions): Promise<void> {
    return this.#tiers.delete(key, options);
  }

  clear(options?: StoreCallOptions): Promise<void> {
    return this.#tiers.clear(options);
  }

  async getMany(keys: readonly CacheKey[], options?: StoreCallOptions): Promise<readonly (StoreHit | undefined)[]> {
    return Promise.all(keys.map((key) => this.get(key, options)));
  }

  setMany(entries: readonly Entry[], options?: StoreCallOptions): Promise<void> {
    return this.#tiers.setMany(entries, options);
  }

  async rejectPair(
    asked: Pick<CacheKey, "id">,
    stored: Pick<EntryHead, "id">,
    options?: StoreCallOptions,
  ): Promise<void> {
    await this.#tiers.rejectPair?.(asked, stored, options);
    // Redis knows it: copies elsewhere go, and come back with it. What is lost costs no more than their `maxTtl`.
    this.#told?.publish({ type: "delete", id: stored.id, source: this.#source }).catch(() => undefined);
  }

  async *entries(options?: EntriesOptions): AsyncGenerator<ListedEntry> {
    yield* this.#tiers.entries?.(options) ?? [];
  }

  /** Tells what the tiers tell; the message begins with the name of the tier. */
  on(listener: (event: StoreEvent) => void): () => void {
    return this.#tiers.on((event) => listener({ ...event, store: NAME, message: `${event.store}: ${event.message}` }));
  }

  /** Resolves when no copy and no message is on its way. */
  settled(): Promise<void> {
    return this.#tiers.settled();
  }

  /** Resolves when it hears of other processes' changes; does not resolve while Redis is away. */
  async listening(): Promise<void> {
    await this.#bus?.listening();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async #close(): Promise<void> {
    await this.#tiers[Symbol.asyncDispose]();
    await this.#bus?.[Symbol.asyncDispose]();
    await this.#memory[Symbol.asyncDispose]();
    await this.#redis[Symbol.asyncDispose]();
    this.#embedder.clear();
  }

  async #fromTiers(key: CacheKey, options: StoreCallOptions | undefined): Promise<StoreHit | undefined> {
    try {
      return await this.#tiers.get(key, options);
    } catch (error) {
      // It is not a tier that has failed.
      const { cause } = (error ?? {}) as { readonly cause?: unknown };
      throw isLLMCacheError(cause, "ERR_LLMCACHE_EMBEDDER") ? cause : error;
    }
  }
}

function busOptions({
  client,
  prefix,
  timeoutMs,
}: Pick<DualSemanticStoreOptions, "client" | "timeoutMs"> & { readonly prefix: string }): RedisBusOptions {
  return { client, channel: `${prefix}:bus`, timeoutMs };
}
