import { LLMCacheError, parseCacheControl, type CacheControl, type SimilarOptions } from "@llmcache/core";

/** Request headers that speak to the cache alone; they are taken out before a request goes on. */
export const CONTROL_HEADERS: readonly string[] = [
  "x-llmcache-namespace",
  "x-llmcache-version",
  "x-llmcache-tags",
  "x-llmcache-similar",
];

/**
 * The control that a request's headers ask for: `Cache-Control` and `x-llmcache-*`.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` for a Cache-Control or an `x-llmcache-similar` that is none.
 */
export function controlFromHeaders(headers: Headers): CacheControl {
  const cacheControl = headers.get("cache-control");
  const namespace = headers.get("x-llmcache-namespace");
  const version = headers.get("x-llmcache-version");
  const tags = tagsOf(headers.get("x-llmcache-tags"));
  const similar = headers.get("x-llmcache-similar");
  return {
    ...(cacheControl === null ? {} : parseCacheControl(cacheControl)),
    ...(namespace === null ? {} : { namespace }),
    ...(version === null ? {} : { version }),
    ...(tags.length === 0 ? {} : { tags }),
    ...(similar === null ? {} : { similar: similarOf(similar) }),
  };
}

const LIMITS: Readonly<Record<string, keyof SimilarOptions>> = {
  "max-turns": "maxTurns",
  "max-chars": "maxChars",
  "max-temperature": "maxTemperature",
};

/** `false`, `true`, or limits with commas between: `max-chars=500, max-turns=1`. */
function similarOf(header: string): false | SimilarOptions {
  const text = header.trim().toLowerCase();
  if (text === "false") return false;
  const limits: { -readonly [Name in keyof SimilarOptions]: number } = {};
  if (text === "true") return limits;
  for (const limit of text.split(",")) {
    const match = /^([a-z-]+)=(\d+(?:\.\d+)?)$/.exec(limit.trim());
    const name = match === null ? undefined : LIMITS[match[1] as string];
    if (match === null || name === undefined) {
      throw new LLMCacheError(
        "ERR_LLMCACHE_OPTION",
        `x-llmcache-similar must be false, true, or a list of ${Object.keys(LIMITS).join(", ")}, such as: max-chars=500.`,
      );
    }
    limits[name] = Number(match[2]);
  }
  return limits;
}

/** A list with commas between. */
function tagsOf(header: string | null): readonly string[] {
  return (header ?? "")
    .split(",")
    .map((tag) => tag.trim())
    .filter((tag) => tag !== "");
}

/**
 * Controls of one call from several places, the stronger one last: its members win, except that namespaces, versions and tags add up.
 * Nobody leaves the namespace that his client's headers put him in by naming another one.
 */
export function mergeControls(weaker: CacheControl, stronger: CacheControl): CacheControl {
  const given = Object.fromEntries(Object.entries(stronger).filter(([, value]) => value !== undefined)) as CacheControl;
  const { namespace, version, tags } = weaker;
  return {
    ...weaker,
    ...given,
    ...(namespace === undefined || given.namespace === undefined
      ? {}
      : { namespace: [...list(namespace), ...list(given.namespace)] }),
    ...(version === undefined || given.version === undefined
      ? {}
      : { version: JSON.stringify([version, given.version]) }),
    ...(tags === undefined || given.tags === undefined ? {} : { tags: [...tags, ...given.tags] }),
  };
}

function list(names: string | readonly string[]): readonly string[] {
  return typeof names === "string" ? [names] : names;
}
