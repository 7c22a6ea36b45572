/** Of so many changes it is known when they were; for a read that lasts longer than all of them, everything has changed. */
const MAX_REMEMBERED = 4096;

/** The turn of one change: it waits for `ready`, if there is anything to wait for, and ends with `end`. */
export interface Turn {
  readonly ready: Promise<unknown> | undefined;
  readonly end: () => void;
}

/**
 * What has this process changed since? Changes of one id take turns, so that all tiers see them in one order; and who read before
 * or during a change learns that what he read must not be written back.
 */
export class Changes {
  /** The last turn of each id that is not over. */
  readonly #turns: Map<string, Promise<void>> = new Map<string, Promise<void>>();
  /** When the last change of an id was over; in this order. */
  readonly #over: Map<string, number> = new Map<string, number>();
  #count = 0;
  /** Reads that began before this count have missed something, whatever their id. */
  #forgotten = 0;
  #clearing = 0;

  /** For {@link isUnchanged}: now. */
  now(): number {
    return this.#count;
  }

  /** Has nothing been changed under this id since then, and is nothing being changed? */
  isUnchanged(id: string, since: number): boolean {
    if (this.#clearing > 0 || since < this.#forgotten || this.#turns.has(id)) return false;
    return (this.#over.get(id) ?? 0) <= since;
  }

  /** A change of these ids begins, or waits until those before it are over. */
  begin(ids: readonly string[]): Turn {
    const former = ids.map((id) => this.#turns.get(id)).filter((turn) => turn !== undefined);
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    const ready = former.length === 0 ? undefined : Promise.all(former);
    // Who gives up waiting does not let the next one pass.
    const over = Promise.all([ready, ended]).then(() => {
      for (const id of ids) {
        if (this.#turns.get(id) === over) this.#turns.delete(id);
        this.#remember(id);
      }
    });
    for (const id of ids) this.#turns.set(id, over);
    return { ready, end };
  }

  /** Everything changes, until the returned function is called. */
  beginAll(): () => void {
    this.#clearing++;
    return () => {
      this.#clearing--;
      this.#over.clear();
      this.#forgotten = ++this.#count;
    };
  }

  #remember(id: string): void {
    this.#over.delete(id);
    this.#over.set(id, ++this.#count);
    if (this.#over.size <= MAX_REMEMBERED) return;
    const [oldest] = this.#over;
    if (oldest === undefined) return;
    this.#over.delete(oldest[0]);
    this.#forgotten = oldest[1];
  }
}
