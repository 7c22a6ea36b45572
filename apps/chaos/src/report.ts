import type { Figures } from "./figures.ts";
import type { Scenario } from "./scenario.ts";

/** How a scenario went. JSON. */
export interface Report {
  readonly before: Figures;
  readonly during: Figures;
  readonly after: Figures;
  /** Of the calls of the second half of the fault. */
  readonly later: Figures;
  /** Hits after the fault on answers from before it. */
  readonly survivors: number;
  /** What was wrong with answers; callers to whom something was thrown. */
  readonly faults: readonly string[];
  /** How long a call took at most beyond the provider's time, in any phase. */
  readonly longestMs: number;
  readonly storeTimeoutMs: number;
  /** How long the fault lasted. */
  readonly lastedMs: number;
  /**
   * From the end of the fault until the cache answered as many calls as before; where something took over, from the beginning until
   * nothing failed any more. `undefined`: it did not recover in the time it had.
   */
  readonly recoveredMs: number | undefined;
  readonly events: Readonly<Record<string, number>>;
  readonly messages: readonly string[];
  /** What was still there at the end and should not have been. */
  readonly leftovers: readonly string[];
}

/** A machine with other things to do takes its time: a bound on hanging, not a matter of speed. */
const SLACK_MS = 1500;
/** A story has few turns. */
const MOST_TRANSITIONS = 5;
/** More of the same says nothing new. */
const MOST_FAULTS = 5;

/** Which of the promises were broken; empty if all were kept. */
export function broken({ expected, storeCalls = 1 }: Scenario, report: Report): string[] {
  const problems = [...report.faults.slice(0, MOST_FAULTS), ...report.leftovers];
  const { during, later, storeTimeoutMs, longestMs, events, messages, recoveredMs } = report;
  if (longestMs > storeCalls * storeTimeoutMs + SLACK_MS)
    problems.push(
      `slow: a call took ${Math.round(longestMs)} ms longer than the provider, with storeTimeoutMs ${storeTimeoutMs}`,
    );
  if (recoveredMs === undefined) problems.push("not recovered: the cache answers fewer calls than before");
  else if (expected.healsItself === true && recoveredMs > report.lastedMs)
    problems.push(`not recovered: calls to the store failed until the fault ended, ${Math.round(recoveredMs)} ms`);
  if ((events["degraded"] ?? 0) > MOST_TRANSITIONS)
    problems.push(`noisy: "degraded" was told ${events["degraded"]} times`);
  for (const label of expected.events) {
    if (events[label] === undefined)
      problems.push(`untold: no event "${label}" among ${Object.keys(events).join(", ")}`);
  }
  if (expected.words !== undefined && !messages.some((message) => expected.words?.test(message) === true))
    problems.push(`unexplained: no event says ${String(expected.words)}: ${messages.join(" | ")}`);
  if (expected.hits === true && during.hits === 0) problems.push("no hits while the fault lasted");
  if (expected.keeps === true && report.survivors === 0) problems.push("what was stored before the fault is lost");
  if (expected.isCheap === true && later.addedMs.p50 > storeTimeoutMs / 2)
    problems.push(`dear: later calls of the fault still waited ${Math.round(later.addedMs.p50)} ms`);
  if (during.calls === 0) problems.push("nothing was asked while the fault lasted");
  return problems;
}
