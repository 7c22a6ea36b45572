import type { Embedder } from "@llmcache/core";
import { expect, test, vi } from "vitest";
import {
  areaUnderCurve,
  byKind,
  calibrate,
  pointAt,
  share,
  thresholdFor,
  type Judged,
  type LabelledPair,
} from "../src/index.ts";
import { binomialQuantile } from "../src/intervals.ts";

/** Texts are `<pair> <degrees>`: pairs are orthogonal to each other, and the texts of one have the angle between their degrees. */
function angles(): Embedder & { readonly batches: number[] } {
  const batches: number[] = [];
  return {
    id: "angles",
    dimensions: undefined,
    batches,
    embed: async (texts) => {
      batches.push(texts.length);
      return texts.map((text) => {
        const [pair = 0, cosine = 1] = text.split(" ").map(Number);
        const vector = new Float32Array(4000);
        vector[2 * pair] = cosine;
        vector[2 * pair + 1] = Math.sqrt(1 - cosine ** 2);
        return vector;
      });
    },
  };
}

function pair(index: number, similarity: number, same: boolean, kind?: string): LabelledPair {
  return { a: `${index} 1`, b: `${index} ${similarity}`, same, kind };
}

/** 1000 that are not the same, at 0.000 … 0.999; 400 that are, at 0.6 … 0.999. */
const NEGATIVES = Array.from({ length: 1000 }, (_, index) => pair(index, index / 1000, false, "number"));
const POSITIVES = Array.from({ length: 400 }, (_, index) =>
  pair(1000 + index, 0.6005 + index / 1000, true, "paraphrase"),
);
const PAIRS = [...NEGATIVES, ...POSITIVES];

test("the threshold is the lowest that keeps false hits at the rate", async () => {
  const { threshold, point, floor } = await calibrate(PAIRS, angles(), { falseHitRate: 0.05, guard: false });
  // Of 1000 negatives 50 are at 0.950 or above; the first positive above the fifty-first is at 0.9495.
  expect(threshold).toBeCloseTo(0.9495, 5);
  expect(point.falseHits.count).toBe(50);
  expect(point.hits.count).toBe(51);
  expect(floor).toBe(0);
});

test("the interval holds what other samples of the size would give", async () => {
  const { threshold, interval } = await calibrate(PAIRS, angles(), { falseHitRate: 0.05, guard: false });
  // Binomial(1000, 0.05) has its 2.5 % and 97.5 % points at 37 and 64.
  expect(interval[0]).toBeCloseTo(0.9355, 5);
  expect(interval[1]).toBeCloseTo(0.9635, 5);
  expect(threshold).toBeGreaterThan(interval[0]);
  expect(threshold).toBeLessThan(interval[1]);
});

test("what the guard refuses is no false hit, and the report says what it would have been", async () => {
  const refusesUnderHalf = {
    rules: [
      {
        name: "mine",
        differs: ({ b }: { b: { source: string } }) =>
          Number(b.source.split(" ")[0]) < 1000 && Number(b.source.split(" ")[0]) % 10 !== 0 ? "x" : undefined,
      },
    ],
  };
  const { threshold, point, unguarded, kinds } = await calibrate(PAIRS, angles(), {
    falseHitRate: 0.05,
    guard: refusesUnderHalf,
  });
  // One negative of ten is left, so fifty are those from 0.51 on, below every positive: the lowest positive is the threshold.
  expect(threshold).toBeCloseTo(0.6005, 5);
  expect(point.falseHits.count).toBe(39);
  expect(unguarded.falseHits.count).toBe(399);
  expect(kinds).toEqual([
    expect.objectContaining({ kind: "number", same: false, served: share(39, 1000), refusedByGuard: share(900, 1000) }),
    expect.objectContaining({ kind: "paraphrase", same: true, served: share(400, 400) }),
  ]);
});

test("the default guard is used unless it is switched off", async () => {
  // Every pair differs in a number, so it serves nothing.
  await expect(calibrate(PAIRS, angles(), { falseHitRate: 0.05 })).rejects.toThrow(
    /no threshold keeps false hits at 5 % and serves anything: at 1, 0 of 1000/u,
  );
});

test("the threshold is never below what strangers reach", async () => {
  // Every vector has a part in common: 0.8 between texts of different pairs.
  const inner = angles();
  const close: Embedder = {
    ...inner,
    embed: async (texts) =>
      (await inner.embed(texts)).map((vector) => {
        const moved = vector.map((value) => value * Math.sqrt(0.2));
        moved[3999] = Math.sqrt(0.8);
        return moved;
      }),
  };
  const pairs = [
    ...NEGATIVES.map(({ a, same }, index) => ({ a, b: `${index} 0`, same })),
    ...POSITIVES.map(({ a, same }, index) => ({ a, b: `${1000 + index} -0.5`, same })),
  ];
  const { threshold, floor } = await calibrate(pairs, close, {
    falseHitRate: 0.05,
    guard: { rules: [{ name: "mine", differs: ({ a }) => (Number(a.source.split(" ")[0]) < 1000 ? "x" : undefined) }] },
  });
  expect(floor).toBeCloseTo(0.8, 3);
  // The pairs that are the same are at 0.7, and nothing else passes the guard.
  expect(threshold).toBe(floor);
});

