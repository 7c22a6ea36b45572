/** What stands in the place of a name that is told apart no more. */
const OTHER = "other";

/** The first so many names that are seen; all others are `other`, so that nobody makes time series without end by inventing names. */
export class ToldApart {
  readonly #names: Set<string> = new Set<string>();
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  /** @param mayAdd does this name get a place if there is one? */
  of(name: string, mayAdd: boolean): string {
    if (this.#names.has(name)) return name;
    if (!mayAdd || this.#names.size >= this.#most) return OTHER;
    this.#names.add(name);
    return name;
  }
}
