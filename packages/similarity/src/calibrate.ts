import { OptionChecks, type Embedder } from "@llmcache/core";
import { cosine } from "./cosine.ts";
import type { Guard, GuardOptions } from "./guard.ts";
import { binomialQuantile } from "./intervals.ts";
import {
  areaUnderCurve,
  byKind,
  pointAt,
  thresholdFor,
  type Judged,
  type KindReport,
  type OperatingPoint,
} from "./judged.ts";
import { guardFrom } from "./policy.ts";

/** Two texts, and whether one answer serves both. */
export interface LabelledPair {
  readonly a: string;
  readonly b: string;
  readonly same: boolean;
  /** For the report: "number", "paraphrase" … */
  readonly kind?: string | undefined;
}

export interface CalibrateOptions {
  /** Greatest share of the pairs that are not the same that may be served, above 0 and below 1: `0.01`. */
  readonly falseHitRate: number;
  /**
   * The guard that will be used.
   * @default true
   */
  readonly guard?: boolean | GuardOptions | Guard | undefined;
  /**
   * Texts embedded at once.
   * @default 64
   */
  readonly batch?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Calibration {
  /** The lowest that keeps false hits among these pairs at the rate asked for. */
  readonly threshold: number;
  /**
   * 95 % interval of the threshold: with other pairs of the same sort, it would lie in here. The upper end is the careful choice.
   */
  readonly interval: readonly [low: number, high: number];
  /**
   * What the texts of different pairs, put side by side, stay below at the same rate without the guard. The threshold is never lower: a
   * guard that refuses everything among the pairs given would otherwise leave strangers to nobody.
   */
  readonly floor: number;
  readonly embedder: string;
  /** Area under the curve of hits against false hits: 1 is perfect, 0.5 chance. */
  readonly auc: number;
  /** At the threshold. */
  readonly point: OperatingPoint;
  /** At the same threshold without the guard. */
  readonly unguarded: OperatingPoint;
  readonly kinds: readonly KindReport[];
  /** Hits against false hits, at thresholds from 0.5 to 1. */
  readonly curve: readonly OperatingPoint[];
}

const BATCH = 64;
/** None in n says, with 95 % confidence, less than 3 / n. */
const RULE_OF_THREE = 3;
const checks = new OptionChecks("calibrate");

/**
 * Finds the threshold for an embedder from labelled pairs, with the guard that will be used. Give pairs from your own traffic, and hard ones:
 * questions that look alike and are not.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` if the pairs are too few for the rate (it says how many are needed) or no threshold reaches
 * it; what the embedder throws; the signal's reason.
 */
export async function calibrate(
  pairs: readonly LabelledPair[],
  embedder: Embedder,
  options: CalibrateOptions,
): Promise<Calibration> {
  const { falseHitRate, guard, batch = BATCH, signal } = options ?? {};
  if (typeof falseHitRate !== "number" || !(falseHitRate > 0 && falseHitRate < 1))
    throw checks.wrong("falseHitRate", "a number above 0 and below 1, such as 0.01", falseHitRate);
  checks.whole("batch", batch);
  checkPairs(pairs, falseHitRate);
  const vectors = await embedAll(pairs, embedder, batch, signal);
  const judged = score(pairs, vectors, guardFrom(guard));
  const strangers = strangersAmong(pairs, vectors);
  const negatives = judged.filter(({ same }) => !same).length;
  const found = thresholdFor(judged, Math.floor(falseHitRate * negatives + 1e-9));
  if (found === undefined) throw unreachable(judged, falseHitRate);
  const floor = quantile(strangers, 1 - falseHitRate);
  const threshold = Math.max(found, floor);
  // How many of n pairs would be served at a threshold with exactly this rate: the order statistics of the similarities.
  const fewest = Math.max(0, binomialQuantile(0.025, negatives, falseHitRate) - 1);
  const most = binomialQuantile(0.975, negatives, falseHitRate);
  return {
    threshold,
    interval: [
      Math.max(floor, Math.min(found, thresholdFor(judged, most) ?? found)),
      Math.max(threshold, thresholdFor(judged, fewest) ?? 1),
    ],
    floor,
    embedder: embedder.id,
    auc: areaUnderCurve(judged),
    point: pointAt(judged, threshold),
    unguarded: pointAt(
      judged.map((pair) => ({ ...pair, refusedBy: undefined })),
      threshold,
    ),
    kinds: byKind(judged, threshold),
    curve: Array.from({ length: 26 }, (_, step) => pointAt(judged, (50 + step * 2) / 100)),
  };
}

/** Scores every pair: its similarity, and the rule that refuses it. Each text is embedded once. */
export async function judge(
  pairs: readonly LabelledPair[],
  embedder: Embedder,
  options: {
    readonly guard?: Guard | undefined;
    readonly batch?: number | undefined;
    readonly signal?: AbortSignal | undefined;
  } = {},
): Promise<readonly Judged[]> {
  return score(pairs, await embedAll(pairs, embedder, options.batch ?? BATCH, options.signal), options.guard);
}

type Vectors = ReadonlyMap<string, Float32Array>;

async function embedAll(
  pairs: readonly LabelledPair[],
  embedder: Embedder,
  batch: number,
  signal: AbortSignal | undefined,
): Promise<Vectors> {
  const texts = [...new Set(pairs.flatMap(({ a, b }) => [a, b]))];
  const vectors = new Map<string, Float32Array>();
  for (let from = 0; from < texts.length; from += batch) {
    signal?.throwIfAborted();
    const part = texts.slice(from, from + batch);
    const embedded = await embedder.embed(part, { signal });
    if (embedded.length !== part.length)
      throw checks.error(`embedder ${embedder.id} gave ${embedded.length} vectors for ${part.length} texts.`);
    for (const [index, text] of part.entries()) vectors.set(text, embedded[index] as Float32Array);
  }
  return vectors;
}

function score(pairs: readonly LabelledPair[], vectors: Vectors, guard: Guard | undefined): readonly Judged[] {
  return pairs.map(({ a, b, same, kind = same ? "same" : "different" }) => ({
    same,
    kind,
    similarity: cosine(vectors.get(a) as Float32Array, vectors.get(b) as Float32Array),
    refusedBy: guard?.refusal(a, b)?.rule,
  }));
}

/** Similarities of texts of different pairs: each `a` with the `b` of pairs half, a third and a fifth of the list away. */
function strangersAmong(pairs: readonly LabelledPair[], vectors: Vectors): readonly number[] {
  return [2, 3, 5].flatMap((part) => {
    const step = Math.floor(pairs.length / part);
    return pairs.flatMap(({ a, b }, index) => {
      const other = pairs[(index + step) % pairs.length] as LabelledPair;
      const shared = [other.a, other.b].some((text) => text === a || text === b);
      return shared ? [] : [cosine(vectors.get(a) as Float32Array, vectors.get(other.b) as Float32Array)];
    });
  });
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((x, y) => x - y);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length))] ?? 0;
}

