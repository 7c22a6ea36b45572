import { durationMs, type Duration } from "./duration.ts";
import { LLMCacheError } from "./errors.ts";
import type { Levels } from "./key.ts";

/** How a call uses the cache; the same on the cache, in `run` and per call. Precedence: call, then `run`, then cache. */
export interface CacheControl {
  /** `false`: neither read nor stored. `true`: opts in where the cache's `mode` is `"opt-in"`. */
  readonly use?: boolean | undefined;
  /** Don't read; do store the new answer. */
  readonly noCache?: boolean | undefined;
  /** May read; don't store. */
  readonly noStore?: boolean | undefined;
  /** Lifetime of what this call stores; 0 stores nothing, `Infinity` (the default) never ends. */
  readonly ttl?: Duration | undefined;
  /** Accept a stored answer only up to this age; 0 accepts none. */
  readonly sMaxAge?: Duration | undefined;
  /** A miss is an error (`ERR_LLMCACHE_MISS`) and the provider is never asked. Not together with `noCache`. */
  readonly onlyIfCached?: boolean | undefined;
  /**
   * Serve an expired answer at once, until so long after it expired, and refresh it in the background (RFC 5861). `sMaxAge` limits
   * it all the same. What this call stores is kept that long.
   */
  readonly staleWhileRevalidate?: Duration | undefined;
  /** Serve an expired answer, until so long after it expired, if the provider fails (RFC 5861). See `staleWhileRevalidate`. */
  readonly staleIfError?: Duration | undefined;
  /** A level of namespace of its own: it adds to those around the call, it does not replace them. */
  readonly namespace?: string | readonly string[] | undefined;
  /** A version of its own, added to those around the call. */
  readonly version?: string | undefined;
  /** What the entry can be invalidated by; those of the cache, of each `run` and of the call add up. */
  readonly tags?: readonly string[] | undefined;
  /**
   * May an answer to a similar request be served, and for which requests? Where the store compares texts (`match: "similar"`) that is so
   * unless it is `false`; other stores have no similar answers. A value replaces that of the level above as a whole. @default {}
   */
  readonly similar?: false | SimilarOptions | undefined;
}

/**
 * For which requests a similar answer may be served: those whose `shape` says that they are no larger than this and have neither tools nor
 * attachments, whose prompt is a text, and whose `sample` is 0.
 */
export interface SimilarOptions {
  /** Most messages, system prompts not counted; those before the last one must be equal all the same. @default 1 */
  readonly maxTurns?: number | undefined;
  /** Longest text, in UTF-16 units. @default 1000 */
  readonly maxChars?: number | undefined;
  /** Highest temperature; with a limit, requests that name none are not served either. @default no limit */
  readonly maxTemperature?: number | undefined;
}

/** A control checked and in milliseconds; what was not given is absent. */
export interface CheckedControl {
  readonly use?: boolean;
  readonly noCache?: boolean;
  readonly noStore?: boolean;
  readonly onlyIfCached?: boolean;
  readonly ttlMs?: number;
  readonly sMaxAgeMs?: number;
  readonly staleWhileRevalidateMs?: number;
  readonly staleIfErrorMs?: number;
  readonly tags?: readonly string[];
  readonly namespace?: string | readonly string[];
  readonly version?: string;
  readonly similar?: false | CheckedSimilar;
}

/** {@link SimilarOptions} with their defaults. */
export type CheckedSimilar = Readonly<Record<keyof SimilarOptions, number>>;

const DEFAULT_SIMILAR: CheckedSimilar = { maxTurns: 1, maxChars: 1000, maxTemperature: Number.POSITIVE_INFINITY };

/** What holds for one call. */
export interface EffectiveControl {
  readonly use: boolean | undefined;
  readonly noCache: boolean;
  readonly noStore: boolean;
  readonly onlyIfCached: boolean;
  /** `Infinity`: never ends. */
  readonly ttlMs: number;
  /** `undefined`: any age. */
  readonly sMaxAgeMs: number | undefined;
  /** 0: an expired answer is not served. */
  readonly staleWhileRevalidateMs: number;
  readonly staleIfErrorMs: number;
  /** Each once; `undefined`: none. */
  readonly tags: readonly string[] | undefined;
  readonly namespaces: Levels | undefined;
  readonly versions: Levels | undefined;
  readonly similar: false | CheckedSimilar;
}

const FLAGS = ["use", "noCache", "noStore", "onlyIfCached"] as const;
const KNOWN: ReadonlySet<string> = new Set<string>([
  ...FLAGS,
  "ttl",
  "sMaxAge",
  "staleWhileRevalidate",
  "staleIfError",
  "tags",
  "namespace",
  "version",
  "similar",
]);

/**
 * Checks a control; `where` stands before the names in messages. Names in `besides` are left alone.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming what is unknown, wrong or contradictory.
 */
