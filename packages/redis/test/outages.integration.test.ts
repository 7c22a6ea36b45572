import { Redis } from "ioredis";
import { afterEach, describe, expect, test } from "vitest";
import { isLLMCacheError, type StoreEvent } from "@llmcache/core";
import { sampleEntry, sampleId } from "@llmcache/core/conformance";
import { redisStore, RedisStore } from "@llmcache/redis";
import { startRedis } from "../../../scripts/servers/redis.mjs";
import { eventually } from "./polling.ts";
import { ownCluster, ownRedis, ownServersProblem } from "./servers.ts";

const problem = await ownServersProblem();
const key = { id: sampleId("entry") };
const opened: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of opened.splice(0).toReversed()) await one[Symbol.asyncDispose]();
});

describe.skipIf(problem !== undefined)(`outages ${problem ?? ""}`, () => {
  const redis = ownRedis({ appendonly: true });

  test("goes on by itself after the server was killed and started again, with what was stored", async () => {
    const { store, events } = opening(redisStore({ url: redis.server.url, prefix: "restart" }));
    await store.set(sampleEntry());
    await redis.server.restart();
    expect((await eventually(() => store.get(key)))?.entry.body.json()).toEqual(sampleEntry().body.json());
    await redis.server.kill();
    await expect(store.get(key)).rejects.toSatisfy(isStoreError);
    await expect(store.set(sampleEntry())).rejects.toThrow(/nothing listens there/);
    await redis.server.start();
    expect((await eventually(() => store.get(key)))?.entry.id).toBe(key.id);
    expect(events.map(({ type }) => type)).toEqual(expect.arrayContaining(["degraded", "recovered"]));
    expect(events.filter(({ type }) => type === "degraded").length).toBeLessThanOrEqual(2);
  });

  test("refuses at once, instead of piling up, what is asked while the server is known to be away", async () => {
    const { store } = opening(redisStore({ url: redis.server.url, prefix: "away", timeoutMs: 600_000 }));
    await store.set(sampleEntry());
    await redis.server.kill();
    await expect(store.get(key)).rejects.toSatisfy(isStoreError);
    // With the deadline of ten minutes, the test would not end if one of them waited for it.
    const results = await Promise.allSettled(Array.from({ length: 1000 }, () => store.set(sampleEntry())));
    expect(results.every(({ status }) => status === "rejected")).toBe(true);
    await redis.server.start();
    await eventually(() => store.set(sampleEntry()));
    expect((await store.get(key))?.entry.id).toBe(key.id);
  });

  test("neither crashes nor hangs when nothing is there at the start, and goes on when it comes", async () => {
    const later = await startRedis();
    await later.kill();
    const { store } = opening(redisStore({ url: later.url }), later);
    await expect(store.get(key)).rejects.toThrow(/nothing listens there/);
    await later.start();
    await eventually(() => store.set(sampleEntry()));
    expect((await store.get(key))?.entry.id).toBe(key.id);
  });

  test("gives every command a deadline on a client that retries for ever", async () => {
    const later = await startRedis();
    await later.kill();
    const errors: unknown[] = [];
    const client = new Redis(later.url, { maxRetriesPerRequest: null, retryStrategy: () => 5 });
    client.on("error", (error) => errors.push(error));
    const { store } = opening(new RedisStore({ client, timeoutMs: 50 }), later, {
      [Symbol.asyncDispose]: async () => client.disconnect(),
    });
    for (const call of calls(store)) await expect(call()).rejects.toSatisfy(isStoreError);
    await later.start();
    await eventually(() => store.set(sampleEntry()));
    await expect(store.get(key, { signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow("enough");
  });

  test("gives every command a deadline on a server that is frozen, and goes on when it thaws", async () => {
    const { store, events } = opening(redisStore({ url: redis.server.url, prefix: "frozen", timeoutMs: 50 }));
    await store.set(sampleEntry());
    redis.server.pause();
    try {
      for (const call of calls(store)) await expect(call()).rejects.toSatisfy(isStoreError);
      await expect(store.get(key)).rejects.toThrow(/did not read within 50 ms/);
      expect(events.map(({ type }) => type)).toEqual(["degraded"]);
    } finally {
      redis.server.resume();
    }
    expect((await eventually(() => store.get(key)))?.entry.id).toBe(key.id);
    expect(events.map(({ type }) => type)).toEqual(["degraded", "recovered"]);
  });

  test("sends a frozen server one command at a time", async () => {
    const client = new Redis(redis.server.url);
    const { store } = opening(new RedisStore({ client, timeoutMs: 200 }), {
      [Symbol.asyncDispose]: async () => client.disconnect(),
    });
    await store.set(sampleEntry());
    redis.server.pause();
    try {
      await expect(store.get(key)).rejects.toSatisfy(isStoreError);
      const results = await Promise.allSettled(Array.from({ length: 500 }, () => store.get(key)));
      expect(results.every(({ status }) => status === "rejected")).toBe(true);
      expect((client as unknown as { commandQueue: { length: number } }).commandQueue.length).toBeLessThanOrEqual(3);
    } finally {
      redis.server.resume();
    }
    await eventually(() => store.get(key));
  });

  test("closes in bounded time what it opened while the server is frozen", async () => {
    const store = redisStore({ url: redis.server.url, timeoutMs: 50 });
    await store.set(sampleEntry());
    redis.server.pause();
    try {
      const call = store.get(key).catch((error: unknown) => error);
      await store[Symbol.asyncDispose]();
      expect(await call).toSatisfy(isStoreError);
      await expect(store.get(key)).rejects.toSatisfy((error) => isLLMCacheError(error, "ERR_LLMCACHE_CLOSED"));
    } finally {
      redis.server.resume();
    }
  });

  test("tells which entries a write-behind lost", async () => {
    const away = await startRedis();
    await away.kill();
    const { store, events } = opening(redisStore({ url: away.url, flushSize: 2 }), away);
    await store.set(sampleEntry());
    expect((await store.get(key))?.entry.id).toBe(key.id);
    await store.set(sampleEntry({ id: sampleId("other") }));
    await eventually(() => expect(events.map(({ type }) => type)).toContain("write-failed"));
    expect(events.find(({ type }) => type === "write-failed")?.message).toMatch(
      /Up to 2 entries .* were not stored: .*nothing listens/,
    );
  });
});

describe.skipIf(problem !== undefined)("outages in a Cluster", () => {
  const servers = ownCluster();

  test("survives the loss of a master: the others serve, then its replica", async () => {
    const { store } = opening(redisStore({ nodes: servers.cluster.addresses.split(","), timeoutMs: 10_000 }));
    const entries = Array.from({ length: 60 }, (_, value) => sampleEntry({ id: sampleId(value), value }));
    await store.setMany(entries);
    const [lost] = await servers.cluster.masters();
    await lost?.command("wait", "1", "5000");
    await lost?.kill();
    for (const entry of entries) {
      const hit = await eventually(() => store.get(entry));
      expect(hit === undefined || hit.entry.body.json() === entry.body.json()).toBe(true);
      await eventually(() => store.set(entry));
    }
    const hits = await eventually(() => store.getMany(entries));
    expect(hits.map((hit) => hit?.entry.id)).toEqual(entries.map(({ id }) => id));
    const listed: string[] = [];
    for await (const { head } of store.entries()) listed.push(head.id);
    expect(listed.sort()).toEqual(entries.map(({ id }) => id).sort());
    await store.clear();
    expect(await store.getMany(entries)).toEqual(entries.map(() => undefined));
    await lost?.start();
    await servers.cluster.settled();
  });

  test("starts a list anew when the masters changed between two pages", async () => {
    const { store } = opening(
      redisStore({ nodes: servers.cluster.addresses.split(","), prefix: "pages", timeoutMs: 10_000 }),
    );
    const entries = Array.from({ length: 60 }, (_, value) => sampleEntry({ id: sampleId(value), value }));
    await store.setMany(entries);
    const listed = new Set<string>();
    let after: string | undefined;
    for await (const { head, cursor } of store.entries({ limit: 30 })) {
      listed.add(head.id);
      after = cursor;
    }
    const masters = await servers.cluster.masters();
    for (const master of masters) await master.command("wait", "1", "5000");
    const lost = masters.at(-1);
    await lost?.kill();
    // Until its replica has taken over and the client has noticed.
    for (const entry of entries) await eventually(() => store.set(entry));
    for await (const { head } of store.entries({ after })) listed.add(head.id);
    expect(listed.size).toBe(entries.length);
    await lost?.start();
    await servers.cluster.settled();
  });
});

function opening(store: RedisStore, ...others: AsyncDisposable[]): { store: RedisStore; events: StoreEvent[] } {
  const events: StoreEvent[] = [];
  store.on((event) => events.push(event));
  opened.push(...others, store);
  return { store, events };
}

function calls(store: RedisStore): (() => Promise<unknown>)[] {
  const list = async (): Promise<void> => {
    for await (const _ of store.entries());
  };
  const entry = sampleEntry();
  return [
    () => store.get(key),
    () => store.set(entry),
    () => store.add(entry),
    () => store.delete(key),
    () => store.clear(),
    () => store.getMany([key]),
    () => store.setMany([entry, sampleEntry({ id: sampleId("other") })]),
    list,
  ];
}

function isStoreError(error: unknown): boolean {
  return isLLMCacheError(error, "ERR_LLMCACHE_STORE");
}
