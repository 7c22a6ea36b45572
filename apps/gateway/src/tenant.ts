import { createHash, createHmac } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { CREDENTIAL_PARAMETERS } from "@llmcache/core";

/**
 * Names of headers that callers identify themselves by, to providers and to what stands before them; also what a proxy in front says of
 * them once it has let them in. Identities count none of them, so whoever is left out here shares his answers with others: rather one
 * too many.
 */
const CREDENTIAL_HEADER =
  /auth|token(?!s|iz)|(?<!port)key|secret|credential|cookie|passw|signature|jwt|oidc|principal|client-cert|ssl-client|^x-bf-vk$|^(?:x-)?(?:forwarded|remote)-(?:user|email|groups|preferred-username)$/;
/** They change with every request, or are meant for the cache. */
const NO_CREDENTIAL_HEADER = /^sec-|^x-llmcache-|idempotency-key$|cache-key$/;
/** Names of headers that were looked at lately, none of them longer than this. */
const MAX_HEADER_NAMES = 1000;
const MAX_HEADER_NAME_CHARS = 100;

/** The namespace of callers who bring no credential. */
const ANONYMOUS = "anonymous";
/** As names of parameters are written; what is percent-encoded may be anything. */
const MAY_HOLD_CREDENTIAL = /key|token|auth|code|sig|secret|pass|jwt|credential|%/i;

/**
 * The outermost namespace of a caller: a digest of the credential that was sent, so that callers with different ones never share
 * an entry. Callers without any share one namespace. The credential itself is neither stored nor logged.
 */
export function tenantOf(headers: IncomingHttpHeaders, url?: string): string {
  return tenantFor(credentialText(headers, url));
}

/**
 * The tenant of a {@link credentialText}. With a secret the digest is keyed (HMAC-SHA-256): who can read the store cannot try out
 * credentials. Processes that share a store and its tenants need the same one.
 */
export function tenantFor(credential: string, secret?: string): string {
  if (credential === "") return ANONYMOUS;
  const digest = secret === undefined ? createHash("sha256") : createHmac("sha256", secret);
  return digest.update(`llmcache-tenant\n${credential}`).digest("hex").slice(0, 32);
}

/** All that a request brings as credentials, each with its name on a line of its own; `""` if it brings none. */
export function credentialText(headers: IncomingHttpHeaders, url: string | undefined): string {
  let text = "";
  // No header holds a line break.
  for (const [place, value] of sentCredentials(headers, url))
    text += place.startsWith("?") ? `${place}=${encodeURIComponent(value)}\n` : `${place}: ${value}\n`;
  return text;
}

/** The credentials that were sent, and where: the header's name, or `?` and that of the parameter in lower case. In one order. */
export function sentCredentials(
  headers: IncomingHttpHeaders,
  url: string | undefined,
): readonly (readonly [place: string, value: string])[] {
  const sent: (readonly [string, string])[] = [];
  for (const name in headers) {
    if (!isCredentialHeader(name)) continue;
    const value = headers[name];
    if (value !== undefined && value !== "") sent.push([name, String(value)]);
  }
  if (sent.length > 1) sent.sort(([a], [b]) => (a < b ? -1 : 1));
  for (const { name, value } of credentialParameters(url)) sent.push([`?${name.toLowerCase()}`, value]);
  return sent;
}

const headerNames = new Map<string, boolean>();

export function isCredentialHeader(name: string): boolean {
  const before = headerNames.get(name);
  if (before !== undefined) return before;
  const is = CREDENTIAL_HEADER.test(name) && !NO_CREDENTIAL_HEADER.test(name);
  if (headerNames.size >= MAX_HEADER_NAMES) headerNames.clear();
  if (name.length <= MAX_HEADER_NAME_CHARS) headerNames.set(name, is);
  return is;
}

/**
 * Gemini's clients may send their key as `?key=`; `undefined` if there is none, or more than one. It is written so and not otherwise
 * (`?Key=`, `?%6bey=`): else it would not be found again where it has to be taken out.
 */
export function queryKeyOf(url: string | undefined): string | undefined {
  const keys = credentialParameters(url).filter(({ name }) => name.toLowerCase() === "key");
  const [only] = keys;
  return keys.length === 1 && only?.written === "key" ? only.value : undefined;
}

interface Parameter {
  readonly name: string;
  readonly value: string;
  /** The name as it stands in the URL. */
  readonly written: string;
}

function credentialParameters(url: string | undefined): readonly Parameter[] {
  const at = url?.indexOf("?") ?? -1;
  if (url === undefined || at < 0 || !MAY_HOLD_CREDENTIAL.test(url.slice(at))) return [];
  return url
    .slice(at + 1)
    .split("&")
    .flatMap((part) => {
      const written = part.split("=", 1)[0] ?? "";
      return [...new URLSearchParams(part)].map(([name, value]) => ({ name, value, written }));
    })
    .filter(({ name, value }) => CREDENTIAL_PARAMETERS.has(name.toLowerCase()) && value !== "");
}

const MAX_REMEMBERED = 1000;

/** Asks once for each of those who came lately, so that a caller's next request costs a look-up. */
export function remembered<T>(make: (credential: string) => T): (credential: string) => T {
  const known = new Map<string, T>();
  return (credential) => {
    const found = known.get(credential);
    if (found !== undefined) return found;
    const made = make(credential);
    if (known.size >= MAX_REMEMBERED) known.clear();
    known.set(credential, made);
    return made;
  };
}
