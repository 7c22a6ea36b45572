import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { Body, isLLMCacheError, type Entry, type StoreEvent } from "@llmcache/core";
import { sampleEntry, sampleId, storeChecks, type SampleOverrides } from "@llmcache/core/conformance";
import { MemoryStore, type MemoryStoreOptions } from "@llmcache/memory";
import { behavesLikeAMap } from "./store-model.ts";

const entryOf = (name: string | number, overrides?: SampleOverrides): Entry =>
  sampleEntry({ id: sampleId(name), value: name, ...overrides });
const has = async (store: MemoryStore, name: string | number): Promise<boolean> =>
  (await store.get({ id: sampleId(name) })) !== undefined;
const those = async (store: MemoryStore, names: readonly (string | number)[]): Promise<(string | number)[]> => {
  const found: (string | number)[] = [];
  for (const name of names) if (await has(store, name)) found.push(name);
  return found;
};

describe.each(["values", "bytes"] as const)("a store of %s keeps the contract", (storage) => {
  const maxEntryBytes = 1024 * 1024;
  const checks = storeChecks(({ clock }) => new MemoryStore({ storage, clock }), {
    maxEntryBytes,
    sibling: (_, { clock }) => new MemoryStore({ storage, clock }),
  });
  for (const check of checks) test.skipIf(check.skip !== undefined)(check.name, check.run);

  test("any series of calls gives what a Map gives", { timeout: 60_000 }, () =>
    behavesLikeAMap(() => new MemoryStore({ storage, clock: () => 0 }), 200),
  );
});

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

describe("what is kept", () => {
  test("by default, a thousand entries", async () => {
    const store = new MemoryStore();
    for (let i = 0; i <= 1000; i++) await store.set(entryOf(i));
    expect(await those(store, [0, 1, 1000])).toEqual([1, 1000]);
  });

  test("by default, 64 MiB", async () => {
    const store = new MemoryStore();
    const bytes = Buffer.alloc(1_000_000);
    for (let i = 0; i < 70; i++) await store.set(entryOf(i, { bytes }));
    const kept = await those(
      store,
      Array.from({ length: 70 }, (_, i) => i),
    );
    expect(kept).toHaveLength(67);
    expect(kept[0]).toBe(3);
  });

  test("the least recently used goes first; get, getMany and replacing are uses, add that is refused and listing are none", async () => {
    const store = new MemoryStore({ maxEntries: 5 });
    for (const name of ["a", "b", "c", "d", "e"]) await store.set(entryOf(name));
    await store.get({ id: sampleId("a") });
    await store.getMany([{ id: sampleId("b") }]);
    await store.set(entryOf("c"));
    await store.add(entryOf("d"));
    for await (const _ of store.entries());
    for (const name of ["x", "y"]) await store.set(entryOf(name));
    expect(await those(store, ["a", "b", "c", "d", "e", "x", "y"])).toEqual(["a", "b", "c", "x", "y"]);
  });

  test("an unlimited number of entries, if only bytes are to count", async () => {
    const store = new MemoryStore({ maxEntries: Number.POSITIVE_INFINITY });
    for (let i = 0; i < 3000; i++) await store.set(entryOf(i));
    expect(await has(store, 0)).toBe(true);
  });

  test("bodies and heads count as bytes", async () => {
    const store = new MemoryStore({ maxBytes: 30_000 });
    await store.set(entryOf("body", { bytes: Buffer.alloc(12_000) }));
    await store.set(entryOf("text", { text: "t".repeat(12_000) }));
    expect(await those(store, ["body", "text"])).toEqual(["body", "text"]);
    await store.set(entryOf("request", { request: { prompt: "p".repeat(12_000) } }));
    expect(await those(store, ["body", "text", "request"])).toEqual(["text", "request"]);
    await store.set(
      entryOf("tags", { tags: { t: "g".repeat(12_000) }, metadata: { operation: "o", m: "m".repeat(6000) } }),
    );
    expect(await those(store, ["text", "request", "tags"])).toEqual(["tags"]);
  });

  test("an entry that is too large is not stored, tells so, and takes the former one with it", async () => {
    const store = new MemoryStore({ maxEntryBytes: 2000 });
    const events: StoreEvent[] = [];
    store.on((event) => events.push(event));
    await store.set(entryOf("a"));
    await store.set(entryOf("a", { bytes: Buffer.alloc(2000) }));
    expect(await has(store, "a")).toBe(false);
    expect(await store.add(entryOf("a", { bytes: Buffer.alloc(2000) }))).toBe(false);
    expect(events).toHaveLength(2);
    expect(events[0]).toMatchObject({
      store: "memory",
      type: "too-large",
      id: sampleId("a"),
      message: expect.stringContaining("maxEntryBytes"),
    });
  });

  test("no entry is larger than the whole store", async () => {
    const store = new MemoryStore({ maxBytes: 10_000 });
    await store.set(entryOf("small"));
    await store.set(entryOf("large", { bytes: Buffer.alloc(10_000) }));
    expect(await those(store, ["small", "large"])).toEqual(["small"]);
  });

  test("the cache's own entries are spared while answers come and go, within 4 MiB", async () => {
    const store = new MemoryStore({ maxEntries: 2 });
    const own = (name: number): Entry =>
      entryOf(name, { metadata: { operation: "llmcache.tag" }, bytes: Buffer.alloc(500_000) });
    for (let i = 0; i < 8; i++) await store.set(own(i));
    for (const name of ["a", "b", "c"]) await store.set(entryOf(name));
    expect(await those(store, [0, 7, "a", "b", "c"])).toEqual([0, 7, "b", "c"]);
    for (let i = 8; i < 16; i++) await store.set(own(i));
    expect(await those(store, [0, 1, 15, "b", "c"])).toEqual([15, "b", "c"]);
  });

  test("an id has one entry, whichever shelf it is on", async () => {
    const store = new MemoryStore();
    await store.set(entryOf("a", { metadata: { operation: "llmcache.lease" } }));
    await store.set(entryOf("a", { value: "answer" }));
    expect((await store.get({ id: sampleId("a") }))?.entry.body.json()).toBe("answer");
    await store.delete({ id: sampleId("a") });
    expect(await has(store, "a")).toBe(false);
  });

  test("dead entries go when they are met, stale ones stay", async () => {
    let now = 1000;
    const store = new MemoryStore({ clock: () => now });
    await store.set(entryOf("a", { staleAt: 2000, deleteAt: 3000 }));
    now = 2999;
    expect(await has(store, "a")).toBe(true);
    now = 3000;
    expect(await has(store, "a")).toBe(false);
    now = 1000;
    expect(await has(store, "a")).toBe(false);
  });
});

