import type { Counter } from "prom-client";

interface Sum<Label extends string> {
  readonly labels: Record<Label, string>;
  sum: number;
}

/**
 * Adds up for a counter what happens with every request, and hands it on when somebody reads: telling the counter each time costs ten
 * times as much.
 */
export class Tally<Label extends string> {
  readonly #counter: Counter<Label>;
  readonly #names: readonly Label[];
  readonly #sums: Map<string, Sum<Label>> = new Map<string, Sum<Label>>();

  constructor(counter: Counter<Label>, names: readonly Label[]) {
    this.#counter = counter;
    this.#names = names;
  }

  /** @param values of the labels, in the order of their names. */
  add(amount: number, ...values: readonly string[]): void {
    const key = values.length === 1 ? (values[0] as string) : values.join("\0");
    const known = this.#sums.get(key);
    if (known !== undefined) {
      known.sum += amount;
      return;
    }
    const labels = Object.fromEntries(this.#names.map((name, index) => [name, values[index] ?? ""]));
    this.#sums.set(key, { labels: labels as Record<Label, string>, sum: amount });
  }

  /** Hands on what came together since the last time. */
  flush(): void {
    for (const each of this.#sums.values()) {
      this.#counter.inc(each.labels, each.sum);
      each.sum = 0;
    }
  }
}
