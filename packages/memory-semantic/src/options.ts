import { OptionChecks, type Embedder } from "@llmcache/core";
import { SimilarityPolicy, type Candidate, type Decision, type SimilarityPolicyOptions } from "@llmcache/similarity";

/** Who decides which candidates are served: a `SimilarityPolicy`, or something of your own. */
export interface CandidatePolicy {
  /** Candidates below it are not shown to `decide`, if it is given. */
  readonly threshold?: number | undefined;
  decide(candidate: Candidate): Pick<Decision, "serve">;
}

/** Options of `MemorySemanticStore`. */
export interface MemorySemanticStoreOptions {
  /** Makes vectors of texts. Whoever made it closes it. */
  readonly embedder: Embedder;
  /** Least similarity of what is served, inclusive, 0 to 1; it holds for one embedder. Short for a `SimilarityPolicy`. */
  readonly threshold?: number | undefined;
  /** The guard of that policy. */
  readonly guard?: SimilarityPolicyOptions["guard"];
  /** Decides in the place of `threshold` and `guard`. */
  readonly policy?: CandidatePolicy | undefined;
  /** Most candidates that the policy is asked about, the nearest first. @default 5 */
  readonly maxCandidates?: number | undefined;
  /** Entries kept at most, over all scopes; the least recently used go first. `Infinity`: only bytes count. @default 10000 */
  readonly maxEntries?: number | undefined;
  /** Bytes kept at most: vectors, texts and bodies, as estimated (see the README). @default 268435456 (256 MiB) */
  readonly maxBytes?: number | undefined;
  /** An entry of more bytes is not stored, and what was stored under its id is dropped. @default 1048576 (1 MiB) */
  readonly maxEntryBytes?: number | undefined;
  /**
   * How large scopes are searched. `"auto"`: with usearch, if it is installed; `"usearch"`: it must be; `"scan"`: every vector is compared.
   *
   * @default "auto"
   */
  readonly index?: "auto" | "scan" | "usearch" | undefined;
  /** A scope of more entries is large. @default 10000 */
  readonly indexAbove?: number | undefined;
  /** The time in ms since the epoch, for dropping entries past their `deleteAt`; give it the cache's. @default Date.now */
  readonly clock?: (() => number) | undefined;
}

/** {@link MemorySemanticStoreOptions} after they were checked. */
export interface SemanticSettings {
  readonly embedder: Embedder;
  readonly policy: CandidatePolicy;
  readonly maxCandidates: number;
  readonly maxEntries: number;
  readonly maxBytes: number;
  readonly maxEntryBytes: number;
  readonly index: "auto" | "scan" | "usearch";
  readonly indexAbove: number;
  readonly clock: () => number;
}

const check: OptionChecks = new OptionChecks("MemorySemanticStore");

const DEFAULT_MAX_CANDIDATES = 5;
const DEFAULT_MAX_ENTRIES = 10_000;
const DEFAULT_MAX_BYTES = 256 * 1024 * 1024;
const DEFAULT_MAX_ENTRY_BYTES = 1024 * 1024;
const DEFAULT_INDEX_ABOVE = 10_000;
const MAX_CANDIDATES = 100;
const KNOWN: Readonly<Record<keyof MemorySemanticStoreOptions, true>> = {
  embedder: true,
  threshold: true,
  guard: true,
  policy: true,
  maxCandidates: true,
  maxEntries: true,
  maxBytes: true,
  maxEntryBytes: true,
  index: true,
  indexAbove: true,
  clock: true,
};

/** @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming the field. */
export function semanticSettings(options: MemorySemanticStoreOptions): SemanticSettings {
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(KNOWN, name))
      throw check.error(`${name} is no option; known are ${Object.keys(KNOWN).join(", ")}.`);
  }
  const {
    maxCandidates = DEFAULT_MAX_CANDIDATES,
    maxEntries = DEFAULT_MAX_ENTRIES,
    maxBytes = DEFAULT_MAX_BYTES,
    maxEntryBytes = DEFAULT_MAX_ENTRY_BYTES,
    index = "auto",
    indexAbove = DEFAULT_INDEX_ABOVE,
    clock = Date.now,
  } = options;
  const embedder = checkedEmbedder(options.embedder);
  check.whole("maxCandidates", maxCandidates, 1, MAX_CANDIDATES);
  if (maxEntries !== Number.POSITIVE_INFINITY) check.whole("maxEntries", maxEntries);
  check.whole("maxBytes", maxBytes);
  check.whole("maxEntryBytes", maxEntryBytes);
  check.whole("indexAbove", indexAbove);
  if (index !== "auto" && index !== "scan" && index !== "usearch")
    throw check.wrong("index", `"auto", "scan" or "usearch"`, index);
  check.clock(clock);
  return {
    embedder,
    policy: policyOf(options),
    maxCandidates,
    maxEntries,
    maxBytes,
    maxEntryBytes: Math.min(maxEntryBytes, maxBytes),
    index,
    indexAbove,
    clock,
  };
}

function checkedEmbedder(embedder: Embedder): Embedder {
  if (typeof embedder?.embed !== "function" || typeof embedder.id !== "string" || embedder.id === "")
    throw check.wrong("embedder", "an object with id, dimensions and embed", embedder);
  if (embedder.dimensions !== undefined) check.whole("embedder.dimensions", embedder.dimensions);
  return embedder;
}

function policyOf({ policy, threshold, guard }: MemorySemanticStoreOptions): CandidatePolicy {
  // Without either, its error says how a threshold is found.
  if (policy === undefined)
    return new SimilarityPolicy({ threshold, ...(guard === undefined ? {} : { guard }) } as SimilarityPolicyOptions);
  if (threshold !== undefined || guard !== undefined)
    throw check.error("threshold and guard are those of the policy: give either them or policy.");
  if (typeof policy?.decide !== "function") throw check.wrong("policy", "an object with decide", policy);
  return policy;
}
