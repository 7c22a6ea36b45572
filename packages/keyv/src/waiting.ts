/** The result of `work`, or a rejection with `late()` if there is none after so long. The work itself is not stopped. */
export async function before<T>(work: Promise<T>, ms: number, late: () => Error): Promise<T> {
  const cut = Promise.withResolvers<never>();
  const timer = setTimeout(() => cut.reject(late()), ms);
  try {
    return await Promise.race([work, cut.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** The result of `work`, or a rejection with the signal's reason as soon as it is aborted. The work itself is not stopped. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  const cut = Promise.withResolvers<never>();
  const abort = (): void => cut.reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  try {
    return await Promise.race([work, cut.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
