import type { IncomingMessage } from "node:http";

/** Why a body was not read to its end. */
export type BodyTrouble = "too-large" | "stalled" | "gone";

interface Reading {
  /** When the last bytes came, on `performance.now()`. */
  at: number;
  readonly stop: () => void;
  /** Is it we who do not read? */
  readonly isHeld?: (() => boolean) | undefined;
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

  /** `stop` is called once nothing has come for so long, though it `isHeld` up by nobody; {@link end} says that the body has ended. */
  begin(stop: () => void, isHeld?: () => boolean): Reading {
    const reading = { at: performance.now(), stop, isHeld };
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
    const now = performance.now();
    for (const reading of this.#readings) {
      if (reading.isHeld?.() === true) reading.at = now;
      if (reading.at > now - this.#limitMs) continue;
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

/** A body that is passed on as it comes. */
export interface PassedBody {
  /** Read as fast as it is taken. Fails if the client leaves in the middle, or stops sending. */
  readonly stream: ReadableStream<Uint8Array>;
  /**
   * Nobody takes any more of it. What still comes is read for a while: the client may read no answer before it has sent all, and the next
   * request on its connection stands behind it.
   */
  leave(): void;
}

/** `came` is told how many bytes have come. */
export function passBody(request: IncomingMessage, watch: StallWatch, came: (bytes: number) => void): PassedBody {
  let isLeft = false;
  let inVain = 0;
  const reading = watch.begin(
    () => request.destroy(new Error("The client stopped sending its body.")),
    () => request.isPaused(),
  );
  const leave = (): void => {
    isLeft = true;
    request.resume();
  };
  const stream = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const over = (end: () => void): void => {
          watch.end(reading);
          if (isLeft) return;
          isLeft = true;
          end();
        };
        request.on("data", (chunk: Buffer) => {
          reading.at = performance.now();
          came(chunk.byteLength);
          if (isLeft) {
            inVain += chunk.byteLength;
            if (inVain > MOST_READ_IN_VAIN) request.destroy();
            return;
          }
          controller.enqueue(chunk);
          if ((controller.desiredSize ?? 0) <= 0) request.pause();
        });
        // Until it is asked for.
        request.pause();
        request.on("end", () => over(() => controller.close()));
        request.on("error", (error) => over(() => controller.error(error)));
        request.on("close", () =>
          over(() => controller.error(new Error("The client left in the middle of its body."))),
        );
      },
      pull: () => void request.resume(),
      cancel: leave,
    },
    { highWaterMark: request.readableHighWaterMark, size: ({ byteLength }) => byteLength },
  );
  return { stream, leave };
}
