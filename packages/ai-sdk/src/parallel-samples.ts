/**
 * Which of several equal calls that run at once is which: those who ask for several pictures in equal calls want different ones, not one that
 * all of them share. Calls belong together if they come with one and the same object; what is over gives its number back.
 */
export class ParallelSamples {
  readonly #taken: WeakMap<object, Map<number, Set<number>>> = new WeakMap<object, Map<number, Set<number>>>();

  /** Takes the lowest number that is free for calls of `group` that ask for so many. */
  take(group: object, count: number): { readonly sample: number; free(): void } {
    let byCount = this.#taken.get(group);
    if (byCount === undefined) this.#taken.set(group, (byCount = new Map<number, Set<number>>()));
    let taken = byCount.get(count);
    if (taken === undefined) byCount.set(count, (taken = new Set<number>()));
    let sample = 0;
    while (taken.has(sample)) sample++;
    taken.add(sample);
    return { sample, free: () => void taken.delete(sample) };
  }
}
