import { Deadlines } from "./deadline.ts";
import type { Entry } from "./entry.ts";
import { LLMCacheError } from "./errors.ts";
import { ownEntry } from "./map-store.ts";
import type { StoreAddOptions } from "./store.ts";
import type { Tier } from "./tier.ts";

/** A copy that a tier is to get. */
export interface Fill {
  readonly tier: Tier;
  readonly entry: Entry;
  /** What is there and may be replaced. */
  readonly over: StoreAddOptions["over"];
  /** Asked at the last moment: may what was read still be written? */
  readonly isCurrent: () => boolean;
}

interface Slot extends Fill {
  readonly done: PromiseWithResolvers<void>;
  isUnderWay: boolean;
}

const MAX_UNDER_WAY = 64;
/** What waits beyond that is left out: the next hit brings it again. */
const MAX_WAITING = 4096;
const MAX_WAITING_BYTES = 64 * 1024 * 1024;
/** A tier that takes longer has failed. */
const PATIENCE_MS = 10_000;

/**
 * Copies on their way into nearer tiers, in the background: so many at a time, and one of each id in each tier. They are added over
 * what was refused there and nothing else. Nothing here rejects: a tier that fails tells it.
 */
export class BackFills {
  readonly #clock: () => number;
  readonly #deadlines: Deadlines = new Deadlines();
  readonly #slots: Map<Tier, Map<string, Slot>> = new Map<Tier, Map<string, Slot>>();
  readonly #waiting: Set<Slot> = new Set<Slot>();
  #waitingBytes = 0;
  #underWay = 0;

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** Fulfilled when the copy is there, or will not come. */
  async offer(fill: Fill): Promise<void> {
    const { tier, entry } = fill;
    const { id, body } = entry;
    const slots = this.#slotsOf(tier);
    if (slots.has(id)) return;
    const isBusy = this.#underWay >= MAX_UNDER_WAY;
    if (isBusy && (this.#waiting.size >= MAX_WAITING || this.#waitingBytes + body.size > MAX_WAITING_BYTES)) return;
    const own = ownCopy(entry);
    if (own === undefined) return;
    const slot = { ...fill, entry: own, done: Promise.withResolvers<void>(), isUnderWay: false };
    slots.set(id, slot);
    if (isBusy) {
      this.#waiting.add(slot);
      this.#waitingBytes += body.size;
    } else this.#start(slot);
    await slot.done.promise;
  }

  /** Fulfilled when none is under way to this tier, or none of these ids; `undefined` if that is now. */
  idle(tier: Tier, ids?: readonly string[]): Promise<unknown> | undefined {
    const slots = this.#slotsOf(tier);
    const busy: Promise<void>[] = [];
    for (const slot of ids === undefined ? slots.values() : ids.map((id) => slots.get(id)))
      if (slot?.isUnderWay === true) busy.push(slot.done.promise);
    return busy.length === 0 ? undefined : Promise.all(busy);
  }

  /** What only waits is left out. */
  dropWaiting(): void {
    for (const slot of this.#waiting) this.#end(slot);
    this.#waiting.clear();
    this.#waitingBytes = 0;
  }

  async settled(): Promise<void> {
    for (;;) {
      const slots = [...this.#slots.values()].flatMap((each) => [...each.values()]);
      if (slots.length === 0) return;
      await Promise.all(slots.map(({ done }) => done.promise));
    }
  }

  #slotsOf(tier: Tier): Map<string, Slot> {
    let slots = this.#slots.get(tier);
    if (slots === undefined) {
      slots = new Map<string, Slot>();
      this.#slots.set(tier, slots);
    }
    return slots;
  }

  #start(slot: Slot): void {
    slot.isUnderWay = true;
    this.#underWay++;
    void this.#fill(slot).then(() => {
      this.#underWay--;
      this.#end(slot);
      this.#startWaiting();
    });
  }

  #startWaiting(): void {
    for (const slot of this.#waiting) {
      if (this.#underWay >= MAX_UNDER_WAY) return;
      this.#waiting.delete(slot);
      this.#waitingBytes -= slot.entry.body.size;
      this.#start(slot);
    }
  }

  #end({ tier, entry, done }: Slot): void {
    this.#slots.get(tier)?.delete(entry.id);
    done.resolve();
  }

  async #fill({ tier, entry, over, isCurrent }: Slot): Promise<void> {
    if (!isCurrent()) return;
    const now = this.#clock();
    const copy = tier.copyOf(entry, now);
    if (copy.deleteAt !== undefined && copy.deleteAt <= now) return;
    try {
      const isStored = await this.#deadlines.run(
        PATIENCE_MS,
        () => new LLMCacheError("ERR_LLMCACHE_STORE", `A copy took longer than ${PATIENCE_MS} ms.`),
        (signal) => tier.store.add(copy, { signal, over }),
      );
      if (isStored) tier.outdated.forget(entry.id);
      tier.worked("write");
    } catch (error) {
      tier.failed("write", error, undefined, entry.id);
    }
  }
}

/** Whoever was given the entry may change it while a copy is on its way. Nothing if it cannot be copied, for want of being JSON. */
function ownCopy(entry: Entry): Entry | undefined {
  if (Object.isFrozen(entry)) return entry;
  try {
    return ownEntry(entry, entry.body);
  } catch {
    return undefined;
  }
}
