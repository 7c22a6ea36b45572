import { OptionChecks } from "@llmcache/core";
import { LAYER, type Layer } from "./layer.ts";
import { promptOf } from "./prompt.ts";
import type { SampleOptions, Sampler, SamplerIdentity, Totals } from "./sampler.ts";
import { Sequence } from "./sequence.ts";

const DEFAULT_BATCH = 1;
const checks = new OptionChecks("sample");

/** The sampler of a layer. */
export class LayeredSampler<P, S> implements Sampler<P, S> {
  readonly identity: SamplerIdentity;
  readonly maxBatch: number;
  readonly #layer: Layer;
  readonly #totals: () => Totals;

  constructor(about: Pick<Sampler<P, S>, "identity" | "maxBatch" | "totals">, layer: Layer) {
    this.identity = about.identity;
    this.maxBatch = about.maxBatch;
    this.#totals = () => about.totals();
    this.#layer = layer;
    // Not enumerable, so that a spread does not copy it: whoever changes `sample` has another layer.
    Object.defineProperty(this, LAYER, { value: layer });
  }

  totals(): Totals {
    return this.#totals();
  }

  sample(prompt: P, options: SampleOptions = {}): AsyncIterableIterator<S> {
    const { batch = DEFAULT_BATCH, from = 0, signal } = options;
    checks.whole("batch", batch);
    checks.whole("from", from, 0);
    return new Sequence<S>(opener(this.identity, this.#layer, prompt), from, { batch, signal });
  }
}

/** Reads the prompt now, and throws what is wrong with it when a value is pulled. */
function opener(identity: SamplerIdentity, layer: Layer, value: unknown): () => ReturnType<Layer["open"]> {
  try {
    const prompt = promptOf(identity, value);
    return () => layer.open(prompt);
  } catch (error) {
    return () => {
      throw error;
    };
  }
}
