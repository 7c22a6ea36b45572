import { LLMCacheError, type Outcome } from "@llmcache/core";

/** Gives back what it is given, so that what a derived class adds is added to that. */
// oxlint-disable-next-line typescript/no-extraneous-class -- see Answer
class Given {
  constructor(answer: object) {
    return answer;
  }
}

/**
 * How an answer that was handed out came to be, as a private field of the answer itself: nobody sees it, it goes with the answer, and
 * costs a fraction of a WeakMap, which the garbage collector has to look after.
 */
class Answer extends Given {
  #outcomes: readonly Outcome<unknown>[] = [];

  static mark(answer: object, outcomes: readonly Outcome<unknown>[]): void {
    const marked = #outcomes in answer ? answer : new Answer(answer);
    marked.#outcomes = outcomes;
  }

  static outcomesOf(answer: object): readonly Outcome<unknown>[] | undefined {
    return #outcomes in answer ? answer.#outcomes : undefined;
  }
}

/** Remembers, as long as it lives, how an answer came to be. Texts cannot be told from each other, and are not remembered. */
export function remember(answer: unknown, outcomes: readonly Outcome<unknown>[]): void {
  if (typeof answer === "object" && answer !== null) Answer.mark(answer, outcomes);
}

/**
 * Removes the entries behind an answer that turned out to be bad, if they still are those that were handed out.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` for what no client of a cache has handed out; `ERR_LLMCACHE_STORE` if the store fails.
 */
export async function reject(answer: unknown): Promise<void> {
  const outcomes = typeof answer === "object" && answer !== null ? Answer.outcomesOf(answer) : undefined;
  if (outcomes === undefined) {
    throw new LLMCacheError(
      "ERR_LLMCACHE_OPTION",
      "reject takes an answer that a cached client has handed out: the very object, no copy of it, no promise; of texts, the Response of withResponse().",
    );
  }
  await Promise.all(outcomes.map((outcome) => outcome.reject()));
}
