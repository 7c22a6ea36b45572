/** The result of `work`, or a rejection at the latest when the time is up or the signal is aborted, whatever `work` does. */
export async function within<T>(
  ms: number,
  late: () => Error,
  work: (signal: AbortSignal) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  signal?.throwIfAborted();
  const own = new AbortController();
  const ended = Promise.withResolvers<never>();
  const end = (reason: unknown): void => {
    ended.reject(reason);
    own.abort(reason);
  };
  const onAbort = (): void => end(signal?.reason);
  const timer = setTimeout(() => end(late()), ms);
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    const working = work(own.signal);
    working.catch(() => undefined);
    return await Promise.race([working, ended.promise]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
}
