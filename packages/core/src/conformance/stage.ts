import { sampleEntry, sampleId, type SampleOverrides } from "./sample.ts";
import type { Entry } from "../entry.ts";
import type { Store, StoreHit } from "../store.ts";

/** What a store under test is made from: one context a check. */
export interface StoreCheckContext {
  /** The time to give to the store, if it takes a clock: ms since the epoch. A check moves it on, never back. */
  readonly clock: () => number;
  /** A fresh name of lower-case letters, digits and hyphens: the store's prefix, folder, bucket … */
  readonly label: string;
}

/** What a check needs besides the store, and is skipped without. */
export type Need = "reopen" | "sibling" | "maxEntryBytes" | "atomicAdd" | "nonAtomicAdd" | "similar";

/** A check before it is bound to a store. */
export interface CheckDefinition {
  readonly name: string;
  readonly needs?: Need;
  run(stage: Stage): Promise<void>;
}

/** What a check works with. */
export interface Stage {
  readonly store: Store;
  readonly context: StoreCheckContext;
  /** Moves the clock on. */
  readonly advance: (ms: number) => void;
  /** Bytes that a body of the store under test may have, as far as the checks want to know. */
  readonly roomyBytes: number;
  readonly maxEntryBytes: number;
  /** Closes the store and opens its place again. */
  readonly reopen: () => Promise<Store>;
  /** A store beside this one. */
  readonly sibling: () => Promise<Store>;
  /** An id of this check. */
  readonly id: (name: string | number) => string;
  /** An entry of this check, created now. */
  readonly entry: (name: string | number, overrides?: SampleOverrides) => Entry;
}

/** A clock that stands still until it is moved. */
export interface SteppedClock {
  readonly now: () => number;
  readonly advance: (ms: number) => void;
}

/** Starts at the real time, because backends that drop entries by themselves go by theirs. */
export function steppedClock(): SteppedClock {
  let now = Date.now();
  return {
    now: () => now,
    advance: (ms) => {
      now += ms;
    },
  };
}

/** {@link Stage.id} and {@link Stage.entry}: ids are derived from the label, so that runs never meet each other's leftovers. */
export function samplesOf(context: StoreCheckContext): Pick<Stage, "id" | "entry"> {
  const id = (name: string | number): string => sampleId(`${context.label} ${name}`);
  return { id, entry: (name, overrides) => sampleEntry({ id: id(name), createdAt: context.clock(), ...overrides }) };
}

/** What the store has under an id. */
export async function found(store: Store, id: string): Promise<Entry | undefined> {
  const hit: StoreHit | undefined = await store.get({ id });
  return hit?.entry;
}
