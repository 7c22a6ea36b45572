import type { IncomingHttpHeaders } from "node:http";
import type { Api, Upstream } from "./gateway-options.ts";

/** Of one connection only (RFC 9110, section 7.6.1), or set anew on the next one. */
const NOT_FORWARDED: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "host",
  "content-length",
  "expect",
  "accept-encoding",
]);

/** The same of answers. */
const NOT_RETURNED: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
  "trailer",
  "set-cookie",
]);

/** What `fetch` decodes; a body in any other coding comes out of it as it is. */
const DECODED: ReadonlySet<string> = new Set(["gzip", "x-gzip", "deflate", "br", "zstd"]);

const CREDENTIALS = ["authorization", "api-key", "x-api-key", "x-goog-api-key"] as const;
const KEY_HEADERS: Readonly<Record<Api, string>> = {
  openai: "authorization",
  anthropic: "x-api-key",
  google: "x-goog-api-key",
};
const AZURE = /\.azure\.(?:com|us|cn)$/;

/** What goes on to the upstream, less what was spent at the gateway; the upstream's key stands in where no credential is left. */
export function forwardedHeaders(
  headers: IncomingHttpHeaders,
  spent: readonly string[],
  upstream: Pick<Upstream, "api" | "apiKey">,
  url: URL,
): Headers {
  const named = namedBy(headers.connection);
  const forwarded = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || NOT_FORWARDED.has(name) || named.has(name) || spent.includes(name)) continue;
    for (const each of Array.isArray(value) ? value : [value]) forwarded.append(name, each);
  }
  const { apiKey, api } = upstream;
  const own = CREDENTIALS.some((name) => forwarded.has(name)) || (api === "google" && url.searchParams.has("key"));
  if (apiKey !== undefined && !own) {
    if (api === "openai" && AZURE.test(url.hostname)) forwarded.set("api-key", apiKey);
    else forwarded.set(KEY_HEADERS[api], api === "openai" ? `Bearer ${apiKey}` : apiKey);
  }
  return forwarded;
}

/** What goes back to the caller: names and values in turn, as `writeHead` takes them. */
export function returnedHeaders(headers: Headers): string[] {
  const named = namedBy(headers.get("connection") ?? undefined);
  const isDecoded = comesDecoded(headers.get("content-encoding"));
  const returned: string[] = [];
  for (const [name, value] of headers) {
    if (NOT_RETURNED.has(name) || named.has(name)) continue;
    // They were those of the encoded body.
    if (isDecoded && (name === "content-encoding" || name === "content-length")) continue;
    returned.push(name, value);
  }
  for (const cookie of headers.getSetCookie()) returned.push("set-cookie", cookie);
  return returned;
}

function comesDecoded(encoding: string | null): boolean {
  return encoding !== null && encoding.split(",").every((coding) => DECODED.has(coding.trim().toLowerCase()));
}

const NONE: ReadonlySet<string> = new Set();

/** Headers that are those of the connection because it says so. */
function namedBy(connection: string | undefined): ReadonlySet<string> {
  if (connection === undefined) return NONE;
  return new Set(
    connection
      .toLowerCase()
      .split(",")
      .map((name) => name.trim()),
  );
}

/** A URL's path and query without the parameters of this name. */
export function withoutParameter(path: string, name: string): string {
  const query = path.indexOf("?");
  if (query < 0) return path;
  const kept = path
    .slice(query + 1)
    .split("&")
    .filter((parameter) => parameter.split("=", 1)[0] !== name);
  return kept.length === 0 ? path.slice(0, query) : `${path.slice(0, query)}?${kept.join("&")}`;
}
