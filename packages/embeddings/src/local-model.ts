import type { Lifecycle } from "./batching-embedder.ts";

/** A model that runs in this process: loaded when first used, asked for one batch at a time, freed at the end. */
export class LocalModel<Model> implements Lifecycle {
  readonly #open: () => Promise<Model>;
  readonly #free: (model: Model) => void | Promise<void>;
  #loading: Promise<Model> | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(open: () => Promise<Model>, free: (model: Model) => void | Promise<void>) {
    this.#open = open;
    this.#free = free;
  }

  async load(): Promise<void> {
    await this.#loaded();
  }

  /**
   * What `work` gives. Its turn comes when that before has really ended, also if nobody waits for it any more: work does not pile up
   * on the processors. Not begun at all, if the signal is aborted by then.
   */
  run<T>(signal: AbortSignal | undefined, work: (model: Model) => Promise<T>): Promise<T> {
    const before = this.#last;
    const turn = (async () => {
      const model = await this.#loaded();
      await before;
      signal?.throwIfAborted();
      return work(model);
    })();
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#last;
    const model = await this.#loading?.catch(() => undefined);
    if (model !== undefined) await this.#free(model);
  }

  /** A failure is not kept: the next call tries again. */
  #loaded(): Promise<Model> {
    if (this.#loading !== undefined) return this.#loading;
    const loading = this.#open();
    this.#loading = loading;
    loading.catch(() => {
      this.#loading = undefined;
    });
    return loading;
  }
}
