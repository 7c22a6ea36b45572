import type { Json } from "@llmcache/core";
import { isJsonObject } from "@llmcache/fetch";

/**
 * What a list used, in a share for each of its items. Counts are dealt out so that they add up again: 10 over 3 items is 4, 3, 3.
 * What is no number is everybody's.
 */
export function usageShares(usage: Json, count: number): readonly Json[] {
  return Array.from({ length: count }, (_, index) => share(usage, index, count));
}

function share(usage: Json, index: number, count: number): Json {
  if (typeof usage === "number") {
    if (!Number.isSafeInteger(usage) || usage < 0) return usage / count;
    return Math.floor(usage / count) + (index < usage % count ? 1 : 0);
  }
  if (!isJsonObject(usage)) return usage;
  return Object.fromEntries(Object.entries(usage).map(([name, value]) => [name, share(value as Json, index, count)]));
}

/** What several items used together. What is no number is that of the first. */
export function usageSum(shares: readonly Json[]): Json {
  return shares.reduce((sum, each) => plus(sum, each));
}

function plus(one: Json, other: Json): Json {
  if (typeof one === "number" && typeof other === "number") return one + other;
  if (!isJsonObject(one) || !isJsonObject(other)) return one;
  const sum: Record<string, Json> = { ...(one as Record<string, Json>) };
  for (const [name, value] of Object.entries(other) as [string, Json][]) {
    const own = Object.hasOwn(sum, name) ? sum[name] : undefined;
    Object.defineProperty(sum, name, {
      value: own === undefined ? value : plus(own, value),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return sum;
}
