import { LLMCache, MapStore, TieredStore, withBreaker } from "@llmcache/core";
import { FaultyStore } from "@llmcache/core/conformance";
import { redisStore } from "@llmcache/redis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startRedis, type RedisServer } from "../../../scripts/servers/redis.mjs";
import { rawGet, startOperated } from "./operated.ts";

const PASSWORD = "tr0ub4dor-and-3";

/** A store whose calls never settle. */
function hangingStore(): FaultyStore {
  const store = new FaultyStore(new MapStore());
  const hang = (): Promise<never> => new Promise(() => undefined);
  return Object.assign(store, { get: hang, set: hang, delete: hang });
}

describe("/healthz and /readyz", () => {
  test("are open, and say that it lives and that its stores answer", async () => {
    await using gateway = await startOperated({}, { identify: () => undefined });
    const [alive, ready] = [await gateway.get("/healthz"), await gateway.get("/readyz")];
    expect([alive.status, await alive.json()]).toEqual([200, { status: "ok" }]);
    expect([ready.status, await ready.json()]).toEqual([200, { status: "ready" }]);
    expect(ready.headers.get("cache-control")).toBe("no-store");
    expect((await gateway.get("/cache/ping")).status).toBe(401);
  });

  test("HEAD does, POST does not", async () => {
    await using gateway = await startOperated();
    expect((await gateway.send("HEAD", "/healthz")).status).toBe(200);
    const posted = await gateway.send("POST", "/readyz", {});
    expect([posted.status, posted.headers.get("allow")]).toEqual([405, "HEAD, GET"]);
  });

  test("names the stores that fail or give no answer in time, and nothing of why", async () => {
    const failing = new FaultyStore(new MapStore());
    failing.fail("get", new Error(`connect redis://user:${PASSWORD}@host`));
    const stores = [
      { name: "near", store: new MapStore() },
      { name: "far", store: failing },
      { name: "silent", store: hangingStore() },
    ];
    await using gateway = await startOperated({ stores, storeDeadlineMs: 20 });
    const response = await gateway.get("/readyz");
    expect([response.status, await response.json()]).toEqual([503, { status: "not ready", stores: ["far", "silent"] }]);
  });

  test("says that it drains from when it is told, though it lives", async () => {
    // At once, though a store hangs.
    await using gateway = await startOperated({
      stores: [{ name: "silent", store: hangingStore() }],
      storeDeadlineMs: 60_000,
    });
    gateway.operating.drain();
    const response = await gateway.get("/readyz");
    expect([response.status, await response.json()]).toEqual([503, { status: "draining" }]);
    expect((await gateway.get("/healthz")).status).toBe(200);
  });

  test("asks the stores once a second at most, however many want to know", async () => {
    let [now, asked] = [1000, 0];
    const store = new MapStore();
    const counted = Object.assign(new FaultyStore(store), {
      get: () => {
        asked++;
        return Promise.resolve(undefined);
      },
    });
    await using gateway = await startOperated({ stores: [{ name: "map", store: counted }], clock: () => now });
    await Promise.all(Array.from({ length: 20 }, () => gateway.get("/readyz")));
    await gateway.get("/readyz");
    expect(asked).toBe(1);
    now += 1000;
    await gateway.get("/readyz");
    expect(asked).toBe(2);
    // A clock that was set back does not keep an answer for ever.
    now -= 500_000;
    await gateway.get("/readyz");
    expect(asked).toBe(3);
  });
});

