import { durationMs, OptionChecks, type Duration, type InvalidationBus } from "@llmcache/core";
import type { MemorySemanticStoreOptions } from "@llmcache/memory-semantic";
import type { RedisSemanticSettings, RedisSemanticStoreOptions } from "@llmcache/redis-semantic";

/** Bounds of what the process keeps. */
export interface NearOptions extends Pick<
  MemorySemanticStoreOptions,
  "maxEntries" | "maxBytes" | "index" | "indexAbove"
> {
  /**
   * How long a copy lives in the process at most: so long it may outlive a change elsewhere that nobody told. @default "5m"
   */
  readonly maxTtl?: Duration | undefined;
}

/** Options of every dual-semantic store, whoever opened its connection: those of redis-semantic, and more. */
export interface DualSemanticSettings extends RedisSemanticSettings {
  /** What the process keeps. @default see {@link NearOptions} and memory-semantic */
  readonly near?: NearOptions | undefined;
  /**
   * A similar answer of the process is never served before Redis was asked for the request's own. Otherwise it is, for texts whose vector is at hand:
   * those asked lately. @default false
   */
  readonly exactFirst?: boolean | undefined;
  /**
   * Tells other processes what changed here: `true` for a `redisBus` on the channel `<prefix>:bus`, `false` for none, or one of your own,
   * that you dispose of. @default true
   */
  readonly bus?: boolean | InvalidationBus | undefined;
  /** The time in ms since the epoch; give it the cache's. @default Date.now */
  readonly clock?: (() => number) | undefined;
}

/** Options of `DualSemanticStore`. */
export interface DualSemanticStoreOptions extends DualSemanticSettings, Pick<RedisSemanticStoreOptions, "client"> {}

export const check: OptionChecks = new OptionChecks("DualSemanticStore");
export const DEFAULT_MAX_TTL: Duration = "5m";
const NEAR: Readonly<Record<keyof NearOptions, true>> = {
  maxEntries: true,
  maxBytes: true,
  index: true,
  indexAbove: true,
  maxTtl: true,
};

/** @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming the field. What belongs to the stores within, they check themselves. */
export function checkOwn({ near = {}, exactFirst = false, bus = true, clock = Date.now }: DualSemanticSettings): void {
  if (typeof near !== "object" || near === null) throw check.wrong("near", "an object with bounds", near);
  for (const name of Object.keys(near)) {
    if (!Object.hasOwn(NEAR, name))
      throw check.error(`near.${name} is no option; known are ${Object.keys(NEAR).join(", ")}.`);
  }
  if (durationMs(near.maxTtl ?? DEFAULT_MAX_TTL, "DualSemanticStore: near.maxTtl") === 0)
    throw check.error("near.maxTtl must be above 0: nothing would be kept.");
  check.flag("exactFirst", exactFirst);
  if (typeof bus !== "boolean" && (typeof bus?.publish !== "function" || typeof bus.subscribe !== "function"))
    throw check.wrong("bus", "true, false, or an object with publish and subscribe", bus);
  check.clock(clock);
}
