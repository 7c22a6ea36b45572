import type { EntryHead } from "./entry.ts";

/** Beyond so many ids, those noted longest ago are forgotten. */
const MAX_IDS = 10_000;
const NEVER = Number.NEGATIVE_INFINITY;

/**
 * Which copies in a tier are out of date, because a write or a delete did not reach it? They are passed over, in this process. What
 * was forgotten, because there is too much of it, may be served again until it ends by itself.
 */
export class OutdatedCopies {
  /** What {@link before} gives. */
  readonly #before: Map<string, number> = new Map<string, number>();
  /** The same for all other ids. */
  #othersBefore = NEVER;

  /** Copies under `id` that were created before this instant are out of date. */
  before(id: string): number {
    return this.#before.get(id) ?? this.#othersBefore;
  }

  has({ id, createdAt }: Pick<EntryHead, "id" | "createdAt">): boolean {
    return createdAt < this.before(id);
  }

  /** May there be such copies under this id? */
  mayHave(id: string): boolean {
    return this.before(id) > NEVER;
  }

  /** From now on those under `id` that were created before that instant. */
  note(id: string, before: number): void {
    this.#put(id, Math.max(this.before(id), before));
  }

  /** All that were created before that instant. */
  noteAll(before: number): void {
    this.#before.clear();
    this.#othersBefore = Math.max(this.#othersBefore, before);
  }

  /** What is there now under `id` is what we wrote. */
  forget(id: string): void {
    if (this.#othersBefore === NEVER) this.#before.delete(id);
    else this.#put(id, NEVER);
  }

  /** There is nothing any more. */
  forgetAll(): void {
    this.#before.clear();
    this.#othersBefore = NEVER;
  }

  #put(id: string, before: number): void {
    this.#before.delete(id);
    this.#before.set(id, before);
    if (this.#before.size <= MAX_IDS) return;
    const oldest = this.#before.keys().next();
    if (oldest.done !== true) this.#before.delete(oldest.value);
  }
}
