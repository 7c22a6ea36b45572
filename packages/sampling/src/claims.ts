/** A position that somebody has. */
export interface Claim {
  readonly position: number;
  /** Where the sequence had come before: what was left out in between is there again if this is given back. */
  readonly before: number;
}

/** Which positions of a sequence are taken. A position that was given back is the next one handed out. */
export class Claims {
  #next = 0;
  /** Given back, in ascending order: no more than there were pulls that failed at once. */
  readonly #free: Claim[] = [];

  /** The first position that nobody has and that is not before `from`. */
  take(from: number): Claim {
    const index = this.#free.findIndex(({ position }) => position >= from);
    if (index >= 0) return this.#free.splice(index, 1)[0] as Claim;
    const before = this.#next;
    const position = Math.max(before, from);
    this.#next = position + 1;
    return { position, before };
  }

  giveBack(claim: Claim): void {
    const index = this.#free.findIndex(({ position }) => position > claim.position);
    this.#free.splice(index < 0 ? this.#free.length : index, 0, claim);
    while (this.#free.at(-1)?.position === this.#next - 1) this.#next = (this.#free.pop() as Claim).before;
  }
}
