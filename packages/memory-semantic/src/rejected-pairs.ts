/** Ids of absent entries that pairs are remembered for. */
const MAX_ABSENT = 1000;

/**
 * Pairs that do not belong together, of entries that are not there now: evicted, deleted, or yet to come into this store. What comes back
 * takes its own along. The oldest are forgotten first.
 */
export class RejectedPairs {
  readonly #absent: Map<string, Set<string>> = new Map<string, Set<string>>();

  get size(): number {
    return this.#absent.size;
  }

  /** What is remembered of an entry that comes. */
  take(stored: string): Set<string> | undefined {
    const asked = this.#absent.get(stored);
    this.#absent.delete(stored);
    return asked;
  }

  /** Of an entry that goes. */
  keep(stored: string, asked: Set<string>): void {
    this.#absent.delete(stored);
    this.#absent.set(stored, asked);
    if (this.#absent.size <= MAX_ABSENT) return;
    const [oldest] = this.#absent.keys();
    this.#absent.delete(oldest as string);
  }

  add(stored: string, asked: string): void {
    this.keep(stored, (this.#absent.get(stored) ?? new Set<string>()).add(asked));
  }

  clear(): void {
    this.#absent.clear();
  }

  all(): readonly (readonly [string, readonly string[]])[] {
    return [...this.#absent].map(([stored, asked]) => [stored, [...asked]] as const);
  }
}