test("a rate that the pairs cannot show is refused, with how many it takes", async () => {
  const few = [...NEGATIVES.slice(0, 50), ...POSITIVES];
  const embedder = angles();
  await expect(calibrate(few, embedder, { falseHitRate: 0.01 })).rejects.toThrow(
    "calibrate: 50 pairs with same: false cannot show a false hit rate of 1 %; it takes 300 (3 / rate: none in so many says less than the rate, at 95 %). Give 250 more, or a falseHitRate from 6 %.",
  );
  expect(embedder.batches).toEqual([]);
  await expect(
    calibrate([...NEGATIVES.slice(0, 300), ...POSITIVES], angles(), { falseHitRate: 0.01, guard: false }),
  ).resolves.toBeDefined();
  await expect(
    calibrate([...NEGATIVES.slice(0, 299), ...POSITIVES], angles(), { falseHitRate: 0.01, guard: false }),
  ).rejects.toThrow(/Give 1 more/u);
});

test("each text is embedded once, in batches", async () => {
  const embedder = angles();
  await calibrate([...PAIRS, ...PAIRS], embedder, { falseHitRate: 0.05, guard: false, batch: 100 });
  expect(embedder.batches.every((size) => size <= 100)).toBe(true);
  // "<pair> 1" for each of 1400, and another text for each.
  expect(embedder.batches.reduce((sum, size) => sum + size, 0)).toBe(2800);
});

test("the signal reaches the embedder, and ends the work between batches", async () => {
  const controller = new AbortController();
  const inner = angles();
  const embed = vi.fn<Embedder["embed"]>((texts, options) => {
    expect(options?.signal).toBe(controller.signal);
    controller.abort(new Error("enough"));
    return inner.embed(texts, options);
  });
  await expect(
    calibrate(PAIRS, { ...inner, embed }, { falseHitRate: 0.05, guard: false, signal: controller.signal }),
  ).rejects.toThrow("enough");
  expect(embed).toHaveBeenCalledTimes(1);
});

test.each([
  ["falseHitRate", () => calibrate(PAIRS, angles(), { falseHitRate: 0 })],
  ["falseHitRate", () => calibrate(PAIRS, angles(), { falseHitRate: 1 })],
  ["falseHitRate", () => calibrate(PAIRS, angles(), undefined as never)],
  ["batch", () => calibrate(PAIRS, angles(), { falseHitRate: 0.1, batch: 0 })],
  ["pairs must be a list", () => calibrate("x" as never, angles(), { falseHitRate: 0.1 })],
  ["pairs\\[1400\\]", () => calibrate([...PAIRS, { a: "x" } as never], angles(), { falseHitRate: 0.1 })],
  ["no pair with same: true", () => calibrate(NEGATIVES, angles(), { falseHitRate: 0.1 })],
  [
    "gave 1 vectors for 64 texts",
    () => calibrate(PAIRS, { ...angles(), embed: async () => [new Float32Array(1)] }, { falseHitRate: 0.1 }),
  ],
])("%s is named where it is wrong", async (message, run) => {
  await expect(run()).rejects.toThrow(new RegExp(message, "u"));
});

const judged = (same: boolean, similarity: number, refusedBy?: string, kind = "k"): Judged => ({
  same,
  similarity,
  refusedBy,
  kind,
});

test("the area under the curve counts ties half and puts the refused below", () => {
  expect(areaUnderCurve([judged(true, 0.9), judged(false, 0.1)])).toBe(1);
  expect(areaUnderCurve([judged(true, 0.1), judged(false, 0.9)])).toBe(0);
  expect(areaUnderCurve([judged(true, 0.5), judged(false, 0.5)])).toBe(0.5);
  expect(areaUnderCurve([judged(true, 0.1), judged(false, 0.9, "number")])).toBe(1);
  expect(areaUnderCurve([judged(true, 0.9, "number"), judged(false, 0.1)])).toBe(0);
  expect(areaUnderCurve([judged(true, 1)])).toBeNaN();
});

test("points, thresholds and kinds", () => {
  const pairs = [
    judged(true, 0.9),
    judged(true, 0.7),
    judged(true, 0.95, "swap"),
    judged(false, 0.8),
    judged(false, 0.99, "number"),
  ];
  expect(pointAt(pairs, 0.7)).toMatchObject({ hits: { count: 2, of: 3 }, falseHits: { count: 1, of: 2 } });
  expect(thresholdFor(pairs, 0)).toBe(0.9);
  expect(thresholdFor(pairs, 1)).toBe(0.7);
  expect(thresholdFor([judged(true, 0.5), judged(false, 0.5)], 0)).toBeUndefined();
  expect(byKind(pairs, 0.7).map(({ same, served }) => [same, served.count])).toEqual([
    [true, 2],
    [false, 1],
  ]);
});

test("Wilson's interval", () => {
  // Values of the published formula.
  expect(share(0, 1000)).toMatchObject({ rate: 0, low: 0 });
  expect(share(0, 1000).high).toBeCloseTo(0.003827, 6);
  expect(share(10, 100).low).toBeCloseTo(0.05523, 5);
  expect(share(10, 100).high).toBeCloseTo(0.17437, 5);
  expect(share(5, 5).high).toBe(1);
  expect(share(0, 0)).toMatchObject({ rate: 0, low: 0, high: 1 });
});

test("binomial quantiles", () => {
  expect(binomialQuantile(0.5, 10, 0.5)).toBe(5);
  expect(binomialQuantile(0.025, 1000, 0.05)).toBe(37);
  expect(binomialQuantile(0.975, 1000, 0.05)).toBe(64);
  expect(binomialQuantile(0.975, 100_000, 0.05)).toBeGreaterThan(5000);
  expect(binomialQuantile(0.025, 100, 0.001)).toBe(0);
});
