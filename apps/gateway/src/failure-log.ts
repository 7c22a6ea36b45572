const QUIET_MS = 10_000;

/**
 * Tells of failures without flooding: of one kind at most one line in ten seconds, and with the next one how many there were between.
 * A store that is down fails with every request.
 */
export class FailureLog {
  readonly #write: (line: string) => void;
  readonly #clock: () => number;
  readonly #kinds = new Map<string, { toldAt: number; untold: number }>();

  constructor(write: (line: string) => void, clock: () => number = Date.now) {
    this.#write = write;
    this.#clock = clock;
  }

  /** `kind` is one of few; `line` says what failed. */
  tell(kind: string, line: string): void {
    const now = this.#clock();
    const before = this.#kinds.get(kind);
    if (before !== undefined && now - before.toldAt < QUIET_MS) {
      before.untold++;
      return;
    }
    const untold = before?.untold ?? 0;
    this.#kinds.set(kind, { toldAt: now, untold: 0 });
    this.#write(`${line}${untold === 0 ? "" : ` (and ${untold} more since the last line)`}`);
  }
}
