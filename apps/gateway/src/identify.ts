import { hash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { Caller } from "./gateway-options.ts";
import { credentialText, queryKeyOf, remembered, sentCredentials, tenantFor } from "./tenant.ts";

/** Carries the gateway's own key beside the caller's credential for the provider; never sent on. */
export const KEY_HEADER = "x-llmcache-api-key";

/** Where clients put their API keys. */
const KEY_HEADERS = ["authorization", "api-key", "x-api-key", "x-goog-api-key"] as const;

/** A key of the gateway's own. */
export interface GatewayKey {
  readonly name: string;
  readonly key: string;
  /** Keys of one group share their answers. @default the key has a namespace of its own */
  readonly group?: string | undefined;
  readonly controls: Caller["controls"];
}

/** Callers who share their answers, by the credentials that they bring for the provider. */
export interface CredentialGroup {
  readonly name: string;
  readonly credentials: readonly string[];
  readonly controls: Caller["controls"];
}

/** Options of {@link identifyBy}. */
export interface IdentifyOptions {
  /** With any, a request must carry one of them. */
  readonly keys: readonly GatewayKey[];
  readonly groups: readonly CredentialGroup[];
  /** All callers in one namespace. */
  readonly isShared: boolean;
  /** For the namespaces of callers who are in no group. */
  readonly secret: string;
}

/** Who may be behind a text that was sent. */
interface Known {
  readonly digest: Buffer;
  readonly namespace: string;
  readonly controls: Caller["controls"];
}

/**
 * Tells callers apart, for `createGateway`'s `identify`. Their namespaces begin with their kind (`key:`, `group:`, `credential:`), so that
 * no name is taken for another kind's; what callers name themselves stands below.
 */
export function identifyBy(
  options: IdentifyOptions,
): (headers: IncomingHttpHeaders, url?: string) => Caller | undefined {
  const keys = options.keys.map(({ name, key, group, controls }) =>
    known(key, group === undefined ? `key:${name}` : `group:${group}`, controls),
  );
  const groups = options.groups.flatMap(({ name, credentials, controls }) =>
    credentials.map((credential) => known(credential, `group:${name}`, controls)),
  );
  const namespaceOf = (own: string): string => (options.isShared ? "shared" : own);
  const callerOf = remembered((credential): Caller => {
    const namespace = namespaceOf(`credential:${tenantFor(credential, options.secret)}`);
    return { namespace, controls: "all", spent: [] };
  });

  return (headers, url) => {
    if (keys.length > 0) {
      const found = findKey(keys, headers, url);
      if (found === undefined) return undefined;
      const { holder, spent } = found;
      return { namespace: namespaceOf(holder.namespace), controls: holder.controls, spent };
    }
    const spent = headers[KEY_HEADER] === undefined ? [] : [KEY_HEADER];
    const member = groups.length === 0 ? undefined : findMember(groups, headers, url);
    if (member !== undefined) return { namespace: namespaceOf(member.namespace), controls: member.controls, spent };
    const caller = callerOf(credentialText(headers, url));
    return spent.length === 0 ? caller : { ...caller, spent };
  };
}

/** Where a caller may have put a key of the gateway: its own header comes first, and then no other is looked at. */
function findKey(
  keys: readonly Known[],
  headers: IncomingHttpHeaders,
  url: string | undefined,
): { readonly holder: Known; readonly spent: readonly string[] } | undefined {
  const own = headers[KEY_HEADER];
  if (own !== undefined) {
    const holder = holderOf(keys, String(own));
    return holder === undefined ? undefined : { holder, spent: [KEY_HEADER] };
  }
  let holder: Known | undefined;
  const spent: string[] = [];
  for (const [place, text] of sentTexts(headers, url)) {
    const found = holderOf(keys, text);
    // Two keys at once: whose request it is cannot be said.
    if (found !== undefined && holder !== undefined && found !== holder) return undefined;
    if (found === undefined) continue;
    holder = found;
    spent.push(place);
  }
  return holder === undefined ? undefined : { holder, spent };
}

/** The group of a caller; one who brings credentials of several, or others beside, is in none. */
function findMember(
  groups: readonly Known[],
  headers: IncomingHttpHeaders,
  url: string | undefined,
): Known | undefined {
  const texts = sentTexts(headers, url);
  if (sentCredentials(headers, url).length > texts.length) return undefined;
  const members = texts.map(([, text]) => holderOf(groups, text));
  const [first] = members;
  return members.every((member) => member?.namespace === first?.namespace) ? first : undefined;
}

/** The credentials that were sent, and where: a header, or `?key`. */
function sentTexts(headers: IncomingHttpHeaders, url: string | undefined): readonly [place: string, text: string][] {
  const sent: [string, string][] = [];
  for (const name of KEY_HEADERS) {
    const value = headers[name];
    if (value === undefined || value === "") continue;
    sent.push([name, name === "authorization" ? String(value).replace(/^bearer +/i, "") : String(value)]);
  }
  const key = queryKeyOf(url);
  if (key !== undefined) sent.push(["?key", key]);
  return sent;
}

/** All are compared, in constant time. */
function holderOf(all: readonly Known[], text: string): Known | undefined {
  const digest = hash("sha256", text, "buffer");
  let found: Known | undefined;
  for (const each of all) if (timingSafeEqual(each.digest, digest)) found = each;
  return found;
}

function known(text: string, namespace: string, controls: Caller["controls"]): Known {
  return { digest: hash("sha256", text, "buffer"), namespace, controls };
}
