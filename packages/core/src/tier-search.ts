import type { Entry } from "./entry.ts";
import type { CacheKey } from "./key.ts";
import type { StoreCallOptions, StoreHit } from "./store.ts";
import type { Tier } from "./tier.ts";

type Accept = StoreCallOptions["accept"];

/** A key that is looked for, and what has become of it. */
export class Search {
  readonly key: CacheKey;
  hit: StoreHit | undefined;
  /** Place of the tier that the hit came from. */
  from = 0;
  /** Copies of the key's own id that may not be served. */
  refused: Map<Tier, Entry> | undefined;
  /** Why some tiers could not be asked. */
  failures: Map<Tier, unknown> | undefined;
  /** Copies from before then were out of date in the tier that is being asked, when it was asked. */
  outdatedBefore = 0;
  /** What `accept` threw, which is not the store's failure. */
  thrown: { readonly error: unknown } | undefined;
  #judged: { readonly tier: Tier; readonly entry: Entry; readonly verdict: boolean | Promise<boolean> } | undefined;

  constructor(key: CacheKey) {
    this.key = key;
  }

  /** May this candidate be served? One verdict for each, though the tier's store asks for it as well as we do. */
  judge(tier: Tier, hit: StoreHit, accept: Accept): boolean | Promise<boolean> {
    const { entry } = hit;
    if (this.#judged?.entry === entry && this.#judged.tier === tier) return this.#judged.verdict;
    const isOutdated = tier.outdated.has(entry) || (entry.id === this.key.id && entry.createdAt < this.outdatedBefore);
    const verdict = isOutdated ? false : this.#accepted(tier, hit, accept);
    const settled =
      typeof verdict === "boolean"
        ? this.#settled(tier, entry, verdict)
        : verdict.then(
            (isAccepted) => this.#settled(tier, entry, isAccepted),
            (error: unknown) => this.#threw(error),
          );
    this.#judged = { tier, entry, verdict: settled };
    return settled;
  }

  /** What the tier found is the hit, if it may be served. */
  consider(tier: Tier, hit: StoreHit | undefined, isExact: boolean, accept: Accept): void | Promise<void> {
    // What has another id is not what was asked for, whatever the store thinks.
    if (hit === undefined || (isExact && hit.entry.id !== this.key.id)) return undefined;
    const take = (isAccepted: boolean): void => {
      if (isAccepted) this.hit = tier.named(hit);
    };
    const verdict = this.judge(tier, hit, accept);
    return typeof verdict === "boolean" ? take(verdict) : verdict.then(take);
  }

  failed(tier: Tier, error: unknown): void {
    this.failures ??= new Map<Tier, unknown>();
    this.failures.set(tier, error);
  }

  #accepted(tier: Tier, hit: StoreHit, accept: Accept): boolean | Promise<boolean> {
    try {
      return accept === undefined || accept(tier.named(hit), this.key);
    } catch (error) {
      return this.#threw(error);
    }
  }

  #settled(tier: Tier, entry: Entry, isAccepted: boolean): boolean {
    if (!isAccepted && entry.id === this.key.id) {
      this.refused ??= new Map<Tier, Entry>();
      this.refused.set(tier, entry);
    }
    return isAccepted;
  }

  #threw(error: unknown): false {
    this.thrown = { error };
    return false;
  }
}

/**
 * Looks through the tiers, near to far: first exactly, in all of them, then by similarity, where a key has a text. What was found or
 * refused, and which tiers failed, stands in each search afterwards. Rejects with the signal's reason if it is aborted, and with what
 * `accept` throws.
 */
export async function search(
  tiers: readonly Tier[],
  searches: readonly Search[],
  options: StoreCallOptions = {},
): Promise<void> {
  for (const isExact of [true, false]) {
    for (const [place, tier] of tiers.entries()) {
      if (!isExact && tier.store.match !== "similar") continue;
      const open = searches.filter(({ hit, key }) => hit === undefined && (isExact || key.text !== undefined));
      const [only] = open;
      if (only === undefined) break;
      options.signal?.throwIfAborted();
      // What was mended while it was being read may have been read before.
      for (const one of open) one.outdatedBefore = tier.outdated.before(one.key.id);
      const failures =
        open.length === 1
          ? [await searchOne(tier, only, isExact, options)]
          : tier.store.getMany === undefined
            ? await Promise.all(open.map((one) => searchOne(tier, one, isExact, options)))
            : [await searchMany(tier, open, isExact, options)];
      note(tier, place, open, failures, options.signal);
    }
  }
}

/** How one look at a tier failed, if it did. */
type Failure = { readonly error: unknown } | undefined;

async function searchOne(
  tier: Tier,
  one: Search,
  isExact: boolean,
  { signal, accept }: StoreCallOptions,
): Promise<Failure> {
  let hit: StoreHit | undefined;
  try {
    hit = await tier.store.get(keyOf(one, isExact), { signal, accept: (each) => one.judge(tier, each, accept) });
  } catch (error) {
    one.failed(tier, error);
    return { error };
  }
  const considered = one.consider(tier, hit, isExact, accept);
  if (considered !== undefined) await considered;
  return undefined;
}

async function searchMany(
  tier: Tier,
  open: readonly Search[],
  isExact: boolean,
  { signal, accept }: StoreCallOptions,
): Promise<Failure> {
  const byId = new Map(open.map((one) => [one.key.id, one] as const));
  let hits: readonly (StoreHit | undefined)[] | undefined;
  try {
    hits = await tier.store.getMany?.(
      open.map((one) => keyOf(one, isExact)),
      { signal, accept: (hit, key) => byId.get(key.id)?.judge(tier, hit, accept) ?? false },
    );
  } catch (error) {
    for (const one of open) one.failed(tier, error);
    return { error };
  }
  await Promise.all(open.map(async (one, index) => one.consider(tier, hits?.[index], isExact, accept)));
  return undefined;
}

function keyOf({ key }: Search, isExact: boolean): CacheKey {
  return isExact ? { id: key.id } : key;
}

function note(
  tier: Tier,
  place: number,
  open: readonly Search[],
  failures: readonly Failure[],
  signal: AbortSignal | undefined,
): void {
  const failed = failures.find((failure) => failure !== undefined);
  if (failed === undefined) tier.worked("read");
  else {
    tier.failed("read", failed.error, signal);
    if (signal?.aborted === true) throw signal.reason;
  }
  for (const one of open) {
    if (one.thrown !== undefined) throw one.thrown.error;
    if (one.hit !== undefined) one.from = place;
  }
}