describe("/cache/ping", () => {
  let redis: RedisServer;

  beforeAll(async () => {
    redis = await startRedis({ password: PASSWORD });
  });
  afterAll(() => redis.stop());

  test("each tier by name with its round trips, secrets masked, and what LiteLLM's clients read", async () => {
    const near = new MapStore();
    const far = redisStore({ url: redis.url, prefix: "ping" });
    const cache = new LLMCache({ store: new TieredStore([near, far]) });
    const stores = [
      { name: "near", store: near, url: "memory:" },
      { name: "far", store: far, url: `${redis.url}?prefix=ping` },
    ];
    await using gateway = await startOperated({ cache, stores });
    const response = await gateway.get("/cache/ping");
    const text = await response.text();
    expect(response.status).toBe(200);
    expect(JSON.parse(text)).toEqual({
      status: "healthy",
      cache_type: "tiered",
      ping_response: true,
      set_cache_response: "success",
      stores: [
        { name: "near", url: "memory:", isUp: true, readMs: expect.any(Number), writeMs: expect.any(Number) },
        {
          name: "far",
          url: `redis://…@${redis.host}:${redis.port}?…`,
          isUp: true,
          readMs: expect.any(Number),
          writeMs: expect.any(Number),
        },
      ],
    });
    expect(text).not.toContain(PASSWORD);
    // It leaves nothing behind.
    expect(await redis.command("DBSIZE")).toBe("0");
    await far[Symbol.asyncDispose]();
  });

  test("a store that is down, or left alone by its breaker, is a 503 with a reason and no secret", async () => {
    const down = await startRedis({ password: PASSWORD });
    const url = down.url;
    const far = withBreaker(redisStore({ url, prefix: "ping", options: { enableOfflineQueue: false } }), {
      failures: 1,
    });
    await down.stop();
    const stores = [
      { name: "near", store: new MapStore() },
      { name: "far", store: far, url },
    ];
    await using gateway = await startOperated({ stores, storeDeadlineMs: 300 });
    for (let round = 0; round < 2; round++) {
      const response = await gateway.get("/cache/ping");
      const text = await response.text();
      expect(response.status).toBe(503);
      const { status, ping_response, set_cache_response, stores: told, error } = JSON.parse(text);
      expect({ status, ping_response, set_cache_response }).toEqual({
        status: "unhealthy",
        ping_response: false,
        set_cache_response: "failed",
      });
      expect(told).toMatchObject([
        { name: "near", isUp: true },
        { name: "far", isUp: false },
      ]);
      expect(told[1].error).toMatch(round === 0 ? /redis|Redis/ : /is not asked for now/);
      expect(error.message).toContain("far: ");
      expect(text).not.toContain(PASSWORD);
    }
    await far[Symbol.asyncDispose]();
  });

  test("a tier that is only read is not written to", async () => {
    const store = new FaultyStore(new MapStore());
    store.fail("set");
    const written = { name: "slice", store };
    await using writable = await startOperated({ stores: [written] });
    const failed = await writable.get("/cache/ping");
    expect([failed.status, ((await failed.json()) as { ping_response: boolean }).ping_response]).toEqual([503, true]);
    await using gateway = await startOperated({ stores: [{ ...written, isWritten: false }] });
    expect((await gateway.get("/cache/ping")).status).toBe(200);
  });

  test("an error that quotes the URL's secrets is told without them, in whatever form", async () => {
    const store = new FaultyStore(new MapStore());
    const secret = "p@ss/word";
    store.fail(
      "get",
      new Error(
        `login as admin-user with ${secret} or ${encodeURIComponent(secret)} failed, key AKIA-SECRET, redis://x:y@h`,
      ),
    );
    const url = `keyv:postgres://admin-user:${encodeURIComponent(secret)}@db/x?accessKey=AKIA-SECRET`;
    await using gateway = await startOperated({ stores: [{ name: "keyv", store, url }] });
    const text = await (await gateway.get("/cache/ping")).text();
    for (const part of [secret, encodeURIComponent(secret), "admin-user", "AKIA-SECRET", "x:y"])
      expect(text).not.toContain(part);
    expect(text).toContain("login as …");
  });

  test("is for callers, and not for web pages of other hosts", async () => {
    await using gateway = await startOperated();
    const { status } = await rawGet(gateway.port, "/cache/ping", { origin: "https://evil.example" });
    expect(status).toBe(403);
  });
});
