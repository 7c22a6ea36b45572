import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, test, vi } from "vitest";
import type { Embedder, StoreEvent } from "@llmcache/core";
import { MemorySemanticStore, type MemorySemanticStoreOptions } from "@llmcache/memory-semantic";
import { anyAbove, entryOf, keyOf, seeded, storeOf } from "./stage.ts";

const DIMENSIONS = 96;
const full = process.env["LLMCACHE_TEST_FULL"] === "1";
const ENTRIES = full ? 20_000 : 1500;
const QUERIES = full ? 1000 : 200;

/** Texts `"c v"`: variants around the centre of a cluster, some nearer to it than others. */
class ClusterEmbedder implements Embedder {
  readonly id = "clusters";
  readonly dimensions = DIMENSIONS;

  async embed(texts: readonly string[]): Promise<readonly Float32Array[]> {
    return texts.map((text) => {
      const [centre, variant] = [seeded(text.split(" ")[0] as string), seeded(text)];
      return Float32Array.from({ length: DIMENSIONS }, () => centre() + 0.5 * variant());
    });
  }
}

async function filled(options: Partial<MemorySemanticStoreOptions>, entries = ENTRIES): Promise<MemorySemanticStore> {
  const store = new MemorySemanticStore({
    embedder: new ClusterEmbedder(),
    policy: anyAbove(0),
    maxEntries: Number.POSITIVE_INFINITY,
    ...options,
  });
  await store.setMany(Array.from({ length: entries }, (_, at) => entryOf(`${at % 100} ${at}`)));
  return store;
}

async function caughtUp(store: MemorySemanticStore, indexed: number): Promise<void> {
  while (store.usage().indexed < indexed) await turn();
}

describe("an index", () => {
  test("finds what the scan finds: recall@1 is at least 0.99", async () => {
    const [scan, indexed] = [await filled({ index: "scan" }), await filled({ index: "usearch", indexAbove: 100 })];
    await caughtUp(indexed, ENTRIES);
    expect(scan.usage().indexed).toBe(0);
    let same = 0;
    for (let at = 0; at < QUERIES; at++) {
      const key = keyOf(`${at % 100} query ${at}`);
      const [one, other] = [await scan.get(key), await indexed.get(key)];
      if (one?.entry.id === other?.entry.id) {
        same++;
        expect(other?.similarity).toBeCloseTo(one?.similarity as number, 5);
      }
    }
    expect(same / QUERIES).toBeGreaterThanOrEqual(0.99);
  });

  test("is not waited for: what it has not taken up yet is found all the same", async () => {
    const store = await filled({ index: "usearch", indexAbove: 100 }, 300);
    await caughtUp(store, 300);
    await store.set(entryOf("5 fresh"));
    expect(store.usage()).toMatchObject({ vectors: 301, indexed: 300 });
    expect((await store.get({ ...keyOf("5 fresh"), id: "another" }))?.entry.text).toBe("5 fresh");
    await caughtUp(store, 301);
    expect((await store.get({ ...keyOf("5 fresh"), id: "another" }))?.entry.text).toBe("5 fresh");
  });

  test("loses what is deleted, and is given up when the scope is small again", async () => {
    const store = await filled({ index: "usearch", indexAbove: 100 }, 200);
    await caughtUp(store, 200);
    const before = store.usage().bytes;
    const key = { ...keyOf("5 5"), id: "another" };
    expect((await store.get(key))?.entry.text).toBe("5 5");
    await store.delete(keyOf("5 5"));
    expect((await store.get(key))?.entry.text).not.toBe("5 5");
    expect(store.usage()).toMatchObject({ vectors: 199, indexed: 199 });
    for (let at = 0; at < 200; at++) if (at % 3 !== 0) await store.delete(keyOf(`${at % 100} ${at}`));
    const { vectors, indexed, bytes } = store.usage();
    expect([vectors, indexed]).toEqual([67, 67]);
    for (let at = 0; at < 60; at += 3) await store.delete(keyOf(`${at % 100} ${at}`));
    expect(store.usage()).toMatchObject({ vectors: 47, indexed: 0 });
    expect(bytes).toBeLessThan(before / 2);
    expect((await store.get({ ...keyOf("60 60"), id: "another" }))?.entry.text).toBe("60 60");
  });

  test("is counted in bytes, and bounded by them", async () => {
    const plain = await filled({ index: "scan" }, 300);
    const indexed = await filled({ index: "usearch", indexAbove: 100 }, 300);
    await caughtUp(indexed, 300);
    expect(indexed.usage().bytes).toBeGreaterThan(plain.usage().bytes + 300 * 2 * DIMENSIONS);
    const { bytes } = plain.usage();
    const tight = await filled({ index: "usearch", indexAbove: 100, maxBytes: bytes + 10_000 }, 300);
    await vi.waitFor(() => expect(tight.usage().indexed).toBe(tight.usage().vectors));
    expect(tight.usage().bytes).toBeLessThanOrEqual(bytes + 10_000);
    expect(tight.usage().entries).toBeLessThan(300);
    await tight.clear();
    expect(tight.usage()).toMatchObject({ bytes: 0, indexed: 0 });
  });

  test("is not made below its size", async () => {
    const store = await filled({ index: "usearch", indexAbove: 300 }, 300);
    await turn();
    await turn();
    expect(store.usage().indexed).toBe(0);
    await store.set(entryOf("1 more"));
    await caughtUp(store, 301);
  });

  test("keeps up with evictions and many scopes, and is dropped with the store", async () => {
    const store = await filled({ index: "usearch", indexAbove: 50, maxEntries: 200 }, 150);
    for (let at = 0; at < 300; at++) {
      await store.set(entryOf(`${at % 100} again ${at}`, { model: at % 2 === 0 ? "m" : "n" }));
      if (at % 50 === 0) await turn();
    }
    await caughtUp(store, 200);
    expect(store.usage()).toMatchObject({ entries: 200, vectors: 200, indexed: 200, scopes: 2 });
    await store[Symbol.asyncDispose]();
    expect(store.usage()).toMatchObject({ entries: 0, vectors: 0, indexed: 0 });
  });
});

