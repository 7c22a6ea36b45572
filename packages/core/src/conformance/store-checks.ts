import { randomUUID } from "node:crypto";
import { LLMCacheError } from "../errors.ts";
import type { Store } from "../store.ts";
import { ABORTING_CHECKS } from "./aborting-checks.ts";
import { ADD_CHECKS } from "./add-checks.ts";
import { BODY_CHECKS } from "./body-checks.ts";
import { CLEARING_CHECKS } from "./clearing-checks.ts";
import { CLOSING_CHECKS } from "./closing-checks.ts";
import { COPY_CHECKS } from "./copy-checks.ts";
import { HEAD_CHECKS } from "./head-checks.ts";
import { LISTING_CHECKS } from "./listing-checks.ts";
import { MANY_CHECKS } from "./many-checks.ts";
import { RACING_CHECKS } from "./racing-checks.ts";
import { SIMILAR_CHECKS } from "./similar-checks.ts";
import {
  samplesOf,
  steppedClock,
  type CheckDefinition,
  type Need,
  type Stage,
  type StoreCheckContext,
} from "./stage.ts";
import { WRITING_CHECKS } from "./writing-checks.ts";

/** One sentence of the store contract, ready to be handed to any test runner. */
export interface StoreCheck {
  /** The sentence; unique. */
  readonly name: string;
  /** Why it is not run, if it is not. */
  readonly skip?: string | undefined;
  /** Rejects with an error that says what was expected and what was found. */
  run(): Promise<void>;
}

/** Opens a store that nobody used before. The check disposes it. */
export type MakeStore = (context: StoreCheckContext) => Store | Promise<Store>;

/** Options of {@link storeChecks}. */
export interface StoreCheckOptions {
  /** Checks not to run: name → reason. A name that no check has is an error. */
  readonly skip?: Readonly<Record<string, string>> | undefined;
  /** Stores that persist: disposes the store and opens its place again. */
  readonly reopen?: ((store: Store, context: StoreCheckContext) => Store | Promise<Store>) | undefined;
  /**
   * A second store on the same backend, beside `store`. Its `context.label` is the store's label with a `2` behind it, so that
   * one prefix begins with the other: `clear` must spare it.
   */
  readonly sibling?: ((store: Store, context: StoreCheckContext) => Store | Promise<Store>) | undefined;
  /** Why `add` is not atomic on this store: the racing adds are not checked, and the event that says so is. */
  readonly nonAtomicAdd?: string | undefined;
  /** The largest entry, in bytes, that stores made by `makeStore` take, if they have such a bound. */
  readonly maxEntryBytes?: number | undefined;
  /** The store compares texts, and serves what is equal: what it does with similar entries is checked, too. @default false */
  readonly similar?: boolean | undefined;
  /** A check that is not done after so long fails, because something hangs. Milliseconds. @default 30000 */
  readonly patienceMs?: number | undefined;
}

const DEFAULT_PATIENCE_MS = 30_000;
const ROOMY_BYTES = 1024 * 1024;
/** What a head and the form of a body may cost beside the body's text. */
const OVERHEAD_BYTES = 8 * 1024;

const DEFINITIONS: readonly CheckDefinition[] = [
  ...BODY_CHECKS,
  ...HEAD_CHECKS,
  ...COPY_CHECKS,
  ...WRITING_CHECKS,
  ...ADD_CHECKS,
  ...RACING_CHECKS,
  ...MANY_CHECKS,
  ...LISTING_CHECKS,
  ...CLEARING_CHECKS,
  ...ABORTING_CHECKS,
  ...CLOSING_CHECKS,
  ...SIMILAR_CHECKS,
];

/**
 * Every sentence of the store contract as a check, for stores of any author and tests of any runner:
 *
 * ```ts
 * for (const check of storeChecks(() => new MyStore())) test(check.name, { skip: check.skip !== undefined }, check.run);
 * ```
 *
 * Optional methods that a store does not have are not checked. Checks do not depend on each other and may run at the same
 * time. Nothing in them sleeps.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` where `skip` names a check that does not exist.
 */
export function storeChecks(makeStore: MakeStore, options: StoreCheckOptions = {}): StoreCheck[] {
  const { skip = {} } = options;
  for (const name of Object.keys(skip)) {
    if (DEFINITIONS.some((definition) => definition.name === name)) continue;
    throw new LLMCacheError("ERR_LLMCACHE_OPTION", `skip names ${JSON.stringify(name)}, and there is no such check.`);
  }
  return DEFINITIONS.map((definition) => {
    const reason = skip[definition.name] ?? unmet(definition.needs, options);
    return {
      name: definition.name,
      ...(reason === undefined ? {} : { skip: reason }),
      run: () => patiently(definition, options, () => runOnStage(definition, makeStore, options)),
    };
  });
}

function unmet(need: Need | undefined, options: StoreCheckOptions): string | undefined {
  if (need === undefined) return undefined;
  if (need === "atomicAdd") return options.nonAtomicAdd;
  if (need === "similar") return options.similar === true ? undefined : "the option similar is not given";
  return options[need] === undefined ? `the option ${need} is not given` : undefined;
}

async function runOnStage(
  definition: CheckDefinition,
  makeStore: MakeStore,
  options: StoreCheckOptions,
): Promise<void> {
  const clock = steppedClock();
  const context: StoreCheckContext = { clock: clock.now, label: `check-${randomUUID().slice(0, 13)}` };
  const opened: Store[] = [];
  const open = async (made: Store | Promise<Store> | undefined): Promise<Store> => {
    const store = await made;
    if (store === undefined)
      throw new LLMCacheError("ERR_LLMCACHE_OPTION", `The check needs the option ${definition.needs ?? ""}.`);
    opened.push(store);
    return store;
  };
  const store = await open(makeStore(context));
  const { maxEntryBytes = Number.POSITIVE_INFINITY } = options;
  const stage: Stage = {
    store,
    context,
    advance: clock.advance,
    maxEntryBytes,
    roomyBytes: Math.max(1, Math.min(ROOMY_BYTES, maxEntryBytes - OVERHEAD_BYTES)),
    reopen: () => open(options.reopen?.(store, context)),
    sibling: () => open(options.sibling?.(store, { ...context, label: `${context.label}2` })),
    ...samplesOf(context),
  };
  let failure: { readonly error: unknown } | undefined;
  try {
    await definition.run(stage);
  } catch (error) {
    failure = { error };
  }
  const closing = await Promise.allSettled(opened.toReversed().map((one) => one[Symbol.asyncDispose]()));
  if (failure) throw failure.error;
  for (const result of closing) if (result.status === "rejected") throw result.reason;
}

/** Whatever hangs becomes an error that names the check. */
async function patiently(
  definition: CheckDefinition,
  options: StoreCheckOptions,
  run: () => Promise<void>,
): Promise<void> {
  const { patienceMs = DEFAULT_PATIENCE_MS } = options;
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Error(`"${definition.name}" was not done after ${patienceMs} ms: the store hangs.`)),
    patienceMs,
  );
  try {
    await Promise.race([run(), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
