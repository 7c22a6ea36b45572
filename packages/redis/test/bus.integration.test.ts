import { fork } from "node:child_process";
import { once } from "node:events";
import { Cluster, Redis } from "ioredis";
import { afterEach, describe, expect, test } from "vitest";
import { MapStore, TieredStore } from "@llmcache/core";
import { sampleEntry, sampleId } from "@llmcache/core/conformance";
import { redisBus, RedisStore } from "@llmcache/redis";
import { eventually } from "./polling.ts";
import { ownRedis, ownServersProblem, someCluster, someRedis } from "./servers.ts";

const redis = someRedis();
const cluster = someCluster();
const opened: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).toReversed()) await close();
});

/** A process's tiers: a map in front of what all share. */
async function tiers(client: Redis | Cluster, prefix: string, channel: string) {
  const near = new MapStore();
  const far = new RedisStore({ client, prefix });
  const bus = redisBus({ client, channel });
  const store = new TieredStore([near, far], { bus });
  opened.push(
    () => client.disconnect(),
    () => bus[Symbol.asyncDispose](),
    () => store[Symbol.asyncDispose](),
  );
  await bus.listening();
  return { near, far, store, bus };
}

const clients = [
  { name: "a single server", make: () => new Redis(redis.url) },
  { name: "a client with a keyPrefix", make: () => new Redis(redis.url, { keyPrefix: "app:" }) },
  { name: "a Cluster", make: () => new Cluster([...cluster.nodes]) },
];

describe.each(clients)("redisBus over $name", ({ make }) => {
  test("copies elsewhere go when an entry is deleted, refreshed, or all are cleared", async () => {
    const prefix = `bus-${process.pid}-${Math.random()}`;
    const [here, there] = [await tiers(make(), prefix, prefix), await tiers(make(), prefix, prefix)];
    const entry = sampleEntry();
    const copied = async (): Promise<void> => {
      await here.store.set(entry);
      // Not while a message of the write is on its way.
      await eventually(async () => {
        await there.store.get(entry);
        await there.store.settled();
        expect((await there.near.get(entry))?.entry.createdAt).toBe(entry.createdAt);
      });
    };
    const gone = (): Promise<void> => eventually(async () => expect(await there.near.get(entry)).toBeUndefined());

    await copied();
    await here.store.delete(entry);
    await gone();
    await copied();
    await here.store.set({ ...entry, createdAt: entry.createdAt + 1 });
    await gone();
    expect((await there.store.get(entry))?.entry.createdAt).toBe(entry.createdAt + 1);
    await here.store.clear();
    await gone();
  });

  test("channels keep apart", async () => {
    const name = `apart-${process.pid}-${Math.random()}`;
    const [one, other] = [
      redisBus({ client: connected(make()), channel: name }),
      redisBus({ client: connected(make()), channel: `${name}2` }),
    ];
    opened.push(
      () => one[Symbol.asyncDispose](),
      () => other[Symbol.asyncDispose](),
    );
    const heard: unknown[] = [];
    const elsewhere: unknown[] = [];
    one.subscribe((message) => heard.push(message));
    other.subscribe((message) => elsewhere.push(message));
    await Promise.all([one.listening(), other.listening()]);
    await one.publish({ type: "clear", source: "s" });
    await eventually(() => expect(heard).toEqual([{ type: "clear", source: "s" }]));
    await other.publish({ type: "clear", source: "o" });
    await eventually(() => expect(elsewhere).toEqual([{ type: "clear", source: "o" }]));
  });
});

function connected<C extends Redis | Cluster>(client: C): C {
  opened.push(() => client.disconnect());
  return client;
}

