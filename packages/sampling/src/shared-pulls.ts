import { orAborted } from "./or-aborted.ts";

interface SharedPull<T> {
  readonly result: Promise<T>;
  readonly controller: AbortController;
  waiting: number;
}

/**
 * Pulls of positions that are under way: who wants the same one joins. The last to leave ends the pull; who comes before it has ended
 * waits for that, and begins anew if it gave nothing.
 */
export class SharedPulls<T> {
  readonly #pulls: Map<number, SharedPull<T>> = new Map<number, SharedPull<T>>();

  get isEmpty(): boolean {
    return this.#pulls.size === 0;
  }

  async join(
    position: number,
    signal: AbortSignal | undefined,
    begin: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    for (;;) {
      signal?.throwIfAborted();
      const pull = this.#pulls.get(position) ?? this.#begin(position, begin);
      pull.waiting++;
      try {
        return await orAborted(pull.result, signal);
      } catch (error) {
        const wasLeft = pull.controller.signal.aborted;
        if (signal?.aborted === true || !wasLeft) throw error;
      } finally {
        pull.waiting--;
        if (pull.waiting === 0 && this.#pulls.get(position) === pull)
          pull.controller.abort(new DOMException("Nobody waits for this sample any more.", "AbortError"));
      }
    }
  }

  #begin(position: number, begin: (signal: AbortSignal) => Promise<T>): SharedPull<T> {
    const controller = new AbortController();
    const end = (): void => {
      this.#pulls.delete(position);
    };
    const result = begin(controller.signal);
    const pull = { result, controller, waiting: 0 };
    this.#pulls.set(position, pull);
    result.then(end, end);
    return pull;
  }
}