describe("without the package", () => {
  test("auto scans, and asking for it is an error that says what to install", async () => {
    vi.resetModules();
    vi.doMock("usearch", () => {
      throw Object.assign(new Error("Cannot find package 'usearch'"), { code: "ERR_MODULE_NOT_FOUND" });
    });
    const { MemorySemanticStore: Fresh } = await import("../src/index.ts");
    const options = { embedder: new ClusterEmbedder(), policy: anyAbove(0), indexAbove: 1 };
    const auto = new Fresh(options);
    for (const text of ["1 1", "1 2", "2 3"]) await auto.set(entryOf(text));
    await turn();
    expect((await auto.get(keyOf("2 4")))?.entry.text).toBe("2 3");
    expect(auto.usage()).toMatchObject({ vectors: 3, indexed: 0 });
    const asked = new Fresh({ ...options, index: "usearch" });
    await expect(asked.set(entryOf("1 1"))).rejects.toMatchObject({
      code: "ERR_LLMCACHE_OPTION",
      message: expect.stringContaining("npm install usearch"),
    });
    vi.doUnmock("usearch");
  });

  test("one that fails is told, and its scope is scanned", async () => {
    vi.resetModules();
    vi.doMock("usearch", () => ({
      MetricKind: { IP: "ip" },
      ScalarKind: { F16: "f16" },
      Index: class {
        add(): void {
          throw new Error("out of memory");
        }
      },
    }));
    const { MemorySemanticStore: Fresh } = await import("../src/index.ts");
    const store = new Fresh({ embedder: new ClusterEmbedder(), policy: anyAbove(0), indexAbove: 1, index: "usearch" });
    const events: StoreEvent[] = [];
    store.on((event) => events.push(event));
    for (const text of ["1 1", "1 2", "2 3"]) await store.set(entryOf(text));
    await vi.waitFor(() =>
      expect(events).toMatchObject([{ type: "degraded", message: expect.stringContaining("scanned") }]),
    );
    expect((await store.get(keyOf("2 4")))?.entry.text).toBe("2 3");
    vi.doUnmock("usearch");
  });
});

test("a store of a few entries keeps no process alive and starts no timer", async () => {
  const before = process.getActiveResourcesInfo();
  const { store } = storeOf();
  await store.set(entryOf("one"));
  await store.get(keyOf("two"));
  expect(process.getActiveResourcesInfo()).toEqual(before);
});
