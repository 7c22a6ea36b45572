import type { CacheControl, Outcome } from "@llmcache/core";
import type { AnswerHead } from "./exchange.ts";

/** What this cache is called in `Cache-Status`. */
const CACHE_NAME = "llmcache";

/**
 * The header fields that tell how a request was answered: `Age`, `Cache-Status` (RFC 9211), `x-llmcache-key`, and `x-llmcache-similarity`
 * where it was the answer to a similar request.
 */
export function statusHeaders(outcome: Outcome<unknown>, noCache: boolean): Record<string, string> {
  const headers: Record<string, string> = { "cache-status": cacheStatus(outcome, noCache) };
  if (outcome.key.id !== "") headers["x-llmcache-key"] = outcome.key.id;
  if (outcome.similarity !== undefined) headers["x-llmcache-similarity"] = outcome.similarity.toFixed(4);
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

/**
 * The same for an answer that was put together of several: `hit` only where nobody was asked, `fwd=partial` where some of it was
 * stored; `Age` is that of the oldest part.
 */
function listStatusHeaders(outcomes: readonly Outcome<unknown>[], noCache: boolean): Record<string, string> {
  const [first] = outcomes;
  if (first === undefined) return {};
  if (outcomes.length === 1) return statusHeaders(first, noCache);
  const hits = outcomes.filter(({ status }) => status === "hit" || status === "stale");
  if (hits.length === outcomes.length) {
    const oldest = Math.max(...hits.map(({ ageMs = 0 }) => ageMs));
    return { "cache-status": cacheStatus(soonestStale(hits), noCache), age: String(Math.floor(oldest / 1000)) };
  }
  const asked = outcomes.find(({ status }) => status === "miss") ?? outcomes.find((each) => !hits.includes(each));
  const status = cacheStatus(asked ?? first, noCache);
  if (hits.length === 0) return { "cache-status": status };
  const partial = status.replace("fwd=miss", "fwd=partial");
  return { "cache-status": `${partial}; detail="${hits.length} of ${outcomes.length} cached"` };
}

function soonestStale(hits: readonly Outcome<unknown>[]): Outcome<unknown> {
  const left = ({ head, ageMs = 0 }: Outcome<unknown>): number =>
    head?.staleAt === undefined ? Number.POSITIVE_INFINITY : head.staleAt - head.createdAt - ageMs;
  return hits.reduce((soonest, hit) => (left(hit) < left(soonest) ? hit : soonest));
}

/** Appends ours to what caches before us have said, as RFC 9211 wants. */
export function addStatus(headers: Headers, own: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(own)) {
    if (name === "cache-status") headers.append(name, value);
    else headers.set(name, value);
  }
}

/** The headers of an answer: the provider's own where it has just come in, the stored ones otherwise, and ours. */
export function answerHeaders(
  outcome: Outcome<unknown>,
  fresh: Response | undefined,
  head: AnswerHead,
  control: CacheControl,
): Headers {
  const headers = new Headers(fresh?.headers ?? head.headers);
  addStatus(headers, statusHeaders(outcome, control.noCache === true));
  return headers;
}

/** What a provider says of the bytes it sent, which are not those of an answer that was put together. */
const ABOUT_BYTES = [
  "content-length",
  "content-encoding",
  "etag",
  "content-md5",
  "digest",
  "content-digest",
  "repr-digest",
];

/** The headers of an answer to a list. `asItCame`: it is the provider's own, byte for byte. */
export function listHeaders(
  outcomes: readonly Outcome<unknown>[],
  fresh: Response | undefined,
  head: AnswerHead,
  control: CacheControl,
  asItCame = false,
): Headers {
  const headers = new Headers(fresh?.headers ?? head.headers);
  if (!asItCame) for (const name of ABOUT_BYTES) headers.delete(name);
  addStatus(headers, listStatusHeaders(outcomes, control.noCache === true));
  return headers;
}
