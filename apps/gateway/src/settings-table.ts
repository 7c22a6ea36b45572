import type { Path } from "./configuration.ts";

/** A setting that flags and the environment have too. */
export interface Setting {
  readonly path: Path;
  readonly flag: string;
  readonly env: string;
  /** What its text stands for. */
  readonly kind: "text" | "number" | "duration" | "flag" | "list" | "hosts";
  /** For the usage: what stands behind the flag, and what it is. */
  readonly value: string;
  readonly help: string;
}

/** In the order of the usage. */
export const SETTINGS: readonly Setting[] = [
  setting("listen.port", "port", "LLMCACHE_PORT", "number", "N", "port; 0 takes any that is free (4141)"),
  setting(
    "listen.host",
    "host",
    "LLMCACHE_HOST",
    "text",
    "NAME",
    "where to listen; elsewhere than on loopback it needs keys (127.0.0.1)",
  ),
  setting(
    "listen.hosts",
    "hosts",
    "LLMCACHE_HOSTS",
    "hosts",
    "A,B",
    "host names that it answers to besides loopback's, or any",
  ),
  setting(
    "store",
    "store",
    "LLMCACHE_STORE",
    "text",
    "URL",
    "memory:, disk:PATH, redis:, s3:, keyv:, redis-semantic: …; several are tiers (disk:.cache)",
  ),
  setting("ttl", "ttl", "LLMCACHE_TTL", "duration", "T", "lifetime of what is stored: seconds, or such as 12h (7d)"),
  setting(
    "keepStale",
    "keep-stale",
    "LLMCACHE_KEEP_STALE",
    "duration",
    "T",
    "how long stores keep what has expired (0)",
  ),
  setting(
    "staleWhileRevalidate",
    "stale-while-revalidate",
    "LLMCACHE_STALE_WHILE_REVALIDATE",
    "duration",
    "T",
    "serve what expired so long ago at most, and refresh it (0)",
  ),
  setting(
    "staleIfError",
    "stale-if-error",
    "LLMCACHE_STALE_IF_ERROR",
    "duration",
    "T",
    "serve what expired so long ago at most, where the upstream fails (0)",
  ),
  setting("mode", "mode", "LLMCACHE_MODE", "text", "M", "on, or opt-in: only requests that ask for the cache (on)"),
  setting(
    "operations",
    "operations",
    "LLMCACHE_OPERATIONS",
    "list",
    "A,B",
    "what is cached: chat.completions, embeddings … (all)",
  ),
  setting(
    "keepRequests",
    "keep-requests",
    "LLMCACHE_KEEP_REQUESTS",
    "flag",
    "",
    "store requests beside their answers (off)",
  ),
  setting(
    "tenants.by",
    "tenants",
    "LLMCACHE_TENANTS",
    "text",
    "BY",
    "credential: each has its own answers; shared: all have the same (credential)",
  ),
  setting(
    "metrics.access",
    "metrics",
    "LLMCACHE_METRICS",
    "text",
    "WHO",
    "who may read /metrics: open, loopback, token, off (loopback)",
  ),
  setting(
    "log.requests",
    "log-requests",
    "LLMCACHE_LOG_REQUESTS",
    "flag",
    "",
    "a line for each request, without any text of it (off)",
  ),
  setting(
    "limits.body",
    "max-body",
    "LLMCACHE_MAX_BODY",
    "text",
    "SIZE",
    "longest body of a request that may be cached (64MiB)",
  ),
];

/** Variables that are no settings of the table. */
export const OTHER_VARIABLES: readonly string[] = [
  "LLMCACHE_CONFIG",
  "LLMCACHE_API_KEY",
  "LLMCACHE_ADMIN_TOKEN",
  "LLMCACHE_TENANT_SECRET",
];

function setting(path: string, flag: string, env: string, kind: Setting["kind"], value: string, help: string): Setting {
  return { path: path.split("."), flag, env, kind, value, help };
}

/** What a setting's text stands for; one that is none is left as it is, and refused by the schema. */
export function valueOf(kind: Setting["kind"], text: string): unknown {
  switch (kind) {
    case "text":
      return text;
    case "number":
      return /^\d+$/.test(text) ? Number(text) : text;
    case "duration":
      return /^\d+(\.\d+)?$/.test(text) ? Number(text) : text;
    case "flag":
      return /^(?:1|true|on|yes)$/i.test(text) ? true : /^(?:0|false|off|no)$/i.test(text) ? false : text;
    case "hosts":
      return text === "any" ? text : listOf(text);
    case "list": {
      // Nothing is a mistake here: it would be taken for none of them.
      const list = listOf(text);
      return list.length === 0 ? text : list;
    }
    default:
      return kind satisfies never;
  }
}

function listOf(text: string): readonly string[] {
  return text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}
