import { copyFileSync, readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { isLLMCacheError, type StoreEvent } from "@llmcache/core";
import { sampleId } from "@llmcache/core/conformance";
import type { DiskStore } from "@llmcache/disk";
import { failureKind } from "../src/sqlite.ts";
import { freshDirectory } from "../../testing/test/fresh-directory.ts";
import { close, entryOf, has, openStore, typesOf, valueOf } from "./places.ts";

const storeError = (pattern: RegExp) =>
  expect.toSatisfy(
    (error: unknown) =>
      isLLMCacheError(error, "ERR_LLMCACHE_STORE") && pattern.test(error.message) && error.cause !== undefined,
  );
const writesFail = async (store: DiskStore, pattern: RegExp): Promise<void> => {
  for (const write of [
    () => store.set(entryOf("new")),
    () => store.add(entryOf("new")),
    () => store.delete({ id: sampleId("a") }),
    () => store.setMany([entryOf("new")]),
    () => store.clear(),
  ]) {
    await expect(write()).rejects.toEqual(storeError(pattern));
  }
};

describe("opened for reading only", () => {
  test("it reads and lists, and refuses writes", async () => {
    const { store: writer } = openStore({ path: freshDirectory("disk") });
    await writer.set(entryOf("a"));
    const { store, events } = openStore({ path: writer.file, readOnly: true });
    expect(await valueOf(store, "a")).toBe("a");
    await writer.set(entryOf("b"));
    expect(await valueOf(store, "b")).toBe("b");
    expect(
      (await store.getMany([{ id: sampleId("b") }, { id: sampleId("none") }])).map((hit) => hit?.entry.id),
    ).toEqual([sampleId("b"), undefined]);
    const ids: string[] = [];
    for await (const { head } of store.entries()) ids.push(head.id);
    expect(ids).toHaveLength(2);
    await writesFail(store, /may not be written/);
    expect(await valueOf(store, "a")).toBe("a");
    expect(events).toEqual([]);
  });

  test("it reads what was closed by all writers, and nothing is left behind that stops the next one", async () => {
    const { store: writer } = openStore({ path: freshDirectory("disk") });
    await writer.set(entryOf("a"));
    await close(writer);
    const { store } = openStore({ path: writer.file, readOnly: true });
    expect(await valueOf(store, "a")).toBe("a");
    await close(store);
    const { store: next } = openStore({ path: writer.file });
    expect(await valueOf(next, "a")).toBe("a");
    await next.set(entryOf("b"));
  });

  test("it makes nothing where nothing is", async () => {
    const path = freshDirectory("disk");
    const { store } = openStore({ path, readOnly: true });
    await expect(store.get({ id: sampleId("a") })).rejects.toEqual(storeError(/could not open/));
    expect(readdirSync(path)).toEqual([]);
  });

  test("it goes on with a file that took the place of the one it opened", async () => {
    let now = 0;
    const { store: one } = openStore({ path: freshDirectory("disk") });
    const { store: two } = openStore({ path: freshDirectory("disk") });
    await one.set(entryOf("a", { value: "one" }));
    await two.set(entryOf("a", { value: "two" }));
    await close(one);
    await close(two);
    const { store } = openStore({ path: one.file, readOnly: true, clock: () => now });
    expect(await valueOf(store, "a")).toBe("one");
    for (const suffix of ["", "-wal", "-shm"]) rmSync(one.file + suffix, { force: true });
    copyFileSync(two.file, one.file);
    now = 10_000;
    expect(await valueOf(store, "a")).toBe("two");
  });

  test("it does not move a damaged file aside", async () => {
    const { store: writer } = openStore({ path: freshDirectory("disk") });
    await writer.set(entryOf("a"));
    await close(writer);
    const { scribble, garbage } = await import("./damage.ts");
    scribble(writer.file, 0, garbage(100));
    const { store } = openStore({ path: writer.file, readOnly: true });
    await expect(store.get({ id: sampleId("a") })).rejects.toEqual(storeError(/damaged/));
    expect(readdirSync(dirname(writer.file)).filter((name) => name.includes("corrupt"))).toEqual([]);
  });
});

describe("while another process writes", () => {
  test("writes wait for busyTimeoutMs and reject; reads go on", async () => {
    const { store, events } = openStore({ path: freshDirectory("disk"), busyTimeoutMs: 0 });
    await store.set(entryOf("a"));
    const other = new DatabaseSync(store.file);
    other.exec("BEGIN IMMEDIATE");
    expect(await valueOf(store, "a")).toBe("a");
    await writesFail(store, /longer than busyTimeoutMs/);
    other.exec("COMMIT");
    other.close();
    await store.set(entryOf("b"));
    expect(await valueOf(store, "b")).toBe("b");
    expect(events).toEqual([]);
  });
});

test("a lock that another process keeps is waited for once, not by every write, until it is given back", async () => {
  const { store } = openStore({ path: freshDirectory("disk"), busyTimeoutMs: 300 });
  await store.set(entryOf("a"));
  const other = new DatabaseSync(store.file);
  other.exec("BEGIN IMMEDIATE");
  // If each waited, that would take five minutes.
  for (let i = 0; i < 1000; i++) await expect(store.set(entryOf(i))).rejects.toThrow(/longer than busyTimeoutMs/);
  expect(await valueOf(store, "a")).toBe("a");
  other.exec("COMMIT");
  other.close();
  await store.set(entryOf("b"));
  expect(await valueOf(store, "b")).toBe("b");
});

/** The connections that stores opened, so that a test can take their room away. */
const connections: DatabaseSync[] = [];
const capture = (): void => {
  const { exec } = DatabaseSync.prototype;
  vi.spyOn(DatabaseSync.prototype, "exec").mockImplementation(function (this: DatabaseSync, sql: string) {
    if (sql.includes("synchronous")) connections.push(this);
    return exec.call(this, sql);
  });
};

describe("with a full disk", () => {
  beforeEach(() => {
    capture();
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  });
  afterEach(() => {
    vi.restoreAllMocks();
    vi.useRealTimers();
    connections.length = 0;
  });
  const limitPages = (pages: number | "none"): void => {
    const db = connections.at(-1) as DatabaseSync;
    const now = Number(db.prepare("PRAGMA page_count").get()?.["page_count"]);
    db.exec(`PRAGMA max_page_count = ${pages === "none" ? 2 ** 31 : now + pages}`);
  };

  test("writes reject and say so, nothing of them is kept, reads go on, and it heals", async () => {
    const { store } = openStore({ path: freshDirectory("disk") });
    await store.set(entryOf("a"));
    limitPages(0);
    const large = entryOf("large", { bytes: Buffer.alloc(50_000) });
    await expect(store.set(large)).rejects.toEqual(storeError(/disk is full/));
    await expect(store.add(large)).rejects.toEqual(storeError(/disk is full/));
    await expect(store.setMany([entryOf("b"), large])).rejects.toEqual(storeError(/disk is full/));
    expect(await valueOf(store, "a")).toBe("a");
    expect([await has(store, "large"), await has(store, "b")]).toEqual([false, false]);
    limitPages("none");
    await store.setMany([entryOf("b"), large]);
    expect(await has(store, "large")).toBe(true);
  });

  test("an entry that could not be replaced stays whole", async () => {
    const { store } = openStore({ path: freshDirectory("disk") });
    await store.set(entryOf("a", { value: "former" }));
    limitPages(0);
    await expect(store.set(entryOf("a", { bytes: Buffer.alloc(50_000) }))).rejects.toEqual(storeError(/disk is full/));
    expect(await valueOf(store, "a")).toBe("former");
  });
});

describe("a file that cannot be opened", () => {
  test("is tried again after ten seconds, not with every call", async () => {
    let now = 0;
    const directory = freshDirectory("disk");
    const blocked = openStore({ path: join(directory, "blocked.db") });
    await blocked.store.set(entryOf("x"));
    const { store } = openStore({ path: join(blocked.store.file, "below"), clock: () => now });
    const first: unknown = await store.get({ id: sampleId("a") }).catch((error: unknown) => error);
    expect(first).toEqual(storeError(/could not open/));
    await close(blocked.store);
    rmSync(blocked.store.file);
    now = 9999;
    await expect(store.set(entryOf("a"))).rejects.toBe(first);
    now = 10_000;
    await store.set(entryOf("a"));
    expect(await valueOf(store, "a")).toBe("a");
  });
});

test.each([
  [{ errcode: 5 }, "busy"],
  [{ errcode: 261 }, "busy"],
  [{ errcode: 517 }, "busy"],
  [{ errcode: 8 }, "read-only"],
  [{ errcode: 1032 }, "read-only"],
  [{ errcode: 778 }, "io"],
  [{ errcode: 11 }, "corrupt"],
  [{ errcode: 267 }, "corrupt"],
  [{ errcode: 26 }, "corrupt"],
  [{ errcode: 13 }, "full"],
  [{ errcode: 14 }, "cannot-open"],
  [{ errcode: 1 }, "other"],
  [{ code: "ENOSPC" }, "full"],
  [{ code: "EACCES" }, "read-only"],
  [new Error("database is locked"), "other"],
  ["text", "other"],
  [undefined, "other"],
])("%j is a failure of kind %s", (error, kind) => {
  expect(failureKind(error)).toBe(kind);
});

test("listeners that throw or leave disturb nobody", async () => {
  const { store, events } = openStore({ path: freshDirectory("disk"), maxEntryBytes: 1000 });
  const late: StoreEvent[] = [];
  store.on(() => {
    throw new Error("mine");
  });
  const end = store.on((event) => late.push(event));
  end();
  await store.set(entryOf("a", { bytes: Buffer.alloc(2000) }));
  expect(typesOf(events)).toEqual(["too-large"]);
  expect(late).toEqual([]);
});
