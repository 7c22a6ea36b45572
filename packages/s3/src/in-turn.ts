/** One at a time for each name: the lock of this process, for servers that have none. */
export class InTurn {
  readonly #last: Map<string, Promise<void>> = new Map<string, Promise<void>>();

  /** `wait` may give up: then `task` is not run, and whoever is next still waits for those before. */
  async run<T>(name: string, wait: (turn: Promise<void>) => Promise<void>, task: () => Promise<T>): Promise<T> {
    const before = this.#last.get(name) ?? Promise.resolve();
    const done = Promise.withResolvers<void>();
    this.#last.set(name, done.promise);
    try {
      await wait(before);
      return await task();
    } finally {
      void before.then(() => {
        done.resolve();
        if (this.#last.get(name) === done.promise) this.#last.delete(name);
      });
    }
  }
}
