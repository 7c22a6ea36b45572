import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import type { Store } from "@llmcache/core";
import { DiskStore } from "@llmcache/disk";
import { redisStore } from "@llmcache/redis";
import { s3Store } from "@llmcache/s3";
import { functionSampler, persistent, take } from "@llmcache/sampling";
import { someRedis } from "../../redis/test/servers.ts";
import { someS3 } from "../../s3/test/servers.ts";
import type { Race, RaceResult } from "./racer.ts";

const FULL = process.env["LLMCACHE_TEST_FULL"] === "1";
const PROCESSES = 8;
const RACE: Race = { prompts: ["p", "q", ""], samples: FULL ? 300 : 20 };
const SAMPLES = RACE.prompts.length * RACE.samples;

const redis = someRedis();
const s3 = someS3();
const children: ChildProcess[] = [];
const folders: string[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

describe(`${PROCESSES} processes draw ${SAMPLES} samples from one persistent sampler`, () => {
  test("on disk", async () => {
    const path = newFolder();
    await race("disk", path, new DiskStore({ path }));
  });

  test("in Redis", async () => {
    const prefix = `sampling-${process.pid}`;
    const store = redisStore({ url: redis.url, prefix });
    await race("redis", prefix, store, () => store.clear());
  });

  test("in S3", async () => {
    const options = { ...s3.place, prefix: `sampling-${process.pid}/`, timeoutMs: 20_000 };
    const store = s3Store(options);
    await race("s3", JSON.stringify(options), store, () => store.clear());
  });

  test("in a directory, where all may ask", async () => {
    const path = newFolder();
    const { values, requests } = await racersOf("directory", path);
    const replayed = await replay(path);
    for (const each of values) expect(each).toEqual(replayed);
    // What came too late for one position was used for another, or is left with a process.
    expect(requests).toBeGreaterThanOrEqual(SAMPLES);
    expect(requests).toBeLessThanOrEqual(SAMPLES + PROCESSES * RACE.prompts.length);
  });
});

/** No position differs, none is lost, none is there twice, and none was asked for twice. */
async function race(where: string, place: string, store: Store, clean?: () => Promise<void>): Promise<void> {
  try {
    const { values, requests } = await racersOf(where, place);
    const replayed = await replay(store);
    for (const each of values) expect(each).toEqual(replayed);
    expect(requests).toBe(SAMPLES);
    let stored = 0;
    for await (const _ of store.entries?.() ?? []) stored++;
    expect(stored).toBe(SAMPLES);
  } finally {
    await clean?.();
    await store[Symbol.asyncDispose]();
  }
}

async function replay(where: Store | string): Promise<Record<string, readonly string[]>> {
  const provider = functionSampler(async () => [""], { operation: "sample", model: "m", settings: { temperature: 1 } });
  const sampler = persistent(provider, where, { replication: true });
  const values: Record<string, readonly string[]> = {};
  for (const prompt of RACE.prompts) values[prompt] = await take(sampler.sample(prompt), RACE.samples);
  expect(new Set(Object.values(values).flat()).size).toBe(SAMPLES);
  return values;
}

async function racersOf(where: string, place: string): Promise<{ values: RaceResult["values"][]; requests: number }> {
  const racers = Array.from({ length: PROCESSES }, () => {
    const child = fork(fileURLToPath(new URL("racer.ts", import.meta.url)), [where, place], {
      execArgv: ["--conditions=@llmcache/source", "--disable-warning=ExperimentalWarning"],
      env: { ...process.env, REDIS_URL: redis.url },
    });
    children.push(child);
    return { child, ready: once(child, "message"), exited: once(child, "exit") };
  });
  await Promise.all(racers.map(({ ready }) => ready));
  const results = racers.map(({ child }) => once(child, "message"));
  for (const { child } of racers) child.send(RACE);
  const messages = (await Promise.all(results)) as [RaceResult][];
  for (const [code] of (await Promise.all(racers.map(({ exited }) => exited))) as [number | null][])
    expect(code).toBe(0);
  return {
    values: messages.map(([{ values }]) => values),
    requests: messages.reduce((sum, [{ requests }]) => sum + requests, 0),
  };
}

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "llmcache-sampling-"));
  folders.push(folder);
  return folder;
}
