const noop = (): void => undefined;

/** What is under way in a place, for all stores of this process that share it. */
const turnsOf = new WeakMap<object, Turns>();

/**
 * Work on a key, one at a time and in the order in which it was asked for: `add` reads and then writes, and two writes
 * through a pool of connections could overtake each other.
 */
export class Turns {
  /** The last work for each key. */
  readonly #last: Map<string, Promise<void>> = new Map<string, Promise<void>>();
  /** The last work for all keys. */
  #whole: Promise<void> = Promise.resolve();

  /** The turns of whoever uses this adapter, or what is behind it. */
  static of(place: object): Turns {
    let turns = turnsOf.get(place);
    if (turns === undefined) {
      turns = new Turns();
      turnsOf.set(place, turns);
    }
    return turns;
  }

  /** Runs `work` when all earlier work on these keys has ended, however it ended. */
  async take<T>(keys: readonly string[], work: () => Promise<T>): Promise<T> {
    const result = Promise.all([this.#whole, ...keys.map((key) => this.#last.get(key))]).then(work);
    const ended = result.then(noop, noop);
    for (const key of keys) this.#last.set(key, ended);
    void ended.then(() => {
      for (const key of keys) if (this.#last.get(key) === ended) this.#last.delete(key);
    });
    return result;
  }

  /** Runs `work` when all earlier work has ended; all later work waits for it. */
  async takeAll<T>(work: () => Promise<T>): Promise<T> {
    const result = this.ended().then(work);
    this.#whole = result.then(noop, noop);
    return result;
  }

  /** Resolves when everything that is under way now has ended. */
  async ended(): Promise<void> {
    await Promise.all([this.#whole, ...this.#last.values()]);
  }
}
