import { copyFileSync, existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { isLLMCacheError, type Codec, type EntryHead } from "@llmcache/core";
import { sampleId, storeChecks, type StoreCheckContext } from "@llmcache/core/conformance";
import { DiskStore } from "@llmcache/disk";
import { behavesLikeAMap } from "../../memory/test/store-model.ts";
import { freshDirectory } from "../../testing/test/fresh-directory.ts";
import { close, entryOf, has, openStore, typesOf, valueOf } from "./places.ts";

const upsideDown: Codec = {
  name: "upside-down",
  readsPlain: false,
  encode: (bytes) => Buffer.from(bytes).reverse(),
  decode: (bytes) => Buffer.from(bytes).reverse(),
};

describe.each([
  ["plain", undefined],
  ["with a codec", upsideDown],
])("%s, it keeps the contract", (_, codec) => {
  const directory = freshDirectory("disk");
  const maxEntryBytes = 1024 * 1024;
  const make = ({ label, clock }: StoreCheckContext): DiskStore =>
    new DiskStore({ path: join(directory, label), clock, maxEntryBytes, codec });
  const checks = storeChecks(make, {
    maxEntryBytes,
    sibling: (_store, context) => make(context),
    reopen: async (store, context) => {
      await close(store);
      return make(context);
    },
  });
  for (const check of checks) test.skipIf(check.skip !== undefined)(check.name, check.run);

  test("any series of calls gives what a Map gives", { timeout: 60_000 }, async () => {
    let count = 0;
    await behavesLikeAMap(
      () => new DiskStore({ path: join(directory, `model-${count++}`), clock: () => 0, codec }),
      60,
    );
  });
});

describe("the file", () => {
  test("is created with the first call, readable by its owner only, and the last to close leaves no log", async () => {
    const path = join(freshDirectory("disk"), "a", "b");
    const { store } = openStore({ path });
    expect(existsSync(path)).toBe(false);
    await store.set(entryOf("a"));
    expect(statSync(path).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(path))
      expect([name, statSync(join(path, name)).mode & 0o777]).toEqual([name, 0o600]);
    expect(readdirSync(path)).toContain("llmcache.db-wal");
    await close(store);
    expect(readdirSync(path).toSorted()).toEqual(["llmcache.db", "llmcache.db-lock"]);
  });

  test("survives closing and opening again", async () => {
    const path = freshDirectory("disk");
    const first = openStore({ path });
    await first.store.set(entryOf("a"));
    await close(first.store);
    expect(await valueOf(openStore({ path }).store, "a")).toBe("a");
  });

  test("copied while closed, opens elsewhere", async () => {
    const [path, elsewhere] = [freshDirectory("disk"), join(freshDirectory("disk"), "copy.db")];
    const first = openStore({ path });
    await first.store.setMany([entryOf("a"), entryOf("b", { bytes: Buffer.from([0, 255]) })]);
    await close(first.store);
    copyFileSync(first.store.file, elsewhere);
    const { store } = openStore({ path: elsewhere });
    expect(await valueOf(store, "a")).toBe("a");
    expect(await has(store, "b")).toBe(true);
    expect(await has(store, "c")).toBe(false);
  });

  test("is shared by two stores, in one process too", async () => {
    const path = freshDirectory("disk");
    const [one, two] = [openStore({ path }).store, openStore({ path }).store];
    await one.set(entryOf("a"));
    expect(await valueOf(two, "a")).toBe("a");
    expect(await two.add(entryOf("a"))).toBe(false);
    await two.delete(entryOf("a"));
    expect(await has(one, "a")).toBe(false);
    await two.set(entryOf("b"));
    await close(one);
    expect(await valueOf(two, "b")).toBe("b");
    await two.clear();
    expect(await has(two, "b")).toBe(false);
  });

  test("can be read with plain SQL", async () => {
    const { store } = openStore({ path: freshDirectory("disk") });
    await store.set({
      ...entryOf("a", {
        value: { answer: "Grüße" },
        text: "Say hello",
        staleAt: Date.UTC(2026, 1, 1),
        deleteAt: Date.UTC(2026, 2, 1),
      }),
      createdAt: Date.UTC(2026, 0, 1),
      metadata: { operation: "chat.completions", model: "m-1", tokens: 12 },
    });
    await store.set(entryOf("b", { bytes: Buffer.from([1, 2, 3]), request: { prompt: "Asked" } }));
    await store.set(entryOf("tag", { metadata: { operation: "llmcache.tag" } }));
    const db = new DatabaseSync(store.file, { readOnly: true });
    const rows = db
      .prepare("SELECT * FROM answers ORDER BY created")
      .all()
      .map((row) => ({ ...row }));
    db.close();
    expect(rows).toHaveLength(2);
    expect(rows).toContainEqual(
      expect.objectContaining({
        id: sampleId("a"),
        created: "2026-01-01T00:00:00.000Z",
        expires: "2026-02-01T00:00:00.000Z",
        operation: "chat.completions",
        model: "m-1",
        prompt: "Say hello",
        metadata: '{"operation":"chat.completions","model":"m-1","tokens":12}',
        kind: "json",
        body: '{"answer":"Grüße"}',
        codec: null,
      }),
    );
    expect(rows).toContainEqual(
      expect.objectContaining({ id: sampleId("b"), kind: "bytes", body: null, prompt: "Asked", expires: null }),
    );
  });

  test("shows with plain SQL what a codec hides, and no more", async () => {
    const { store } = openStore({ path: freshDirectory("disk"), codec: upsideDown });
    await store.set(entryOf("a", { text: "secret" }));
    const db = new DatabaseSync(store.file, { readOnly: true });
    const row = db.prepare("SELECT * FROM answers").get();
    db.close();
    expect(row).toMatchObject({
      codec: "upside-down",
      kind: "json",
      body: null,
      prompt: null,
      metadata: null,
      model: null,
    });
  });

  test("gives its room back when it is cleared", async () => {
    const { store } = openStore({ path: freshDirectory("disk") });
    for (let i = 0; i < 50; i++) await store.set(entryOf(i, { bytes: Buffer.alloc(20_000) }));
    await store.clear();
    expect(statSync(store.file).size).toBeLessThan(100_000);
    await close(store);
    expect(statSync(store.file).size).toBeLessThan(100_000);
  });
});

describe("lists", () => {
  test("heads of any length are given without bodies being read", async () => {
    const { store } = openStore({ path: freshDirectory("disk") });
    const stored = [
      entryOf("short"),
      entryOf("long body", { bytes: Buffer.alloc(200_000) }),
      entryOf("long head", { request: { prompt: "long ".repeat(10_000) }, bytes: Buffer.alloc(200_000) }),
    ];
    await store.setMany(stored);
    const listed: [EntryHead, number][] = [];
    for await (const { head, size } of store.entries()) listed.push([head, size]);
    for (const [index, entry] of stored.entries()) {
      const { body, ...head } = entry;
      expect(listed[index]?.[0]).toEqual(head);
      expect(listed[index]?.[1]).toBeGreaterThanOrEqual(body.size);
    }
  });

  test("more entries than a page are all given", async () => {
    const { store } = openStore({ path: freshDirectory("disk") });
    await store.setMany(Array.from({ length: 250 }, (_, i) => entryOf(i)));
    const values: unknown[] = [];
    for await (const { body } of store.entries({ bodies: true })) values.push(body?.json());
    expect(values).toEqual(Array.from({ length: 250 }, (_, i) => i));
  });

  test.each(["", "x", "1.5", "-1", "99999999999999999999"])("%j is no cursor", async (after) => {
    const { store } = openStore({ path: freshDirectory("disk") });
    await expect(store.entries({ after }).next()).rejects.toSatisfy((error) =>
      isLLMCacheError(error, "ERR_LLMCACHE_OPTION"),
    );
  });

  test("a list under way ends with an error when the store is closed", async () => {
    const { store } = openStore({ path: freshDirectory("disk") });
    await store.setMany([entryOf("a"), entryOf("b")]);
    const list = store.entries();
    await list.next();
    await close(store);
    await expect(list.next()).rejects.toSatisfy((error) => isLLMCacheError(error, "ERR_LLMCACHE_CLOSED"));
  });
});

describe("what cannot be stored or read", () => {
  test("an entry that is too large is told, not stored, and takes the former one with it", async () => {
    const { store, events } = openStore({ path: freshDirectory("disk"), maxEntryBytes: 10_000 });
    await store.set(entryOf("a"));
    expect(await store.add(entryOf("a", { bytes: Buffer.alloc(10_000) }))).toBe(false);
    expect(await has(store, "a")).toBe(true);
    await store.set(entryOf("a", { bytes: Buffer.alloc(10_000) }));
    expect(await has(store, "a")).toBe(false);
    await store.setMany([entryOf("b"), entryOf("c", { bytes: Buffer.alloc(10_000) })]);
    expect([await has(store, "b"), await has(store, "c")]).toEqual([true, false]);
    expect(typesOf(events)).toEqual(["too-large", "too-large", "too-large"]);
    expect(events[0]).toMatchObject({ id: sampleId("a"), store: "disk" });
  });

  test("an entry of another codec is a miss, told, and can be replaced by set and by add", async () => {
    const path = freshDirectory("disk");
    const plain = openStore({ path });
    await plain.store.setMany([entryOf("a"), entryOf("b")]);
    const { store, events } = openStore({ path, codec: { ...upsideDown, name: "other" } });
    await store.set(entryOf("mine"));
    expect(await has(plain.store, "mine")).toBe(false);
    expect(plain.events[0]).toMatchObject({ type: "unreadable", id: sampleId("mine") });
    expect(await plain.store.add(entryOf("mine", { value: "plain" }))).toBe(true);
    expect(await valueOf(plain.store, "mine")).toBe("plain");
    expect(await has(store, "mine")).toBe(false);
    expect(typesOf(events)).toEqual(["unreadable"]);
  });

  test("many fail together: setMany is all or nothing", async () => {
    const { store } = openStore({ path: freshDirectory("disk") });
    const failing: Codec = {
      ...upsideDown,
      encode: (bytes, { part }) => (part === "body" && bytes.byteLength > 100 ? fail() : bytes),
    };
    const sealed = openStore({ path: store.file, codec: failing });
    await expect(sealed.store.setMany([entryOf("a"), entryOf("b", { value: "x".repeat(200) })])).rejects.toThrow(
      "no key",
    );
    expect(await has(sealed.store, "a")).toBe(false);
  });
});

test("a path that is a file, or a directory where the file should be, is told as such", async () => {
  const directory = freshDirectory("disk");
  const { store: inFile } = openStore({ path: join(directory, "a.db") });
  await inFile.set(entryOf("a"));
  const { store } = openStore({ path: join(inFile.file, "below") });
  await expect(store.get({ id: sampleId("a") })).rejects.toThrow(/could not open .*cannot be opened/);
  mkdirSync(join(directory, "dir.db"));
  const other = openStore({ path: join(directory, "dir.db") });
  await expect(other.store.get({ id: sampleId("a") })).rejects.toSatisfy((error) =>
    isLLMCacheError(error, "ERR_LLMCACHE_STORE"),
  );
});

function fail(): never {
  throw new Error("no key");
}
