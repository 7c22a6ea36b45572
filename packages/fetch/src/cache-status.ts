import type { Outcome } from "@llmcache/core";

/** What this cache is called in `Cache-Status`. */
const CACHE_NAME = "llmcache";

/** The header fields that tell how a request was answered: `Age`, `Cache-Status` (RFC 9211) and `x-llmcache-key`. */
export function statusHeaders(outcome: Outcome<unknown>, noCache: boolean): Record<string, string> {
  const headers: Record<string, string> = { "cache-status": cacheStatus(outcome, noCache) };
  if (outcome.key.id !== "") headers["x-llmcache-key"] = outcome.key.id;
  if (outcome.status === "hit" || outcome.status === "stale")
    headers["age"] = String(Math.floor((outcome.ageMs ?? 0) / 1000));
  return headers;
}

function cacheStatus(outcome: Outcome<unknown>, noCache: boolean): string {
  switch (outcome.status) {
    case "hit":
    case "stale": {
      const { head, ageMs = 0 } = outcome;
      const left =
        head?.staleAt === undefined ? "" : `; ttl=${Math.floor((head.staleAt - head.createdAt - ageMs) / 1000)}`;
      return `${CACHE_NAME}; hit${left}`;
    }
    case "joined":
      return `${CACHE_NAME}; fwd=miss; collapsed`;
    case "miss":
      return `${CACHE_NAME}; fwd=${noCache ? "request" : "miss"}${outcome.head === undefined ? "" : "; stored"}`;
    case "bypass":
      return `${CACHE_NAME}; fwd=bypass`;
    default:
      return outcome.status satisfies never;
  }
}

/** Appends ours to what caches before us have said, as RFC 9211 wants. */
export function addStatus(headers: Headers, own: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(own)) {
    if (name === "cache-status") headers.append(name, value);
    else headers.set(name, value);
  }
}
