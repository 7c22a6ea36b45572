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
