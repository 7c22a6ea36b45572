import type { LanguageModelV4StreamPart } from "@ai-sdk/provider";

/** How long to wait before a part, in ms; `undefined` and 0 not at all. */
export type Pause = (index: number) => number | undefined;

/** Parts as a stream that asks for them as it is read. Cancelling it leaves the iteration. */
export function played(
  parts: AsyncIterator<LanguageModelV4StreamPart>,
  pause: Pause | undefined,
  signal: AbortSignal | undefined,
): ReadableStream<LanguageModelV4StreamPart> {
  let index = 0;
  let hasGone = false;
  return new ReadableStream<LanguageModelV4StreamPart>(
    {
      async pull(controller) {
        const next = await parts.next();
        const delayMs = pause?.(index++) ?? 0;
        if (delayMs > 0) await wait(delayMs, signal);
        if (hasGone) return;
        if (next.done === true) controller.close();
        else controller.enqueue(next.value);
      },
      async cancel() {
        hasGone = true;
        await parts.return?.();
      },
    },
    { highWaterMark: 0 },
  );
}

/** Rejects with the signal's reason if that comes first. */
function wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    if (signal?.aborted === true) onAbort();
    else signal?.addEventListener("abort", onAbort, { once: true });
  });
}
