import { once } from "node:events";
import type { ServerResponse } from "node:http";

/** An answer of one JSON value a line, written no faster than it is read. */
export class JsonLines {
  readonly #response: ServerResponse;
  readonly #signal: AbortSignal;
  #isFull = false;

  /** @param signal aborted when the reader has gone: then writing rejects with its reason. */
  constructor(response: ServerResponse, signal: AbortSignal) {
    this.#response = response;
    this.#signal = signal;
    response.writeHead(200, {
      "content-type": "application/x-ndjson",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
    });
    response.flushHeaders();
  }

  /** Resolves when there is room for more. */
  async write(value: unknown): Promise<void> {
    this.#signal.throwIfAborted();
    this.#send(value);
    while (this.#isFull) await once(this.#response, "drain", { signal: this.#signal });
  }

  /** Of what may be left out: written if there is room. */
  offer(value: unknown): void {
    if (!this.#isFull && !this.#signal.aborted) this.#send(value);
  }

  end(value?: unknown): void {
    if (value !== undefined) this.#send(value);
    if (!this.#response.destroyed) this.#response.end();
  }

  #send(value: unknown): void {
    // Nobody is there to be told of an error.
    if (this.#response.destroyed) return;
    if (this.#response.write(`${JSON.stringify(value)}\n`) || this.#isFull) return;
    this.#isFull = true;
    this.#response.once("drain", () => {
      this.#isFull = false;
    });
  }
}
