/** A threshold that was measured for an embedder, and what it did. */
export interface MeasuredThreshold {
  readonly threshold: number;
  /** What was measured, for people. */
  readonly figures: string;
}

/** By id of the embedder. Only what was measured stands here; `npm run bench:semantic` prints the figures. */
const MEASURED: ReadonlyMap<string, MeasuredThreshold> = new Map([
  [
    "use-lite",
    {
      threshold: 0.9,
      figures:
        "1,000 pairs each for numbers, negation, antonyms, entities and strangers and 1,503 others, 2,000 that are the same, none of which the rules were looked at with: hits 55.3 %, false hits 0 of 6,503 (95 %: at most 0.06 %); without the guard 70.9 % and 50.9 %",
    },
  ],
]);

/**
 * The threshold to begin with for an embedder, with the default guard: a careful one, above what `calibrate` finds on the benchmark's
 * pairs, as your texts are others. `undefined` for embedders that were not measured: a threshold means nothing across embedders.
 */
export function defaultThreshold(embedderId: string): MeasuredThreshold | undefined {
  return MEASURED.get(embedderId);
}