export function checkControl(control: CacheControl, where: string, besides?: ReadonlySet<string>): CheckedControl {
  const checked: { -readonly [K in keyof CheckedControl]: CheckedControl[K] } = {};
  for (const [name, value] of Object.entries(control)) {
    if (value === undefined || besides?.has(name) === true) continue;
    if (!KNOWN.has(name)) throw wrong(`${where}${name} is no cache control; known are ${[...KNOWN].join(", ")}.`);
  }
  for (const flag of FLAGS) {
    const value = control[flag];
    if (value === undefined) continue;
    if (typeof value !== "boolean") throw wrong(`${where}${flag} must be true or false, not ${typeof value}.`);
    checked[flag] = value;
  }
  if (control.similar !== undefined) checked.similar = checkSimilar(control.similar, `${where}similar`);
  for (const name of ["ttl", "sMaxAge", "staleWhileRevalidate", "staleIfError"] as const) {
    const value = control[name];
    if (value !== undefined) checked[`${name}Ms`] = durationMs(value, `${where}${name}`);
  }
  if (control.tags !== undefined) checked.tags = checkTags(control.tags, `${where}tags`);
  if (control.namespace !== undefined) checked.namespace = checkNames(control.namespace, `${where}namespace`);
  if (control.version !== undefined) {
    if (typeof control.version !== "string")
      throw wrong(`${where}version must be a string, not ${typeof control.version}.`);
    checked.version = control.version;
  }
  refuseContradiction(checked);
  return checked;
}

/** What holds for a call: the innermost value of each member; namespaces, versions and tags of all levels. */
export function effectiveControl(
  cache: CheckedControl,
  runs: readonly CheckedControl[],
  call: CheckedControl,
): EffectiveControl {
  let merged: CheckedControl = cache;
  for (const run of runs) merged = { ...merged, ...run };
  merged = { ...merged, ...call };
  refuseContradiction(merged);
  const noCache = merged.noCache === true;
  const onlyIfCached = merged.onlyIfCached === true;
  return {
    use: merged.use,
    noCache,
    noStore: merged.noStore === true,
    onlyIfCached,
    ttlMs: merged.ttlMs ?? Number.POSITIVE_INFINITY,
    sMaxAgeMs: merged.sMaxAgeMs,
    staleWhileRevalidateMs: merged.staleWhileRevalidateMs ?? 0,
    staleIfErrorMs: merged.staleIfErrorMs ?? 0,
    tags: allTags([cache, ...runs, call]),
    namespaces: levelsOf(cache.namespace, runs, call.namespace, (run) => run.namespace),
    versions: levelsOf(cache.version, runs, call.version, (run) => run.version),
    similar: merged.similar ?? DEFAULT_SIMILAR,
  };
}

function refuseContradiction({ noCache, onlyIfCached }: CheckedControl): void {
  if (noCache === true && onlyIfCached === true) {
    throw wrong("noCache and onlyIfCached exclude each other: nothing could ever be answered.");
  }
}

function levelsOf(
  cache: string | readonly string[] | undefined,
  runs: readonly CheckedControl[],
  call: string | readonly string[] | undefined,
  pick: (run: CheckedControl) => string | readonly string[] | undefined,
): Levels | undefined {
  const ofRuns = runs.map(pick).filter((level) => level !== undefined);
  return cache === undefined && ofRuns.length === 0 && call === undefined ? undefined : { cache, runs: ofRuns, call };
}

/** @throws LLMCacheError `ERR_LLMCACHE_OPTION` for what is no list of tags. */
export function checkTags(tags: readonly string[], field: string): readonly string[] {
  if (!Array.isArray(tags) || tags.some((tag) => typeof tag !== "string" || tag === ""))
    throw wrong(`${field} must be a list of texts that are not empty.`);
  return [...new Set(tags)];
}

function allTags(controls: readonly CheckedControl[]): readonly string[] | undefined {
  const tags = controls.flatMap((control) => control.tags ?? []);
  return tags.length === 0 ? undefined : [...new Set(tags)];
}

function checkSimilar(similar: false | SimilarOptions, field: string): false | CheckedSimilar {
  if (similar === false) return false;
  if (typeof similar !== "object" || similar === null || Array.isArray(similar))
    throw wrong(`${field} must be false or an object such as { maxChars: 500 }.`);
  const checked = { ...DEFAULT_SIMILAR };
  for (const [name, value] of Object.entries(similar)) {
    if (!Object.hasOwn(DEFAULT_SIMILAR, name))
      throw wrong(`${field}.${name} is no option; known are ${Object.keys(DEFAULT_SIMILAR).join(", ")}.`);
    if (value === undefined) continue;
    const least = name === "maxTemperature" ? 0 : 1;
    if (typeof value !== "number" || !(value >= least))
      throw wrong(
        `${field}.${name} must be a number from ${least}, not ${typeof value === "number" ? value : typeof value}.`,
      );
    checked[name as keyof SimilarOptions] = value;
  }
  return checked;
}

function checkNames(names: string | readonly string[], field: string): string | readonly string[] {
  if (typeof names === "string") return names;
  if (!Array.isArray(names) || names.some((name) => typeof name !== "string")) {
    throw wrong(`${field} must be a string or a list of strings.`);
  }
  return [...names] as readonly string[];
}

function wrong(message: string): LLMCacheError {
  return new LLMCacheError("ERR_LLMCACHE_OPTION", message);
}
