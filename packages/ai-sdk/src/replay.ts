import type { Replay } from "./options.ts";
import type { Pause } from "./played-stream.ts";

/** The largest delay that a timer takes. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The pauses of a stored stream; `undefined` where there are none. @param at when its parts came, in ms since the first */
export function pauses(replay: Replay, at: readonly number[] | undefined, parts: number): Pause | undefined {
  if (replay === "instant") return undefined;
  if (replay === "recorded") {
    if (at === undefined) return undefined;
    return (index) => (index === 0 ? 0 : Math.min(MAX_TIMER_MS, (at[index] ?? 0) - (at[index - 1] ?? 0)));
  }
  const { initialDelayInMs, chunkDelayInMs } = replay;
  return (index) => (index >= parts ? 0 : ((index === 0 ? initialDelayInMs : chunkDelayInMs) ?? 0));
}
