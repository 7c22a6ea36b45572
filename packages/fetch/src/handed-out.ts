import type { Outcome } from "@llmcache/core";

/** How the Responses that were handed out were answered. */
const outcomes: WeakMap<Response, readonly Outcome<unknown>[]> = new WeakMap<Response, readonly Outcome<unknown>[]>();

/** Remembers, as long as the Response lives, what {@link outcomesOf} tells of it. */
export function handOut(response: Response, of: readonly Outcome<unknown>[]): Response {
  outcomes.set(response, of);
  return response;
}

/**
 * How the cache answered what this Response came for: one outcome, or one for each item of a list; `undefined` for a Response that
 * {@link cachedFetch} has not given (a clone, say), or has passed on untouched.
 */
export function outcomesOf(response: Response): readonly Outcome<unknown>[] | undefined {
  return outcomes.get(response);
}