test("what is no message affects nothing", async () => {
  const channel = `noise-${process.pid}`;
  const client = connected(new Redis(redis.url));
  const { store, near, bus } = await tiers(client, channel, channel);
  await store.set(sampleEntry());
  const heard: unknown[] = [];
  bus.subscribe((message) => heard.push(message));
  for (const noise of ["", "{", "null", "[1]", '{"type":"clear"}', '{"type":"delete","source":"x","id":5}'])
    await client.publish(channel, noise);
  const ofNoise = (): unknown[] => heard.filter((one) => (one as { type?: unknown } | null)?.type !== "refresh");
  await eventually(() =>
    expect(ofNoise()).toEqual([null, [1], { type: "clear" }, { type: "delete", source: "x", id: 5 }]),
  );
  await store.settled();
  expect((await near.get(sampleEntry()))?.entry.id).toBe(sampleId("entry"));
  await store.clear();
});

test("a listener that throws ends nothing, and others hear", async () => {
  const channel = `throwing-${process.pid}`;
  const bus = redisBus({ client: connected(new Redis(redis.url)), channel });
  opened.push(() => bus[Symbol.asyncDispose]());
  const heard: unknown[] = [];
  bus.subscribe(() => {
    throw new Error("a fault of its own");
  });
  bus.subscribe((message) => heard.push(message));
  await bus.listening();
  for (const source of ["s", "t"]) await bus.publish({ type: "clear", source });
  await eventually(() => expect(heard).toHaveLength(2));
});

test("another process's copies go, too", async () => {
  const prefix = `bus-process-${process.pid}`;
  const child = fork(new URL("bus-child.ts", import.meta.url), [redis.url, prefix], {
    execArgv: ["--conditions=@llmcache/source"],
  });
  opened.push(() => child.kill());
  expect(await once(child, "message")).toEqual(["ready", undefined]);
  const { store } = await tiers(new Redis(redis.url), prefix, prefix);
  const entry = sampleEntry();
  await store.set(entry);
  child.send(entry.id);
  expect((await once(child, "message"))[0]).toBe("copied");
  await store.delete(entry);
  expect((await once(child, "message"))[0]).toBe("gone");
});

const problem = await ownServersProblem();
describe.skipIf(problem !== undefined)(`outages ${problem ?? ""}`, () => {
  const own = ownRedis();

  test("it listens again by itself after the server was killed, and telling rejects meanwhile", async () => {
    const client = connected(new Redis(own.server.url, { maxRetriesPerRequest: 1 }));
    client.on("error", () => undefined);
    const bus = redisBus({ client, channel: "outage", timeoutMs: 500 });
    opened.push(() => bus[Symbol.asyncDispose]());
    const heard: unknown[] = [];
    bus.subscribe((message) => heard.push(message));
    await bus.listening();
    await own.server.kill();
    await expect(bus.publish({ type: "clear", source: "lost" })).rejects.toMatchObject({ code: "ERR_LLMCACHE_STORE" });
    await own.server.start();
    await eventually(async () => {
      await bus.publish({ type: "clear", source: "found" });
      expect(heard).toContainEqual({ type: "clear", source: "found" });
    });
    expect(heard).not.toContainEqual({ type: "clear", source: "lost" });
  });

  test("a bus that is disposed while nothing is there leaves nothing behind", async () => {
    const client = connected(new Redis(1, "127.0.0.1", { maxRetriesPerRequest: 1 }));
    client.on("error", () => undefined);
    const bus = redisBus({ client, channel: "nothing" });
    bus.subscribe(() => undefined);
    await bus[Symbol.asyncDispose]();
    await expect(bus.publish({ type: "clear", source: "s" })).rejects.toMatchObject({ code: "ERR_LLMCACHE_CLOSED" });
  });
});

test.each([
  [{ client: {} }, "client must be"],
  [{ channel: "" }, "channel must be"],
  [{ timeoutMs: 0 }, "timeoutMs must be"],
  [{ topic: "x" }, "topic is no option"],
])("options %j are refused", (given, message) => {
  const client = connected(new Redis({ lazyConnect: true }));
  expect(() => redisBus({ client, ...given } as never)).toThrow(message);
});
