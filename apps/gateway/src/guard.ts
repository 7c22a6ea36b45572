import type { IncomingHttpHeaders } from "node:http";

const LOOPBACK = ["localhost", "127.0.0.1", "[::1]"] as const;
/** Host headers that were looked at lately. */
const MAX_REMEMBERED = 100;

/**
 * Tells why a request is refused that a web page may have sent without its user's knowledge: the gateway may hold a credential of its
 * own, and any page can reach a server on the same machine. `undefined` if nothing speaks against it.
 */
export type Guard = (headers: IncomingHttpHeaders) => string | undefined;

/** Answers to these host names only; to `"any"` name, and then to web pages of the name that is asked. */
export function guard(hosts: readonly string[] | "any" = LOOPBACK): Guard {
  const allowed = hosts === "any" ? undefined : new Set(hosts.map(nameOfHost));
  const names = new Map<string, string | undefined>();
  const nameOf = (host: string): string | undefined => {
    if (names.has(host)) return names.get(host);
    if (names.size >= MAX_REMEMBERED) names.clear();
    const name = nameIn(`http://${host}`);
    names.set(host, name);
    return name;
  };
  return ({ host, origin, "sec-fetch-site": site }) => {
    const name = host === undefined ? undefined : nameOf(host);
    if (name === undefined || allowed?.has(name) === false)
      return `This gateway answers only to the host names ${[...(allowed ?? [])].join(", ") || "that a URL may have"}.`;
    return isOwnPage(origin, site, name, allowed) ? undefined : "Requests from web pages of other hosts are refused.";
  };
}

/** Does a page that may ask send this, or no page at all? */
function isOwnPage(
  origin: string | undefined,
  site: string | readonly string[] | undefined,
  name: string,
  allowed: ReadonlySet<string> | undefined,
): boolean {
  if (origin === undefined) {
    // Images, scripts and links of a page say no origin; newer browsers, that it is another one.
    return site !== "cross-site" && (site !== "same-site" || allowed !== undefined);
  }
  const from = nameIn(origin);
  return from !== undefined && (allowed === undefined ? from === name : allowed.has(from));
}

/** As a URL has it; addresses of IPv6 also without their brackets. */
function nameOfHost(host: string): string {
  return nameIn(`http://${host}`) ?? nameIn(`http://[${host}]`) ?? host;
}

function nameIn(url: string): string | undefined {
  try {
    return new URL(url).hostname;
  } catch {
    return undefined;
  }
}
