/** What stands in the place of a value that is told apart no more. */
export const OTHER = "other";

const MOST_CHARS = 100;

/**
 * The values that one label may take: those that are given, or else the first so many that are seen. Everything above is `other`, so that
 * nobody makes metrics without end by inventing names.
 */
export class LabelValues {
  readonly #values: Set<string>;
  readonly #most: number;

  constructor(given: readonly string[] | undefined, most: number) {
    this.#values = new Set(given?.map(shortened));
    this.#most = given === undefined ? most : this.#values.size;
  }

  /** @param mayAdd does this value get a place if there is one? */
  of(value: string | undefined, mayAdd: boolean = true): string {
    if (value === undefined || value === "") return "";
    if (this.#values.has(value)) return value;
    const short = shortened(value);
    if (this.#values.has(short)) return short;
    if (!mayAdd || this.#values.size >= this.#most) return OTHER;
    this.#values.add(short);
    return short;
  }
}

function shortened(value: string): string {
  return value.slice(0, MOST_CHARS).toWellFormed();
}
