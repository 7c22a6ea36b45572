import { statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Entry } from "@llmcache/core";
import { sampleId, type SampleOverrides } from "@llmcache/core/conformance";
import type { DiskStore } from "@llmcache/disk";
import { freshDirectory } from "../../testing/test/fresh-directory.ts";
import { close, entryOf, has, openStore, typesOf } from "./places.ts";

const KIB = 1024;
const MINUTE_MS = 60_000;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
});
afterEach(() => {
  vi.useRealTimers();
});

const large = (name: string | number, overrides?: SampleOverrides): Entry =>
  entryOf(name, { bytes: Buffer.alloc(10 * KIB, String(name)), ...overrides });
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);
const those = async (store: DiskStore, names: readonly (string | number)[]): Promise<(string | number)[]> => {
  const found: (string | number)[] = [];
  for (const name of names) if (await has(store, name)) found.push(name);
  return found;
};
const rows = (store: DiskStore): number => {
  const db = new DatabaseSync(store.file, { readOnly: true });
  const count = Number(db.prepare("SELECT count(*) AS count FROM entries").get()?.["count"]);
  db.close();
  return count;
};

describe("the size of the file", () => {
  test("stays below maxBytes however much is written, and eviction is told", async () => {
    const { store, events } = openStore({ path: freshDirectory("disk"), maxBytes: 512 * KIB });
    for (const name of range(0, 300)) await store.set(large(name));
    const kept = await those(store, range(0, 300));
    expect(kept.length).toBeGreaterThan(30);
    expect(kept.at(-1)).toBe(299);
    expect(kept).toEqual(range(300 - kept.length, 300));
    expect(new Set(typesOf(events))).toEqual(new Set(["evicted"]));
    await close(store);
    expect(statSync(store.file).size).toBeLessThanOrEqual(512 * KIB);
  });

  test("is kept by setMany and add as well", async () => {
    const { store } = openStore({ path: freshDirectory("disk"), maxBytes: 512 * KIB });
    for (const name of range(0, 100)) await store.add(large(`added ${name}`));
    for (const name of range(0, 20)) await store.setMany(range(0, 5).map((part) => large(`${name} ${part}`)));
    await close(store);
    expect(statSync(store.file).size).toBeLessThanOrEqual(512 * KIB);
  });

  test("the least recently used go first, reads being uses", async () => {
    let now = 0;
    const { store } = openStore({ path: freshDirectory("disk"), maxBytes: 512 * KIB, clock: () => now });
    for (const name of range(0, 38)) await store.set(large(name));
    now += 2 * MINUTE_MS;
    for (const name of range(0, 5)) await store.get({ id: sampleId(name) });
    await store.getMany(range(5, 10).map((name) => ({ id: sampleId(name) })));
    now += 2 * MINUTE_MS;
    for (const name of range(100, 120)) await store.set(large(name));
    expect(await those(store, range(0, 10))).toEqual(range(0, 10));
    expect(await those(store, range(10, 20))).toEqual([]);
    expect(await those(store, range(100, 120))).toEqual(range(100, 120));
  });

  test("uses of an earlier process count", async () => {
    let now = 0;
    const path = freshDirectory("disk");
    const first = openStore({ path, maxBytes: 512 * KIB, clock: () => now });
    for (const name of range(0, 38)) await first.store.set(large(name));
    now += 2 * MINUTE_MS;
    for (const name of range(0, 10)) await first.store.get({ id: sampleId(name) });
    await close(first.store);
    now += 2 * MINUTE_MS;
    const { store } = openStore({ path, maxBytes: 512 * KIB, clock: () => now });
    for (const name of range(100, 120)) await store.set(large(name));
    expect(await those(store, range(0, 10))).toEqual(range(0, 10));
    expect(await those(store, range(10, 20))).toEqual([]);
  });

  test("dead entries go before living ones", async () => {
    let now = 0;
    const { store } = openStore({ path: freshDirectory("disk"), maxBytes: 512 * KIB, clock: () => now });
    for (const name of range(0, 19)) await store.set(large(name));
    for (const name of range(20, 39)) await store.set(large(name, { createdAt: 1, deleteAt: 1000 }));
    now = 1000;
    for (const name of range(100, 118)) await store.set(large(name));
    expect(await those(store, range(0, 19))).toEqual(range(0, 19));
  });

  test("the cache's own entries are spared until nothing else is left", async () => {
    const { store } = openStore({ path: freshDirectory("disk"), maxBytes: 512 * KIB });
    const own = (name: string): Entry => large(name, { metadata: { operation: "llmcache.tag" } });
    for (const name of range(0, 20)) await store.set(own(`own ${name}`));
    for (const name of range(0, 100)) await store.set(large(name));
    expect(
      await those(
        store,
        range(0, 20).map((name) => `own ${name}`),
      ),
    ).toHaveLength(20);
    for (const name of range(20, 200)) await store.set(own(`own ${name}`));
    expect(await has(store, "own 0")).toBe(false);
    expect(await has(store, "own 199")).toBe(true);
  });

  test("a file that is larger than a lowered maxBytes is brought down in the background", async () => {
    const path = freshDirectory("disk");
    const before = openStore({ path, maxBytes: 64 * 1024 * KIB });
    await before.store.setMany(range(0, 2000).map((name) => large(name)));
    await close(before.store);
    const { store } = openStore({ path, maxBytes: 512 * KIB });
    await store.get({ id: sampleId("nothing") });
    for (let turn = 0; turn < 5; turn++) vi.advanceTimersByTime(100);
    expect(rows(store)).toBeLessThan(50);
    expect(await has(store, 1999)).toBe(true);
  });
});

