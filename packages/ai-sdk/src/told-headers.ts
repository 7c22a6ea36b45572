import type { Outcome } from "@llmcache/core";

const MS_PER_SECOND = 1000;

/**
 * The headers of an answer with how it came to be: `x-llmcache-status` (hit, joined, stale, miss or bypass), `x-llmcache-key`, the id of its
 * entry, and `age` in seconds where it was stored.
 */
export function toldHeaders(
  headers: Readonly<Record<string, string>> | undefined,
  { status, key, ageMs }: Pick<Outcome<unknown>, "status" | "key" | "ageMs">,
): Record<string, string> {
  const told: Record<string, string> = { ...headers, "x-llmcache-status": status };
  if (key.id !== "") told["x-llmcache-key"] = key.id;
  if (ageMs !== undefined && status !== "miss") told["age"] = String(Math.floor(Math.max(0, ageMs) / MS_PER_SECOND));
  return told;
}
