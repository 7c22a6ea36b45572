import { createHash, createHmac } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { CREDENTIAL_PARAMETERS } from "@llmcache/core";

/**
 * Headers that callers identify themselves by, to providers and to what stands before them. Identities count none of them, so whoever is
 * left out here shares his answers with others: rather one too many.
 */
const CREDENTIAL_HEADERS = [
  "authorization",
  "api-key",
  "x-api-key",
  "x-goog-api-key",
  "ocp-apim-subscription-key",
  "subscription-key",
  "x-auth-token",
  "x-access-token",
  "x-amz-security-token",
  "x-litellm-api-key",
  "x-portkey-api-key",
  "x-portkey-virtual-key",
  "helicone-auth",
  "cf-aig-authorization",
  "cf-access-client-secret",
  "cookie",
] as const;

/** The namespace of callers who bring no credential. */
const ANONYMOUS = "anonymous";
const MAY_HOLD_CREDENTIAL = /key|token|auth|code|sig/i;

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
  for (const name of CREDENTIAL_HEADERS) {
    const value = headers[name];
    // No header holds a line break.
    if (value !== undefined && value !== "") text += `${name}: ${String(value)}\n`;
  }
  for (const [name, value] of credentialParameters(url)) text += `?${name}=${encodeURIComponent(value)}\n`;
  return text;
}

/** Gemini's clients may send their key as `?key=`; `undefined` if there is none, or more than one. */
export function queryKeyOf(url: string | undefined): string | undefined {
  const keys = credentialParameters(url).filter(([name]) => name === "key");
  return keys.length === 1 ? keys[0]?.[1] : undefined;
}

function credentialParameters(url: string | undefined): readonly (readonly [name: string, value: string])[] {
  const at = url?.indexOf("?") ?? -1;
  if (url === undefined || at < 0 || !MAY_HOLD_CREDENTIAL.test(url.slice(at))) return [];
  return [...new URLSearchParams(url.slice(at + 1))]
    .map(([name, value]) => [name.toLowerCase(), value] as const)
    .filter(([name, value]) => CREDENTIAL_PARAMETERS.has(name) && value !== "");
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
