import type { CacheRequest } from "@llmcache/core";

/**
 * Gives, for a prompt, an endless lazy sequence of samples. Nothing is asked, read or written until a value is pulled; a pull that
 * fails leaves everything as it was, and pulling again tries again.
 */
export interface Sampler<P = string, S = string> {
  /** Whose samples these are: everything but the prompt and the position. */
  readonly identity: SamplerIdentity;
  /** How many samples the provider gives in one request, at most. */
  readonly maxBatch: number;
  /** What the provider at the bottom has been asked for, through all layers, by everybody. */
  totals(): Totals;
  /**
   * A sequence. `for await` may be left early: the sequence goes on with the next pull, as do those that share its values. Pulls that
   * overlap are served as if they had come one after the other.
   *
   * @throws LLMCacheError `ERR_LLMCACHE_OPTION` for a wrong option. All else rejects the pull: what the provider throws, as it is;
   * `ERR_LLMCACHE_REQUEST` if the prompt is no JSON; `ERR_LLMCACHE_MISS` in replication; `ERR_LLMCACHE_STORE` if a store failed.
   */
  sample(prompt: P, options?: SampleOptions): AsyncIterableIterator<S>;
}

/** Everything of a request but the prompt and the position. */
export type SamplerIdentity = Omit<CacheRequest, "prompt" | "sample">;

/** Options of {@link Sampler.sample}. */
export interface SampleOptions {
  /** How many samples to ask for at once where the provider has to be asked; split evenly where it allows fewer. @default 1 */
  readonly batch?: number | undefined;
  /**
   * The first position needed: repeatable and persistent sequences begin there, an independent one goes on there if it is not beyond it
   * already, a provider ignores it. @default 0
   */
  readonly from?: number | undefined;
  /** Ends pulls under way with its reason, and refuses further ones. Answers that were paid for are kept. */
  readonly signal?: AbortSignal | undefined;
}

/** What was spent. */
export interface Totals {
  readonly requests: number;
  /** Of these, how many failed or were aborted. */
  readonly failedRequests: number;
  /** Samples that came, pulled or not. */
  readonly samples: number;
  /** Time of all requests added up, also of those that ran at once, with the waiting before retries. */
  readonly durationMs: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** In whatever unit the provider's function notes it. */
  readonly cost: number;
}

/** The next `count` values of a sequence; fewer if it ends. The sequence can be pulled on afterwards. */
export async function take<S>(sequence: AsyncIterator<S>, count: number): Promise<S[]> {
  const values: S[] = [];
  while (values.length < count) {
    const next = await sequence.next();
    if (next.done === true) break;
    values.push(next.value);
  }
  return values;
}
