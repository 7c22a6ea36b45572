/** The best few of many, in order; of equals the first that came. */
export class Nearest<T> {
  readonly #count: number;
  readonly #least: number;
  readonly #items: T[] = [];
  readonly #similarities: number[] = [];

  /** @param least what is below is not taken. */
  constructor(count: number, least: number) {
    this.#count = count;
    this.#least = least;
  }

  /** What a further one must exceed; or reach, while there is room. */
  takes(similarity: number): boolean {
    return this.#items.length < this.#count
      ? similarity >= this.#least
      : similarity > (this.#similarities[this.#count - 1] as number);
  }

  /** What is below it is not taken, whatever it is. */
  get floor(): number {
    if (this.#items.length >= this.#count) return this.#similarities[this.#count - 1] as number;
    return this.#least <= 0 ? Number.NEGATIVE_INFINITY : this.#least;
  }

  offer(item: T, similarity: number): void {
    if (!this.takes(similarity)) return;
    let at = this.#similarities.length;
    while (at > 0 && (this.#similarities[at - 1] as number) < similarity) at--;
    this.#items.splice(at, 0, item);
    this.#similarities.splice(at, 0, similarity);
    if (this.#items.length <= this.#count) return;
    this.#items.pop();
    this.#similarities.pop();
  }

  list(): readonly { readonly item: T; readonly similarity: number }[] {
    return this.#items.map((item, index) => ({ item, similarity: this.#similarities[index] as number }));
  }
}
