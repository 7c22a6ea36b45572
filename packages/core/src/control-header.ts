import type { CacheControl } from "./control.ts";
import { LLMCacheError } from "./errors.ts";

/** The value of a Cache-Control request header as a control (RFC 9111, section 5.2.1, and the extension `ttl`). */
type HeaderControl = { -readonly [K in keyof CacheControl]: CacheControl[K] };

const DIRECTIVE = /[\s,]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,;"]+)))?\s*(?:,|$)/gy;

/**
 * Reads a Cache-Control request header: `no-cache`, `no-store`, `max-age` and `s-maxage` (the smaller holds),
 * `only-if-cached`, `stale-while-revalidate` and `stale-if-error` (RFC 5861, read here as a request's wish), and `ttl=` for the
 * lifetime of what is stored; numbers are seconds. Other directives are ignored, as the RFC wants. Syntax only: what a directive means is decided elsewhere.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION`, naming the directive, for a number that is none and for text that is no list.
 */
export function parseCacheControl(header: string): CacheControl {
  const control: HeaderControl = {};
  DIRECTIVE.lastIndex = 0;
  let end = 0;
  while (end < header.length) {
    const match = DIRECTIVE.exec(header);
    if (match === null) {
      if (/^[\s,]*$/.test(header.slice(end))) break;
      throw new LLMCacheError(
        "ERR_LLMCACHE_OPTION",
        "Cache-Control must be a list of directives, such as: no-cache, ttl=60.",
      );
    }
    end = DIRECTIVE.lastIndex;
    apply(control, (match[1] as string).toLowerCase(), match[2]?.replace(/\\(.)/g, "$1") ?? match[3]);
  }
  return control;
}

function apply(control: HeaderControl, directive: string, argument: string | undefined): void {
  switch (directive) {
    case "no-cache":
      control.noCache = true;
      return;
    case "no-store":
      control.noStore = true;
      return;
    case "only-if-cached":
      control.onlyIfCached = true;
      return;
    case "max-age":
    case "s-maxage":
      control.sMaxAge = Math.min(
        seconds(directive, argument),
        (control.sMaxAge as number | undefined) ?? Number.POSITIVE_INFINITY,
      );
      return;
    case "stale-while-revalidate":
      control.staleWhileRevalidate = seconds(directive, argument);
      return;
    case "stale-if-error":
      control.staleIfError = seconds(directive, argument);
      return;
    case "ttl":
      control.ttl = seconds(directive, argument);
      return;
    default:
  }
}

function seconds(directive: string, argument: string | undefined): number {
  if (argument === undefined || !/^\d+$/.test(argument)) {
    throw new LLMCacheError(
      "ERR_LLMCACHE_OPTION",
      `Cache-Control: ${directive} must be a whole number of seconds, such as ${directive}=60.`,
    );
  }
  return Number(argument);
}
