/** Makes many calls of one kind and prints, as JSON, what of them is left. Needs --expose-gc. Arguments: kind, how many. */
import { getEventListeners } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import { KINDS } from "./kinds.ts";

/** What one kind of calls left behind. */
export interface Growth {
  /** Memory after the calls over that after some first ones. */
  readonly bytes: number;
  readonly resources: readonly string[];
  readonly resourcesBefore: readonly string[];
  /** On the signal that all calls were given. */
  readonly listeners: number;
  readonly inFlight: number;
  readonly warnings: readonly string[];
}

const FIRST_CALLS = 5000;

const [kind = "", times = "0"] = process.argv.slice(2);
const calls = KINDS[kind]?.();
if (calls === undefined) throw new Error(`There is no kind ${JSON.stringify(kind)}.`);
const warnings: string[] = [];
process.on("warning", ({ message }) => warnings.push(message));
const { signal } = new AbortController();
await calls(FIRST_CALLS, signal);
const resourcesBefore = process.getActiveResourcesInfo();
const before = await memory();
const cache = await calls(Number(times), signal);
const growth: Growth = {
  bytes: (await memory()) - before,
  resources: process.getActiveResourcesInfo(),
  resourcesBefore,
  listeners: getEventListeners(signal, "abort").length,
  inFlight: cache.inFlight,
  warnings,
};
process.stdout.write(JSON.stringify(growth));

/** Of what can still be reached. */
async function memory(): Promise<number> {
  for (let round = 0; round < 3; round++) {
    await turn();
    globalThis.gc?.();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
