import { AsyncLocalStorage } from "node:async_hooks";
import type { CallOptions, Outcome } from "./answer-cache.ts";
import type { Call } from "./call.ts";
import type { Engine } from "./engine.ts";
import type { CacheRequest } from "./key.ts";
import { find } from "./lookup.ts";
import { served } from "./outcome.ts";

/** Looks for a stored answer that may be served as it is. See `AnswerCache.lookup`. */
export async function lookup<T>(engine: Engine, call: Call, options: CallOptions<T>): Promise<Outcome<T> | undefined> {
  if (call.bypass !== undefined) return undefined;
  try {
    const found = await find(engine, call, options.decode);
    return "hit" in found ? served(engine, call, found) : undefined;
  } catch {
    // Told; `through` will meet it again, and say what it means.
    return undefined;
  }
}

/** What `lookup` begins with. */
export function beginLookup<T>(engine: Engine, request: CacheRequest, options: CallOptions<T>): Call {
  // `through` comes next: similar answers are looked for once.
  const isSimilar = engine.settings.store.match === "similar";
  return engine.begin(request, isSimilar ? { ...options, similar: false } : options);
}

/** See `LLMCache.repeatedLookup`. */
export function repeatedLookup<T>(
  engine: Engine,
  request: CacheRequest,
  options: CallOptions<T>,
): () => Promise<Outcome<T> | undefined> {
  const here = AsyncLocalStorage.snapshot();
  let known: Call | undefined;
  let wasEnabled = false;
  return async () => {
    const { settings, enabled } = engine;
    // A function that makes keys may say something else each time.
    if (known === undefined || known.settings !== settings || wasEnabled !== enabled || settings.key !== undefined) {
      known = undefined;
      known = here(() => beginLookup(engine, request, options));
      wasEnabled = enabled;
    }
    const call = { ...known, startedAt: settings.clock(), tags: engine.tagReader(settings) };
    return lookup(engine, call, options);
  };
}
