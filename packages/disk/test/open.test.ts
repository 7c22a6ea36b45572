import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, expect, test } from "vitest";
import { aesCodec, isLLMCacheError, type Store } from "@llmcache/core";
import { openStore, type OpenOptions } from "@llmcache/core/open";
import { DiskStore } from "@llmcache/disk";
import { freshDirectory } from "../../testing/test/fresh-directory.ts";
import { close, entryOf, has, valueOf } from "./places.ts";

/** Where this package can be resolved from. */
const from = import.meta.dirname;
const directory = freshDirectory("disk");
const stores: Store[] = [];

async function opened(url: string, options?: OpenOptions): Promise<DiskStore> {
  const store = await openStore(url, { from, ...options });
  stores.push(store);
  expect(store).toBeInstanceOf(DiskStore);
  return store as DiskStore;
}

afterEach(async () => {
  for (const store of stores.splice(0)) await close(store);
});

test.each([
  ["disk:", resolve(".cache/llmcache.db")],
  ["disk:./x.db", resolve("x.db")],
  ["disk:x", resolve("x/llmcache.db")],
  ["disk:../x.db?maxBytes=1GB", resolve("../x.db")],
  ["disk:/var/cache/x.db", "/var/cache/x.db"],
  ["disk:///var/cache/x.db", "/var/cache/x.db"],
  ["disk:~", join(homedir(), "llmcache.db")],
  ["disk:~/x.db", join(homedir(), "x.db")],
  ["DISK:./x.db", resolve("x.db")],
  ["disk:./a%20b%3Fc%23%25.db", resolve("a b?c#%.db")],
])("%s is the file %s, which is made with the first call", async (url, file) => {
  expect((await opened(url)).file).toBe(file);
});

test("its parameters are the options of DiskStore", async () => {
  const url = `disk:${directory}/options.db`;
  const store = await opened(`${url}?maxBytes=512KiB&maxEntryBytes=10kB&busyTimeout=2s`);
  await store.set(entryOf("a"));
  await store.set(entryOf("large", { bytes: Buffer.alloc(10_000) }));
  expect([await valueOf(store, "a"), await has(store, "large")]).toEqual(["a", false]);
  const reader = await opened(`${url}?readOnly=true`);
  expect(await valueOf(reader, "a")).toBe("a");
  await expect(reader.set(entryOf("b"))).rejects.toMatchObject({ code: "ERR_LLMCACHE_STORE" });
});

test("it uses the codec and the clock of the options", async () => {
  const url = `disk:${directory}/sealed.db`;
  const codec = aesCodec({ keys: [{ id: "1", key: "a".repeat(64) }] });
  const store = await opened(url, { codec, clock: () => 1000 });
  await store.set(entryOf("a"));
  expect(await valueOf(store, "a")).toBe("a");
  expect(await has(await opened(url), "a")).toBe(false);
});

test.each([
  ["disk://cache.db", "disk:./cache.db"],
  ["disk:./x.db?path=y", "path is no parameter"],
  ["disk:./x.db?maxBytes=1", "maxBytes must be a whole number from 262144"],
  ["disk:./x.db?maxBytes=1MiB&maxBytes=2MiB", "twice"],
  ["disk:./x.db?maxEntryBytes=some", "maxEntryBytes must be a size"],
  ["disk:./x.db?busyTimeout=soon", "busyTimeout"],
  ["disk:./x.db?busyTimeout=30d", "busyTimeoutMs must be"],
  ["disk:./x.db?readOnly=maybe", "readOnly must be true or false"],
  ["disk:%zz", "percent-encoded"],
  ["disk:%00", "path must be"],
])("%s is refused, and touches no file", async (url, message) => {
  await expect(openStore(url, { from })).rejects.toSatisfy(
    (error) => isLLMCacheError(error, "ERR_LLMCACHE_OPTION") && error.message.includes(message),
  );
  expect(existsSync("x.db")).toBe(false);
});