function checkPairs(pairs: readonly LabelledPair[], rate: number): void {
  if (!Array.isArray(pairs)) throw checks.wrong("pairs", "a list of { a, b, same }", pairs);
  for (const [index, pair] of (pairs as readonly LabelledPair[]).entries())
    if (typeof pair?.a !== "string" || typeof pair.b !== "string" || typeof pair.same !== "boolean")
      throw checks.error(`pairs[${index}] must have texts a and b, and same: true or false.`);
  const negatives = pairs.filter(({ same }) => !same).length;
  const needed = Math.ceil(RULE_OF_THREE / rate - 1e-9);
  if (negatives < needed)
    throw checks.error(
      `${negatives} pairs with same: false cannot show a false hit rate of ${percent(rate)}; it takes ${needed} (3 / rate: none in so many says less than the rate, at 95 %). Give ${needed - negatives} more, or a falseHitRate from ${percent(RULE_OF_THREE / Math.max(negatives, 4))}.`,
    );
  if (negatives === pairs.length)
    throw checks.error("there is no pair with same: true: a threshold that serves nothing would do.");
}

function unreachable(judged: readonly Judged[], rate: number) {
  const { hits, falseHits } = pointAt(judged, 1);
  return checks.error(
    `no threshold keeps false hits at ${percent(rate)} and serves anything: at 1, ${falseHits.count} of ${falseHits.of} pairs that are not the same are served and ${hits.count} of ${hits.of} that are. Add rules to the guard for what differs in those, or take another embedder.`,
  );
}

function percent(rate: number): string {
  return `${Number((rate * 100).toPrecision(2))} %`;
}
