import { durationMs, type Duration } from "./duration.ts";
import { OptionChecks } from "./option-checks.ts";
import type { Store } from "./store.ts";
import { Tier } from "./tier.ts";

/** A tier of a `TieredStore`. */
export interface TierOptions {
  readonly store: Store;
  /** `false`: it is only read. @default true */
  readonly write?: boolean | undefined;
  /** How long a copy that is written here lives at most; `deleteAt` and `staleAt` are cut to it. @default no bound */
  readonly maxTtl?: Duration | undefined;
  /** For hits, events and messages; unique. @default the store's name */
  readonly name?: string | undefined;
}

const KNOWN: Readonly<Record<keyof TierOptions, true>> = { store: true, write: true, maxTtl: true, name: true };
const METHODS = ["get", "set", "add", "delete", "clear"] as const;
export const check: OptionChecks = new OptionChecks("TieredStore");
interface CheckedTier {
  readonly store: Store;
  readonly name: string | undefined;
  readonly isWritten: boolean;
  readonly maxTtlMs: number;
}

/** @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming the tier and the field. */
export function checkedTiers(given: readonly (Store | TierOptions)[]): readonly Tier[] {
  if (!Array.isArray(given) || given.length === 0)
    throw check.error("tiers must be a list of stores, near to far, and not an empty one.");
  const checked = given.map((tier: Store | TierOptions, index) => checkedTier(tier, `tiers[${index}]`));
  for (const [index, { store }] of checked.entries()) {
    const first = checked.findIndex((tier) => tier.store === store);
    if (first < index) throw check.error(`tiers[${index}] is the same store as tiers[${first}].`);
  }
  const names = namesOf(checked);
  const origin = checked.findLastIndex(({ isWritten }) => isWritten);
  return checked.map((tier, index) => new Tier({ ...tier, name: names[index] as string, isOrigin: index === origin }));
}

function checkedTier(given: Store | TierOptions, field: string): CheckedTier {
  if (typeof given !== "object" || given === null) throw check.error(`${field} must be a store, or { store, … }.`);
  if ("contract" in given)
    return { store: checkedStore(given, field), name: undefined, isWritten: true, maxTtlMs: Number.POSITIVE_INFINITY };
  for (const member of Object.keys(given)) {
    if (!Object.hasOwn(KNOWN, member))
      throw check.error(`${field}.${member} is no option; known are ${Object.keys(KNOWN).join(", ")}.`);
  }
  const { store, write = true, maxTtl = Number.POSITIVE_INFINITY, name } = given;
  check.flag(`${field}.write`, write);
  if (name !== undefined && (typeof name !== "string" || name === ""))
    throw check.error(`${field}.name must be a text, not ${JSON.stringify(name)}.`);
  const maxTtlMs = durationMs(maxTtl, `TieredStore: ${field}.maxTtl`);
  if (maxTtlMs === 0)
    throw check.error(
      `${field}.maxTtl must be above 0: nothing would be kept. For a tier that is only read give write: false.`,
    );
  return { store: checkedStore(store, `${field}.store`), name, isWritten: write, maxTtlMs };
}

function checkedStore(store: Store, field: string): Store {
  if (typeof store !== "object" || store === null) throw check.error(`${field} must be a store.`);
  const missing = METHODS.filter((method) => typeof store[method] !== "function");
  if (missing.length > 0) throw check.error(`${field} must be a store; it lacks ${missing.join(", ")}.`);
  if ((store.contract as number) !== 1)
    throw check.error(`${field} is of contract ${String(store.contract)}; this version takes 1.`);
  return store;
}

/** Given names as they are, others with a number behind where they are taken. */
function namesOf(tiers: readonly CheckedTier[]): readonly string[] {
  const taken = new Set<string>();
  for (const [index, { name }] of tiers.entries()) {
    if (name === undefined) continue;
    if (taken.has(name)) throw check.error(`tiers[${index}].name: there are two tiers called ${JSON.stringify(name)}.`);
    taken.add(name);
  }
  return tiers.map(({ name, store }) => {
    if (name !== undefined) return name;
    let free = store.name;
    for (let count = 2; taken.has(free); count++) free = `${store.name}-${count}`;
    taken.add(free);
    return free;
  });
}
