import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { LLMCache, type Json } from "@llmcache/core";
import { redisStore, type RedisStore } from "@llmcache/redis";
import { askAtOnce } from "../../core/test/askers.ts";
import { someRedis } from "./servers.ts";

const PROCESSES = 20;

const redis = someRedis();
const stores: RedisStore[] = [];
afterAll(async () => {
  for (const store of stores) {
    await store.clear();
    await store[Symbol.asyncDispose]();
  }
});

/** Caches that share nothing but the server. */
function cachesOf(prefix: string): readonly [LLMCache, LLMCache] {
  const open = (): LLMCache => {
    const store = redisStore({ url: redis.url, prefix: `${prefix}-${process.pid}` });
    stores.push(store);
    return new LLMCache({ store });
  };
  return [open(), open()];
}

const request = { operation: "chat.completions", model: "m", prompt: "why?" };

test(`${PROCESSES} processes that ask the same thing make one call, though it takes longer than a lease`, async () => {
  const url = new URL(redis.url);
  url.searchParams.set("prefix", `leases-${process.pid}`);
  const { calls, outcomes, exitCodes } = await askAtOnce({
    processes: PROCESSES,
    store: url.href,
    folder: fileURLToPath(new URL("..", import.meta.url)),
    leaseMs: 500,
    answerMs: 2000,
  });
  const store = redisStore({ url: redis.url, prefix: `leases-${process.pid}` });
  stores.push(store);
  expect(calls).toBe(1);
  expect(outcomes.every(({ value }) => value === "answer 1")).toBe(true);
  expect(outcomes.filter(({ status }) => status === "miss")).toHaveLength(1);
  expect(exitCodes.every((code) => code === 0)).toBe(true);
  const keys: string[] = [];
  for await (const { head } of store.entries()) keys.push(head.id);
  expect(keys).toHaveLength(1);
}, 60_000);

describe("with native expiry", () => {
  test("an expired answer is there for as long as it may be served, and no longer", async () => {
    const [a, b] = cachesOf("stale");
    const control = { ttl: "100ms", staleWhileRevalidate: "1s", staleIfError: "1s" } as const;
    await a.through(request, async () => "old", control);
    await a.settled();
    await expect.poll(() => b.get(request)).toBeUndefined();
    expect(await b.get(request, control)).toMatchObject({ status: "stale", value: "old" });
    const failing = async (): Promise<Json> => {
      throw new Error("529");
    };
    expect(await b.through(request, failing, { ...control, staleWhileRevalidate: 0 })).toMatchObject({
      status: "stale",
    });
    await expect.poll(async () => b.store.get(b.key(request)), { timeout: 5000 }).toBeUndefined();
  });

  test("one refresh serves everybody", async () => {
    const [a, b] = cachesOf("refresh");
    const control = { ttl: "100ms", staleWhileRevalidate: "1h" } as const;
    await a.through(request, async () => "old", control);
    await a.settled();
    await expect.poll(() => b.get(request)).toBeUndefined();
    const outcome = await b.through(request, async () => "new", { ...control, ttl: "1h" });
    expect(outcome).toMatchObject({ status: "stale", value: "old" });
    await b.settled();
    expect(await a.get(request)).toMatchObject({ status: "hit", value: "new" });
  });
});

test("an invalidation here holds there at once, also for what was asked for before", async () => {
  const [a, b] = cachesOf("tags");
  const tags = { tags: ["docs", "v1"] };
  await a.through(request, async () => "old", tags);
  await a.settled();
  expect(await b.get(request)).toMatchObject({ value: "old" });
  const { promise, resolve } = Promise.withResolvers<string>();
  const asking = a.through({ ...request, prompt: "slow" }, () => promise, tags);
  await expect.poll(() => a.stats().inFlight).toBe(1);
  await b.invalidate({ tags: ["docs"] });
  expect(await a.get(request)).toBeUndefined();
  expect(await b.get(request)).toBeUndefined();
  resolve("from before");
  expect((await asking).value).toBe("from before");
  await a.settled();
  expect(await b.get({ ...request, prompt: "slow" })).toBeUndefined();
});
