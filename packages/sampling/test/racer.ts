// A process that draws samples of several prompts, together with others, and says what it got and how often it asked.
import { once } from "node:events";
import type { Store } from "@llmcache/core";
import { DiskStore } from "@llmcache/disk";
import { redisStore } from "@llmcache/redis";
import { s3Store } from "@llmcache/s3";
import { functionSampler, persistent, take } from "@llmcache/sampling";

export interface Race {
  readonly prompts: readonly string[];
  readonly samples: number;
}

export interface RaceResult {
  readonly values: Readonly<Record<string, readonly string[]>>;
  readonly requests: number;
}

const [where = "", place = ""] = process.argv.slice(2);
const store: Store | string =
  where === "disk"
    ? new DiskStore({ path: place })
    : where === "redis"
      ? redisStore({ prefix: place, timeoutMs: 20_000 })
      : where === "s3"
        ? s3Store(JSON.parse(place) as Parameters<typeof s3Store>[0])
        : place;
let made = 0;
const provider = functionSampler(
  async (prompt, count) => Array.from({ length: count }, () => `${prompt}: ${process.pid}.${++made}`),
  { operation: "sample", model: "m", settings: { temperature: 1 } },
);
const sampler = persistent(provider, store);
process.send?.("ready");
const [{ prompts, samples }] = (await once(process, "message")) as [Race];
const values = await Promise.all(
  prompts.map(async (prompt) => [prompt, await take(sampler.sample(prompt), samples)] as const),
);
const result: RaceResult = { values: Object.fromEntries(values), requests: provider.totals().requests };
process.send?.(result, () => process.disconnect());
if (typeof store !== "string") await store[Symbol.asyncDispose]();
