import { Body, LLMCacheError, OptionChecks, type RunNote } from "@llmcache/core";
import { batchSize } from "./batch-size.ts";
import type { Drawn, Feed, Layer } from "./layer.ts";
import { LayeredSampler } from "./layered-sampler.ts";
import { copyOf, identityOf, type Prompt } from "./prompt.ts";
import { ProviderFeed } from "./provider-feed.ts";
import type { Sampler, SamplerIdentity } from "./sampler.ts";
import { Spending } from "./spending.ts";

/** Asks a model for `count` samples. More are kept for later pulls, fewer are asked on, none is an error. */
export type SampleFunction<P, S> = (prompt: P, count: number, run: SampleRun) => Promise<readonly S[]>;

/** What a {@link SampleFunction} is given. */
export interface SampleRun {
  /** Aborted when nobody waits for these samples any more. */
  readonly signal: AbortSignal;
  /** What the request took, for `totals` and for what is stored with the samples. May be called several times; the last value counts. */
  note(info: RunNote): void;
  /** The request has failed and is sent again: one more in `totals`, and one more that failed. */
  again(): void;
}

/** Options of {@link functionSampler}. */
export interface FunctionSamplerOptions {
  /** How many samples `fn` may be asked for at once. @default 1 */
  readonly maxBatch?: number | undefined;
}

const DEFAULT_MAX_BATCH = 1;
const checks = new OptionChecks("functionSampler");

/**
 * A sampler of a function that asks a model. Every `sample` call is a fresh sequence with a buffer of its own. Put everything that can
 * change the answers into `identity` (model or alias, settings such as the temperature), and nothing else: not who serves the model,
 * not the size of batches.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` for a wrong option, `ERR_LLMCACHE_REQUEST` if the identity is no JSON. A pull rejects with
 * what `fn` throws, as it is; with `ERR_LLMCACHE_COUNT` if it gives no samples, `ERR_LLMCACHE_VALUE` if one is no JSON.
 */
export function functionSampler<P = string, S = string>(
  fn: SampleFunction<P, S>,
  identity: SamplerIdentity,
  options: FunctionSamplerOptions = {},
): Sampler<P, S> {
  const { maxBatch = DEFAULT_MAX_BATCH } = options;
  if (typeof fn !== "function") throw checks.wrong("fn", "a function that asks a model", fn);
  checks.whole("maxBatch", maxBatch);
  const spending = new Spending();
  const about = { identity: identityOf(identity), maxBatch, totals: () => spending.totals };
  return new LayeredSampler<P, S>(about, new ProviderLayer(fn, maxBatch, spending));
}

class ProviderLayer<P, S> implements Layer {
  readonly isPersistent = false;
  readonly #fn: SampleFunction<P, S>;
  readonly #maxBatch: number;
  readonly #spending: Spending;

  constructor(fn: SampleFunction<P, S>, maxBatch: number, spending: Spending) {
    this.#fn = fn;
    this.#maxBatch = maxBatch;
    this.#spending = spending;
  }

  open(prompt: Prompt): Feed {
    return new ProviderFeed(
      (batch) => batchSize(batch, this.#maxBatch),
      (count, signal) => this.#ask(prompt, count, signal),
    );
  }

  async #ask(prompt: Prompt, count: number, signal: AbortSignal): Promise<readonly Omit<Drawn, "giveBack">[]> {
    const account = this.#spending.open();
    let bodies: readonly Body[] | undefined;
    try {
      // A copy each time: whoever is asked may change it.
      const own = copyOf(prompt.request.prompt) as P;
      bodies = bodiesOf(await this.#fn(own, count, { signal, note: account.note, again: account.again }), count);
    } finally {
      account.close(bodies?.length);
    }
    return bodies.map((body, index) => ({ body, metadata: account.metadataOf(index) }));
  }
}

function bodiesOf(samples: unknown, count: number): readonly Body[] {
  if (!Array.isArray(samples) || samples.length === 0) {
    throw new LLMCacheError(
      "ERR_LLMCACHE_COUNT",
      `The provider was asked for ${count} samples and gave ${Array.isArray(samples) ? "none" : "no list"}.`,
    );
  }
  return samples.map((sample) => Body.json(sample));
}
