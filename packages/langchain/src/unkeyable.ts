import type { Json } from "@llmcache/core";

/** Stands for what has no identity: no key takes it, so that the call passes by the cache, with an event. */
export const UNKEYABLE: Json = Symbol("unkeyable") as unknown as Json;

/** What `identify` gives; `undefined` where it throws: what is asked is the model's to refuse, not ours. */
export function known<T>(identify: () => T): T | undefined {
  try {
    return identify();
  } catch {
    return undefined;
  }
}
