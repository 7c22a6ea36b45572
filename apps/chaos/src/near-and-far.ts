import { TieredStore, type Store } from "@llmcache/core";
import { MemoryStore } from "@llmcache/memory";

/** Memory in front of `far`. */
export function nearAndFar(far: Store): Store {
  return new TieredStore([new MemoryStore(), far]);
}
