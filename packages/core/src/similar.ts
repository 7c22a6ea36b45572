import type { CheckedSimilar, EffectiveControl } from "./control.ts";
import type { CacheKey, CacheRequest, RequestShape } from "./key.ts";
import type { Store, StoreHit } from "./store.ts";

/**
 * May an answer to a similar request serve this one, and up to which length of its text? `false` where the store compares no texts, where it
 * was switched off, and for every request whose `shape` does not say that it is simple enough: what nobody has looked at may hide anything.
 */
export function similarFor(
  request: CacheRequest,
  { similar }: Pick<EffectiveControl, "similar">,
  store: Pick<Store, "match">,
): false | { readonly maxChars: number } {
  if (similar === false || store.match !== "similar" || request.shape === undefined) return false;
  // An independent answer of its own is wanted.
  if (request.sample !== undefined && request.sample !== 0) return false;
  return isSimple(request.shape, similar) && { maxChars: similar.maxChars };
}

function isSimple(shape: RequestShape, { maxTurns, maxTemperature }: CheckedSimilar): boolean {
  const { turns, tools = false, attachments = false, temperature } = shape;
  if (tools || attachments || turns === undefined || !(turns <= maxTurns)) return false;
  // Where none is given it is the provider's own, which may be any.
  return maxTemperature === Number.POSITIVE_INFINITY || (temperature !== undefined && temperature <= maxTemperature);
}

/** Is this an answer to a similar request, rather than to this one? */
export function isSimilarHit({ entry, similarity }: StoreHit, key: CacheKey): boolean {
  return similarity !== undefined && entry.id !== key.id;
}

/** Is the hit for this key at all: its own, or one from behind the same wall, where a similar one may be? */
export function isFor(hit: StoreHit, key: CacheKey): boolean {
  const { id, scope, text } = hit.entry;
  if (id === key.id) return true;
  return isSimilarHit(hit, key) && key.text !== undefined && text !== undefined && scope === key.scope;
}
