import { durationMs, LLMCacheError, type CacheControl, type Json } from "@llmcache/core";

/** The controls that may stand in a body's `cache`, as LiteLLM's clients write them. */
const KNOWN = ["no-cache", "no-store", "ttl", "s-maxage", "s-max-age", "namespace", "use-cache"] as const;

type BodyControl = (typeof KNOWN)[number];

/**
 * The controls of a request body's `cache` member, in the form of LiteLLM: `{"no-cache": true, "ttl": 600}`.
 *
 * `no-cache` asks anew and stores; `no-store` may be answered from the cache; `ttl` and `s-maxage` are seconds, or texts such as
 * `"600"` and `"10m"`; of `s-maxage` and its other spelling `s-max-age` the smaller holds, and 0 accepts no stored answer;
 * `namespace` is a level below the caller's own; `use-cache` opts in where the mode is `opt-in`, and out if it is false.
 * What is `null` is not given.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION`, naming the field, for what is unknown or of another type.
 */
export function readBodyControl(cache: Json): CacheControl {
  if (cache === null) return {};
  if (typeof cache !== "object" || Array.isArray(cache))
    throw wrong(`cache must be an object such as {"no-cache": true}, not ${shown(cache)}.`);
  const given = new Map<BodyControl, Json>();
  for (const [name, value] of Object.entries(cache)) {
    const known = KNOWN.find((each) => each === name);
    if (known === undefined)
      throw wrong(`cache: ${JSON.stringify(name.slice(0, 40))} is no cache control; known are ${KNOWN.join(", ")}.`);
    if (value !== null && value !== undefined) given.set(known, value);
  }
  const flag = (name: BodyControl): boolean | undefined => flagOf(name, given.get(name));
  const ages = (["s-maxage", "s-max-age"] as const).flatMap((name) => secondsOf(name, given.get(name)) ?? []);
  const control = {
    use: flag("use-cache"),
    noCache: flag("no-cache"),
    noStore: flag("no-store"),
    ttl: secondsOf("ttl", given.get("ttl")),
    sMaxAge: ages.length === 0 ? undefined : Math.min(...ages),
    namespace: textOf("namespace", given.get("namespace")),
  };
  return Object.fromEntries(Object.entries(control).filter(([, value]) => value !== undefined)) as CacheControl;
}

function flagOf(name: BodyControl, value: Json | undefined): boolean | undefined {
  if (value === undefined || typeof value === "boolean") return value;
  throw wrong(`cache["${name}"] must be true or false, not ${shown(value)}.`);
}

function textOf(name: BodyControl, value: Json | undefined): string | undefined {
  if (value === undefined || typeof value === "string") return value;
  throw wrong(`cache["${name}"] must be a text, not ${shown(value)}.`);
}

const MS_PER_SECOND = 1000;

/** Seconds from 0. */
function secondsOf(name: BodyControl, value: Json | undefined): number | undefined {
  if (value === undefined) return undefined;
  const field = `cache["${name}"]`;
  if (typeof value !== "number" && typeof value !== "string")
    throw wrong(`${field} must be a number of seconds from 0, not ${shown(value)}.`);
  const isDigits = typeof value === "string" && /^\d+(\.\d+)?$/.test(value.trim());
  return durationMs(isDigits ? Number(value) : value, field) / MS_PER_SECOND;
}

function shown(value: Json): string {
  if (value === null || typeof value !== "object")
    return typeof value === "string" ? JSON.stringify(value.slice(0, 40)) : String(value);
  return Array.isArray(value) ? "a list" : "an object";
}

function wrong(message: string): LLMCacheError {
  return new LLMCacheError("ERR_LLMCACHE_OPTION", message);
}