describe("dead entries", () => {
  test("are reclaimed in the background, in batches, and never by a read", async () => {
    let now = 0;
    const { store } = openStore({ path: freshDirectory("disk"), clock: () => now });
    await store.setMany(range(0, 500).map((name) => entryOf(name, { createdAt: 0, deleteAt: 1000 })));
    await store.setMany(range(500, 510).map((name) => entryOf(name, { createdAt: 0, deleteAt: 1001 })));
    now = 1000;
    for (const name of range(0, 5)) await store.get({ id: sampleId(name) });
    expect(rows(store)).toBe(510);
    vi.advanceTimersByTime(100);
    expect(rows(store)).toBe(310);
    vi.advanceTimersByTime(100);
    vi.advanceTimersByTime(100);
    expect(rows(store)).toBe(10);
    expect(await has(store, 505)).toBe(true);
    now = 1001;
    vi.advanceTimersByTime(MINUTE_MS);
    expect(rows(store)).toBe(0);
  });
});

describe("what is done in the background", () => {
  const failUses = (store: DiskStore, fail: boolean): void => {
    const db = new DatabaseSync(store.file);
    db.exec(
      fail
        ? "CREATE TRIGGER fails BEFORE UPDATE OF used_at ON entries BEGIN SELECT RAISE(FAIL, 'no'); END"
        : "DROP TRIGGER fails",
    );
    db.close();
  };

  test("tells degraded once when it fails, and recovered once when it works again; calls are not disturbed", async () => {
    let now = 0;
    const path = freshDirectory("disk");
    const { store, events } = openStore({ path, clock: () => now });
    await store.set(entryOf("a"));
    now += 2 * MINUTE_MS;
    failUses(store, true);
    expect(await has(store, "a")).toBe(true);
    vi.advanceTimersByTime(100);
    vi.advanceTimersByTime(MINUTE_MS);
    vi.advanceTimersByTime(MINUTE_MS);
    expect(typesOf(events)).toEqual(["degraded"]);
    expect(events[0]?.message).toContain(store.file);
    await store.set(entryOf("b"));
    failUses(store, false);
    vi.advanceTimersByTime(MINUTE_MS);
    vi.advanceTimersByTime(MINUTE_MS);
    expect(typesOf(events)).toEqual(["degraded", "recovered"]);
  });

  test("waits for its turn without telling anybody when another process writes", async () => {
    const { store, events } = openStore({ path: freshDirectory("disk"), busyTimeoutMs: 0 });
    await store.set(entryOf("a"));
    const other = new DatabaseSync(store.file);
    other.exec("BEGIN IMMEDIATE");
    vi.advanceTimersByTime(5 * MINUTE_MS);
    other.exec("COMMIT");
    other.close();
    expect(events).toEqual([]);
  });

  test("ends when the store is closed", async () => {
    const { store } = openStore({ path: freshDirectory("disk") });
    await store.set(entryOf("a"));
    expect(vi.getTimerCount()).toBe(1);
    await close(store);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("notices that the file was removed: the next call begins a new one", async () => {
    const { rmSync } = await import("node:fs");
    const path = freshDirectory("disk");
    const { store, events } = openStore({ path });
    await store.set(entryOf("a"));
    rmSync(path, { recursive: true });
    vi.advanceTimersByTime(100);
    expect(await has(store, "a")).toBe(false);
    expect(typesOf(events)).toEqual(["degraded", "recovered"]);
    expect(events[0]?.message).toContain("was removed or replaced");
    await store.set(entryOf("b"));
    await close(store);
    expect(await has(openStore({ path }).store, "b")).toBe(true);
  });

  test("a write notices it after a second, so that little is written to a file that nobody will find", async () => {
    const { rmSync } = await import("node:fs");
    let now = 0;
    const path = freshDirectory("disk");
    const { store, events } = openStore({ path, clock: () => now });
    await store.set(entryOf("a"));
    rmSync(path, { recursive: true });
    now = 1000;
    await store.set(entryOf("b"));
    expect([await has(store, "a"), await has(store, "b")]).toEqual([false, true]);
    expect(typesOf(events)).toEqual(["degraded", "recovered"]);
    expect(await has(openStore({ path }).store, "b")).toBe(true);
  });
});

test("a read that is repeated within a minute writes its use once", async () => {
  let now = 0;
  const { store } = openStore({ path: freshDirectory("disk"), clock: () => now });
  await store.set(entryOf("a"));
  const usedAt = (): unknown => {
    const db = new DatabaseSync(store.file, { readOnly: true });
    const row = db.prepare("SELECT used_at FROM entries").get();
    db.close();
    return row?.["used_at"];
  };
  now = 59_999;
  await has(store, "a");
  vi.advanceTimersByTime(100);
  expect(usedAt()).toBe(0);
  now = 60_000;
  await has(store, "a");
  now = 60_001;
  await has(store, "a");
  expect(usedAt()).toBe(0);
  vi.advanceTimersByTime(MINUTE_MS);
  expect(usedAt()).toBe(60_000);
});
