import type { EffectiveControl } from "./control.ts";
import type { EntryHead } from "./entry.ts";

/** Why a stored answer is not served: part of a `miss` event. */
export type Staleness = "expired" | "too-old" | "no-time" | "from-the-future";

/** A clock of another machine, or one set back, may be this far behind the one that dated an entry. */
export const MAX_CLOCK_SKEW_MS = 60_000;

/** No Date lies beyond: a lifetime that reaches further never ends. */
const MAX_INSTANT = 8.64e15;

/** Milliseconds since the answer was complete; not negative. */
export function ageMs(head: EntryHead, now: number): number {
  return Math.max(0, now - head.createdAt);
}

/** May this entry be served? `undefined` if so, else why not. */
export function staleness(
  head: EntryHead,
  control: Pick<EffectiveControl, "sMaxAgeMs">,
  now: number,
): Staleness | undefined {
  if (
    !isInstant(now) ||
    !isInstant(head.createdAt) ||
    !optionalInstant(head.staleAt) ||
    !optionalInstant(head.deleteAt)
  )
    return "no-time";
  const limited = head.staleAt !== undefined || head.deleteAt !== undefined || control.sMaxAgeMs !== undefined;
  // Dated by a clock that was set back since: its age is unknown, and waiting for `staleAt` could take years.
  if (limited && head.createdAt - now > MAX_CLOCK_SKEW_MS) return "from-the-future";
  if (head.staleAt !== undefined && now >= head.staleAt) return "expired";
  if (head.deleteAt !== undefined && now >= head.deleteAt) return "expired";
  if (control.sMaxAgeMs !== undefined && (control.sMaxAgeMs === 0 || ageMs(head, now) > control.sMaxAgeMs))
    return "too-old";
  return undefined;
}

/** What an expired answer may be served for all the same; see {@link staleUse}. */
export interface StaleUse {
  /** At once, refreshing it. */
  readonly whileRevalidating: boolean;
  /** If the provider fails. */
  readonly ifError: boolean;
}

const NO_USE: StaleUse = { whileRevalidating: false, ifError: false };

/** Of an expired answer: may it be served all the same (RFC 5861)? Not beyond its `deleteAt`, nor above the age that the call accepts. */
export function staleUse(
  head: EntryHead,
  control: Pick<EffectiveControl, "sMaxAgeMs" | "staleWhileRevalidateMs" | "staleIfErrorMs">,
  now: number,
): StaleUse {
  const { staleAt } = head;
  if (control.staleWhileRevalidateMs === 0 && control.staleIfErrorMs === 0) return NO_USE;
  if (staleAt === undefined || staleness({ ...head, staleAt: undefined }, control, now) !== undefined) return NO_USE;
  return {
    whileRevalidating: now < staleAt + control.staleWhileRevalidateMs,
    ifError: now < staleAt + control.staleIfErrorMs,
  };
}

/** The instants of an answer that is complete at `createdAt`; `undefined` if it is not to be stored at all. */
export function lifetime(
  control: Pick<EffectiveControl, "ttlMs" | "staleWhileRevalidateMs" | "staleIfErrorMs">,
  keepStaleMs: number,
  createdAt: number,
): { readonly staleAt?: number; readonly deleteAt?: number } | undefined {
  if (control.ttlMs === 0) return undefined;
  const staleAt = createdAt + control.ttlMs;
  if (!(staleAt <= MAX_INSTANT)) return {};
  const deleteAt = staleAt + Math.max(keepStaleMs, control.staleWhileRevalidateMs, control.staleIfErrorMs);
  return deleteAt <= MAX_INSTANT ? { staleAt, deleteAt } : { staleAt };
}

function isInstant(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

function optionalInstant(value: unknown): boolean {
  return value === undefined || isInstant(value);
}
