import { AsyncLocalStorage } from "node:async_hooks";

/** Stands for one run in the contexts of what it calls; holds nothing of it, because sockets and timers made there live long. */
export interface RunToken {
  isOver: boolean;
}

interface Inside {
  readonly runs: readonly RunToken[];
  readonly outer: Inside | undefined;
}

const inside: AsyncLocalStorage<Inside> = new AsyncLocalStorage<Inside>();

/** Calls `fn` as part of these runs: a provider that asks the same cache for the same thing must not wait for itself. */
export function insideOf<R>(runs: readonly RunToken[], fn: () => R): R {
  let outer = inside.getStore();
  // Runs that are over are left out: a chain of runs that start each other does not grow.
  while (outer?.runs.every((run) => run.isOver) === true) outer = outer.outer;
  return inside.run({ runs, outer }, fn);
}

/** Is the caller (part of) what this run waits for? */
export function isInside(run: RunToken): boolean {
  for (let at = inside.getStore(); at !== undefined; at = at.outer) if (at.runs.includes(run)) return true;
  return false;
}
