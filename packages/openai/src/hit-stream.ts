import type { Stream } from "openai/core/streaming";
import { END, EventValues, OTHER } from "./event-values.ts";
import type { StreamParts } from "./sdk-inside.ts";

type Client = NonNullable<ConstructorParameters<typeof Stream>[2]>;

/** The client whose stream it is, and what it would have had from the wire. */
export interface StreamOwner {
  readonly client: Client;
  readonly controller: AbortController;
  /** Borrowed. */
  readonly bytes: Uint8Array;
  headers(): Headers;
  /** Somebody begins to read. */
  begins(): void;
}

/**
 * The SDK's `Stream` over the bytes of a stored one, read as they are wanted. Like a stream from the wire it can be read once, ends
 * without an error when it is aborted, and is aborted by whoever leaves it early.
 */
export function hitStream(parts: StreamParts, owner: StreamOwner): Stream<unknown> {
  let isConsumed = false;
  const begin = (): void => {
    if (isConsumed)
      throw new parts.OpenAIError("Cannot iterate over a consumed stream, use `.tee()` to split the stream.");
    isConsumed = true;
    owner.begins();
  };
  return new parts.Stream<unknown>(() => new HitIterator(parts, owner, begin), owner.controller, owner.client);
}

/** Behaves like the asynchronous generator that the SDK has in its place, at a fraction of its cost. */
class HitIterator implements AsyncIterator<unknown, undefined>, AsyncDisposable {
  readonly #parts: StreamParts;
  readonly #owner: StreamOwner;
  readonly #begin: () => void;
  readonly #signal: AbortSignal;
  #values: EventValues | undefined;
  /** The SDK's own, for what is left. */
  #others: AsyncIterator<unknown> | undefined;
  #isOver = false;

  constructor(parts: StreamParts, owner: StreamOwner, begin: () => void) {
    this.#parts = parts;
    this.#owner = owner;
    this.#begin = begin;
    this.#signal = owner.controller.signal;
  }

  next(): Promise<IteratorResult<unknown>> {
    if (this.#others !== undefined) return this.#others.next();
    if (this.#isOver) return ended();
    try {
      if (this.#values === undefined) {
        this.#begin();
        this.#values = new EventValues(this.#owner.bytes);
      }
    } catch (error) {
      this.#isOver = true;
      return Promise.reject(error);
    }
    const value = this.#signal.aborted ? END : this.#values.next();
    if (value === OTHER) return this.#goOn(this.#values).next();
    if (value !== END) return Promise.resolve({ done: false, value });
    this.#isOver = true;
    return ended();
  }

  return(): Promise<IteratorResult<unknown>> {
    if (this.#others?.return !== undefined) return this.#others.return();
    this.#leave();
    return ended();
  }

  throw(error: unknown): Promise<IteratorResult<unknown>> {
    if (this.#others?.throw !== undefined) return this.#others.throw(error);
    this.#leave();
    return Promise.reject(error);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  #goOn(values: EventValues): AsyncIterator<unknown> {
    const { controller, client } = this.#owner;
    const rest = new Response(Buffer.from(values.rest()), { headers: this.#owner.headers() });
    const others = this.#parts.Stream.fromSSEResponse(rest, controller, client)[Symbol.asyncIterator]();
    this.#others = others;
    return others;
  }

  /** Who has not begun has nothing to abort. */
  #leave(): void {
    if (this.#values !== undefined && !this.#isOver) this.#owner.controller.abort();
    this.#isOver = true;
  }
}

function ended(): Promise<IteratorResult<unknown>> {
  return Promise.resolve({ done: true, value: undefined });
}
