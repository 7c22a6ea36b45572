/**
 * What `work` gives, or a rejection with the signal's reason as soon as it is aborted: for work that may never settle. What becomes
 * of it after that concerns nobody.
 */
export async function orAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T>;
export async function orAborted<T>(
  work: Promise<T> | undefined,
  signal: AbortSignal | undefined,
): Promise<T | undefined>;
export async function orAborted<T>(
  work: Promise<T> | undefined,
  signal: AbortSignal | undefined,
): Promise<T | undefined> {
  if (work === undefined || signal === undefined) return work;
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
