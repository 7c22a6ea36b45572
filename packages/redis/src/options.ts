import { LLMCacheError, type Codec } from "@llmcache/core";
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

const DEFAULT_PREFIX = "llmcache";
const DEFAULT_TIMEOUT_MS = 2000;
const DEFAULT_MAX_ENTRY_BYTES = 64 * 1024 ** 2;
const DEFAULT_FLUSH_SIZE = 100;
const DEFAULT_FLUSH_INTERVAL_MS = 1000;
/** Timers count in 31 bits. */
const MOST_MS = 2 ** 31 - 1;

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
  if (!isRedisClient(client)) throw wrong("client", "a Redis or a Cluster of ioredis", typeof client);
  if (typeof prefix !== "string" || !prefix.isWellFormed())
    throw wrong("prefix", "a text of whole characters", typeof prefix);
  requireWhole("timeoutMs", timeoutMs, MOST_MS);
  requireWhole("maxEntryBytes", maxEntryBytes, Number.MAX_SAFE_INTEGER);
  if (codec !== undefined && (typeof codec?.encode !== "function" || typeof codec.decode !== "function")) {
    throw wrong("codec", "an object with name, encode and decode", typeof codec);
  }
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
  requireWhole("flushSize", settings.flushSize, Number.MAX_SAFE_INTEGER);
  requireWhole("flushIntervalMs", settings.flushIntervalMs, MOST_MS);
  return settings;
}

function requireWhole(field: string, value: unknown, most: number): void {
  if (Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= most) return;
  throw wrong(field, `a whole number from 1${most === Number.MAX_SAFE_INTEGER ? "" : ` to ${most}`}`, String(value));
}

function wrong(field: string, right: string, value: string): LLMCacheError {
  return new LLMCacheError("ERR_LLMCACHE_OPTION", `RedisStore: ${field} must be ${right}, not ${value}.`);
}
