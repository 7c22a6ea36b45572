import type { IncomingHttpHeaders } from "node:http";

const LOOPBACK: ReadonlySet<string> = new Set(["localhost", "127.0.0.1", "[::1]"]);

/**
 * Why a request is refused that a web page may have sent without its user's knowledge: the gateway may hold a credential of its
 * own, and any page can reach a server on the same machine. `undefined` if nothing speaks against it.
 */
export function refusal(headers: IncomingHttpHeaders): string | undefined {
  const host = hostName(headers.host);
  if (host === undefined || !LOOPBACK.has(host))
    return "This gateway answers only to the host names localhost, 127.0.0.1 and [::1].";
  const { origin } = headers;
  if (origin === undefined) return undefined;
  const from = safely(() => new URL(origin).hostname);
  return from !== undefined && LOOPBACK.has(from) ? undefined : "Requests from web pages of other hosts are refused.";
}

function hostName(host: string | undefined): string | undefined {
  return host === undefined ? undefined : safely(() => new URL(`http://${host}`).hostname);
}

function safely<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
