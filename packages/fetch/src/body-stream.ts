/** A stream with more bytes than this is sent as it comes, and nothing is cached. */
const MAX_STREAM_BYTES = 64 * 1024 * 1024;

/** What became of a stream: its bytes, or a stream of the same content in its place. */
export interface DrainedStream {
  readonly bytes?: Uint8Array<ArrayBuffer> | undefined;
  readonly instead: Uint8Array<ArrayBuffer> | ReadableStream;
}

/**
 * Reads a body that can be read only once, and gives what is to be sent in its place: its bytes, or, where it is too long, fails or
 * holds something else than bytes, a stream that says the same. So `fetch` fails as it would have.
 */
export async function readStream(stream: ReadableStream, signal: AbortSignal | undefined): Promise<DrainedStream> {
  const reader = stream.getReader() as ReadableStreamDefaultReader<unknown>;
  const chunks: unknown[] = [];
  let size = 0;
  const leave = (): void => void reader.cancel(signal?.reason).catch(() => undefined);
  signal?.addEventListener("abort", leave, { once: true });
  try {
    for (;;) {
      signal?.throwIfAborted();
      const next = await reader.read();
      signal?.throwIfAborted();
      if (next.done) {
        const bytes = new Uint8Array(Buffer.concat(chunks as Uint8Array[]));
        return { bytes, instead: bytes };
      }
      chunks.push(next.value);
      if (!(next.value instanceof Uint8Array)) return { instead: resumed(chunks, reader) };
      size += next.value.byteLength;
      if (size > MAX_STREAM_BYTES) return { instead: resumed(chunks, reader) };
    }
  } catch (error) {
    return { instead: new ReadableStream({ start: (controller) => controller.error(error) }) };
  } finally {
    signal?.removeEventListener("abort", leave);
  }
}

/** What has been read, and then the rest. */
function resumed(chunks: readonly unknown[], reader: ReadableStreamDefaultReader<unknown>): ReadableStream {
  const read = [...chunks];
  return new ReadableStream(
    {
      async pull(controller) {
        if (read.length > 0) return controller.enqueue(read.shift());
        const next = await reader.read();
        if (next.done) controller.close();
        else controller.enqueue(next.value);
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}
