import type { BackFills } from "./back-fill.ts";
import type { Changes } from "./changes.ts";
import type { Entry } from "./entry.ts";
import { isLLMCacheError, LLMCacheError } from "./errors.ts";
import { orAborted } from "./or-aborted.ts";
import { tierError, type Tier } from "./tier.ts";

/** What the parts of one tiered store share. */
export interface Stack {
  readonly tiers: readonly Tier[];
  readonly written: readonly Tier[];
  readonly changes: Changes;
  readonly fills: BackFills;
  readonly clock: () => number;
}

type Signal = AbortSignal | undefined;

/** Stores in all tiers that take it; where that fails, older copies are out of date. Rejects if some entry was stored nowhere. */
export async function setEverywhere(stack: Stack, given: readonly Entry[], signal: Signal): Promise<void> {
  // Of one id the last counts, as if they had come one after the other.
  const entries = [...new Map(given.map((entry) => [entry.id, entry] as const)).values()];
  const turn = stack.changes.begin(entries.map(({ id }) => id));
  try {
    await orAborted(turn.ready, signal);
    const failures = new Map<Tier, unknown>();
    const stored = new Set<string>();
    const missed: (readonly [Tier, Entry])[] = [];
    const setIn = async (
      tier: Tier,
      some: readonly Entry[],
      set: (copies: Entry[]) => Promise<void>,
    ): Promise<void> => {
      const failed = await attempt(stack, tier, some, signal, () =>
        set(some.map((entry) => tier.copyOf(entry, stack.clock()))),
      );
      if (failed !== undefined) failures.set(tier, failed.cause);
      for (const entry of some) {
        if (failed !== undefined) missed.push([tier, entry]);
        else {
          stored.add(entry.id);
          tier.outdated.forget(entry.id);
        }
      }
    };
    await Promise.all(
      stack.written.map(async (tier) => {
        const { store } = tier;
        const own = entries.filter((entry) => tier.takes(entry));
        if (own.length > 1 && store.setMany !== undefined)
          return setIn(tier, own, async (copies) => store.setMany?.(copies, { signal }));
        await Promise.all(
          own.map((entry) => setIn(tier, [entry], async ([copy]) => store.set(copy as Entry, { signal }))),
        );
      }),
    );
    for (const [tier, { id, createdAt }] of missed) if (stored.has(id)) tier.outdated.note(id, createdAt);
    if (stored.size < entries.length) throw errorOf("write", failures, signal);
  } finally {
    turn.end();
  }
}

/**
 * Deletes in those of these tiers that are written to, only copies from before `olderThan` if it is given; what the others hold is not
 * served by this process any more. Rejects if one failed.
 */
export async function deleteIn(
  stack: Stack,
  tiers: readonly Tier[],
  { id, olderThan }: { readonly id: string; readonly olderThan?: number },
  signal: Signal,
): Promise<void> {
  const turn = stack.changes.begin([id]);
  try {
    await orAborted(turn.ready, signal);
    const before = olderThan ?? stack.clock() + 1;
    const failures = new Map<Tier, unknown>();
    await Promise.all(
      tiers.map(async (tier) => {
        if (!tier.isWritten) return tier.outdated.note(id, before);
        if (olderThan !== undefined) {
          const { there, isSure } = await look(tier, id, signal);
          if (isSure && !(there !== undefined && there.createdAt < olderThan)) return;
        }
        const failed = await attempt(stack, tier, [{ id }], signal, () => tier.store.delete({ id }, { signal }));
        if (failed === undefined) return tier.outdated.forget(id);
        tier.outdated.note(id, before);
        failures.set(tier, failed.cause);
      }),
    );
    if (failures.size > 0) throw errorOf("delete", failures, signal);
  } finally {
    turn.end();
  }
}

/** Clears these tiers. Rejects if one failed. */
export async function clearIn(stack: Stack, tiers: readonly Tier[], signal: Signal): Promise<void> {
  const end = stack.changes.beginAll();
  try {
    stack.fills.dropWaiting();
    const failures = new Map<Tier, unknown>();
    await Promise.all(
      tiers.map(async (tier) => {
        const failed = await attempt(stack, tier, undefined, signal, () => tier.store.clear({ signal }));
        if (failed === undefined) return tier.outdated.forgetAll();
        failures.set(tier, failed.cause);
        // One that cannot be cleared was asked in vain.
        if (!isLLMCacheError(failed.cause, "ERR_LLMCACHE_UNSUPPORTED")) tier.outdated.noteAll(stack.clock());
      }),
    );
    if (failures.size > 0) throw errorOf("clear", failures, signal);
  } finally {
    end();
  }
}

/** Tells every tier that has similar hits, after the copies that are on their way. Rejects if one failed, or cannot be told. */
export async function rejectPairIn(
  stack: Stack,
  asked: { readonly id: string },
  { id }: { readonly id: string },
  signal: Signal,
): Promise<void> {
  const failures = new Map<Tier, unknown>();
  await Promise.all(
    stack.tiers
      .filter(({ store }) => store.match === "similar")
      .map(async (tier) => {
        const { store, isWritten, name } = tier;
        if (!isWritten || store.rejectPair === undefined) {
          const why = isWritten ? "cannot remember rejected pairs" : "is only read";
          failures.set(tier, new LLMCacheError("ERR_LLMCACHE_UNSUPPORTED", `the tier ${name} ${why}.`));
          return;
        }
        const failed = await attempt(stack, tier, [{ id }], signal, async () =>
          store.rejectPair?.(asked, { id }, { signal }),
        );
        if (failed !== undefined) failures.set(tier, failed.cause);
      }),
  );
  if (failures.size > 0) throw errorOf("reject a pair", failures, signal);
}

/** Writes to a tier after the copies of these ids (or all) that are on their way to it. Why it failed, if it did; the tier tells it. */
export async function attempt(
  { fills }: Stack,
  tier: Tier,
  entries: readonly { readonly id: string }[] | undefined,
  signal: Signal,
  write: () => Promise<void>,
): Promise<{ readonly cause: unknown } | undefined> {
  try {
    const ids = entries?.map(({ id }) => id);
    await orAborted(fills.idle(tier, ids), signal);
    await orAborted(write(), signal);
    tier.worked("write");
    return undefined;
  } catch (cause) {
    tier.failed("write", cause, signal, entries?.length === 1 ? entries[0]?.id : undefined);
    return { cause };
  }
}

/** What a tier has under the entry's id; not sure if it could not be asked. */
export async function look(
  tier: Tier,
  id: string,
  signal: Signal,
): Promise<{ readonly tier: Tier; readonly there: Entry | undefined; readonly isSure: boolean }> {
  try {
    const hit = await orAborted(tier.store.get({ id }, { signal }), signal);
    tier.worked("read");
    return { tier, there: hit?.entry.id === id ? hit.entry : undefined, isSure: true };
  } catch (error) {
    tier.failed("read", error, signal, id);
    return { tier, there: undefined, isSure: false };
  }
}

export function errorOf(what: string, failures: ReadonlyMap<Tier, unknown>, signal: Signal): unknown {
  return signal?.aborted === true ? signal.reason : tierError(what, failures);
}
