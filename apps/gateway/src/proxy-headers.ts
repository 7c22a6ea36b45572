import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http";

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

/** The body comes out of `fetch` decoded, so what was said of its encoding and length holds no more. */
const NOT_RETURNED: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "transfer-encoding",
  "content-encoding",
  "content-length",
  "upgrade",
  "trailer",
]);

/** What goes on to the upstream; its key stands in where the caller brings no credential. */
export function forwardedHeaders(headers: IncomingHttpHeaders, apiKey: string | undefined): Headers {
  const named = new Set(
    (headers.connection ?? "")
      .toLowerCase()
      .split(",")
      .map((name) => name.trim()),
  );
  const forwarded = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || NOT_FORWARDED.has(name) || named.has(name)) continue;
    for (const each of Array.isArray(value) ? value : [value]) forwarded.append(name, each);
  }
  const own = forwarded.has("authorization") || forwarded.has("api-key") || forwarded.has("x-api-key");
  if (apiKey !== undefined && !own) forwarded.set("authorization", `Bearer ${apiKey}`);
  return forwarded;
}

/** What goes back to the caller. */
export function returnedHeaders(headers: Headers): OutgoingHttpHeaders {
  const returned: OutgoingHttpHeaders = {};
  for (const [name, value] of headers) if (!NOT_RETURNED.has(name) && name !== "set-cookie") returned[name] = value;
  const cookies = headers.getSetCookie();
  if (cookies.length > 0) returned["set-cookie"] = cookies;
  return returned;
}
