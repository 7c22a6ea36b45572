import { isLLMCacheError, type Duration } from "@llmcache/core";
import { schemeOf, splitTierUrl } from "@llmcache/core/open";
import { ConfigurationError, type Effective, type Path, type TierInput } from "./configuration.ts";
import { required, type Environment } from "./environment.ts";

/** A store to be opened, with what it is as a tier. */
export interface StoreTier {
  readonly url: string;
  readonly name?: string | undefined;
  readonly maxTtl?: Duration | undefined;
  readonly write?: boolean | undefined;
  /** Where its URL came from, for messages. */
  readonly subject: string;
}

/** Schemes of the stores that the gateway brings along. */
export const SCHEMES = [
  "memory",
  "disk",
  "redis",
  "rediss",
  "s3",
  "keyv",
  "memory-semantic",
  "redis-semantic",
  "rediss-semantic",
  "dual-semantic",
] as const;

/** Does the store answer similar requests, too? */
export function isSemantic(scheme: string): boolean {
  return scheme.endsWith("-semantic");
}

/**
 * The stores of a configuration, near to far: `tiers`, or the URLs in `store`.
 *
 * @throws ConfigurationError for both at once, for what is no URL of a store, and for a variable that is not set.
 */
export function storeTiers({ values, subject }: Effective, env: Environment): readonly StoreTier[] {
  const { store, tiers } = values;
  if (store !== undefined && tiers !== undefined)
    throw new ConfigurationError(`${subject(["tiers"])} and store exclude each other: give one of them.`);
  const found =
    tiers === undefined
      ? (store ?? "")
          .trim()
          .split(/\s+/)
          .map((url) => fromUrl(url, subject(["store"])))
      : tiers.map((tier, index) => fromTier(tier, ["tiers", index], subject, env));
  const [only] = found;
  const parameter = (["maxTtl", "write", "name"] as const).find((each) => only?.[each] !== undefined);
  if (found.length === 1 && only !== undefined && parameter !== undefined && parameter !== "name")
    throw new ConfigurationError(`${only.subject}: ${parameter} is for tiers, and there is only one store.`);
  return found;
}

function fromTier(tier: string | TierInput, path: Path, subject: (path: Path) => string, env: Environment): StoreTier {
  if (typeof tier === "string") return fromUrl(tier, subject(path));
  const { url, urlEnv, name, maxTtl, write } = tier;
  if ((url === undefined) === (urlEnv === undefined))
    throw new ConfigurationError(`${subject(path)} must have url, or urlEnv with the name of a variable.`);
  const from = subject([...path, urlEnv === undefined ? "url" : "urlEnv"]);
  const text = urlEnv === undefined ? (url as string) : required(env, urlEnv, from);
  const found = fromUrl(text, from);
  return {
    ...found,
    name: name ?? found.name,
    maxTtl: maxTtl ?? found.maxTtl,
    write: write ?? found.write,
  };
}

function fromUrl(text: string, subject: string): StoreTier {
  if (/\s/.test(text.trim())) throw new ConfigurationError(`${subject} must be one URL, without white space.`);
  try {
    // In YAML a colon at the end has to stand in quotes: these need none.
    const { url, tier } = splitTierUrl(text.trim().replace(/^(?:memory|disk)$/, "$&:"));
    const scheme = schemeOf(url);
    if (!(SCHEMES as readonly string[]).includes(scheme))
      throw new ConfigurationError(
        `${subject} has the scheme ${scheme}:, but stores have one of ${SCHEMES.join(", ")}.`,
      );
    return { url, ...tier, subject };
  } catch (error) {
    throw isLLMCacheError(error) ? new ConfigurationError(`${subject}: ${error.message}`) : error;
  }
}
