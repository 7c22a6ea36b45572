import { Claims } from "./claims.ts";
import type { Feed, Pull } from "./layer.ts";

/**
 * What `sample` gives. `return` and `throw`, which `for await` calls when it is left, do not end it: what others share, or the caller
 * wants to go on with, goes on.
 */
export class Sequence<S> implements AsyncIterableIterator<S> {
  readonly #open: () => Feed;
  readonly #from: number;
  readonly #pull: Pull;
  readonly #claims: Claims = new Claims();
  #feed: Feed | undefined;

  /** @param open called with the first pull; what it throws rejects the pull. */
  constructor(open: () => Feed, from: number, pull: Pull) {
    this.#open = open;
    this.#from = from;
    this.#pull = pull;
  }

  async next(): Promise<IteratorResult<S, undefined>> {
    this.#pull.signal?.throwIfAborted();
    const feed = (this.#feed ??= this.#open());
    const claim = this.#claims.take(this.#from);
    try {
      const { body } = await feed.draw(claim.position, this.#pull);
      return { done: false, value: body.json() as S };
    } catch (error) {
      this.#claims.giveBack(claim);
      throw error;
    }
  }

  async return(): Promise<IteratorResult<S, undefined>> {
    return { done: true, value: undefined };
  }

  async throw(error: unknown): Promise<IteratorResult<S, undefined>> {
    throw error;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
