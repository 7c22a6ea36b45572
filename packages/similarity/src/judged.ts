import { share, type Share } from "./intervals.ts";

/** A pair, scored. */
export interface Judged {
  readonly same: boolean;
  readonly kind: string;
  readonly similarity: number;
  /** The guard's rule that refused it. */
  readonly refusedBy: string | undefined;
}

/** What happens at one threshold. */
export interface OperatingPoint {
  readonly threshold: number;
  /** Of the pairs that are the same, how many are served. */
  readonly hits: Share;
  /** Of the pairs that are not, how many are. */
  readonly falseHits: Share;
}

export function pointAt(pairs: readonly Judged[], threshold: number): OperatingPoint {
  const [same, other] = [pairs.filter((pair) => pair.same), pairs.filter((pair) => !pair.same)];
  const served = (list: readonly Judged[]) =>
    list.filter(({ refusedBy, similarity }) => refusedBy === undefined && similarity >= threshold).length;
  return { threshold, hits: share(served(same), same.length), falseHits: share(served(other), other.length) };
}

/**
 * The lowest useful threshold with at most `allowed` false hits: the similarity of a pair that is served there. `undefined` if none
 * keeps them so few, or if it would serve nothing.
 */
export function thresholdFor(pairs: readonly Judged[], allowed: number): number | undefined {
  const passing = pairs.filter(({ refusedBy }) => refusedBy === undefined);
  const falseOnes = passing
    .filter(({ same }) => !same)
    .map(({ similarity }) => similarity)
    .sort((x, y) => y - x);
  /** What must stay below the threshold. */
  const above = falseOnes[allowed] ?? Number.NEGATIVE_INFINITY;
  const useful = passing
    .filter(({ same, similarity }) => same && similarity > above)
    .map(({ similarity }) => similarity);
  return useful.length === 0 ? undefined : useful.reduce((least, each) => Math.min(least, each));
}

/**
 * Area under the curve of hits against false hits: how often a pair that is the same stands above one that is not. What the guard
 * refuses stands below everything.
 */
export function areaUnderCurve(pairs: readonly Judged[]): number {
  const scored = pairs
    .map(({ same, similarity, refusedBy }) => ({ same, score: refusedBy === undefined ? similarity : -1 }))
    .sort((x, y) => x.score - y.score);
  let ranks = 0;
  let positives = 0;
  for (let from = 0; from < scored.length;) {
    let to = from;
    while (to < scored.length && scored[to]?.score === scored[from]?.score) to += 1;
    for (let index = from; index < to; index += 1)
      if (scored[index]?.same === true) {
        ranks += (from + to + 1) / 2;
        positives += 1;
      }
    from = to;
  }
  const negatives = scored.length - positives;
  return positives === 0 || negatives === 0
    ? Number.NaN
    : (ranks - (positives * (positives + 1)) / 2) / (positives * negatives);
}

/** What happens to one kind of pairs at the threshold. */
export interface KindReport {
  readonly kind: string;
  readonly same: boolean;
  readonly served: Share;
  readonly refusedByGuard: Share;
}

export function byKind(pairs: readonly Judged[], threshold: number): readonly KindReport[] {
  const kinds = Map.groupBy(pairs, ({ kind, same }) => `${same} ${kind}`);
  return [...kinds.values()].map((list) => {
    const { kind, same } = list[0] as Judged;
    const refused = list.filter(({ refusedBy }) => refusedBy !== undefined).length;
    const served = list.filter(
      ({ refusedBy, similarity }) => refusedBy === undefined && similarity >= threshold,
    ).length;
    return { kind, same, served: share(served, list.length), refusedByGuard: share(refused, list.length) };
  });
}
