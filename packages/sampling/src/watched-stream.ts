/** The same chunks; `onEnd` is called once: did the stream go well, as far as its reader knows? Leaving it early is no failure. */
export function watched<C>(
  chunks: AsyncIterableIterator<C>,
  onEnd: (wentWell: boolean) => void,
): AsyncIterableIterator<C> {
  let isOver = false;
  const end = (wentWell: boolean): void => {
    if (isOver) return;
    isOver = true;
    onEnd(wentWell);
  };
  const follow = async (step: Promise<IteratorResult<C>>): Promise<IteratorResult<C>> => {
    try {
      const next = await step;
      if (next.done === true) end(true);
      return next;
    } catch (error) {
      end(false);
      throw error;
    }
  };
  const iterator: AsyncIterableIterator<C> = {
    next: () => follow(chunks.next()),
    return: async (value?: unknown) => {
      end(true);
      return (await chunks.return?.(value)) ?? { done: true, value: undefined };
    },
    throw: async (error: unknown) => {
      end(true);
      await chunks.return?.();
      throw error;
    },
    [Symbol.asyncIterator]: () => iterator,
  };
  return iterator;
}
