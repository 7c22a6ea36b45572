import type { Path } from "./configuration.ts";

/** How keys of well-known services begin; variables such as `HF_API_TOKEN` are written otherwise. */
const KEY =
  /^(?:[Bb]earer +\S|(?:sk|pk|rk|gsk|xai|hf|ghp|gho|glpat|lsv2|pplx|nvapi|r8)[-_][\w-]{8}|AIza[\w-]{20}|AKIA[0-9A-Z]{12}|eyJ[\w-]{16})/;
/** Under these stand names of models, and some begin as their vendor's keys do: `pplx-70b-online`. */
const NO_SECRETS: ReadonlySet<string> = new Set(["models"]);
const PASSWORD_IN_URL = /\/\/[^\s/?#]*:[^\s?#]*@/;
const SECRET_PARAMETER = /[?&](?:pass(?:word)?|pwd|token|secret|(?:api[-_]?)?key|access[-_]?key|auth)=[^&]/i;
/** Members under which people write secrets, without those that name variables and files. */
const SECRET_MEMBER = /^(?:.*(?:api[-_]?key|token|secret|password|credentials?)|key)$/i;

/** Does a text look like a key, or hold a password? */
export function looksSecret(text: string): boolean {
  return KEY.test(text.trim()) || holdsPassword(text);
}

/** Does a URL hold a password or a key? */
export function holdsPassword(url: string): boolean {
  return PASSWORD_IN_URL.test(url) || SECRET_PARAMETER.test(url);
}

/** Where in a configuration a secret itself seems to be written. */
export interface FoundSecret {
  readonly path: Path;
  readonly kind: "member" | "url" | "variable" | "text";
}

/** The first secret in a configuration that is not one's own to keep in a file; `undefined` if there seems to be none. */
export function findSecret(value: unknown, path: Path = []): FoundSecret | undefined {
  const name = path.findLast((step) => typeof step === "string") ?? "";
  if (typeof value === "string") {
    if (holdsPassword(value)) return { path, kind: "url" };
    if (NO_SECRETS.has(name)) return undefined;
    if (KEY.test(value.trim())) return { path, kind: /Envs?$/.test(name) ? "variable" : "text" };
    return SECRET_MEMBER.test(name) ? { path, kind: "member" } : undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  for (const [step, member] of Object.entries(value)) {
    const found = findSecret(member, [...path, Array.isArray(value) ? Number(step) : step]);
    if (found !== undefined) return found;
  }
  return undefined;
}
