import { Body, LLMCacheError } from "@llmcache/core";
import type { Drawn, Feed, Layer, Pull } from "./layer.ts";
import { orAborted } from "./or-aborted.ts";
import { copyOf, type Prompt } from "./prompt.ts";
import type { Sampler } from "./sampler.ts";

/** Somebody else's sampler, through what every sampler can do. It must not use what is persistent under the same identity. */
export class ForeignLayer<P, S> implements Layer {
  readonly isPersistent = false;
  readonly #sampler: Sampler<P, S>;

  constructor(sampler: Sampler<P, S>) {
    this.#sampler = sampler;
  }

  open(prompt: Prompt): Feed {
    return new ForeignFeed((from, batch) =>
      this.#sampler.sample(copyOf(prompt.request.prompt) as P, { from, batch })[Symbol.asyncIterator](),
    );
  }
}

/** Pulls one sequence, one value after the other; another one where positions are left out. */
class ForeignFeed implements Feed {
  readonly #sample: (from: number, batch: number) => AsyncIterator<unknown>;
  /** What came too late, or was not used: position → value. */
  readonly #spare: Map<number, Drawn> = new Map<number, Drawn>();
  #iterator: AsyncIterator<unknown> | undefined;
  #position = 0;
  #batch = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(sample: (from: number, batch: number) => AsyncIterator<unknown>) {
    this.#sample = sample;
  }

  get hasSpare(): boolean {
    return this.#spare.size > 0;
  }

  /** What its sequence has bought in advance cannot be seen. */
  get isIdle(): boolean {
    return this.#iterator === undefined;
  }

  async draw(position: number, { batch, signal }: Pull): Promise<Drawn> {
    signal?.throwIfAborted();
    const pulled = this.#last.then(() => this.#pull(position, batch, signal));
    this.#last = pulled.catch(() => undefined);
    return orAborted(pulled, signal, (late) => late.giveBack());
  }

  async #pull(position: number, batch: number, signal: AbortSignal | undefined): Promise<Drawn> {
    const spare = this.#spare.get(position);
    if (spare !== undefined) {
      this.#spare.delete(position);
      return spare;
    }
    signal?.throwIfAborted();
    let next = await this.#next(position, batch);
    // A generator that has thrown has ended; it is begun anew.
    if (next.done === true) {
      this.#iterator = undefined;
      next = await this.#next(position, batch);
    }
    if (next.done === true)
      throw new LLMCacheError("ERR_LLMCACHE_COUNT", `The sampler below gave no sample for position ${position}.`);
    this.#position = position + 1;
    const drawn: Drawn = {
      body: Body.json(next.value),
      metadata: {},
      giveBack: () => void this.#spare.set(position, drawn),
    };
    return drawn;
  }

  async #next(position: number, batch: number): Promise<IteratorResult<unknown>> {
    if (this.#iterator === undefined || this.#position !== position || this.#batch !== batch) {
      this.#iterator = this.#sample(position, batch);
      this.#position = position;
      this.#batch = batch;
    }
    return this.#iterator.next();
  }
}
