import { durationMs } from "./duration.ts";
import { LLMCacheError } from "./errors.ts";

/** What a query parameter of a store's URL may be; sizes are bytes, durations become milliseconds. */
export type ParameterKind = "text" | "number" | "bytes" | "durationMs" | "boolean";

/** The values of the parameters that were given. */
export type ParametersOf<K extends Readonly<Record<string, ParameterKind>>> = {
  -readonly [Name in keyof K]?: K[Name] extends "text" ? string : K[Name] extends "boolean" ? boolean : number;
};

const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

/** The scheme of a store's URL, in lower case, without its colon. @throws LLMCacheError `ERR_LLMCACHE_OPTION` if there is none. */
export function schemeOf(url: string): string {
  const match = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(url);
  if (match === null)
    throw wrong(`A store is named by a URL such as memory:, disk:./cache.db or redis://localhost, not ${masked(url)}.`);
  return (match[1] as string).toLowerCase();
}

/** What stands between the scheme and the query, decoded: the path of `disk:./a%20b.db`. */
export function pathOf(url: string): string {
  const path = url.slice(url.indexOf(":") + 1).replace(/[?#].*$/s, "");
  try {
    return decodeURIComponent(path);
  } catch {
    throw wrong(`The path of ${masked(url)} is not percent-encoded as URLs are.`);
  }
}

/**
 * The query parameters of a store's URL, as what they must be.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION`, naming the parameter, for one that is unknown, given twice or wrong.
 */
export function parametersOf<const K extends Readonly<Record<string, ParameterKind>>>(
  url: string,
  kinds: K,
): ParametersOf<K> {
  const at = url.indexOf("?");
  const values: Record<string, string | number | boolean> = {};
  for (const [name, text] of new URLSearchParams(at < 0 ? "" : url.slice(at + 1).replace(/#.*$/s, ""))) {
    const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
    if (kind === undefined) {
      const known = Object.keys(kinds);
      throw wrong(
        `${name} is no parameter of ${schemeOf(url)}: URLs; ${known.length === 0 ? "there are none" : `known are ${known.join(", ")}`}.`,
      );
    }
    if (Object.hasOwn(values, name)) throw wrong(`${name} stands twice in the URL of the store.`);
    values[name] = valueOf(name, text, kind);
  }
  return values as ParametersOf<K>;
}

/** A URL for messages: without user, password and query. */
export function masked(url: string): string {
  // In a password that is not encoded a question mark may stand, too: which of both it is cannot be told.
  if (/^[^?@]*\/\/[^?@]*\?.*@/s.test(url)) return JSON.stringify(url.replace(/\/\/.*$/s, "//…"));
  return JSON.stringify(url.replace(/\?.*$/s, "?…").replace(/\/\/.*@/s, "//…@"));
}

function valueOf(name: string, text: string, kind: ParameterKind): string | number | boolean {
  switch (kind) {
    case "text":
      return text;
    case "boolean":
      if (text === "true" || text === "1" || text === "") return true;
      if (text === "false" || text === "0") return false;
      throw wrong(`${name} must be true or false, not ${JSON.stringify(text)}.`);
    case "durationMs":
      return durationMs(/^\d+(\.\d+)?$/.test(text) ? Number(text) : text, name);
    case "bytes": {
      const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text);
      const unit = match === null ? undefined : UNITS[(match[2] as string).toLowerCase()];
      if (match === null || unit === undefined)
        throw wrong(`${name} must be a size such as 500000, 64MiB or 2GB, not ${JSON.stringify(text)}.`);
      return Math.floor(Number(match[1]) * unit);
    }
    case "number": {
      const value = text.trim() === "" ? Number.NaN : Number(text);
      if (!Number.isFinite(value)) throw wrong(`${name} must be a number, not ${JSON.stringify(text)}.`);
      return value;
    }
    default:
      return kind satisfies never;
  }
}

function wrong(message: string): LLMCacheError {
  return new LLMCacheError("ERR_LLMCACHE_OPTION", message);
}
