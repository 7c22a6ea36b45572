import { AsyncLocalStorage } from "node:async_hooks";
import type { AnswerCache } from "./answer-cache.ts";
import type { CheckedControl } from "./control.ts";

/** One `run` around a call, and the one around it. */
export interface Frame {
  readonly contract: 1;
  readonly cache: AnswerCache;
  readonly control: CheckedControl;
  readonly parent: Frame | undefined;
}

/** Hangs on a registered symbol, so that several copies of core in one program agree. */
const SLOT: unique symbol = Symbol.for("@llmcache/core/run/1") as never;

interface Slotted {
  [SLOT]?: AsyncLocalStorage<Frame>;
}

function storage(): AsyncLocalStorage<Frame> {
  return ((globalThis as Slotted)[SLOT] ??= new AsyncLocalStorage<Frame>());
}

/** Runs `fn` with a further frame; it ends with `fn`, also on a throw. */
export function runInFrame<R>(cache: AnswerCache, control: CheckedControl, fn: () => R): R {
  const frames = storage();
  return frames.run({ contract: 1, cache, control, parent: frames.getStore() }, fn);
}

/** The cache of the innermost `run` around the caller: what an adapter made without a cache uses. */
export function currentCache(): AnswerCache | undefined {
  return storage().getStore()?.cache;
}

const NO_CONTROLS: readonly CheckedControl[] = [];

/** The controls of all `run`s of this cache around the caller, from the outside in. */
export function controlsInForce(cache: AnswerCache): readonly CheckedControl[] {
  let frame = storage().getStore();
  if (frame === undefined) return NO_CONTROLS;
  const controls: CheckedControl[] = [];
  for (; frame !== undefined; frame = frame.parent) if (frame.cache === cache) controls.push(frame.control);
  return controls.reverse();
}
