import { Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";

/** The connection ended before the object did. */
export class CutShort extends Error {
  override readonly name = "CutShort";
}

/**
 * Reads the body of an answer to its end, or destroys it: no socket is left behind. The bytes have memory of their own; `undefined`
 * where they are more than `maxBytes`.
 */
export async function readBody(
  body: unknown,
  length: number | undefined,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  if (body === undefined || body === null) return Buffer.alloc(0);
  const stream = asReadable(body);
  if (signal.aborted) {
    discard(stream);
    throw signal.reason;
  }
  if (length !== undefined && length > maxBytes) {
    discard(stream);
    return undefined;
  }
  const chunks = await collect(stream, maxBytes, signal);
  if (chunks === undefined) return undefined;
  const size = chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
  if (length !== undefined && size !== length) throw new CutShort(`the answer has ${size} bytes of ${length}`);
  const bytes = Buffer.allocUnsafeSlow(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return bytes;
}

/** Nobody will read this. */
export function discardBody(body: unknown): void {
  if (body !== undefined && body !== null) discard(asReadable(body));
}

function collect(stream: Readable, maxBytes: number, signal: AbortSignal): Promise<Uint8Array[] | undefined> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let size = 0;
    const settle = (done: () => void): void => {
      signal.removeEventListener("abort", abort);
      done();
    };
    const abort = (): void => {
      settle(() => reject(signal.reason));
      discard(stream);
    };
    signal.addEventListener("abort", abort, { once: true });
    stream.on("data", (chunk: Uint8Array) => {
      chunks.push(chunk);
      size += chunk.byteLength;
      if (size <= maxBytes) return;
      settle(() => resolve(undefined));
      discard(stream);
    });
    stream.once("end", () => settle(() => resolve(chunks)));
    stream.on("error", (error) => settle(() => reject(error)));
    stream.once("close", () =>
      settle(() => reject(new CutShort("the connection was closed in the middle of the answer"))),
    );
  });
}

function discard(stream: Readable): void {
  stream.on("error", () => undefined);
  stream.destroy();
}

/** Node's handler gives a Readable, one that is built on fetch a web stream. */
function asReadable(body: unknown): Readable {
  if (body instanceof Readable || typeof (body as { readonly destroy?: unknown }).destroy === "function")
    return body as Readable;
  if (typeof (body as { readonly getReader?: unknown }).getReader === "function")
    return Readable.fromWeb(body as ReadableStream);
  return Readable.from([body as Uint8Array]);
}
