import type { Asked } from "./load.ts";

/** What callers saw in one phase. */
export interface Figures {
  readonly calls: number;
  /** Answered with what was stored. */
  readonly hits: number;
  /** Answered with what the provider was just giving to another caller. */
  readonly joined: number;
  /** The provider was asked. */
  readonly asked: number;
  readonly thrown: number;
  readonly addedMs: { readonly p50: number; readonly p99: number; readonly max: number };
}

/** Calls that are looked at together: how many of them the cache answers. */
const WINDOW = 40;
/** As before, or nearly. */
const NEARLY = 0.8;

export function figuresOf(asked: readonly Asked[]): Figures {
  const added = asked.map(({ addedMs }) => Math.max(0, addedMs)).sort((a, b) => a - b);
  const at = (share: number): number => added[Math.min(added.length - 1, Math.floor(added.length * share))] ?? 0;
  return {
    calls: asked.length,
    hits: asked.filter(isHit).length,
    joined: asked.filter(({ status }) => status === "joined").length,
    asked: asked.filter(({ status }) => status === "miss" || status === "bypass").length,
    thrown: asked.filter(({ status }) => status === "thrown").length,
    addedMs: { p50: at(0.5), p99: at(0.99), max: added.at(-1) ?? 0 },
  };
}

export function shareOfHits(asked: readonly Asked[]): number {
  return asked.length === 0 ? 0 : asked.filter(isHit).length / asked.length;
}

/** How long it took from `since` until the cache answered nearly as many calls as it does usually; `undefined`: not yet. */
export function recoveredAfterMs(asked: readonly Asked[], since: number, usual: number): number | undefined {
  const later = asked.filter(({ startedAt }) => startedAt >= since).sort((a, b) => a.endedAt - b.endedAt);
  for (let end = WINDOW; end <= later.length; end++) {
    if (shareOfHits(later.slice(end - WINDOW, end)) >= NEARLY * usual) return later[end - 1]!.endedAt - since;
  }
  return undefined;
}

function isHit({ status }: Asked): boolean {
  return status === "hit" || status === "stale";
}
