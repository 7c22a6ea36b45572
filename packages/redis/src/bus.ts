import { LLMCacheError, OptionChecks, type InvalidationBus, type InvalidationMessage } from "@llmcache/core";
import { isCluster, isRedisClient, type RedisClient } from "./client.ts";
import { Connection } from "./connection.ts";
import { own } from "./ownership.ts";

/** Options of {@link redisBus}. */
export interface RedisBusOptions {
  /** A `Redis` or a `Cluster` of ioredis, which tells. Listening takes a connection of its own, made by `duplicate()`. Whoever made the client closes it. */
  readonly client: RedisClient;
  /** Those who use the same channel tell each other: one for each store. @default "llmcache:bus" */
  readonly channel?: string | undefined;
  /** How long telling may take. Milliseconds. @default 2000 */
  readonly timeoutMs?: number | undefined;
}

/** A bus over Redis; dispose it to end its connection. */
export interface RedisBus extends InvalidationBus, AsyncDisposable {
  /** Resolves when it listens; does not resolve while Redis is away. Without listeners, at once. */
  listening(): Promise<void>;
}

/** What a connection that listens can do. */
interface Subscriber extends RedisClient {
  subscribe(channel: string): Promise<unknown>;
  on(event: string, listener: (...values: readonly unknown[]) => void): unknown;
}

const DEFAULT_CHANNEL = "llmcache:bus";
const DEFAULT_TIMEOUT_MS = 2000;
const check: OptionChecks = new OptionChecks("redisBus");
const KNOWN: Readonly<Record<keyof RedisBusOptions, true>> = { client: true, channel: true, timeoutMs: true };

/**
 * Tells copies in other processes what changed, by PUBLISH: for the `bus` of a `TieredStore`. Redis keeps no messages: who is not connected
 * misses them, and its copies last until their `maxTtl`. Nothing has to be restarted after an outage. `publish` rejects with
 * `ERR_LLMCACHE_STORE` where Redis is away. Listening keeps the process alive until the bus is disposed.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming the option that is not what it may be.
 */
export function redisBus(options: RedisBusOptions): RedisBus {
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(KNOWN, name))
      throw check.error(`${name} is no option; known are ${Object.keys(KNOWN).join(", ")}.`);
  }
  const { client, channel = DEFAULT_CHANNEL, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  if (!isRedisClient(client) || typeof (client as Partial<Duplicating>).duplicate !== "function")
    throw check.wrong("client", "a Redis or a Cluster of ioredis", client);
  if (typeof channel !== "string" || channel === "") throw check.wrong("channel", "a text that is not empty", channel);
  check.ms("timeoutMs", timeoutMs);
  return new PubSubBus(client as Duplicating, channel, timeoutMs);
}

interface Duplicating extends RedisClient {
  duplicate(...overrides: readonly unknown[]): Subscriber;
}

class PubSubBus implements RedisBus {
  readonly #client: Duplicating;
  readonly #channel: string;
  readonly #connection: Connection;
  readonly #listeners: Set<{ readonly call: (message: unknown) => void }> = new Set<{
    readonly call: (message: unknown) => void;
  }>();
  #subscriber: Subscriber | undefined;
  #listening: PromiseWithResolvers<void> = Promise.withResolvers<void>();
  #isClosed = false;

  constructor(client: Duplicating, channel: string, timeoutMs: number) {
    this.#client = client;
    this.#channel = channel;
    this.#connection = new Connection(client, timeoutMs, () => undefined);
  }

  async publish(message: InvalidationMessage): Promise<void> {
    if (this.#isClosed)
      throw new LLMCacheError("ERR_LLMCACHE_CLOSED", "The Redis bus was closed: use it before it is disposed.");
    await this.#connection.command("tell others", undefined, "publish", this.#channel, JSON.stringify(message));
  }

  subscribe(listener: (message: unknown) => void): () => void {
    const registration = { call: listener };
    this.#listeners.add(registration);
    if (this.#subscriber === undefined && !this.#isClosed) this.#subscriber = this.#listen();
    return () => {
      this.#listeners.delete(registration);
    };
  }

  async listening(): Promise<void> {
    if (this.#subscriber !== undefined) await this.#listening.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#listeners.clear();
    this.#subscriber?.disconnect();
    this.#listening.resolve();
    // Of the client's owner; only what is under way is waited for.
    await this.#connection.close();
  }

  #listen(): Subscriber {
    // It waits for Redis as long as it takes, and keeps no prefix for channels that others know without.
    const forRedis = { maxRetriesPerRequest: null, lazyConnect: false, keyPrefix: "" };
    const subscriber = own(
      isCluster(this.#client)
        ? this.#client.duplicate([], { lazyConnect: false, keyPrefix: "" })
        : this.#client.duplicate(forRedis),
    );
    const subscribe = (): void => {
      subscriber.subscribe(this.#channel).then(
        () => this.#listening.resolve(),
        () => undefined,
      );
    };
    // Each time that it comes back: what was refused before is not asked for again by ioredis.
    subscriber.on("ready", subscribe);
    subscriber.on("message", (channel, text) => {
      if (channel === this.#channel) this.#receive(text);
    });
    return subscriber;
  }

  #receive(text: unknown): void {
    let message: unknown;
    try {
      message = JSON.parse(String(text));
    } catch {
      // Somebody else's.
      return;
    }
    for (const { call } of this.#listeners) {
      try {
        call(message);
      } catch {
        // It would end the process, from within the client. What is wrong with a listener is its owner's matter.
      }
    }
  }
}
