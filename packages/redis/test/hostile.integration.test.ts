import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decodeEntry, encodeEntry, type StoreEvent, type StoreHit } from "@llmcache/core";
import { sampleEntry, sampleId } from "@llmcache/core/conformance";
import { redisStore, type RedisStore } from "@llmcache/redis";
import { someRedis } from "./servers.ts";

const FULL = process.env["LLMCACHE_TEST_FULL"] === "1";
const MUTANTS = FULL ? 100_000 : 5000;
const AT_ONCE = 500;

const redis = someRedis();
const prefix = `hostile-${process.pid}`;
let raw: Redis;
let store: RedisStore;
const events: StoreEvent[] = [];

beforeAll(() => {
  raw = new Redis(redis.url);
  store = redisStore({ url: redis.url, prefix });
  store.on((event) => events.push(event));
});
afterAll(async () => {
  await store.clear();
  await store[Symbol.asyncDispose]();
  raw.disconnect();
});

test(`${MUTANTS} mutated frames are misses or the right value, in get, getMany and lists`, async () => {
  const original = sampleEntry({
    metadata: { operation: "chat.completions", model: "m" },
    tags: { tag: "1" },
    text: "text",
    deleteAt: Date.now() + 3_600_000,
  });
  const frame = Buffer.from(encodeEntry(original));
  const random = sequence();
  const body = JSON.stringify(original.body.json());
  for (let done = 0; done < MUTANTS; done += AT_ONCE) {
    const pipeline = raw.pipeline();
    for (let i = 0; i < AT_ONCE; i++)
      pipeline.set(
        `${prefix}:${original.id.slice(0, 56)}${(done + i).toString(16).padStart(8, "0")}`,
        mutated(frame, random),
      );
    pipeline.set(`${prefix}:${original.id}`, mutated(frame, random));
    await pipeline.exec();
    const ids = Array.from(
      { length: AT_ONCE },
      (_, i) => original.id.slice(0, 56) + (done + i).toString(16).padStart(8, "0"),
    );
    // Under another id than its own not even an intact frame is served.
    expect(await store.getMany(ids.map((id) => ({ id })))).toEqual(ids.map(() => undefined));
    check(await store.get(original), body);
    await raw.unlink(...ids.map((id) => `${prefix}:${id}`));
  }
  for (let i = 0; i < AT_ONCE; i++) {
    await raw.set(`${prefix}:${original.id}`, mutated(frame, random));
    check(await store.get(original), body);
    for await (const listed of store.entries({ bodies: i % 2 === 0 })) expect(listed.head.id).toBe(original.id);
  }
  expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  expect(events.some(({ type }) => type === "unreadable")).toBe(true);
  expect(events.every(({ type }) => type === "unreadable")).toBe(true);
});

test("an intact frame of another id is not served", async () => {
  const other = sampleEntry({ id: sampleId("other") });
  await raw.set(`${prefix}:${sampleId("mine")}`, Buffer.from(encodeEntry(other)));
  expect(await store.get({ id: sampleId("mine") })).toBeUndefined();
  expect(await store.getMany([{ id: sampleId("mine") }])).toEqual([undefined]);
  for await (const { head } of store.entries()) expect(head.id).not.toBe(other.id);
});

describe("a value of another type under one of our keys", () => {
  const id = sampleId("typed");
  const types: Record<string, (key: string) => Promise<unknown>> = {
    list: (key) => raw.rpush(key, "a", "b"),
    hash: (key) => raw.hset(key, "field", "value"),
    set: (key) => raw.sadd(key, "member"),
    "sorted set": (key) => raw.zadd(key, 1, "member"),
    stream: (key) => raw.xadd(key, "*", "field", "value"),
    number: (key) => raw.incr(key),
    "empty text": (key) => raw.set(key, ""),
  };
  for (const [type, put] of Object.entries(types)) {
    test(type, async () => {
      const key = `${prefix}:${id}`;
      const entry = sampleEntry({ id, value: type });
      for (const replace of [
        () => store.set(entry),
        () => store.add(entry),
        () => store.setMany([entry, sampleEntry()]),
      ]) {
        await raw.unlink(key);
        await put(key);
        expect(await store.get({ id })).toBeUndefined();
        expect(await store.getMany([{ id }])).toEqual([undefined]);
        for (const bodies of [true, false])
          for await (const { head } of store.entries({ bodies })) expect(head.id).not.toBe(id);
        expect(await replace()).not.toBe(false);
        expect((await store.get({ id }))?.entry.body.json()).toBe(type);
      }
      await raw.unlink(key);
      await put(key);
      await store.delete({ id });
      expect(await raw.exists(key)).toBe(0);
      await put(key);
      await store.clear();
      expect(await raw.exists(key)).toBe(0);
    });
  }
});

test("keys below the prefix that are none of ours are neither listed nor cleared", async () => {
  const id = sampleId("one");
  const others = [
    `${prefix}:`,
    prefix,
    `${prefix}:short`,
    `${prefix}:${id}x`,
    `${prefix}:sub:${id}`,
    `${prefix}2:${id}`,
    `${prefix}:${id.toUpperCase()}`,
    `${prefix}:${"é".repeat(32)}`,
    id,
  ];
  for (const other of others) await raw.set(other, Buffer.from(encodeEntry(sampleEntry({ id }))));
  await store.set(sampleEntry({ id }));
  const listed: string[] = [];
  for await (const { head } of store.entries()) listed.push(head.id);
  expect(listed).toEqual([id]);
  await store.clear();
  expect(await store.get({ id })).toBeUndefined();
  expect(await raw.exists(...others)).toBe(others.length);
  await raw.unlink(...others);
});

function check(hit: StoreHit | undefined, body: string): void {
  if (hit !== undefined) expect(JSON.stringify(hit.entry.body.json())).toBe(body);
}

/** Bits flipped, bytes exchanged, cut, doubled, or another member put into the first line. */
function mutated(frame: Buffer, random: () => number): Buffer {
  const copy = Buffer.from(frame);
  const at = Math.floor(random() * copy.length);
  switch (Math.floor(random() * 7)) {
    case 0:
      copy[at]! ^= 1 << Math.floor(random() * 8);
      return copy;
    case 1:
      copy[at] = Math.floor(random() * 256);
      return copy;
    case 2:
      return copy.subarray(0, at);
    case 3:
      return copy.subarray(at);
    case 4:
      return Buffer.concat([copy, copy.subarray(at)]);
    case 5:
      return Buffer.concat([Buffer.from('{"__proto__":{"polluted":true},'), copy.subarray(1)]);
    default:
      return copy;
  }
}

function sequence(): () => number {
  let state = 7;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

test("the mutations leave some frames intact, and spoil most", () => {
  const frame = Buffer.from(encodeEntry(sampleEntry()));
  const random = sequence();
  const intact = Array.from({ length: 1000 }, () => decodeEntry(mutated(frame, random))).filter(
    (entry) => entry !== undefined,
  ).length;
  expect(intact).toBeGreaterThan(50);
  expect(intact).toBeLessThan(400);
});
