import type { Run } from "@llmcache/core";

type Produce<T> = (missing: readonly number[], run: Run) => Promise<readonly T[]>;

/** Of samples fewer may come than were asked for: the rest is asked on. None at all, or too many, is the cache's matter. */
export function askedOn<T>(produce: Produce<T>): Produce<T> {
  return async (missing, run) => {
    let values = await produce(missing, run);
    if (!Array.isArray(values)) return values;
    while (values.length < missing.length) {
      run.signal.throwIfAborted();
      const before = values.length;
      const more = await produce(missing.slice(before), {
        ...run,
        note: (info, item) => {
          // What each request took is on the account of its first item: they add up. The model is everybody's.
          run.note(info, before + (item ?? 0));
          if (item !== undefined || info.model === undefined) return;
          for (let other = before + 1; other < missing.length; other++) run.note({ model: info.model }, other);
        },
      });
      if (!Array.isArray(more) || more.length === 0) return values;
      values = [...values, ...(more as readonly T[])];
    }
    return values;
  };
}
