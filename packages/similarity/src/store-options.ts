import type { Embedder, OptionChecks } from "@llmcache/core";
import { SimilarityPolicy, type Candidate, type Decision, type SimilarityPolicyOptions } from "./policy.ts";

/** Who decides which candidates are served: a `SimilarityPolicy`, or something of your own. */
export interface CandidatePolicy {
  /** Candidates below it are not shown to `decide`, if it is given. */
  readonly threshold?: number | undefined;
  decide(candidate: Candidate): Pick<Decision, "serve">;
}

/** Options of every store of similar answers. */
export interface SimilarStoreOptions<E extends Embedder = Embedder> {
  /** Makes vectors of texts. Whoever made it closes it. */
  readonly embedder: E;
  /** Least similarity of what is served, inclusive, 0 to 1; it holds for one embedder. Short for a `SimilarityPolicy`. */
  readonly threshold?: number | undefined;
  /** The guard of that policy. */
  readonly guard?: SimilarityPolicyOptions["guard"];
  /** Decides in the place of `threshold` and `guard`. */
  readonly policy?: CandidatePolicy | undefined;
  /** Most candidates that the policy is asked about, the nearest first. @default 5 */
  readonly maxCandidates?: number | undefined;
}

/** {@link SimilarStoreOptions} after they were checked. */
export interface SimilarStoreSettings<E extends Embedder = Embedder> {
  readonly embedder: E;
  readonly policy: CandidatePolicy;
  readonly maxCandidates: number;
}

const DEFAULT_MAX_CANDIDATES = 5;
const MOST_CANDIDATES = 100;

/** @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming the field. */
export function similarSettings<E extends Embedder>(
  checks: OptionChecks,
  options: SimilarStoreOptions<E>,
): SimilarStoreSettings<E> {
  const { embedder, maxCandidates = DEFAULT_MAX_CANDIDATES } = options;
  if (typeof embedder?.embed !== "function" || typeof embedder.id !== "string" || embedder.id === "")
    throw checks.wrong("embedder", "an object with id, dimensions and embed", embedder);
  if (embedder.dimensions !== undefined) checks.whole("embedder.dimensions", embedder.dimensions);
  checks.whole("maxCandidates", maxCandidates, 1, MOST_CANDIDATES);
  return { embedder, policy: policyOf(checks, options), maxCandidates };
}

function policyOf(checks: OptionChecks, { policy, threshold, guard }: SimilarStoreOptions): CandidatePolicy {
  // Without either, its error says how a threshold is found.
  if (policy === undefined)
    return new SimilarityPolicy({ threshold, ...(guard === undefined ? {} : { guard }) } as SimilarityPolicyOptions);
  if (threshold !== undefined || guard !== undefined)
    throw checks.error("threshold and guard are those of the policy: give either them or policy.");
  if (typeof policy?.decide !== "function") throw checks.wrong("policy", "an object with decide", policy);
  return policy;
}
