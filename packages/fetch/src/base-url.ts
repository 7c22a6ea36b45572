import { CREDENTIAL_PARAMETERS } from "@llmcache/core";

const LAST_SLASHES = /\/+$/;

/** A path without the slashes at its end. */
export function plainPath({ pathname }: URL): string {
  return pathname.endsWith("/") ? pathname.replace(LAST_SLASHES, "") : pathname;
}

/**
 * What a URL's query says besides credentials and the parameters named: `"?"` and the parameters in one order, those of one name in
 * theirs; `""` where there are none.
 */
export function countedQuery(url: URL, besides: readonly string[] = []): string {
  if (url.search === "") return "";
  const isCounted = (name: string): boolean =>
    !CREDENTIAL_PARAMETERS.has(name.toLowerCase()) && !besides.includes(name);
  const query = [...url.searchParams].filter(([name]) => isCounted(name));
  if (query.length === 0) return "";
  return `?${new URLSearchParams(query.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))).toString()}`;
}
