import { isCredentialHeader } from "./tenant.ts";
import { durationMs, isLLMCacheError } from "@llmcache/core";
import { parametersOf } from "@llmcache/core/open";
import { z } from "zod";
import { ConfigurationError, memberAt, type ConfigurationInput, type Path } from "./configuration.ts";
import { CONTROL_NAMES } from "./controls.ts";
import { isBaseURL } from "./base-url.ts";
import { looksSecret } from "./literal-secret.ts";

/** Each message says what would be right; `checkConfiguration` makes the sentence. */
const TEXT = "a text that is not empty";
const DURATION = 'a number of seconds from 0, or a text such as "90s", "24h" or "7d"';
const SIZE = "a number of bytes from 1, or a text such as 500kB or 64MiB";
const NAME = "a name of up to 64 letters, digits, dots, dashes and underscores";
const VARIABLE = "the name of an environment variable, such as OPENAI_API_KEY";
const BASE_URL = "a URL such as https://api.openai.com/v1, without user, password and parameters";
const UPSTREAM_PATH = "a path such as /azure, without a slash at its end";

const text = z.string({ error: TEXT }).min(1, { error: TEXT });
const flag = z.boolean({ error: "true or false" });
const name = matching(NAME, (value) => /^[A-Za-z0-9][\w.-]{0,63}$/.test(value));
const variable = matching(VARIABLE, (value) => /^[A-Za-z_]\w*$/.test(value) && !looksSecret(value));
const texts = z.array(text, { error: "a list of strings" });
const headerNames = z.array(
  matching(
    "the name of a header that holds no credential",
    (value) => /^[\w.-]+$/.test(value) && !isCredentialHeader(value.toLowerCase()),
  ),
  { error: "a list of header names" },
);
const duration = z.custom<number | string>(isDuration, { error: DURATION });
const size = z.custom<number | string>((value) => sizeInBytes(value) !== undefined, { error: SIZE });

const listen = options({
  host: matching("a host name or an address", (value) => /^[\w.:-]+$/.test(value)).optional(),
  port: z
    .custom<number>((value) => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 65_535, {
      error: "a whole number from 0 to 65535",
    })
    .optional(),
  hosts: z
    .custom<"any" | string[]>(
      (value) =>
        value === "any" ||
        (Array.isArray(value) && value.every((host) => typeof host === "string" && /^[\w.:[\]-]+$/.test(host))),
      { error: "any, or a list of host names without ports" },
    )
    .optional(),
});

const tier = options({
  name: name.optional(),
  url: text.optional(),
  urlEnv: variable.optional(),
  maxTtl: duration.optional(),
  write: flag.optional(),
});

const count = z.custom<number>((value) => Number.isSafeInteger(value) && (value as number) >= 1, {
  error: "a whole number from 1",
});

const similar = options({
  maxTurns: count.optional(),
  maxChars: count.optional(),
  maxTemperature: z
    .custom<number>((value) => typeof value === "number" && value >= 0, { error: "a number from 0" })
    .optional(),
});

const upstream = options({
  name,
  api: oneOf(["openai", "anthropic", "google"]).optional(),
  baseURL: matching(BASE_URL, isBaseURL).optional(),
  apiKeyEnv: variable.optional(),
  provider: text.optional(),
  models: texts.optional(),
  countedHeaders: headerNames.optional(),
  path: matching(UPSTREAM_PATH, (value) => /^(?:\/[\w.~-]+)+$/.test(value)).optional(),
});

const controls = z.array(oneOf(CONTROL_NAMES), { error: `a list of these: ${CONTROL_NAMES.join(", ")}` });

