import type { Duration } from "@llmcache/core";
import type { Api } from "./gateway-options.ts";

/** What one source (a file, the environment, flags) says; see the README for what each member means. */
export interface ConfigurationInput {
  readonly listen?: ListenInput | undefined;
  readonly store?: string | undefined;
  readonly tiers?: readonly (string | TierInput)[] | undefined;
  readonly ttl?: Duration | undefined;
  readonly keepStale?: Duration | undefined;
  readonly staleWhileRevalidate?: Duration | undefined;
  readonly staleIfError?: Duration | undefined;
  readonly mode?: "on" | "opt-in" | undefined;
  readonly operations?: readonly string[] | undefined;
  readonly keepRequests?: boolean | undefined;
  readonly similar?: boolean | SimilarInput | undefined;
  readonly upstreams?: readonly UpstreamInput[] | undefined;
  readonly tenants?: TenantsInput | undefined;
  readonly keys?: readonly KeyInput[] | undefined;
  readonly groups?: readonly GroupInput[] | undefined;
  readonly adminTokenEnv?: string | undefined;
  readonly metrics?: MetricsInput | undefined;
  readonly limits?: LimitsInput | undefined;
  readonly log?: LogInput | undefined;
}

export interface ListenInput {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly hosts?: "any" | readonly string[] | undefined;
}

/** One of several stores; `url` or `urlEnv`. */
export interface TierInput {
  readonly name?: string | undefined;
  readonly url?: string | undefined;
  readonly urlEnv?: string | undefined;
  readonly maxTtl?: Duration | undefined;
  readonly write?: boolean | undefined;
}

/** Which requests a semantic store compares. */
export interface SimilarInput {
  readonly maxTurns?: number | undefined;
  readonly maxChars?: number | undefined;
  readonly maxTemperature?: number | undefined;
}

export interface UpstreamInput {
  readonly name: string;
  readonly api?: Api | undefined;
  readonly baseURL?: string | undefined;
  readonly apiKeyEnv?: string | undefined;
  readonly provider?: string | undefined;
  readonly models?: readonly string[] | undefined;
  readonly countedHeaders?: readonly string[] | undefined;
  readonly path?: string | undefined;
}

export interface TenantsInput {
  readonly by?: "credential" | "shared" | undefined;
  readonly secretFile?: string | undefined;
}

export interface KeyInput {
  readonly name: string;
  readonly keyEnv: string;
  readonly group?: string | undefined;
  readonly controls?: readonly string[] | undefined;
}

export interface GroupInput {
  readonly name: string;
  readonly credentialEnvs?: readonly string[] | undefined;
  readonly controls?: readonly string[] | undefined;
}

export interface MetricsInput {
  readonly access?: "open" | "loopback" | "token" | "off" | undefined;
  readonly models?: readonly string[] | undefined;
}

export interface LimitsInput {
  readonly body?: number | string | undefined;
  readonly headersTimeout?: Duration | undefined;
  readonly bodyTimeout?: Duration | undefined;
  readonly shutdown?: Duration | undefined;
}

export interface LogInput {
  readonly requests?: boolean | undefined;
}

/** A source, checked. */
export interface Layer {
  readonly values: ConfigurationInput;
  /** Where a member was written, for people: `llmcache.yaml:7`, `LLMCACHE_PORT`, `--port`. */
  readonly source: (path: Path) => string;
  /** The member itself, for messages: `llmcache.yaml:7: upstreams[0].models`, `LLMCACHE_PORT`. */
  readonly subject: (path: Path) => string;
}

/** All layers in one: what is in force, as it would be written in a file. */
export interface Effective {
  readonly values: ConfigurationInput;
  /** Where a member came from; `"default"` if nobody gave it. */
  readonly source: (path: Path) => string;
  /** {@link Layer.subject}, of the layer that gave it. */
  readonly subject: (path: Path) => string;
}

/** `["upstreams", 0, "models"]`. */
export type Path = readonly (string | number)[];

/** A mistake in a configuration; its message is one sentence that names what is wrong, and where it came from. */
export class ConfigurationError extends Error {
  override readonly name = "ConfigurationError";
}

/** `upstreams[0].models` */
export function pathText(path: Path): string {
  return path.reduce<string>(
    (text, step) => (typeof step === "number" ? `${text}[${step}]` : text === "" ? step : `${text}.${step}`),
    "",
  );
}

/** The member at a path; `undefined` where there is none. */
export function memberAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (at, step) =>
      typeof at === "object" && at !== null && Object.hasOwn(at, step)
        ? (at as Record<string | number, unknown>)[step]
        : undefined,
    value,
  );
}
