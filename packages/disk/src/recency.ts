import type { EntryTable } from "./entry-table.ts";

/** Uses closer together count as one: what is read all the time is written once a minute. */
const GRAIN_MS = 60_000;
/** Uses that wait to be written; further ones are forgotten, which makes eviction a little less exact. */
const MAX_PENDING = 1000;
const MAX_KNOWN = 10_000;

/** When entries were last used, written in batches: a read writes nothing. */
export class Recency {
  readonly #pending: Map<string, number> = new Map<string, number>();
  /** What was noted lately, in this process. */
  readonly #known: Map<string, number> = new Map<string, number>();

  /** An entry was read. */
  read(id: string, now: number): void {
    const last = this.#known.get(id);
    if (last !== undefined && Math.abs(now - last) < GRAIN_MS) return;
    this.written(id, now);
    if (this.#pending.size < MAX_PENDING) this.#pending.set(id, now);
  }

  /** An entry was written: its row says when. */
  written(id: string, now: number): void {
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.set(id, now);
  }

  forget(id: string): void {
    this.#pending.delete(id);
    this.#known.delete(id);
  }

  clear(): void {
    this.#pending.clear();
    this.#known.clear();
  }

  /** Uses that wait to be written. */
  get size(): number {
    return this.#pending.size;
  }

  /** Writes down what is pending, together with the other work of a transaction; if that fails, it stays pending. */
  flush(table: EntryTable, beside?: () => void): void {
    table.transaction(() => {
      for (const [id, usedAt] of this.#pending) table.used(id, usedAt);
      beside?.();
    });
    this.#pending.clear();
  }
}