const configuration: z.ZodType<ConfigurationInput> = options({
  listen: listen.optional(),
  store: text.optional(),
  tiers: z
    .array(z.union([text, tier], { error: "a URL, or an object with url or urlEnv" }), { error: "a list of stores" })
    .min(1, { error: "a list of one store or more" })
    .optional(),
  ttl: duration.optional(),
  keepStale: duration.optional(),
  staleWhileRevalidate: duration.optional(),
  staleIfError: duration.optional(),
  mode: oneOf(["on", "opt-in"]).optional(),
  operations: texts.optional(),
  keepRequests: flag.optional(),
  similar: z.union([flag, similar], { error: "true, false, or limits: maxTurns, maxChars, maxTemperature" }).optional(),
  upstreams: z
    .array(upstream, { error: "a list of upstreams" })
    .min(1, { error: "a list of one upstream or more" })
    .optional(),
  tenants: options({ by: oneOf(["credential", "shared"]).optional(), secretFile: text.optional() }).optional(),
  keys: z
    .array(options({ name, keyEnv: variable, group: name.optional(), controls: controls.optional() }), {
      error: "a list of keys",
    })
    .optional(),
  groups: z
    .array(
      options({
        name,
        credentialEnvs: z.array(variable, { error: "a list of environment variables" }).optional(),
        controls: controls.optional(),
      }),
      { error: "a list of groups" },
    )
    .optional(),
  adminTokenEnv: variable.optional(),
  metrics: options({
    access: oneOf(["open", "loopback", "token", "off"]).optional(),
    models: texts.optional(),
  }).optional(),
  limits: options({
    body: size.optional(),
    headersTimeout: duration.optional(),
    bodyTimeout: duration.optional(),
    shutdown: duration.optional(),
  }).optional(),
  log: options({ requests: flag.optional() }).optional(),
});

/**
 * What a source says, if it is a configuration.
 *
 * @throws ConfigurationError with one sentence about the first mistake; `subject` says what to call a member.
 */
export function checkConfiguration(raw: unknown, subject: (path: Path) => string): ConfigurationInput {
  const result = configuration.safeParse(raw);
  if (result.success) return result.data;
  const issue = innermost(result.error.issues[0] as z.core.$ZodIssue, raw);
  const path = issue.path as Path;
  if (issue.code === "unrecognized_keys") {
    const [unknown = ""] = issue.keys;
    throw new ConfigurationError(`${subject([...path, unknown])} is no option; known are ${issue.message}.`);
  }
  const value = memberAt(raw, path);
  const right = issue.message;
  throw new ConfigurationError(
    value === undefined
      ? `${subject(path)} is missing; it must be ${right}.`
      : `${subject(path)} must be ${right}, not ${right.startsWith("a list") && typeof value === "string" ? "a string" : shown(value)}.`,
  );
}

/** A union has an issue for each alternative: the one about members is about the value. */
function innermost(issue: z.core.$ZodIssue, raw: unknown): z.core.$ZodIssue {
  if (issue.code !== "invalid_union") return issue;
  const value = memberAt(raw, issue.path as Path);
  const about = issue.errors
    .map(([first]) => first)
    .find((first) => first !== undefined && (first.path.length > 0 || first.code === "unrecognized_keys"));
  return about === undefined || typeof value !== "object" ? issue : { ...about, path: [...issue.path, ...about.path] };
}

/** An object of these members and no others. */
function options<const Shape extends z.ZodRawShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> {
  return z.strictObject(shape, {
    error: ({ code }) => (code === "unrecognized_keys" ? Object.keys(shape).join(", ") : "a group of options"),
  });
}

function oneOf<const T extends string>(values: readonly T[]): z.ZodType<T, T> {
  const error = values.length === 2 ? values.join(" or ") : `one of ${values.join(", ")}`;
  return z.custom<T>((value) => typeof value === "string" && (values as readonly string[]).includes(value), { error });
}

function matching(error: string, isRight: (value: string) => boolean): z.ZodType<string, string> {
  return z.custom<string>((value) => typeof value === "string" && isRight(value), { error });
}

function isDuration(value: unknown): boolean {
  try {
    durationMs(value as number | string, "");
    return true;
  } catch (error) {
    if (!isLLMCacheError(error)) throw error;
    return false;
  }
}

/** Bytes; `undefined` for what is no size. */
export function sizeInBytes(value: unknown): number | undefined {
  if (typeof value === "number") return Number.isSafeInteger(value) && value > 0 ? value : undefined;
  if (typeof value !== "string") return undefined;
  try {
    const { bytes } = parametersOf(`size:?bytes=${encodeURIComponent(value)}`, { bytes: "bytes" });
    return bytes !== undefined && bytes > 0 ? bytes : undefined;
  } catch (error) {
    if (!isLLMCacheError(error)) throw error;
    return undefined;
  }
}

const SHOWN_CHARS = 40;

function shown(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (typeof value === "string") {
    if (looksSecret(value)) return "a key or a password";
    return JSON.stringify(value.length > SHOWN_CHARS ? `${value.slice(0, SHOWN_CHARS)}…` : value);
  }
  return typeof value === "object" && value !== null ? "a group of options" : String(value);
}
