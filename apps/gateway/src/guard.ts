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
  const allowed = hosts === "any" ? undefined : new Set(hosts.map((host) => nameIn(`http://${host}`) ?? host));
  const names = new Map<string, string | undefined>();
  const nameOf = (host: string): string | undefined => {
    if (names.has(host)) return names.get(host);
    if (names.size >= MAX_REMEMBERED) names.clear();
    const name = nameIn(`http://${host}`);
    names.set(host, name);
    return name;
  };
  return ({ host, origin }) => {
    const name = host === undefined ? undefined : nameOf(host);
    if (name === undefined || allowed?.has(name) === false)
      return `This gateway answers only to the host names ${[...(allowed ?? [])].join(", ") || "that a URL may have"}.`;
    if (origin === undefined) return undefined;
    const from = nameIn(origin);
    const isOwn = from !== undefined && (allowed === undefined ? from === name : allowed.has(from));
    return isOwn ? undefined : "Requests from web pages of other hosts are refused.";
  };
}

function nameIn(url: string): string | undefined {
  try {
    return new URL(url).hostname;
  } catch {
    return undefined;
  }
}
