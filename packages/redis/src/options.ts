import { OptionChecks, type Codec } from "@llmcache/core";
import { isRedisClient, type RedisClient } from "./client.ts";
import type { WriteBehindSettings } from "./write-behind.ts";

/** Options of every Redis store, whoever opened its connection. */
export interface RedisStoreSettings {
  /**
   * Keys are `<prefix>:<id>`. With `{braces}` in it, all keys share one slot of a Cluster. May be empty: then the store refuses
   * `clear`. @default "llmcache"
   */
  readonly prefix?: string | undefined;
  /** How long one command is waited for, connecting included. Milliseconds. @default 2000 */
  readonly timeoutMs?: number | undefined;
  /** An entry of more bytes is not stored, and what was stored under its id is dropped. @default 67108864 (64 MiB) */
  readonly maxEntryBytes?: number | undefined;
  /**
   * Write-behind: `set` and `setMany` keep entries in the process until so many wait, and send them together. What waits is
   * lost when the process is killed. Off, unless this or `flushIntervalMs` is given. @default 100
   */
  readonly flushSize?: number | undefined;
  /** Write-behind: nothing waits longer. Milliseconds. @default 1000 */
  readonly flushIntervalMs?: number | undefined;
  /** Compresses or encrypts what is stored. Entries of another codec are misses. */
  readonly codec?: Codec | undefined;
}

/** Options of `RedisStore`. */
export interface RedisStoreOptions extends RedisStoreSettings {
  /** A `Redis` or a `Cluster` of ioredis. Whoever made it closes it. */
  readonly client: RedisClient;
}

/** {@link RedisStoreOptions} after they were checked. */
export interface CheckedSettings {
  readonly client: RedisClient;
  readonly prefix: string;
  readonly timeoutMs: number;
  readonly maxEntryBytes: number;
  readonly writeBehind: WriteBehindSettings | undefined;
  readonly codec: Codec | undefined;
}

const check: OptionChecks = new OptionChecks("RedisStore");

const DEFAULT_PREFIX = "llmcache";
const DEFAULT_TIMEOUT_MS = 2000;
const DEFAULT_MAX_ENTRY_BYTES = 64 * 1024 ** 2;
const DEFAULT_FLUSH_SIZE = 100;
const DEFAULT_FLUSH_INTERVAL_MS = 1000;

/** @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming the option. */
export function checkedSettings(options: RedisStoreOptions): CheckedSettings {
  const {
    client,
    prefix = DEFAULT_PREFIX,
    timeoutMs = DEFAULT_TIMEOUT_MS,
    maxEntryBytes = DEFAULT_MAX_ENTRY_BYTES,
    flushSize,
    flushIntervalMs,
    codec,
  } = options;
  if (!isRedisClient(client)) throw check.wrong("client", "a Redis or a Cluster of ioredis", client);
  if (typeof prefix !== "string" || !prefix.isWellFormed())
    throw check.wrong("prefix", "a text of whole characters", prefix);
  check.ms("timeoutMs", timeoutMs);
  check.whole("maxEntryBytes", maxEntryBytes);
  check.codec(codec);
  return { client, prefix, timeoutMs, maxEntryBytes, writeBehind: writeBehind(flushSize, flushIntervalMs), codec };
}

function writeBehind(
  flushSize: number | undefined,
  flushIntervalMs: number | undefined,
): WriteBehindSettings | undefined {
  if (flushSize === undefined && flushIntervalMs === undefined) return undefined;
  const settings = {
    flushSize: flushSize ?? DEFAULT_FLUSH_SIZE,
    flushIntervalMs: flushIntervalMs ?? DEFAULT_FLUSH_INTERVAL_MS,
  };
  check.whole("flushSize", settings.flushSize);
  check.ms("flushIntervalMs", settings.flushIntervalMs);
  return settings;
}
