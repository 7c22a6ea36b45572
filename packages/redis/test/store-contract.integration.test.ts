import { Cluster, Redis } from "ioredis";
import { afterAll, describe, expect, test } from "vitest";
import { sampleEntry, sampleId, storeChecks, type StoreCheckContext } from "@llmcache/core/conformance";
import { redisStore, RedisStore } from "@llmcache/redis";
import { redisPrograms } from "../../../scripts/servers/redis.mjs";
import { eventually } from "./polling.ts";
import { closing, registerChecks } from "../../core/test/register-checks.ts";
import { ownRedis, someCluster, someRedis } from "./servers.ts";

const redis = someRedis();
const cluster = someCluster();
const MAX_ENTRY_BYTES = 2 * 1024 * 1024;

describe("a single server, through redisStore", () => {
  const open = (_: unknown, { label }: StoreCheckContext) =>
    redisStore({ url: redis.url, prefix: label, maxEntryBytes: MAX_ENTRY_BYTES });
  registerChecks(
    storeChecks((context) => open(undefined, context), {
      reopen: closing(open),
      sibling: open,
      maxEntryBytes: MAX_ENTRY_BYTES,
    }),
  );
});

describe("a single server, through a client of the user's", () => {
  let client: Redis | undefined;
  afterAll(() => client?.disconnect());
  const open = (_: unknown, { label }: StoreCheckContext) =>
    new RedisStore({ client: (client ??= new Redis(redis.url)), prefix: label, maxEntryBytes: MAX_ENTRY_BYTES });
  registerChecks(
    storeChecks((context) => open(undefined, context), {
      reopen: closing(open),
      sibling: open,
      maxEntryBytes: MAX_ENTRY_BYTES,
    }),
  );
});

describe("a client with a keyPrefix, and a prefix with glob characters", () => {
  let client: Redis | undefined;
  afterAll(() => client?.disconnect());
  const open = (_: unknown, { label }: StoreCheckContext) =>
    new RedisStore({
      client: (client ??= new Redis(redis.url, { keyPrefix: "a*b[c]?\\" })),
      prefix: `*?[a-z]\\^{${label}`,
      maxEntryBytes: MAX_ENTRY_BYTES,
    });
  registerChecks(
    storeChecks((context) => open(undefined, context), {
      reopen: closing(open),
      sibling: open,
      maxEntryBytes: MAX_ENTRY_BYTES,
    }),
  );
});

describe("write-behind", () => {
  const open = (_: unknown, { label }: StoreCheckContext) =>
    redisStore({ url: redis.url, prefix: label, maxEntryBytes: MAX_ENTRY_BYTES, flushSize: 3, flushIntervalMs: 5 });
  registerChecks(
    storeChecks((context) => open(undefined, context), {
      reopen: closing(open),
      sibling: open,
      maxEntryBytes: MAX_ENTRY_BYTES,
    }),
  );
});

describe("a Cluster, through redisStore", () => {
  const open = (_: unknown, { label }: StoreCheckContext) =>
    redisStore({ nodes: cluster.nodes, prefix: label, maxEntryBytes: MAX_ENTRY_BYTES });
  registerChecks(
    storeChecks((context) => open(undefined, context), {
      reopen: closing(open),
      sibling: open,
      maxEntryBytes: MAX_ENTRY_BYTES,
    }),
  );
});

describe("a Cluster, through a client of the user's, all keys in one slot", () => {
  let client: Cluster | undefined;
  afterAll(() => client?.disconnect());
  const open = (_: unknown, { label }: StoreCheckContext) =>
    new RedisStore({
      client: (client ??= new Cluster([...cluster.nodes])),
      prefix: `{${label}}`,
      maxEntryBytes: MAX_ENTRY_BYTES,
    });
  registerChecks(
    storeChecks((context) => open(undefined, context), {
      reopen: closing(open),
      sibling: open,
      maxEntryBytes: MAX_ENTRY_BYTES,
    }),
  );
});

const hasValkey = await redisPrograms().then(
  ({ valkey }) => valkey !== undefined,
  () => false,
);
describe.skipIf(!hasValkey)("Valkey", () => {
  const valkey = hasValkey ? ownRedis({ valkey: true }) : undefined;
  const open = (_: unknown, { label }: StoreCheckContext) =>
    redisStore({ url: valkey?.server.url, prefix: label, maxEntryBytes: MAX_ENTRY_BYTES });
  registerChecks(
    storeChecks((context) => open(undefined, context), {
      reopen: closing(open),
      sibling: open,
      maxEntryBytes: MAX_ENTRY_BYTES,
    }),
  );
});

describe("lifetimes", () => {
  const prefix = `lifetimes-${process.pid}`;
  const key = { id: sampleId("entry") };

  test("Redis drops an entry at its deleteAt, however it was written", async () => {
    await using store = redisStore({ url: redis.url, prefix });
    const dead = sampleEntry({ createdAt: Date.now() - 2, deleteAt: Date.now() + 100_000 });
    for (const write of [
      (deleteAt: number) => store.set(sampleEntry({ deleteAt })),
      (deleteAt: number) => store.add(sampleEntry({ deleteAt })),
      (deleteAt: number) =>
        store.setMany([sampleEntry({ deleteAt }), sampleEntry({ id: sampleId("other"), deleteAt })]),
      async (deleteAt: number) => {
        await store.set(dead);
        await store.add(sampleEntry({ createdAt: Date.now(), deleteAt }), { over: dead });
      },
    ]) {
      await write(Date.now() + 50);
      await eventually(async () => expect(await store.get(key)).toBeUndefined());
    }
  });

  test("an entry without an end takes the place of one with an end, and stays", async () => {
    await using store = redisStore({ url: redis.url, prefix });
    const raw = new Redis(redis.url);
    const former = sampleEntry({ deleteAt: Date.now() + 100_000 });
    await store.set(former);
    expect(await raw.pttl(`${prefix}:${key.id}`)).toBeGreaterThan(0);
    await store.add(sampleEntry({ createdAt: former.createdAt + 1 }), { over: former });
    expect(await raw.pttl(`${prefix}:${key.id}`)).toBe(-1);
    await store.set(former);
    await store.set(sampleEntry());
    expect(await raw.pttl(`${prefix}:${key.id}`)).toBe(-1);
    await store.clear();
    raw.disconnect();
  });
});

describe("lists among many keys of others", () => {
  test("pages of a few out of thousands, with cursors that stay short", async () => {
    const prefix = `few-${process.pid}`;
    await using store = redisStore({ url: redis.url, prefix });
    const raw = new Redis(redis.url);
    const others = Array.from({ length: 5000 }, (_, index) => `${prefix}2:${sampleId(index)}`);
    await raw.mset(...others.flatMap((name) => [name, "x"]));
    const entries = Array.from({ length: 300 }, (_, value) => sampleEntry({ id: sampleId(value), value }));
    await store.setMany(entries);
    const listed: string[] = [];
    let after: string | undefined;
    for (let page = 0; page < 1000; page++) {
      const before = listed.length;
      for await (const { head, cursor } of store.entries({ limit: 7, after })) {
        listed.push(head.id);
        after = cursor;
        expect(cursor.length).toBeLessThan(2000);
      }
      if (listed.length === before) break;
    }
    expect(new Set(listed)).toEqual(new Set(entries.map(({ id }) => id)));
    expect(listed.length).toBeLessThan(entries.length * 1.5);
    await store.clear();
    expect(await raw.exists(...others)).toBe(others.length);
    await raw.unlink(...others);
    raw.disconnect();
  });
});
