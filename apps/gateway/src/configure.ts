import { durationMs, isLLMCacheError, LLMCache, type Duration, type SimilarOptions } from "@llmcache/core";
import { schemeOf } from "@llmcache/core/open";
import { readArguments } from "./arguments.ts";
import { operationsOf } from "./call-types.ts";
import { readConfigurationFile } from "./configuration-file.ts";
import { sizeInBytes } from "./configuration-schema.ts";
import {
  ConfigurationError,
  type Effective,
  type KeyInput,
  type Layer,
  type MetricsInput,
  type Path,
} from "./configuration.ts";
import { controlMembers } from "./controls.ts";
import { effective } from "./effective.ts";
import { readEnvironment, required, unreadVariables, variable, type Environment } from "./environment.ts";
import type { Upstream } from "./gateway-options.ts";
import type { CredentialGroup, GatewayKey } from "./identify.ts";
import { printed } from "./print-configuration.ts";
import { isSemantic, storeTiers, type StoreTier } from "./store-tiers.ts";
import { chooseUpstreams } from "./upstream.ts";

/** Everything that the gateway is started with. */
export interface Configuration {
  readonly host: string;
  readonly port: number;
  readonly hosts: "any" | readonly string[] | undefined;
  readonly tiers: readonly StoreTier[];
  readonly cache: CacheSettings;
  /** `undefined`: the demo. */
  readonly upstreams: readonly Upstream[] | undefined;
  readonly tenants: TenantSettings;
  readonly adminToken: string | undefined;
  readonly metrics: MetricsInput;
  readonly limits: Limits;
  readonly logRequests: boolean;
  /** Sentences about what may be a mistake. */
  readonly warnings: readonly string[];
}

/** What the cache is made with. */
export interface CacheSettings {
  readonly ttl: Duration;
  readonly keepStale: Duration;
  readonly control: { readonly staleWhileRevalidate: Duration; readonly staleIfError: Duration };
  readonly mode: "on" | "opt-in";
  /** `undefined`: all. */
  readonly operations: readonly string[] | undefined;
  readonly keepRequests: boolean;
  /** `undefined`: the cache's own limits, where a store compares texts. */
  readonly similar: false | SimilarOptions | undefined;
}

/** How callers are told apart. */
export interface TenantSettings {
  readonly keys: readonly GatewayKey[];
  readonly groups: readonly CredentialGroup[];
  readonly isShared: boolean;
  /** Given in the environment, for several gateways with one store. */
  readonly secret: string | undefined;
  readonly secretFile: string | undefined;
}

export interface Limits {
  readonly bodyBytes: number;
  readonly headersTimeoutMs: number;
  readonly bodyTimeoutMs: number;
  readonly shutdownMs: number;
}

/** What the command line wants: help, the configuration as a text, or a gateway. */
export type Command =
  | { readonly does: "help" }
  | { readonly does: "print"; readonly text: string }
  | { readonly does: "serve"; readonly configuration: Configuration };

const LEAST_KEY_CHARS = 16;
/** Timers go no further. */
const MOST_TIMER_MS = 2 ** 31 - 1;
const ADMIN_TOKEN_VARIABLE = "LLMCACHE_ADMIN_TOKEN";

/**
 * Reads flags, the environment and the configuration file of the folder, in this order of strength, and checks what they say
 * together. Opens nothing.
 *
 * @throws ConfigurationError, of one sentence that names the member and where it came from.
 */
export function configure(args: readonly string[], env: Environment, folder: string): Command {
  const flags = readArguments(args);
  if (flags.help) return { does: "help" };
  const environment = readEnvironment(env);
  const file = readConfigurationFile(flags.config ?? variable(env, "LLMCACHE_CONFIG"), folder);
  const given = effective([flags.layer, environment, ...(file === undefined ? [] : [file])]);
  const chosen = chooseUpstreams(given, env);
  const tiers = storeTiers(given, env);
  const configuration: Configuration = {
    ...listening(given),
    tiers,
    cache: { ...cacheSettings(given), similar: similarOf(given, tiers) },
    upstreams: chosen.upstreams,
    tenants: tenantSettings(given, env),
    adminToken: adminTokenOf(given, env),
    metrics: given.values.metrics ?? {},
    limits: limitsOf(given),
    logRequests: given.values.log?.requests ?? false,
    warnings: [
      ...warningsOf(given, env),
      ...neverAsked(given, chosen.upstreams ?? []),
      ...replacedKeys(environment, file),
    ],
  };
  refuseKeyAsToken(configuration, given);
  if (configuration.metrics.access === "token" && configuration.adminToken === undefined)
    throw new ConfigurationError(
      `${given.subject(["metrics", "access"])} is token, but there is no admin token: set LLMCACHE_ADMIN_TOKEN.`,
    );
  return flags.printConfig ? { does: "print", text: printed(given, chosen) } : { does: "serve", configuration };
}

