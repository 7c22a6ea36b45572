import type { Entry } from "./entry.ts";
import { mayReplace } from "./map-store.ts";
import { orAborted } from "./or-aborted.ts";
import type { StoreAddOptions } from "./store.ts";
import { attempt, errorOf, look, type Stack } from "./tier-writing.ts";
import type { Tier } from "./tier.ts";

/**
 * The origin decides, after all others were looked at; they get a copy in the background, and the turn ends with that. Rejects if the origin
 * fails; others that fail are left out.
 */
export async function addIfAbsent(
  stack: Stack,
  origin: Tier,
  entry: Entry,
  { signal, over }: StoreAddOptions = {},
): Promise<boolean> {
  const { tiers, changes, fills, clock } = stack;
  const turn = changes.begin([entry.id]);
  let spreading: Promise<unknown> | undefined;
  try {
    await orAborted(turn.ready, signal);
    const others = tiers.filter((tier) => tier !== origin);
    const looks = await Promise.all(others.map((tier) => look(tier, entry.id, signal)));
    signal?.throwIfAborted();
    for (const { tier, there } of looks)
      if (there !== undefined && !tier.outdated.has(there) && !mayReplace(there, entry, over)) return false;
    let isAdded = false;
    const failed = await attempt(stack, origin, [entry], signal, async () => {
      isAdded = await addAt(origin, origin.copyOf(entry, clock()), { signal, over });
    });
    if (failed !== undefined) throw errorOf("write", new Map([[origin, failed.cause]]), signal);
    if (!isAdded) return false;
    origin.outdated.forget(entry.id);
    spreading = Promise.all(
      looks
        .filter(({ tier }) => tier.takes(entry))
        .map(({ tier, there, isSure }) => {
          // Until the new one has come.
          if (there !== undefined || !isSure) tier.outdated.note(entry.id, entry.createdAt);
          return fills.offer({ tier, entry, over: there, isCurrent: () => true });
        }),
    );
    return true;
  } finally {
    if (spreading === undefined) turn.end();
    else void spreading.then(turn.end);
  }
}

async function addAt({ store, outdated }: Tier, entry: Entry, options: StoreAddOptions): Promise<boolean> {
  if (await store.add(entry, options)) return true;
  if (!outdated.mayHave(entry.id)) return false;
  const there = (await store.get({ id: entry.id }, options))?.entry;
  return there !== undefined && outdated.has(there) && store.add(entry, { ...options, over: there });
}
