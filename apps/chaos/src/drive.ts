import { setTimeout as sleep } from "node:timers/promises";
import { LLMCache } from "@llmcache/core";
import { Story } from "./events.ts";
import { figuresOf, recoveredAfterMs, shareOfHits } from "./figures.ts";
import { resources, whatIsLeft } from "./leftovers.ts";
import { Load, type Asked } from "./load.ts";
import type { Pace } from "./pace.ts";
import { Provider } from "./provider.ts";
import type { Report } from "./report.ts";
import type { Scenario } from "./scenario.ts";
import type { Servers } from "./servers.ts";

const CALLERS = 16;
const QUESTIONS = 64;
/** Whoever has not recovered by then has not recovered by himself. */
const PATIENCE_MS = 30_000;
const LOOK_MS = 20;

/** Runs a load against a cache before, during and after a fault, in this process. */
export async function drive(scenario: Scenario, pace: Pace, servers: Servers): Promise<Report> {
  const before = resources();
  const report = await measure(scenario, pace, servers);
  return { ...report, leftovers: [...report.leftovers, ...(await before.left())] };
}

async function measure(scenario: Scenario, pace: Pace, servers: Servers): Promise<Report> {
  const { questions = QUESTIONS, ttlMs = pace.ttlMs, expected, options } = scenario;
  const { storeTimeoutMs } = pace;
  await using stage = await scenario.open(pace, servers);
  await using cache = new LLMCache({ ...options, store: stage.store, ttl: ttlMs / 1000, storeTimeoutMs });
  using story = new Story(cache);
  const provider = new Provider();
  await using load = new Load(cache, provider, { callers: CALLERS, questions, ttlMs });
  const { asked } = load;

  await until(() => asked.length >= 2 * questions);
  const startedAt = performance.now();
  await sleep(pace.beforeMs);
  const usualShare = shareOfHits(asked.filter((call) => call.startedAt >= startedAt));
  const [faultAt, givenBefore] = [performance.now(), provider.calls];
  await stage.begin(cache);
  await sleep(scenario.duringMs?.[pace.name] ?? pace.duringMs);
  const endingAt = performance.now();
  await stage.end(cache);
  const endedAt = performance.now();
  const recovered = (): number | undefined => recoveredAfterMs(asked, endedAt, usualShare);
  await until(() => recovered() !== undefined);
  await sleep(pace.afterMs);
  await load.stop();

  /** Calls that were under way at some time between the two. */
  const between = (from: number, to: number): Asked[] =>
    asked.filter((call) => call.endedAt >= from && call.startedAt < to);
  const after = asked.filter((call) => call.startedAt >= endedAt);
  return {
    before: figuresOf(asked.filter((call) => call.startedAt >= startedAt && call.endedAt < faultAt)),
    during: figuresOf(between(faultAt, endingAt)),
    later: figuresOf(asked.filter((call) => call.startedAt >= (faultAt + endingAt) / 2 && call.startedAt < endingAt)),
    after: figuresOf(after),
    survivors: after.filter(({ status, production = givenBefore }) => status === "hit" && production < givenBefore)
      .length,
    faults: load.faults(),
    longestMs: figuresOf(asked).addedMs.max,
    storeTimeoutMs,
    lastedMs: endingAt - faultAt,
    recoveredMs: expected.healsItself === true ? story.lastFailureAt - faultAt : recovered(),
    events: Object.fromEntries(story.counts),
    messages: [...story.messages],
    leftovers: await whatIsLeft(cache),
  };
}

async function until(holds: () => boolean): Promise<void> {
  const giveUpAt = performance.now() + PATIENCE_MS;
  while (!holds() && performance.now() < giveUpAt) await sleep(LOOK_MS);
}