describe("the form of what is kept", () => {
  const read = async (options: MemoryStoreOptions, body: Body): Promise<Body | undefined> => {
    const store = new MemoryStore(options);
    await store.set(entryOf("a", { body }));
    return (await store.get({ id: sampleId("a") }))?.entry.body;
  };

  test("values are kept as values, whatever came", async () => {
    expect((await read({}, Body.json({ a: 1 }).asBytes()))?.held).toBe("value");
    expect((await read({}, Body.bytes(Buffer.from("a"))))?.held).toBe("bytes");
  });

  test("bytes are kept as bytes, whatever came", async () => {
    const body = await read({ storage: "bytes" }, Body.json({ a: 1 }));
    expect(body?.held).toBe("bytes");
    expect(body?.json()).toEqual({ a: 1 });
  });

  test("a small view does not keep a large buffer alive", async () => {
    const frame = Buffer.alloc(64 * 1024, "x");
    const body = await read({ storage: "bytes" }, Body.stored("bytes", frame.subarray(100, 200)));
    expect(body?.bytes().buffer.byteLength).toBe(100);
    expect(Buffer.from(body?.bytes() ?? []).toString()).toBe("x".repeat(100));
  });

  test("a body that is no JSON is refused where values are kept, and changes nothing", async () => {
    const store = new MemoryStore();
    await store.set(entryOf("a", { value: "former" }));
    await expect(store.set(entryOf("a", { body: Body.stored("json", Buffer.from("{")) }))).rejects.toThrow(SyntaxError);
    expect((await store.get({ id: sampleId("a") }))?.entry.body.json()).toBe("former");
  });
});

describe("options", () => {
  test.each<[string, unknown]>([
    ["maxEntries", 0],
    ["maxEntries", 1.5],
    ["maxEntries", "10"],
    ["maxBytes", 0],
    ["maxBytes", Number.POSITIVE_INFINITY],
    ["maxBytes", Number.NaN],
    ["maxEntryBytes", -1],
    ["storage", "zip"],
    ["clock", 5],
  ])("refuses %s: %j", (field, value) => {
    expect(() => new MemoryStore({ [field]: value })).toThrow(
      expect.toSatisfy(
        (error) =>
          isLLMCacheError(error, "ERR_LLMCACHE_OPTION") && error.message.includes(`MemoryStore: ${field} must be`),
      ),
    );
  });

  test("undefined means the default", () => {
    expect(
      () =>
        new MemoryStore({
          maxEntries: undefined,
          maxBytes: undefined,
          maxEntryBytes: undefined,
          storage: undefined,
          clock: undefined,
        }),
    ).not.toThrow();
  });
});

test("who bounds bytes alone is not bounded by a number", async () => {
  const store = new MemoryStore({ maxBytes: 64 * 1024 * 1024 });
  for (let i = 0; i <= 1000; i++) await store.set(entryOf(i));
  expect(await those(store, [0, 1000])).toEqual([0, 1000]);
});

describe("memory that is held", () => {
  const used = (): number => {
    collectGarbage();
    return process.memoryUsage().heapUsed;
  };

  test.each([
    ["cut out of long ones", (i: number) => "x".repeat(100_000).concat(String(i)).slice(50_000, 52_000)],
    [
      "put together of many",
      (i: number) => Array.from({ length: 400 }, (_, at) => `${at} ${i} `).reduce((a, b) => a + b),
    ],
  ])("is that of texts %s, and not what they came from", async (_, textOf) => {
    const store = new MemoryStore();
    const before = used();
    for (let i = 0; i < 300; i++)
      await store.set(sampleEntry({ id: sampleId(i), value: i % 2 === 0 ? { text: textOf(i) } : textOf(i) }));
    // 300 texts of 2 to 4 kB.
    expect(used() - before).toBeLessThan(4_000_000);
    expect((await store.get({ id: sampleId(7) }))?.entry.body.json()).toBe(textOf(7));
    expect((await store.get({ id: sampleId(8) }))?.entry.body.json()).toEqual({ text: textOf(8) });
  });
});

test("after it was disposed, calls reject and nothing is kept", async () => {
  const store = new MemoryStore();
  await store.set(entryOf("a"));
  await store[Symbol.asyncDispose]();
  await expect(store.get({ id: sampleId("a") })).rejects.toSatisfy((error) =>
    isLLMCacheError(error, "ERR_LLMCACHE_CLOSED"),
  );
});
