import {
  checkControl,
  effectiveControl,
  type CacheControl,
  type CheckedControl,
  type EffectiveControl,
} from "./control.ts";
import { durationMs, type Duration } from "./duration.ts";
import type { EntryHead } from "./entry.ts";
import { LLMCacheError } from "./errors.ts";
import type { CacheRequest } from "./key.ts";
import { MapStore } from "./map-store.ts";
import { operationFilter } from "./operations.ts";
import type { Store } from "./store.ts";

/** Options of `new LLMCache()`; all may be changed later by `update`. */
export interface LLMCacheOptions {
  /** Where entries live; whoever made it disposes of it. @default a bounded Map in the process */
  readonly store?: Store | undefined;
  /** Lifetime of what is stored; short for `control: { ttl }`. @default no end */
  readonly ttl?: Duration | undefined;
  /** The outermost level of namespaces; short for `control: { namespace }`. */
  readonly namespace?: string | readonly string[] | undefined;
  /** Raised to start afresh; short for `control: { version }`. */
  readonly version?: string | undefined;
  /** May an answer to a similar request be served, with a store that compares texts; short for `control: { similar }`. @default {} */
  readonly similar?: CacheControl["similar"];
  /** What holds for every call unless `run` or the call says otherwise. */
  readonly control?: CacheControl | undefined;
  /** How long stores keep an entry after it expired. @default 0 */
  readonly keepStale?: Duration | undefined;
  /** `"opt-in"`: only calls with `use: true` are cached. @default "on" */
  readonly mode?: "on" | "opt-in" | undefined;
  /** Which operations are cached, by name; `function:*` and `tool:*` stand for all of their kind. @default all */
  readonly operations?: readonly string[] | undefined;
  /** Stands in for the identity; see `KeyOptions.key`. */
  readonly key?: ((request: CacheRequest) => string | CacheRequest) | undefined;
  /** Turns ids into HMACs. */
  readonly secret?: string | Uint8Array | undefined;
  /** Store requests beside their answers, so that people can read what was asked. @default false */
  readonly keepRequests?: boolean | undefined;
  /** What a failing or slow store means for a call: a miss and an event, or an error. @default "miss" */
  readonly onStoreFailure?: "miss" | "throw" | undefined;
  /** What store trouble may cost a call, in milliseconds. @default 1000 */
  readonly storeTimeoutMs?: number | undefined;
  /**
   * Processes that share the store wait for each other: one asks, for as long as it takes, the others look for its answer. One that
   * crashed holds the others up for so long at most, in milliseconds. Lists are not waited for. @default off
   */
  readonly leaseMs?: number | undefined;
  /** Above so many bytes a stream is neither stored nor shared. @default 16 MiB */
  readonly maxStreamBytes?: number | undefined;
  /** A reader of a shared stream who takes nothing for so long, while others wait because of him, is let go. @default 60000 */
  readonly readerTimeoutMs?: number | undefined;
  /** The cost of an answer in your currency, from its metadata (model, tokens); for the ledgers. */
  readonly price?: ((head: Pick<EntryHead, "metadata">) => number | undefined) | undefined;
  /** Milliseconds since the epoch. @default Date.now */
  readonly clock?: (() => number) | undefined;
}

const DEFAULT_STORE_TIMEOUT_MS = 1000;
const DEFAULT_MAX_STREAM_BYTES = 16 * 1024 * 1024;
const DEFAULT_READER_TIMEOUT_MS = 60_000;

/** Options checked once; replaced as a whole by `update`, so that calls under way finish as they began. */
export interface Settings {
  readonly options: LLMCacheOptions;
  readonly store: Store;
  readonly control: CheckedControl;
  /** What holds for a call that says nothing, outside of any `run`. */
  readonly plainControl: EffectiveControl;
  readonly keepStaleMs: number;
  readonly optIn: boolean;
  readonly allows: (operation: string) => boolean;
  readonly key: LLMCacheOptions["key"];
  readonly secret: string | Uint8Array | undefined;
  readonly keepRequests: boolean;
  readonly throwOnStoreFailure: boolean;
  readonly storeTimeoutMs: number;
  readonly leaseMs: number | undefined;
  readonly maxStreamBytes: number;
  readonly readerTimeoutMs: number;
  readonly price: LLMCacheOptions["price"];
  readonly clock: () => number;
}

const KNOWN: Readonly<Record<keyof LLMCacheOptions, true>> = {
  store: true,
  ttl: true,
  namespace: true,
  version: true,
  similar: true,
  control: true,
  keepStale: true,
  mode: true,
  operations: true,
  key: true,
  secret: true,
  keepRequests: true,
  onStoreFailure: true,
  storeTimeoutMs: true,
  leaseMs: true,
  maxStreamBytes: true,
  readerTimeoutMs: true,
  price: true,
  clock: true,
};

