/** What changed while writes wait for their vectors: a write that was overtaken is as if it had come before. */
export class PendingWrites {
  readonly #changedAt: Map<string, number> = new Map<string, number>();
  #clearedAt = 0;
  #now = 0;
  #pending = 0;

  /** A write begins to wait. @returns the instant to ask for afterwards. */
  begin(): number {
    this.#pending++;
    return ++this.#now;
  }

  end(): void {
    if (--this.#pending === 0) this.#changedAt.clear();
  }

  /** It was set or deleted. */
  changed(id: string): void {
    if (this.#pending > 0) this.#changedAt.set(id, ++this.#now);
  }

  cleared(): void {
    this.#clearedAt = ++this.#now;
  }

  isOvertaken(id: string, since: number): boolean {
    return this.#clearedAt > since || (this.#changedAt.get(id) ?? 0) > since;
  }
}
