import { withBreaker, type Store } from "@llmcache/core";
import type { Pace } from "./pace.ts";

/** `store` behind a breaker as it is by default, or with the pause that the pace asks for. */
export function guarded(store: Store, { pauseMs }: Pace): Store {
  return withBreaker(store, { pauseMs });
}
