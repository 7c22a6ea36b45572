/**
 * How long a call waits for what others have asked: the SDK's clock runs only while it asks itself. When the time is up the signal is
 * aborted as the SDK does it, which then tries again.
 */
export class Waiting {
  readonly signal: AbortSignal | null;
  readonly #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param timeoutMs no limit where there is none. */
  constructor(signal: AbortSignal | null | undefined, timeoutMs: number | undefined) {
    this.signal = signal ?? null;
    if (timeoutMs === undefined) return;
    const late = new AbortController();
    this.signal = signal === undefined || signal === null ? late.signal : AbortSignal.any([signal, late.signal]);
    const giveUp = (): void => late.abort(new DOMException("The request timed out.", "AbortError"));
    this.#timer = setTimeout(giveUp, timeoutMs);
    this.#timer.unref();
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}
