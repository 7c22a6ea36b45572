import { OptionChecks } from "@llmcache/core";
import { Guard, type GuardOptions } from "./guard.ts";

/** Two texts, of which the second has an answer. */
export interface Candidate {
  readonly asked: string;
  readonly stored: string;
  /** Cosine of their vectors, clamped to 0 … 1: 0 nothing alike, 1 the same. */
  readonly similarity: number;
  /** Id of the embedder that made the vectors. */
  readonly embedder: string;
}

/** Whether the stored answer may be served, and what said so. */
export interface Decision {
  readonly serve: boolean;
  /** `"alike"`, `"below threshold"`, or the rule of the guard that refused: `"number"`, `"negation"` … */
  readonly reason: string;
  /** What differs, if the guard refused. It holds words of both texts: keep it where the texts may be kept. */
  readonly difference?: string;
}

export interface SimilarityPolicyOptions {
  /** Least similarity of what is served, inclusive, 0 to 1. It holds for one embedder: `calibrate` finds it. */
  readonly threshold: number;
  /**
   * Compares the two texts, so that what differs in a number, a name or a negation is not served, however similar. `false` leaves
   * similarity alone to decide.
   * @default true
   */
  readonly guard?: boolean | GuardOptions | Guard | undefined;
}

const checks = new OptionChecks("SimilarityPolicy");

/** Decides whether a stored answer serves a similar question. Knows no store, no time and no embedder. */
export class SimilarityPolicy {
  readonly threshold: number;
  readonly #guard: Guard | undefined;

  /** @throws ERR_LLMCACHE_OPTION without a threshold: there is none that would do for every embedder. */
  constructor(options: SimilarityPolicyOptions) {
    const { threshold, guard } = (options ?? {}) as Partial<SimilarityPolicyOptions>;
    if (typeof threshold !== "number" || !(threshold >= 0 && threshold <= 1))
      throw checks.wrong("threshold", "a number from 0 to 1 (`calibrate` finds one for your embedder)", threshold);
    this.threshold = threshold;
    this.#guard = guardFrom(guard);
  }

  /** Never throws, whatever the texts are. A similarity that is no number is below every threshold. */
  decide({ asked, stored, similarity }: Candidate): Decision {
    if (!(Math.min(1, Math.max(0, similarity)) >= this.threshold)) return { serve: false, reason: "below threshold" };
    const refusal = this.#guard?.refusal(asked, stored);
    if (refusal !== undefined) return { serve: false, reason: refusal.rule, difference: refusal.difference };
    return { serve: true, reason: "alike" };
  }
}

/** The guard that an option stands for; `undefined` for `false`. */
export function guardFrom(option: SimilarityPolicyOptions["guard"]): Guard | undefined {
  if (option === false) return undefined;
  if (option === undefined || option === true) return new Guard();
  if (typeof option !== "object" || option === null)
    throw checks.wrong("guard", "true, false or { rules, maxChars }", option);
  return option instanceof Guard ? option : new Guard(option);
}
