import { afterEach, describe, expect, test } from "vitest";
import {
  LLMCache,
  LocalBus,
  MapStore,
  TieredStore,
  withBreaker,
  type CacheRequest,
  type StoreEvent,
  type TieredStoreOptions,
} from "@llmcache/core";
import { redisStore, type RedisStore } from "@llmcache/redis";
import { eventually } from "./polling.ts";
import { ownRedis, ownServersProblem } from "./servers.ts";

const problem = await ownServersProblem();
const MAX_TTL_MS = 60_000;
const PAUSE_MS = 10_000;

/** What one process has: a memory of its own before the Redis of all. */
interface Process {
  readonly near: MapStore;
  readonly redis: RedisStore;
  readonly store: TieredStore;
  readonly cache: LLMCache;
  readonly events: StoreEvent[];
}

const opened: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of opened.splice(0).toReversed()) await one[Symbol.asyncDispose]();
});

describe.skipIf(problem !== undefined)(`a memory before Redis ${problem ?? ""}`, () => {
  const server = ownRedis({ appendonly: true });
  let now = Date.now();
  const clock = (): number => now;

  function start(
    prefix: string,
    { breaker = false, ...options }: TieredStoreOptions & { breaker?: boolean } = {},
  ): Process {
    const near = new MapStore();
    const redis = redisStore({ url: server.server.url, prefix });
    const far = breaker ? withBreaker(redis, { failures: 2, pauseMs: PAUSE_MS, clock }) : redis;
    const store = new TieredStore([{ store: near, name: "near", maxTtl: MAX_TTL_MS / 1000 }, far], {
      clock,
      ...options,
    });
    const cache = new LLMCache({ store, clock });
    const events: StoreEvent[] = [];
    store.on((event) => events.push(event));
    opened.push(redis, store, cache);
    return { near, redis, store, cache, events };
  }

  test("what one process asked for is brought to the others, as old as it is", async () => {
    const [one, other] = [start("fill"), start("fill")];
    await one.cache.through(request(), answer("asked"));
    await one.cache.settled();
    now += 5000;
    expect(await other.cache.through(request(), answer("not asked"))).toMatchObject({
      status: "hit",
      value: "asked",
      tier: "redis",
      ageMs: 5000,
    });
    await other.store.settled();
    expect(await other.near.get(other.cache.key(request()))).toMatchObject({
      entry: { createdAt: now - 5000, deleteAt: now + MAX_TTL_MS },
    });
    expect(await other.cache.through(request(), answer("not asked"))).toMatchObject({
      status: "hit",
      tier: "near",
      ageMs: 5000,
    });
    expect(await start("fill").redis.get(one.cache.key(request()))).toMatchObject({ entry: { createdAt: now - 5000 } });
  });

  test("what another process deleted is served for maxTtl at most", async () => {
    const [one, other] = [start("delete"), start("delete")];
    for (const { cache } of [one, other]) {
      await cache.through(request(), answer("first"));
      await cache.settled();
    }
    await other.store.settled();
    await one.cache.delete(request());
    now += MAX_TTL_MS - 1;
    expect(await other.cache.through(request(), answer("second"))).toMatchObject({ value: "first", tier: "near" });
    now += 1;
    expect(await other.cache.through(request(), answer("second"))).toMatchObject({ status: "miss", value: "second" });
  });

  test("with a bus it is gone at once", async () => {
    const bus = new LocalBus();
    const [one, other] = [start("bus", { bus }), start("bus", { bus })];
    for (const { cache, store } of [one, other]) {
      await cache.through(request(), answer("first"));
      await cache.settled();
      await store.settled();
    }
    await one.cache.delete(request());
    for (const { store } of [one, other]) await store.settled();
    expect(await other.cache.through(request(), answer("second"))).toMatchObject({ status: "miss", value: "second" });
  });

  test("while Redis is away near answers are served, others asked for and kept near; then it goes on by itself", async () => {
    const { cache, store, events, redis, near } = start("away");
    await cache.through(request("before"), answer("before"));
    await cache.settled();
    await server.server.kill();
    try {
      expect(await cache.through(request("before"), answer("again"))).toMatchObject({ status: "hit", tier: "near" });
      for (let i = 0; i < 5; i++) {
        expect(await cache.through(request(`new ${i}`), answer(`new ${i}`))).toMatchObject({ status: "miss" });
        await cache.settled();
        expect(await cache.through(request(`new ${i}`), answer("again"))).toMatchObject({
          status: "hit",
          value: `new ${i}`,
          tier: "near",
        });
      }
      await expect(cache.through(request("absent"), answer("never"), { onlyIfCached: true })).rejects.toMatchObject({
        code: "ERR_LLMCACHE_STORE",
        message: expect.stringContaining("redis: "),
      });
      await expect(cache.delete(request("before"))).rejects.toMatchObject({ code: "ERR_LLMCACHE_STORE" });
      expect(await near.get(cache.key(request("before")))).toBeUndefined();
    } finally {
      await server.server.start();
    }
    await eventually(() => redis.get(cache.key(request("before"))));
    // Redis has it still, and this process knows that it was deleted.
    expect(await cache.through(request("before"), answer("after"))).toMatchObject({ status: "miss", value: "after" });
    await cache.settled();
    await store.settled();
    expect((await redis.get(cache.key(request("before"))))?.entry.body.json()).toBe("after");
    const own = events.filter(({ message }) => message.startsWith("The tier"));
    expect(own.map(({ type }) => type).sort()).toEqual(["degraded", "recovered", "recovered", "write-failed"]);
  });

  test("a breaker spares Redis while it is away, and finds out when it is back", async () => {
    const { cache, store, events, redis } = start("breaker", { breaker: true });
    await cache.through(request("there"), answer("there"));
    await cache.settled();
    await server.server.kill();
    try {
      for (let i = 0; i < 3; i++) {
        expect(await cache.through(request(`new ${i}`), answer("x"))).toMatchObject({ status: "miss" });
        await cache.settled();
      }
      await expect(cache.through(request("absent"), answer("never"), { onlyIfCached: true })).rejects.toMatchObject({
        code: "ERR_LLMCACHE_PAUSED",
      });
      expect(await cache.through(request("there"), answer("x"))).toMatchObject({ status: "hit", tier: "near" });
    } finally {
      await server.server.start();
    }
    await eventually(() => redis.get(cache.key(request("there"))));
    await expect(store.get({ id: "0".repeat(64) })).rejects.toMatchObject({ code: "ERR_LLMCACHE_PAUSED" });
    now += PAUSE_MS;
    expect(await store.get({ id: "0".repeat(64) })).toBeUndefined();
    await cache.through(request("after"), answer("after"));
    await cache.settled();
    expect((await redis.get(cache.key(request("after"))))?.entry.body.json()).toBe("after");
    expect(events.filter(({ message }) => message.includes("is not asked for now"))).toHaveLength(1);
    expect(events.filter(({ message }) => message.includes("is used again"))).toHaveLength(1);
  });
});

function request(prompt = "Why is the sky blue?"): CacheRequest {
  return { operation: "chat.completions", provider: "test", model: "m", prompt };
}

const answer = (text: string) => async (): Promise<string> => text;
