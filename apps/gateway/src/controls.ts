import type { CacheControl } from "@llmcache/core";

/** What a control is called in headers and bodies, and in `CacheControl`. */
const MEMBERS: Readonly<Record<string, keyof CacheControl>> = {
  "no-cache": "noCache",
  "no-store": "noStore",
  "only-if-cached": "onlyIfCached",
  ttl: "ttl",
  "s-maxage": "sMaxAge",
  "max-age": "sMaxAge",
  "stale-while-revalidate": "staleWhileRevalidate",
  "stale-if-error": "staleIfError",
  namespace: "namespace",
  version: "version",
  tags: "tags",
  similar: "similar",
  "use-cache": "use",
};

/** The names that `controls` of a key may list. */
export const CONTROL_NAMES: readonly string[] = Object.keys(MEMBERS);

/** Names as members of `CacheControl`; `undefined`: all. */
export function controlMembers(names: readonly string[] | undefined): "all" | ReadonlySet<string> {
  return names === undefined ? "all" : new Set(names.map((name) => MEMBERS[name] as string));
}
