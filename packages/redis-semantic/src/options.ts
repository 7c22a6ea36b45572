import { OptionChecks, type Codec, type Embedder } from "@llmcache/core";
import { isRedisClient, type RedisClient } from "@llmcache/redis/internal";
import { similarSettings, type SimilarStoreOptions, type SimilarStoreSettings } from "@llmcache/similarity/stores";
import { DEFAULT_PREFIX } from "./layout.ts";

/** An embedder that also takes what was found, for those who keep copies. */
export interface LearningEmbedder extends Embedder {
  /** Vectors of texts that were found, so that nobody asks for them again. */
  learn(text: string, vector: Float32Array): void;
  /** Ids of requests that the answer with the id `stored`, which was found or written, was rejected for; `"all"` for all but its own. */
  rejected?(stored: string, asked: readonly string[] | "all"): void;
}

/** Options of every store of this package, whoever opened its connection. */
export interface RedisSemanticSettings extends SimilarStoreOptions<Embedder | LearningEmbedder> {
  /**
   * Keys begin with `<prefix>:`. With `{braces}` in it, all keys share one slot of a Cluster. @default "llmcache-semantic"
   */
  readonly prefix?: string | undefined;
  /** How long one command is waited for, connecting included. Milliseconds. @default 2000 */
  readonly timeoutMs?: number | undefined;
  /** An entry of more bytes is not stored, and what was stored under its id is dropped. @default 1048576 (1 MiB) */
  readonly maxEntryBytes?: number | undefined;
  /**
   * How vectors are searched: `"vector-sets"` (VADD, VSIM: Redis 8), `"search"` (FT.*: Redis Stack, Redis 8 with its query engine,
   * valkey-search), or `"auto"`: what the server has, vector sets first. @default "auto"
   */
  readonly engine?: "auto" | "vector-sets" | "search" | undefined;
  /** Compresses or encrypts answers and their heads. Entries of another codec are misses. Vectors stay as they are. */
  readonly codec?: Codec | undefined;
}

/** Options of `RedisSemanticStore`. */
export interface RedisSemanticStoreOptions extends RedisSemanticSettings {
  /** A `Redis` or a `Cluster` of ioredis. Whoever made it closes it. */
  readonly client: RedisClient;
}

/** {@link RedisSemanticStoreOptions} after they were checked. */
export interface CheckedSettings extends SimilarStoreSettings<Embedder | LearningEmbedder> {
  readonly client: RedisClient;
  readonly prefix: string;
  readonly timeoutMs: number;
  readonly maxEntryBytes: number;
  readonly engine: "auto" | "vector-sets" | "search";
  readonly codec: Codec | undefined;
}

const check: OptionChecks = new OptionChecks("RedisSemanticStore");

const DEFAULT_TIMEOUT_MS = 2000;
const DEFAULT_MAX_ENTRY_BYTES = 1024 * 1024;
const KNOWN: Readonly<Record<keyof RedisSemanticStoreOptions, true>> = {
  client: true,
  embedder: true,
  threshold: true,
  guard: true,
  policy: true,
  maxCandidates: true,
  prefix: true,
  timeoutMs: true,
  maxEntryBytes: true,
  engine: true,
  codec: true,
};

/** @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming the field. */
export function checkedSettings(options: RedisSemanticStoreOptions): CheckedSettings {
  check.known(options, KNOWN);
  const {
    client,
    prefix = DEFAULT_PREFIX,
    timeoutMs = DEFAULT_TIMEOUT_MS,
    maxEntryBytes = DEFAULT_MAX_ENTRY_BYTES,
    engine = "auto",
    codec,
  } = options;
  if (!isRedisClient(client)) throw check.wrong("client", "a Redis or a Cluster of ioredis", client);
  const similar = similarSettings(check, options);
  // Without a prefix, what is beside an entry would be everybody's.
  if (typeof prefix !== "string" || prefix === "" || !prefix.isWellFormed())
    throw check.wrong("prefix", "a text of whole characters that is not empty", prefix);
  check.ms("timeoutMs", timeoutMs);
  check.whole("maxEntryBytes", maxEntryBytes);
  if (engine !== "auto" && engine !== "vector-sets" && engine !== "search")
    throw check.wrong("engine", `"auto", "vector-sets" or "search"`, engine);
  check.codec(codec);
  return {
    client,
    ...similar,
    prefix,
    timeoutMs,
    maxEntryBytes,
    engine,
    codec,
  };
}
