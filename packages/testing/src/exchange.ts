import { setImmediate as nextTurn, setTimeout as delay } from "node:timers/promises";
import { createGate } from "./gate.ts";
import type { ServerResponse } from "node:http";
import type { WireAnswer } from "./wire-answer.ts";
import type { DeliveryScript } from "./script.ts";

/** Thrown inside an exchange that has ended, so that nothing of it goes on. */
class ExchangeOver extends Error {}

/** One request and its answer: how the answer leaves, and how the exchange ends. */
export class Exchange {
  /** Resolves when the connection has taken the whole answer, or is gone. */
  readonly ended: Promise<void>;
  readonly #response: ServerResponse;
  readonly #over = new AbortController();
  readonly #released = createGate();
  #abandoned = false;
  #endedByServer = false;

  constructor(response: ServerResponse) {
    this.#response = response;
    this.ended = new Promise((resolve) => {
      response.once("close", () => {
        this.#abandoned = !response.writableFinished && !this.#endedByServer;
        this.#over.abort();
        resolve();
      });
    });
  }

  /** Whether the client went away before the answer ended. */
  get abandoned(): boolean {
    return this.#abandoned;
  }

  /** Whether there is nobody left to answer. */
  get over(): boolean {
    return this.#over.signal.aborted;
  }

  /** Whether it is too late for another status. */
  get begun(): boolean {
    return this.#response.headersSent;
  }

  /** Lets an answer go on that hangs, now or later. */
  release(): void {
    this.#released.open();
  }

  /** Ends the exchange without an answer, or in the middle of it. */
  cut(): void {
    this.#endedByServer = true;
    this.#response.destroy();
  }

  /** Waits for `held`, but not longer than the exchange lasts. */
  async during<T>(held: PromiseLike<T> | T): Promise<T> {
    const result = await Promise.race([held, this.ended.then(() => ExchangeOver)]);
    if (result === ExchangeOver || this.over) throw new ExchangeOver();
    return result as T;
  }

  /** Holds the answer back as the script says, then sends it. */
  async deliver(answer: WireAnswer, script: DeliveryScript): Promise<void> {
    if (script.hang === true) await this.during(this.#released.opened);
    if (script.gate !== undefined) await this.during(script.gate);
    if (script.drop === "before-headers") return this.cut();

    this.#response.writeHead(answer.status, answer.headers);
    if (script.drop === undefined && isOnePiece(answer)) {
      this.#response.end(answer.chunks[0]?.[0]);
      return;
    }
    this.#response.flushHeaders();
    await this.during(nextTurn());
    const limit = script.drop === "after-headers" ? 0 : script.drop;
    const isWhole = await this.#sendChunks(answer, limit ?? Number.POSITIVE_INFINITY);
    if (isWhole && limit === undefined) {
      this.#response.end();
      return;
    }
    await this.#flushed();
    this.cut();
  }

  /** Sends the chunks, at most `limit` bytes of them. Says whether all chunks were sent that there are to send. */
  async #sendChunks(answer: WireAnswer, limit: number): Promise<boolean> {
    let left = limit;
    for (const [index, parts] of answer.chunks.entries()) {
      if (index === answer.pacing.dropAfter || left <= 0) return false;
      await this.#wait(answer, index);
      for (const part of parts) {
        await this.#write(part.subarray(0, left));
        left -= part.length;
        if (left <= 0) return false;
      }
    }
    return answer.pacing.dropAfter === undefined;
  }

  async #wait({ pacing }: WireAnswer, index: number): Promise<void> {
    if (pacing.chunkDelayMs !== undefined) await delay(pacing.chunkDelayMs, undefined, { signal: this.#over.signal });
    if (pacing.gate === undefined) return;
    await this.during(typeof pacing.gate === "function" ? pacing.gate(index) : pacing.gate);
  }

  /** Sends a part by itself: a client in this process gets to read it before the next one leaves. */
  async #write(part: Uint8Array): Promise<void> {
    if (part.length === 0) return;
    await this.during(new Promise<void>((resolve) => this.#response.write(part, () => resolve())));
    await this.during(nextTurn());
  }

  /** Resolves when the system has everything that was written so far: bytes still in the process die with the connection. */
  #flushed(): Promise<void> {
    const { socket } = this.#response;
    if (socket === null) return Promise.resolve();
    return this.during(new Promise<void>((resolve) => socket.write("", () => resolve())));
  }
}

/** Whether nothing is to happen between the headers and the end. */
function isOnePiece({ chunks, pacing }: WireAnswer): boolean {
  const parts = chunks[0]?.length ?? 0;
  return (
    chunks.length <= 1 &&
    parts <= 1 &&
    pacing.gate === undefined &&
    pacing.chunkDelayMs === undefined &&
    pacing.dropAfter === undefined
  );
}
