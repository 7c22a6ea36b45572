import { OptionChecks, type Codec, type Embedder } from "@llmcache/core";
import { isRedisClient, type RedisClient } from "@llmcache/redis/internal";
import { DEFAULT_PREFIX } from "./layout.ts";
import { SimilarityPolicy, type Candidate, type Decision, type SimilarityPolicyOptions } from "@llmcache/similarity";

/** Who decides which candidates are served: a `SimilarityPolicy`, or something of your own. */
export interface CandidatePolicy {
  /** Candidates below it are not shown to `decide`, if it is given. */
  readonly threshold?: number | undefined;
  decide(candidate: Candidate): Pick<Decision, "serve">;
}

/** An embedder that also takes what was found, for those who keep copies. */
export interface LearningEmbedder extends Embedder {
  /** Vectors of texts that were found, so that nobody asks for them again. */
  learn(text: string, vector: Float32Array): void;
  /** Ids of requests that the answer with the id `stored`, which was found or written, was rejected for; `"all"` for all but its own. */
  rejected?(stored: string, asked: readonly string[] | "all"): void;
}

/** Options of every store of this package, whoever opened its connection. */
export interface RedisSemanticSettings {
  /** Makes vectors of texts. Whoever made it closes it. */
  readonly embedder: Embedder | LearningEmbedder;
  /** Least similarity of what is served, inclusive, 0 to 1; it holds for one embedder. Short for a `SimilarityPolicy`. */
  readonly threshold?: number | undefined;
  /** The guard of that policy. */
  readonly guard?: SimilarityPolicyOptions["guard"];
  /** Decides in the place of `threshold` and `guard`. */
  readonly policy?: CandidatePolicy | undefined;
  /** Most candidates that the policy is asked about, the nearest first. @default 5 */
  readonly maxCandidates?: number | undefined;
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
export interface CheckedSettings {
  readonly client: RedisClient;
  readonly embedder: Embedder | LearningEmbedder;
  readonly policy: CandidatePolicy;
  readonly maxCandidates: number;
  readonly prefix: string;
  readonly timeoutMs: number;
  readonly maxEntryBytes: number;
  readonly engine: "auto" | "vector-sets" | "search";
  readonly codec: Codec | undefined;
}

const check: OptionChecks = new OptionChecks("RedisSemanticStore");

const DEFAULT_MAX_CANDIDATES = 5;
const MAX_CANDIDATES = 100;
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
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(KNOWN, name))
      throw check.error(`${name} is no option; known are ${Object.keys(KNOWN).join(", ")}.`);
  }
  const {
    client,
    maxCandidates = DEFAULT_MAX_CANDIDATES,
    prefix = DEFAULT_PREFIX,
    timeoutMs = DEFAULT_TIMEOUT_MS,
    maxEntryBytes = DEFAULT_MAX_ENTRY_BYTES,
    engine = "auto",
    codec,
  } = options;
  if (!isRedisClient(client)) throw check.wrong("client", "a Redis or a Cluster of ioredis", client);
  const embedder = checkedEmbedder(options.embedder);
  check.whole("maxCandidates", maxCandidates, 1, MAX_CANDIDATES);
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
    embedder,
    policy: policyOf(options),
    maxCandidates,
    prefix,
    timeoutMs,
    maxEntryBytes,
    engine,
    codec,
  };
}

function checkedEmbedder(embedder: Embedder): Embedder {
  if (typeof embedder?.embed !== "function" || typeof embedder.id !== "string" || embedder.id === "")
    throw check.wrong("embedder", "an object with id, dimensions and embed", embedder);
  if (embedder.dimensions !== undefined) check.whole("embedder.dimensions", embedder.dimensions);
  return embedder;
}

function policyOf({ policy, threshold, guard }: RedisSemanticSettings): CandidatePolicy {
  // Without either, its error says how a threshold is found.
  if (policy === undefined)
    return new SimilarityPolicy({ threshold, ...(guard === undefined ? {} : { guard }) } as SimilarityPolicyOptions);
  if (threshold !== undefined || guard !== undefined)
    throw check.error("threshold and guard are those of the policy: give either them or policy.");
  if (typeof policy?.decide !== "function") throw check.wrong("policy", "an object with decide", policy);
  return policy;
}
