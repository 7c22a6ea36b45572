import type { Engine } from "./engine.ts";
import type { EntryHead } from "./entry.ts";
import { LLMCacheError } from "./errors.ts";
import { untilAborted } from "./flight.ts";
import { storeError } from "./store.ts";

/** Options of `LLMCache.forget`. */
export interface ForgetOptions {
  /** Which entries go. What it throws ends the sweep. */
  readonly where: (head: EntryHead) => boolean;
  /** Told after every 100 entries, and at the end. */
  readonly onProgress?: ((progress: Forgotten) => void) | undefined;
  /** Ends the sweep with its reason; what was removed stays removed. */
  readonly signal?: AbortSignal | undefined;
}

/** How far a sweep has come. */
export interface Forgotten {
  readonly seen: number;
  readonly removed: number;
}

const PROGRESS_EVERY = 100;

/** Removes the entries that `where` picks, one after the other while they are listed. */
export async function forget(engine: Engine, { where, onProgress, signal }: ForgetOptions): Promise<Forgotten> {
  if (typeof where !== "function")
    throw new LLMCacheError("ERR_LLMCACHE_OPTION", `where must be a function of an entry's head, not ${typeof where}.`);
  const { settings } = engine;
  const { store } = settings;
  if (store.entries === undefined) {
    throw new LLMCacheError(
      "ERR_LLMCACHE_UNSUPPORTED",
      `The ${store.name} store cannot list its entries: forget by tags (invalidate), or clear it.`,
    );
  }
  signal?.throwIfAborted();
  await engine.flights.detach();
  let [seen, removed] = [0, 0];
  const listed = store.entries({ signal })[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await fromStore(() => listed.next(), "list", engine, signal);
      if (next.done === true) break;
      seen++;
      const { head } = next.value;
      if (where(head)) {
        await fromStore(
          () => engine.inTime(settings, "delete", (each, own) => each.delete({ id: head.id }, { signal: own })),
          "delete",
          engine,
          signal,
        );
        removed++;
        engine.emit(() => ({
          type: "invalidate",
          what: "entry",
          at: settings.clock(),
          cacheHit: false,
          id: head.id,
          durationMs: 0,
        }));
      }
      if (seen % PROGRESS_EVERY === 0) onProgress?.({ seen, removed });
      signal?.throwIfAborted();
    }
  } finally {
    // Behind a listing that hangs this hangs, too.
    const ended = listed.return?.();
    if (signal?.aborted === true) ended?.catch(() => undefined);
    else await ended;
  }
  // Calls that began in the meantime may have found what is gone.
  void engine.flights.detach();
  onProgress?.({ seen, removed });
  return { seen, removed };
}

async function fromStore<T>(
  work: () => Promise<T>,
  what: string,
  engine: Engine,
  signal: AbortSignal | undefined,
): Promise<T> {
  try {
    return await untilAborted(work(), signal, () => undefined);
  } catch (error) {
    if (signal?.aborted === true) throw signal.reason;
    throw storeError(engine.settings.store, what, error);
  }
}
