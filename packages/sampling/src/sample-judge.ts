import type { Outcome, Verdict } from "@llmcache/core";

/** The verdicts of one call on a view: bad answers are stored like good ones; failures are not, nor what is no answer at all. */
export class SampleJudge<J> {
  readonly #judge: ((value: J) => Verdict) | undefined;
  #hasFailed = false;

  constructor(judge: ((value: J) => Verdict) | undefined) {
    this.#judge = judge;
  }

  /** Was something judged to be a failure, or no answer? */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /** To be spread over the options of the call. */
  get option(): { readonly judge?: (value: J) => Verdict } {
    const judge = this.#judge;
    if (judge === undefined) return {};
    return {
      judge: (value) => {
        const verdict = judge(value);
        if (verdict === "pass") return "store";
        if (verdict !== "store") this.#hasFailed = true;
        return verdict;
      },
    };
  }

  /** Is this a sample, so that its position is used up? What others asked for was judged by them: it is judged once more. */
  isAnswer({ status, value }: Outcome<J>): boolean {
    if (status === "hit" || status === "stale") return true;
    if (status === "bypass") return false;
    return (status === "miss" && !this.#hasFailed) || !this.#isFailure(value);
  }

  #isFailure(value: J): boolean {
    try {
      const verdict = this.#judge?.(value);
      return verdict === "fail" || verdict === "none";
    } catch {
      // What cannot be judged is handed over as it is.
      return false;
    }
  }
}
