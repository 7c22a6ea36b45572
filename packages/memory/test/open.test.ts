import { expect, test } from "vitest";
import { isLLMCacheError } from "@llmcache/core";
import { sampleEntry, sampleId } from "@llmcache/core/conformance";
import { openStore, type OpenOptions } from "@llmcache/core/open";
import { MemoryStore } from "@llmcache/memory";
import { open } from "@llmcache/memory/open";

/** Where this package can be resolved from. */
const from = import.meta.dirname;
const opened = (url: string, options?: OpenOptions): ReturnType<typeof openStore> =>
  openStore(url, { from, ...options });

test.each(["memory:", "memory://", "MEMORY:", "memory:?maxEntries=2&maxBytes=64MiB&maxEntryBytes=1kB&storage=bytes"])(
  "%s opens a store in memory",
  async (url) => {
    const store = await opened(url);
    expect(store).toBeInstanceOf(MemoryStore);
    await store.set(sampleEntry());
    expect(await store.get({ id: sampleId("entry") })).toBeDefined();
  },
);

test("its parameters are the options of MemoryStore", async () => {
  const store = await opened("memory:?maxEntries=2&maxBytes=64MiB&maxEntryBytes=2kB&storage=bytes");
  for (const name of ["a", "b", "c"]) await store.set(sampleEntry({ id: sampleId(name) }));
  await store.set(sampleEntry({ id: sampleId("large"), bytes: Buffer.alloc(2000) }));
  const hits = (await store.getMany?.(["a", "b", "c", "large"].map((name) => ({ id: sampleId(name) })))) ?? [];
  expect(hits.map((hit) => hit?.entry.body.held)).toEqual([undefined, "bytes", "bytes", undefined]);
});

test("it goes by the clock of the options", async () => {
  let now = 1000;
  const store = await opened("memory:", { clock: () => now });
  await store.set(sampleEntry({ createdAt: 0, deleteAt: 2000 }));
  now = 2000;
  expect(await store.get({ id: sampleId("entry") })).toBeUndefined();
});

test.each([
  ["memory:./x.db", "no path"],
  ["memory:?maxByte=1", "maxByte is no parameter"],
  ["memory:?maxBytes=1&maxBytes=2", "twice"],
  ["memory:?maxBytes=lots", "maxBytes must be a size"],
  ["memory:?maxBytes=0", "maxBytes must be a whole number from 1"],
  ["memory:?maxEntries=1.5", "maxEntries must be"],
  ["memory:?maxEntries=", "maxEntries must be"],
  ["memory:?storage=values&storage=bytes", "twice"],
  ["memory:?storage=text", 'storage must be "values" or "bytes"'],
])("%s is refused", async (url, message) => {
  await expect(opened(url)).rejects.toSatisfy(
    (error) => isLLMCacheError(error, "ERR_LLMCACHE_OPTION") && error.message.includes(message),
  );
});

test("the entry ./open can be used without openStore, in programs that are bundled", () => {
  expect(open("memory:?maxEntries=5", {})).toBeInstanceOf(MemoryStore);
});
