/** So many tasks at a time, the others in the order in which they came. */
export class Lanes {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free++;
    }
  }

  /**
   * What `task` gives for each item, in their order. The first failure is everybody's: what has not begun then never does, and the
   * signal of what is under way is aborted.
   */
  async each<T, R>(
    items: readonly T[],
    signal: AbortSignal | undefined,
    task: (item: T, signal: AbortSignal) => Promise<R>,
  ): Promise<R[]> {
    const controller = new AbortController();
    const abort = (): void => controller.abort(signal?.reason);
    if (signal?.aborted === true) abort();
    signal?.addEventListener("abort", abort, { once: true });
    try {
      return await Promise.all(
        items.map((item) =>
          this.run(async () => {
            controller.signal.throwIfAborted();
            try {
              return await task(item, controller.signal);
            } catch (error) {
              controller.abort(error);
              throw error;
            }
          }),
        ),
      );
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }
}
