import { masked } from "@llmcache/core/open";

const MOST_CHARS = 500;
/** Parameters of a URL whose values are nobody's business. */
const SECRET_PARAMETER = /key|secret|token|pass|auth|credential|signature/i;
/** Shorter ones would blot out words. */
const LEAST_CHARS = 4;

/** A store's URL for people: without user, password and query. */
export function shownURL(url: string): string {
  return JSON.parse(masked(url)) as string;
}

/** A message for people, without what stands in these URLs as user, password or secret parameter, nor those of any other URL. */
export function withoutSecrets(message: string, urls: readonly string[] = []): string {
  let text = message;
  for (const secret of urls.flatMap(secretsOf)) text = text.replaceAll(secret, "…");
  text = text.replace(/\/\/[^\s/@"']*@/g, "//…@");
  return text.length > MOST_CHARS ? `${text.slice(0, MOST_CHARS)}…` : text;
}

/** As written and decoded, the longest first: one may be a part of another. */
function secretsOf(url: string): readonly string[] {
  // Where a password was not encoded, its own slashes, question and number signs stand before the last @.
  const userinfo = (/\/\/([^/?#]*)@/.exec(url) ?? /\/\/(.*)@/s.exec(url))?.[1] ?? "";
  const found = [userinfo, ...userinfo.split(":")];
  for (const [name, value] of new URLSearchParams(/\?([^#]*)/.exec(url)?.[1] ?? ""))
    if (SECRET_PARAMETER.test(name)) found.push(value, encodeURIComponent(value));
  return found
    .flatMap((secret) => [secret, decoded(secret)])
    .filter((secret) => secret.length >= LEAST_CHARS)
    .toSorted((a, b) => b.length - a.length);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
