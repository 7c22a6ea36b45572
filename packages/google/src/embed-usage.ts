import type { Json, JsonObject } from "@llmcache/core";
import { isJsonObject } from "@llmcache/fetch";

/**
 * What each of so many contents took, of what all of them took together; `undefined` where that cannot be dealt out. The first ones have one token
 * more, so that the sum over what was asked together is exact.
 */
export function usageShares(usage: Json, count: number): readonly JsonObject[] | undefined {
  if (!isJsonObject(usage)) return undefined;
  if (count === 1) return [usage];
  const shares: Record<string, Json>[] = Array.from({ length: count }, () => ({}));
  for (const [name, total] of Object.entries(usage)) {
    const [only, ...others] = detailsOf(total);
    for (const [place, share] of shares.entries()) {
      if (typeof total === "number") share[name] = part(total, place, count);
      else if (only !== undefined && others.length === 0)
        share[name] = [{ ...only, tokenCount: part(only.tokenCount, place, count) }];
      else return undefined;
    }
  }
  return shares;
}

/** What contents took that are answered together. */
export function sumOfUsage(usages: readonly JsonObject[]): JsonObject {
  const [first = {}, ...others] = usages;
  const sum: Record<string, Json> = { ...(first as Record<string, Json>) };
  for (const usage of others) {
    for (const [name, more] of Object.entries(usage)) {
      const known = sum[name];
      if (typeof more === "number") sum[name] = (typeof known === "number" ? known : 0) + more;
      else if (more !== undefined) sum[name] = known === undefined ? more : sumOfDetails(known, more);
    }
  }
  return sum;
}

/** Counts by modality. */
interface Detail {
  readonly modality?: string;
  readonly tokenCount: number;
}

function sumOfDetails(known: Json, more: Json): Json {
  const list = [...detailsOf(known)];
  for (const detail of detailsOf(more)) {
    const at = list.findIndex(({ modality }) => modality === detail.modality);
    if (at < 0) list.push(detail);
    else list[at] = { ...detail, tokenCount: (list[at] as Detail).tokenCount + detail.tokenCount };
  }
  return list as unknown as Json;
}

function detailsOf(value: Json | undefined): readonly Detail[] {
  if (!Array.isArray(value)) return [];
  const isDetail = (each: Json): boolean => isJsonObject(each) && typeof each["tokenCount"] === "number";
  return (value as readonly Json[]).every(isDetail) ? (value as readonly Detail[]) : [];
}

function part(total: number, place: number, count: number): number {
  return Math.floor(total / count) + (place < total % count ? 1 : 0);
}
