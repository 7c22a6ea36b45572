/**
 * What `start` gives, or a rejection with `late()` after `ms`; its signal is aborted then. One timer, cleared as soon as it is not
 * needed, instead of `AbortSignal.timeout`, which cannot be cleared.
 */
export function withDeadline<T>(start: (signal: AbortSignal) => Promise<T>, ms: number, late: () => Error): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const controller = new AbortController();
    const timer = setTimeout(() => {
      const error = late();
      reject(error);
      controller.abort(error);
    }, ms);
    const settle = (done: () => void): void => {
      clearTimeout(timer);
      done();
    };
    try {
      start(controller.signal).then(
        (value) => settle(() => resolve(value)),
        (error: unknown) => settle(() => reject(error)),
      );
    } catch (error) {
      settle(() => reject(error));
    }
  });
}
