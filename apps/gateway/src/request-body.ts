import type { IncomingMessage } from "node:http";

/** Why a body was not read to its end. */
export type BodyTrouble = "too-large" | "stalled" | "gone";

interface Reading {
  /** When the last bytes came, on `performance.now()`. */
  at: number;
  readonly stop: () => void;
}

/** Of a body that is refused for its length. */
const MOST_READ_IN_VAIN = 16 * 1024 * 1024;
const EMPTY: Buffer = Buffer.alloc(0);

/** Ends the reading of bodies that have stopped coming, by one timer for all of them. */
export class StallWatch {
  readonly #limitMs: number;
  readonly #readings: Set<Reading> = new Set<Reading>();
  #timer: NodeJS.Timeout | undefined;

  /** 0: no limit. */
  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  /** `stop` is called once nothing has come for so long; {@link end} says that the body has ended. */
  begin(stop: () => void): Reading {
    const reading = { at: performance.now(), stop };
    if (this.#limitMs === 0) return reading;
    this.#readings.add(reading);
    this.#timer ??= setInterval(() => this.#look(), Math.max(10, this.#limitMs / 4)).unref();
    return reading;
  }

  end(reading: Reading): void {
    this.#readings.delete(reading);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#readings.clear();
  }

  #look(): void {
    if (this.#readings.size === 0) return this.close();
    const latest = performance.now() - this.#limitMs;
    for (const reading of this.#readings) {
      if (reading.at > latest) continue;
      this.#readings.delete(reading);
      reading.stop();
    }
  }
}

/** Does a request have a body (RFC 9112, section 6.3)? */
export function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

/** Calls back once, with the whole body or with what kept it from being read. */
export function collectBody(
  request: IncomingMessage,
  maxBytes: number,
  watch: StallWatch,
  done: (body: Buffer | BodyTrouble) => void,
): void {
  let first: Buffer | undefined;
  let more: Buffer[] | undefined;
  let length = 0;
  let isDone = false;
  const end = (outcome: Buffer | BodyTrouble): void => {
    if (isDone) return;
    isDone = true;
    watch.end(reading);
    done(outcome);
  };
  const reading = watch.begin(() => end("stalled"));
  request.on("data", (chunk: Buffer) => {
    length += chunk.byteLength;
    // What is too much is read on for a while, so that the sender gets to read why.
    if (isDone) return void (length > maxBytes + MOST_READ_IN_VAIN && request.destroy());
    reading.at = performance.now();
    if (length > maxBytes) return end("too-large");
    if (first === undefined) first = chunk;
    else (more ??= [first]).push(chunk);
  });
  request.on("end", () => end(more === undefined ? (first ?? EMPTY) : Buffer.concat(more, length)));
  request.on("error", () => end("gone"));
  request.on("close", () => end("gone"));
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) end("too-large");
}
