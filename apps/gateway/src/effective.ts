import { memberAt, pathText, type Effective, type Layer, type Path } from "./configuration.ts";

/** Members in the order in which they are printed, with what holds where nobody says anything. */
const DEFAULTS: readonly (readonly [path: string, value?: unknown])[] = [
  ["listen.host", "127.0.0.1"],
  ["listen.port", 4141],
  ["listen.hosts"],
  ["store", "disk:.cache"],
  ["tiers"],
  ["ttl", "7d"],
  ["keepStale", 0],
  ["staleWhileRevalidate", 0],
  ["staleIfError", 0],
  ["mode", "on"],
  ["operations"],
  ["keepRequests", false],
  ["similar"],
  ["upstreams"],
  ["tenants.by", "credential"],
  ["tenants.secretFile"],
  ["keys"],
  ["groups"],
  ["adminTokenEnv", "LLMCACHE_ADMIN_TOKEN"],
  ["metrics.access", "loopback"],
  ["metrics.models"],
  ["limits.body", "64MiB"],
  ["limits.headersTimeout", "60s"],
  ["limits.bodyTimeout", "60s"],
  ["limits.shutdown", "10s"],
  ["log.requests", false],
];

/** One of them replaces the other of weaker layers. */
const STORES: ReadonlySet<string> = new Set(["store", "tiers"]);

/** Puts layers together, the strongest first: member by member, lists as a whole. */
export function effective(layers: readonly Layer[]): Effective {
  const values: Record<string, unknown> = {};
  const givers = new Map<string, Layer>();
  const storeGiver = layers.find(({ values: { store, tiers } }) => store !== undefined || tiers !== undefined);
  for (const [name, byDefault] of DEFAULTS) {
    const path = name.split(".");
    const giver = STORES.has(name)
      ? storeGiver?.values[name as "store"] === undefined
        ? undefined
        : storeGiver
      : layers.find((layer) => memberAt(layer.values, path) !== undefined);
    const value =
      giver !== undefined
        ? memberAt(giver.values, path)
        : STORES.has(name) && storeGiver !== undefined
          ? undefined
          : byDefault;
    if (value === undefined) continue;
    if (giver !== undefined) givers.set(name, giver);
    const [first = "", second] = path;
    if (second === undefined) values[first] = value;
    else values[first] = { ...(values[first] as object | undefined), [second]: value };
  }
  const giverOf = (path: Path): Layer | undefined =>
    givers.get(path.filter((step) => typeof step === "string").join(".")) ??
    givers.get(String(path[0])) ??
    givers.get(path.slice(0, 2).join("."));
  return {
    values,
    source: (path) => giverOf(path)?.source(path) ?? "default",
    subject: (path) => giverOf(path)?.subject(path) ?? pathText(path),
  };
}