/** @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming what is unknown or wrong. */
export function checkOptions(options: LLMCacheOptions): Settings {
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(KNOWN, name))
      throw wrong(`${name} is no option of LLMCache; known are ${Object.keys(KNOWN).join(", ")}.`);
  }
  const { ttl, namespace, version, similar, control = {}, store = new MapStore(), clock = Date.now } = options;
  const short = given({ ttl, namespace, version, similar });
  for (const [name, value] of Object.entries(short)) {
    if (value !== undefined && control[name as "ttl"] !== undefined)
      throw wrong(`${name} is given twice: as an option and in control.`);
  }
  checkStore(store);
  for (const name of ["key", "price", "clock"] as const) {
    if (options[name] !== undefined && typeof options[name] !== "function") throw wrong(`${name} must be a function.`);
  }
  const { secret } = options;
  if (secret !== undefined && (!(typeof secret === "string" || secret instanceof Uint8Array) || secret.length === 0)) {
    throw wrong("secret must be a non-empty string or bytes.");
  }
  const { keepRequests = false } = options;
  if (typeof keepRequests !== "boolean") throw wrong(`keepRequests must be true or false, not ${typeof keepRequests}.`);
  const checked = checkControl(given({ ...control, ...short }), "");
  // In a call it is a permission, which the next store may make use of; here it can only be a mistake.
  if (typeof checked.similar === "object" && store.match !== "similar")
    throw wrong(`similar needs a store that compares texts (match: "similar"); the ${store.name} store does not.`);
  return {
    options,
    store,
    control: checked,
    plainControl: effectiveControl(checked, [], {}),
    keepStaleMs: durationMs(options.keepStale ?? 0, "keepStale"),
    optIn: oneOf(options.mode ?? "on", ["on", "opt-in"], "mode") === "opt-in",
    allows: operationFilter(options.operations),
    key: options.key,
    secret,
    keepRequests,
    throwOnStoreFailure: oneOf(options.onStoreFailure ?? "miss", ["miss", "throw"], "onStoreFailure") === "throw",
    storeTimeoutMs: positive(options.storeTimeoutMs ?? DEFAULT_STORE_TIMEOUT_MS, "storeTimeoutMs"),
    leaseMs: options.leaseMs === undefined ? undefined : leaseMsOf(options.leaseMs),
    maxStreamBytes: positive(options.maxStreamBytes ?? DEFAULT_MAX_STREAM_BYTES, "maxStreamBytes"),
    readerTimeoutMs: positive(options.readerTimeoutMs ?? DEFAULT_READER_TIMEOUT_MS, "readerTimeoutMs"),
    price: options.price,
    clock,
  };
}

/**
 * Options after an update: what is not given stays. `ttl`, `namespace`, `version` and `similar` replace one given in `control`, and the other way round.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming what is unknown or wrong.
 */
export function updatedOptions(before: Settings, update: LLMCacheOptions): Settings {
  const old: Record<string, unknown> = { ...before.options, store: before.store };
  const changes: Record<string, unknown> = given(update as Record<string, unknown>);
  for (const name of ["ttl", "namespace", "version", "similar"] as const) {
    if (update.control?.[name] !== undefined) delete old[name];
    if (
      changes[name] !== undefined &&
      changes["control"] === undefined &&
      before.options.control?.[name] !== undefined
    ) {
      old["control"] = { ...(old["control"] as CacheControl), [name]: undefined };
    }
  }
  return checkOptions({ ...old, ...changes });
}

function checkStore(store: Store): void {
  if (typeof store !== "object" || store === null) throw wrong("store must be a Store.");
  const missing = (["get", "set", "add", "delete", "clear"] as const).filter(
    (name) => typeof store[name] !== "function",
  );
  if (missing.length > 0) throw wrong(`store must be a Store; it lacks ${missing.join(", ")}.`);
  if ((store.contract as number) !== 1)
    throw wrong(`store is of contract ${String(store.contract)}; this version takes 1.`);
}

/** The largest delay that a Node timer takes. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Shorter ones would be renewed all the time. */
const LEAST_LEASE_MS = 100;

function leaseMsOf(value: number): number {
  if (positive(value, "leaseMs") < LEAST_LEASE_MS)
    throw wrong(`leaseMs must be at least ${LEAST_LEASE_MS}, not ${value}.`);
  return positive(value, "leaseMs");
}

function positive(value: number, field: string): number {
  if (typeof value !== "number" || !(value > 0))
    throw wrong(`${field} must be a number above 0, not ${String(value)}.`);
  return field.endsWith("Ms") ? Math.min(value, MAX_TIMER_MS) : value;
}

function oneOf<T extends string>(value: T, allowed: readonly T[], field: string): T {
  if (!allowed.includes(value))
    throw wrong(`${field} must be one of ${allowed.join(", ")}, not ${JSON.stringify(value)}.`);
  return value;
}

function given<T extends object>(values: T): T {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T;
}

function wrong(message: string): LLMCacheError {
  return new LLMCacheError("ERR_LLMCACHE_OPTION", message);
}