function listening({ values, subject }: Effective): Pick<Configuration, "host" | "port" | "hosts"> {
  const { host = "", port = 0, hosts } = values.listen ?? {};
  const hasKeys = (values.keys ?? []).length > 0;
  if (!isLoopback(host) && !hasKeys)
    throw new ConfigurationError(
      `${subject(["listen", "host"])} is ${host}, where others can reach the gateway, so callers must have keys: set LLMCACHE_API_KEY or list keys in the configuration file, or listen on 127.0.0.1.`,
    );
  // Who has a key is no web page that came by a name of its own.
  return { host, port, hosts: hosts ?? (isLoopback(host) ? undefined : "any") };
}

/** Can only this machine reach it? */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host === "[::1]" || /^127(?:\.\d{1,3}){3}$/.test(host);
}

function cacheSettings({ values, subject }: Effective): Omit<CacheSettings, "similar"> {
  const {
    ttl = 0,
    keepStale = 0,
    staleWhileRevalidate = 0,
    staleIfError = 0,
    mode = "on",
    keepRequests = false,
  } = values;
  const operations = values.operations === undefined ? undefined : operationsOf(values.operations);
  try {
    // It knows which operations there are.
    void new LLMCache({ operations });
  } catch (error) {
    throw isLLMCacheError(error)
      ? new ConfigurationError(`${subject(["operations"])}: ${error.message.replace(/^operations: /, "")}`)
      : error;
  }
  return { ttl, keepStale, control: { staleWhileRevalidate, staleIfError }, mode, operations, keepRequests };
}

/** Which requests are compared. Limits that nothing would read are a mistake. */
function similarOf({ values, subject }: Effective, tiers: readonly StoreTier[]): CacheSettings["similar"] {
  const { similar } = values;
  if (similar === undefined || similar === false) return similar;
  if (!tiers.some(({ url }) => isSemantic(schemeOf(url))))
    throw new ConfigurationError(
      `${subject(["similar"])} needs a store that compares texts: memory-semantic:, redis-semantic: or dual-semantic:.`,
    );
  return similar === true ? {} : similar;
}

function tenantSettings(given: Effective, env: Environment): TenantSettings {
  const { values, subject } = given;
  const { keys = [], groups = [], tenants = {} } = values;
  refuseTwins(keys, "keys", subject);
  refuseTwins(groups, "groups", subject);
  const found = keys.map((key, index): GatewayKey => {
    const path: Path = ["keys", index];
    const text = required(env, key.keyEnv, subject([...path, "keyEnv"]));
    if (text.length < LEAST_KEY_CHARS || !/^[\x21-\x7e]+$/.test(text))
      throw new ConfigurationError(
        `${subject([...path, "keyEnv"])}: ${key.keyEnv} must have ${LEAST_KEY_CHARS} characters at least, without white space; make one with: openssl rand -hex 32`,
      );
    const group = groups.find(({ name }) => name === key.group);
    return { name: key.name, key: text, group: key.group, controls: controlMembers(key.controls ?? group?.controls) };
  });
  for (const [index, { key }] of found.entries()) {
    const first = found.findIndex((other) => other.key === key);
    if (first < index)
      throw new ConfigurationError(
        `${subject(["keys", index, "keyEnv"])} holds the same key as keys[${first}]: whose requests are they?`,
      );
  }
  const withCredentials = groups.findIndex(({ credentialEnvs = [] }) => credentialEnvs.length > 0);
  if (found.length > 0 && withCredentials >= 0)
    throw new ConfigurationError(
      `${subject(["groups", withCredentials, "credentialEnvs"])} says nothing where callers have keys: give a key this group instead.`,
    );
  return {
    keys: found,
    groups: credentialGroups(given, env),
    isShared: tenants.by === "shared",
    secret: tenantSecretOf(env),
    secretFile: tenants.secretFile,
  };
}

function credentialGroups({ values, subject }: Effective, env: Environment): readonly CredentialGroup[] {
  const seen = new Map<string, string>();
  return (values.groups ?? []).map(({ name, credentialEnvs = [], controls }, index) => {
    const credentials = credentialEnvs.map((variableName, at) => {
      const place = subject(["groups", index, "credentialEnvs", at]);
      const credential = required(env, variableName, place);
      const other = seen.get(credential);
      if (other !== undefined && other !== name)
        throw new ConfigurationError(`${place} holds a credential that the group ${other} has too.`);
      seen.set(credential, name);
      return credential;
    });
    return { name, credentials, controls: controlMembers(controls) };
  });
}

function tenantSecretOf(env: Environment): string | undefined {
  const secret = variable(env, "LLMCACHE_TENANT_SECRET");
  if (secret !== undefined && secret.length < LEAST_KEY_CHARS)
    throw new ConfigurationError(
      `LLMCACHE_TENANT_SECRET must have ${LEAST_KEY_CHARS} characters at least; make one with: openssl rand -hex 32`,
    );
  return secret;
}

