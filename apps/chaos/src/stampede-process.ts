// One of several processes that ask the same question all the time. Argument: StampedeOptions as JSON. Needs --expose-gc and a parent.
import { once } from "node:events";
import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";
import { LLMCache } from "@llmcache/core";
import { redisStore } from "@llmcache/redis";
import { faultOf, requestOf } from "./answer.ts";
import { nearAndFar } from "./near-and-far.ts";
import { Provider } from "./provider.ts";
import type { ProcessOptions, ProcessReport } from "./stampede.ts";

const QUESTION = 1;
/** Pause of a caller between two calls. */
const THOUGHT_MS = 10;
const AGE_SLACK_MS = 500;
/** How often memory is looked at while callers ask. */
const LOOKS = 6;

const options = JSON.parse(process.argv[2] ?? "") as ProcessOptions;
const { url, callers, ttlMs, durationMs, leaseMs } = options;
const warnings: string[] = [];
process.on("warning", ({ message }) => warnings.push(message));
const redis = redisStore({ url });
const cache = new LLMCache({ store: nearAndFar(redis), ttl: ttlMs / 1000, leaseMs });
const provider = new Provider();
const faults: string[] = [];
let [calls, failures] = [0, 0];
cache.on(({ type }) => (failures += type === "failure" ? 1 : 0));

await cache.get(requestOf(0));
process.send?.("ready");
await once(process, "message");
const startedAt = performance.now();
const running = Array.from({ length: callers }, caller);
const looks: ProcessReport["looks"][number][] = [];
for (let look = 0; look < LOOKS; look++) {
  await sleep(durationMs / (LOOKS + 1));
  looks.push({ bytes: await memory(), resources: process.getActiveResourcesInfo().filter(isLasting).length });
}
await Promise.all(running);
const elapsedMs = performance.now() - startedAt;
await cache.settled();
const report: ProcessReport = {
  elapsedMs,
  calls,
  providerCalls: provider.calls,
  faults: faults.slice(0, LOOKS),
  failures,
  inFlight: cache.inFlight,
  looks,
  warnings,
};
await cache[Symbol.asyncDispose]();
await redis[Symbol.asyncDispose]();
process.send?.(report);
process.disconnect();

async function caller(): Promise<void> {
  while (performance.now() < startedAt + durationMs) {
    const at = Date.now();
    try {
      const { value } = await cache.through(requestOf(QUESTION), () => provider.ask(QUESTION));
      const fault = faultOf(value, QUESTION);
      if (fault !== undefined) faults.push(fault);
      if (at - value.givenAt > ttlMs + AGE_SLACK_MS) faults.push(`stale: an answer of ${at - value.givenAt} ms`);
    } catch (error) {
      faults.push(`thrown: ${String(error)}`);
    }
    calls++;
    await sleep(THOUGHT_MS);
  }
}

/** Timers of calls under way come and go. */
function isLasting(type: string): boolean {
  return type !== "Timeout" && type !== "Immediate";
}

/** Of what can still be reached. */
async function memory(): Promise<number> {
  await turn();
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
