import { LLMCacheError } from "./errors.ts";
import type { EntriesOptions, ListedEntry } from "./store.ts";
import { tierError, type Tier } from "./tier.ts";

/**
 * The entries of all tiers that can list, the farthest first: copies move nearer and never farther, so that what stayed somewhere
 * throughout is met. What several tiers hold comes several times. Rejects, naming the tier, if one fails.
 */
export async function* listTiers(tiers: readonly Tier[], options: EntriesOptions = {}): AsyncGenerator<ListedEntry> {
  const { after, limit = Number.POSITIVE_INFINITY } = options;
  const order = tiers.filter(({ store }) => store.entries !== undefined).toReversed();
  const [from, inner] = after === undefined ? [0, undefined] : placeOf(after, order);
  let left = limit;
  for (const [index, tier] of order.slice(from).entries()) {
    if (left <= 0) return;
    const started = index === 0 ? inner : undefined;
    try {
      for await (const listed of tier.store.entries?.({ ...options, after: started, limit: left }) ?? []) {
        left--;
        yield { ...listed, cursor: `${encodeURIComponent(tier.name)}:${listed.cursor}` };
        if (left <= 0) return;
      }
      tier.worked("read");
    } catch (error) {
      if (options.signal?.aborted === true) throw error;
      tier.failed("read", error, options.signal);
      throw tierError("list", new Map([[tier, error]]));
    }
  }
}

/** A cursor is the tier's name and its own cursor. */
function placeOf(cursor: string, order: readonly Tier[]): readonly [number, string] {
  const at = cursor.indexOf(":");
  const place = order.findIndex(({ name }) => encodeURIComponent(name) === cursor.slice(0, at));
  if (at >= 0 && place >= 0) return [place, cursor.slice(at + 1)];
  throw new LLMCacheError("ERR_LLMCACHE_OPTION", "after is no cursor of these tiers: start the listing anew.");
}