/** Off where the variable that is always looked at is not set; another one was named on purpose. */
function adminTokenOf({ values, subject }: Effective, env: Environment): string | undefined {
  const { adminTokenEnv: name = ADMIN_TOKEN_VARIABLE } = values;
  const token = name === ADMIN_TOKEN_VARIABLE ? variable(env, name) : required(env, name, subject(["adminTokenEnv"]));
  if (token !== undefined && (token.length < LEAST_KEY_CHARS || !/^[\x21-\x7e]+$/.test(token)))
    throw new ConfigurationError(
      `${name} must have ${LEAST_KEY_CHARS} characters at least, without white space; make one with: openssl rand -hex 32`,
    );
  return token;
}

/** Else a caller could read and remove what all others have. */
function refuseKeyAsToken({ adminToken, tenants }: Configuration, { values, subject }: Effective): void {
  const index = tenants.keys.findIndex(({ key }) => key === adminToken);
  if (index >= 0)
    throw new ConfigurationError(
      `${subject(["keys", index, "keyEnv"])} is the admin token too (${values.adminTokenEnv}): callers' keys and the token of the admin API must differ.`,
    );
}

function limitsOf({ values: { limits = {} }, subject }: Effective): Limits {
  const timer = (name: "headersTimeout" | "bodyTimeout" | "shutdown"): number => {
    const ms = durationMs(limits[name] ?? 0, `limits.${name}`);
    if (ms <= MOST_TIMER_MS) return ms;
    const none = name === "shutdown" ? "" : "; 0 is no limit";
    throw new ConfigurationError(`${subject(["limits", name])} must be 24d at most${none}.`);
  };
  return {
    bodyBytes: sizeInBytes(limits.body) ?? 0,
    headersTimeoutMs: timer("headersTimeout"),
    bodyTimeoutMs: timer("bodyTimeout"),
    shutdownMs: timer("shutdown"),
  };
}

function refuseTwins(all: readonly { readonly name: string }[], list: string, subject: (path: Path) => string): void {
  for (const [index, { name }] of all.entries()) {
    const first = all.findIndex((other) => other.name === name);
    if (first < index)
      throw new ConfigurationError(
        `${subject([list, index, "name"])} is ${name}, as that of ${list}[${first}]: names are unique.`,
      );
  }
}

function warningsOf({ values, subject }: Effective, env: Environment): readonly string[] {
  const named = [
    values.adminTokenEnv,
    ...(values.keys ?? []).map(({ keyEnv }: KeyInput) => keyEnv),
    ...(values.groups ?? []).flatMap(({ credentialEnvs = [] }) => credentialEnvs),
    ...(values.upstreams ?? []).map(({ apiKeyEnv }) => apiKeyEnv),
    ...(values.tiers ?? []).map((tier) => (typeof tier === "string" ? undefined : tier.urlEnv)),
  ];
  const { groups = [], keys = [] } = values;
  const empty = groups.filter(
    ({ name, credentialEnvs = [] }) => credentialEnvs.length === 0 && !keys.some(({ group }) => group === name),
  );
  // Its controls would be those of a group that nobody has written about: all of them.
  const unlisted = keys.flatMap(({ group, controls }, index) =>
    group === undefined || controls !== undefined || groups.length === 0 || groups.some(({ name }) => name === group)
      ? []
      : [`${subject(["keys", index, "group"])} is ${group}, which groups does not list: the key may use all controls.`],
  );
  return [
    ...unreadVariables(env, new Set(named.filter((name) => name !== undefined))).map(
      (name) => `${name} is set, but nothing reads it: --help lists the variables that are.`,
    ),
    ...empty.map(({ name }) => `the group ${name} is empty: it has no credentialEnvs, and no key is in it.`),
    ...unlisted,
  ];
}

/** Upstreams before which another one takes all that they could have. */
function neverAsked({ subject }: Effective, upstreams: readonly Upstream[]): readonly string[] {
  return upstreams.flatMap(({ api, models, path }, index) => {
    const first = upstreams.findIndex((other) =>
      path === undefined
        ? models === undefined && other.api === api && other.path === undefined && other.models === undefined
        : other.path === path,
    );
    if (first < 0 || first >= index) return [];
    const what = path === undefined ? `all models of ${api} that no other names` : `all below ${path}`;
    return [`${subject(["upstreams", index])} is never asked: upstreams[${first}] has ${what}.`];
  });
}

/** Lists are taken as a whole. */
function replacedKeys({ values }: Layer, file: Layer | undefined): readonly string[] {
  const listed = file?.values.keys ?? [];
  if (values.keys === undefined || listed.length === 0) return [];
  return [
    `LLMCACHE_API_KEY is the only key: those of the file (${listed.map(({ name }) => name).join(", ")}) are not taken.`,
  ];
}
