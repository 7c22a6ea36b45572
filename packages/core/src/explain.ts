import { memberPath, type Json } from "./json.ts";
import { identityRecord, requestKey, type CacheRequest, type KeyOptions } from "./key.ts";

/** One difference between two requests; see {@link diffRequests}. */
export interface RequestDifference {
  /** Where: `settings.tools[2].description`. */
  readonly path: string;
  /** Its JSON text in the first request; `undefined` where it does not exist. */
  readonly a: string | undefined;
  /** The same of the second. */
  readonly b: string | undefined;
}

/**
 * What a request's key was made of, as JSON text for people: members in the order of RFC 8785. The id is not computed from
 * this text (see `encoding.ts`), but two requests have the same text exactly if they have the same id. It holds the prompt.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_REQUEST` like {@link requestKey}.
 */
export function explainKey(request: CacheRequest, options: KeyOptions = {}): string {
  requestKey(request, options);
  return canonicalText(identityRecord(request, options) as unknown as Json);
}

/**
 * Why two requests have different keys: each place where they differ. Empty exactly if the keys are the same.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_REQUEST` like {@link requestKey}.
 */
export function diffRequests(a: CacheRequest, b: CacheRequest, options: KeyOptions = {}): RequestDifference[] {
  requestKey(a, options);
  requestKey(b, options);
  const found: RequestDifference[] = [];
  const walk = (x: Json | undefined, y: Json | undefined, path: string): void => {
    const one = x === undefined ? undefined : canonicalText(x);
    const other = y === undefined ? undefined : canonicalText(y);
    if (one === other) return;
    if (isContainer(x) && isContainer(y) && Array.isArray(x) === Array.isArray(y)) {
      const names = [...new Set([...Object.keys(x), ...Object.keys(y)])].sort();
      for (const name of names) {
        walk(
          own(x, name),
          own(y, name),
          Array.isArray(x) ? `${path}[${name}]` : path === "" ? name : memberPath(path, name),
        );
      }
      return;
    }
    found.push({ path, a: one, b: other });
  };
  walk(identityRecord(a, options) as unknown as Json, identityRecord(b, options) as unknown as Json, "");
  return found;
}

type Container = Readonly<Record<string, Json | undefined>>;

function isContainer(value: Json | undefined): value is Container {
  return typeof value === "object" && value !== null;
}

function own(container: Container, name: string): Json | undefined {
  return Object.hasOwn(container, name) ? container[name] : undefined;
}

/** JSON text with sorted members (RFC 8785 but for lone surrogates, which stay escaped); `undefined` members are left out. */
function canonicalText(value: Json): string {
  if (Array.isArray(value)) return `[${value.map((item: Json) => canonicalText(item)).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = value as Container;
  const parts: string[] = [];
  for (const name of Object.keys(members).sort()) {
    const member = members[name];
    if (member !== undefined) parts.push(`${JSON.stringify(name)}:${canonicalText(member)}`);
  }
  return `{${parts.join(",")}}`;
}
