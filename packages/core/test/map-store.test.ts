import { describe, expect, test } from "vitest";
import { isLLMCacheError, MapStore, mayReplace, ownEntry } from "@llmcache/core";
import { sampleEntry, sampleId } from "@llmcache/core/conformance";

const entryOf = (name: string | number, operation = "chat.completions") =>
  sampleEntry({ id: sampleId(name), value: name, metadata: { operation } });
const has = async (store: MapStore, name: string | number) => (await store.get({ id: sampleId(name) })) !== undefined;

describe("MapStore", () => {
  test("keeps a thousand entries unless told otherwise", async () => {
    const store = new MapStore();
    for (let i = 0; i <= 1000; i++) await store.set(entryOf(i));
    expect(await has(store, 0)).toBe(false);
    expect(await has(store, 1)).toBe(true);
    expect(await has(store, 1000)).toBe(true);
  });

  test("drops the longest unused first, and reading counts as use", async () => {
    const store = new MapStore({ maxEntries: 3 });
    for (const name of ["a", "b", "c"]) await store.set(entryOf(name));
    await store.get({ id: sampleId("a") });
    await store.set(entryOf("d"));
    expect(await Promise.all(["a", "b", "c", "d"].map((name) => has(store, name)))).toEqual([true, false, true, true]);
  });

  test("replacing an entry drops none", async () => {
    const store = new MapStore({ maxEntries: 2 });
    await store.set(entryOf("a"));
    await store.set(entryOf("b"));
    await store.set(entryOf("b"));
    expect(await has(store, "a")).toBe(true);
  });

  test("spares the cache's own entries until nothing else is left", async () => {
    const store = new MapStore({ maxEntries: 2 });
    await store.set(entryOf("tag 1", "llmcache.tag"));
    await store.set(entryOf("a"));
    await store.set(entryOf("b"));
    expect([await has(store, "tag 1"), await has(store, "a"), await has(store, "b")]).toEqual([true, false, true]);
    await store.set(entryOf("lease", "llmcache.lease"));
    await store.set(entryOf("tag 2", "llmcache.tag"));
    expect([await has(store, "tag 1"), await has(store, "lease"), await has(store, "tag 2")]).toEqual([
      false,
      true,
      true,
    ]);
  });

  test.each([0, -1, 1.5, Number.NaN, "10", null])("refuses %j as maxEntries", (maxEntries) => {
    expect(() => new MapStore({ maxEntries: maxEntries as number })).toThrow(
      expect.toSatisfy(
        (error) => isLLMCacheError(error, "ERR_LLMCACHE_OPTION") && error.message.includes("maxEntries"),
      ),
    );
  });

  test("hands out entries that nobody can change", async () => {
    const store = new MapStore();
    await store.set({ ...entryOf("a"), request: { prompt: ["p"] }, tags: { t: "1" } });
    const entry = (await store.get({ id: sampleId("a") }))?.entry;
    for (const part of [
      entry,
      entry?.metadata,
      entry?.tags,
      entry?.request,
      (entry?.request as { prompt: string[] } | undefined)?.prompt,
    ]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
  });
});

test("ownEntry leaves out what is undefined", () => {
  const given = {
    ...entryOf("a"),
    staleAt: undefined,
    tags: undefined,
    metadata: { operation: "o" },
    request: { prompt: "p", settings: undefined },
  };
  const own = ownEntry(given, given.body);
  expect(own).toStrictEqual({
    id: given.id,
    createdAt: given.createdAt,
    metadata: { operation: "o" },
    request: { prompt: "p" },
    body: given.body,
  });
});

describe("mayReplace", () => {
  const there = sampleEntry({ createdAt: 1000, staleAt: 2000, deleteAt: 3000 });
  test.each([
    ["an entry that is neither dead nor refused stays", 2999, undefined, false],
    ["a dead one goes, from deleteAt on", 3000, undefined, true],
    ["the refused one goes", 1001, { id: there.id, createdAt: 1000 }, true],
    ["one that took the refused one's place stays", 1001, { id: there.id, createdAt: 999 }, false],
    ["another id's refusal means nothing", 1001, { id: sampleId("other"), createdAt: 1000 }, false],
  ])("%s", (_, createdAt, over, expected) => {
    expect(mayReplace(there, sampleEntry({ createdAt }), over)).toBe(expected);
  });

  test("an entry without deleteAt never dies", () => {
    expect(
      mayReplace(sampleEntry({ createdAt: 1 }), sampleEntry({ createdAt: Number.MAX_SAFE_INTEGER }), undefined),
    ).toBe(false);
  });
});
