/** Calls that begin within this share of the time allowed are timed together. */
const TOGETHER = 0.05;

interface Waiting {
  readonly reject: (error: Error) => void;
  readonly late: () => Error;
}

/**
 * Deadlines of many short calls. Those that begin at about the same time share one timer and one signal, so that a call that is
 * in time costs neither; a deadline is up to a twentieth earlier than asked for, never later. The timer stands until its time is up or
 * {@link Deadlines.close}, but keeps the process alive only while something is waited for.
 */
export class Deadlines {
  #latest: Timed | undefined;

  /** What `start` gives, or a rejection with `late()` after `ms`; its signal is aborted then. */
  run<T>(ms: number, late: () => Error, start: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const now = performance.now();
    const latest = this.#latest;
    const timed = latest !== undefined && latest.takes(ms, now) ? latest : this.#begin(ms, now);
    return new Promise<T>((resolve, reject) => {
      const waiting: Waiting = { reject, late };
      timed.enter(waiting);
      try {
        start(timed.signal).then(
          (value) => {
            timed.leave(waiting);
            resolve(value);
          },
          (error: unknown) => {
            timed.leave(waiting);
            reject(error);
          },
        );
      } catch (error) {
        timed.leave(waiting);
        reject(error);
      }
    });
  }

  /** Leaves no timer behind, once nothing is waited for. */
  close(): void {
    this.#latest?.retire();
    this.#latest = undefined;
  }

  #begin(ms: number, now: number): Timed {
    this.#latest?.retire();
    this.#latest = new Timed(ms, now);
    return this.#latest;
  }
}

/** Calls with one deadline. */
class Timed {
  readonly #ms: number;
  readonly #startedAt: number;
  readonly #controller: AbortController = new AbortController();
  readonly #waiting: Set<Waiting> = new Set<Waiting>();
  #timer: NodeJS.Timeout;
  #retired = false;

  constructor(ms: number, now: number) {
    this.#ms = ms;
    this.#startedAt = now;
    this.#timer = setTimeout(() => this.#timeIsUp(), ms);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  takes(ms: number, now: number): boolean {
    return ms === this.#ms && now - this.#startedAt <= ms * TOGETHER && !this.#retired;
  }

  enter(waiting: Waiting): void {
    if (this.#waiting.size === 0) this.#timer.ref();
    this.#waiting.add(waiting);
  }

  leave(waiting: Waiting): void {
    this.#waiting.delete(waiting);
    if (this.#waiting.size > 0) return;
    if (this.#retired) clearTimeout(this.#timer);
    else this.#timer.unref();
  }

  /** No further call begins here. */
  retire(): void {
    this.#retired = true;
    if (this.#waiting.size === 0) clearTimeout(this.#timer);
  }

  #timeIsUp(): void {
    const grace = this.#ms * TOGETHER;
    if (this.#waiting.size === 0 || performance.now() - this.#startedAt <= this.#ms + grace) return this.#end();
    // The process was busy: what has come meanwhile is yet to be looked at.
    this.#retired = true;
    this.#timer = setTimeout(() => this.#end(), grace);
  }

  #end(): void {
    this.#retired = true;
    let first: Error | undefined;
    for (const { reject, late } of this.#waiting) {
      const error = late();
      first ??= error;
      reject(error);
    }
    this.#waiting.clear();
    if (first !== undefined) this.#controller.abort(first);
  }
}
