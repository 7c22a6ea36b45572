import { LLMCacheError, OptionChecks, type Store } from "@llmcache/core";
import { DirectoryShelf } from "./directory-shelf.ts";
import { layerBelow } from "./layers.ts";
import { LayeredSampler } from "./layered-sampler.ts";
import { PersistentLayer } from "./persistent-layer.ts";
import type { Sampler } from "./sampler.ts";
import type { Shelf } from "./shelf.ts";
import { StoreShelf } from "./store-shelf.ts";

/** Options of {@link persistent}. */
export interface PersistentOptions {
  /** Never ask the sampler below: what is not stored is `ERR_LLMCACHE_MISS` at the pull, and nothing is written. @default false */
  readonly replication?: boolean | undefined;
  /**
   * Processes wait for the one that asks for the sample they want; if it dies, for so many milliseconds. 0: all ask, and what `add`
   * refuses is used for a later position. Of no account for directories, whose processes all ask. @default 10_000
   */
  readonly leaseMs?: number | undefined;
  /** Milliseconds since the epoch. @default Date.now */
  readonly clock?: (() => number) | undefined;
}

const DEFAULT_LEASE_MS = 10_000;
const checks = new OptionChecks("persistent");

/**
 * Like `repeatable`, in a store: sample k of a prompt is the entry of the request `{ ...identity, prompt, sample: k }`, written with
 * `add`, so that all who share the store read the same. A path stands for a directory in the format of cached_llm, `~` for the home.
 * Only what is pulled is stored. The store is closed by whoever made it.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` for a wrong option; for a path, `ERR_LLMCACHE_UNSUPPORTED` if the sampler's identity
 * has more than a model and a temperature, which is all that the format keeps apart.
 */
export function persistent<P, S>(
  sampler: Sampler<P, S>,
  where: Store | string,
  options: PersistentOptions = {},
): Sampler<P, S> {
  const { replication = false, leaseMs = DEFAULT_LEASE_MS, clock = Date.now } = options;
  checks.flag("replication", replication);
  checks.ms("leaseMs", leaseMs, 0);
  checks.clock(clock);
  const below = layerBelow("persistent", sampler);
  const shelf = shelfOf(where, sampler, leaseMs, clock);
  return new LayeredSampler<P, S>(sampler, new PersistentLayer(replication ? undefined : below, shelf));
}

function shelfOf<P, S>(
  where: Store | string,
  { identity }: Sampler<P, S>,
  leaseMs: number,
  clock: () => number,
): Shelf {
  if (typeof where === "string") return new DirectoryShelf(where, identity);
  const { contract, match } = (where ?? {}) as Partial<Store>;
  if (contract !== 1) throw checks.wrong("where", "a store, or the path of a directory", where);
  if (match !== "exact")
    throw new LLMCacheError("ERR_LLMCACHE_OPTION", "persistent: samples need a store that looks for exact matches.");
  return new StoreShelf(where, { leaseMs, clock });
}
