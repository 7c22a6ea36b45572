import { LLMCache } from "@llmcache/core";
import { cachedFetch } from "../../src/index.ts";

type Fetch = typeof globalThis.fetch;

const isBaseline = process.env["LLMCACHE_SDK_BASELINE"] === "1";
const known = new WeakSet<Fetch>();

/** Our `fetch` in front of a client's, each with a cache of its own; a client made of another keeps the one it has. */
export function through(fetch: Fetch | undefined): Fetch | undefined {
  if (isBaseline || (fetch !== undefined && known.has(fetch))) return fetch;
  const cached = cachedFetch(new LLMCache(), fetch === undefined ? {} : { fetch });
  known.add(cached);
  return cached;
}
