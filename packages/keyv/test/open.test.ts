import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { isLLMCacheError } from "@llmcache/core";
import { storeChecks, type StoreCheckContext } from "@llmcache/core/conformance";
import { openStore } from "@llmcache/core/open";
import { freshDirectory } from "../../testing/test/fresh-directory.ts";
import { entryOf, has, idsOf, valueOf } from "./places.ts";

/** Where the adapters are installed. */
const from = import.meta.dirname;
const directory = freshDirectory("keyv");
const option = (message: string): unknown =>
  expect.toSatisfy(
    (error) =>
      isLLMCacheError(error, "ERR_LLMCACHE_OPTION") &&
      error.message.includes(message) &&
      !error.message.includes("secret"),
  );

describe("keyv:sqlite: keeps the contract", () => {
  const make = ({ label }: StoreCheckContext): ReturnType<typeof openStore> =>
    openStore(`keyv:sqlite:${directory}/contract.db?namespace=${label}`, { from });
  const checks = storeChecks(make, {
    nonAtomicAdd: "Keyv has no conditional write",
    sibling: (_store, context) => make(context),
    reopen: async (store, context) => {
      await store[Symbol.asyncDispose]();
      return make(context);
    },
  });
  for (const check of checks) test.skipIf(check.skip !== undefined)(check.name, check.run);
});

test.each([`sqlite:${directory}/a/b c.db`, `sqlite:${directory}/d%20e.db`, `sqlite://${directory}/f.db`])(
  "keyv:%s is a file, made with its folders by the first call",
  async (url) => {
    const path = decodeURIComponent(url.replace(/^sqlite:(\/\/(?=\/))?/, ""));
    const store = await openStore(`keyv:${url}?maxEntryBytes=10kB&timeout=5s`.replaceAll(" ", "%20"), { from });
    expect(existsSync(path)).toBe(false);
    await store.set(entryOf("a"));
    await store.set(entryOf("b", { value: "x".repeat(10_000) }));
    expect(existsSync(path)).toBe(true);
    expect([await valueOf(store, "a"), await has(store, "b")]).toEqual(["a", false]);
    await store[Symbol.asyncDispose]();
    await expect(store.get({ id: "" })).rejects.toMatchObject({ code: "ERR_LLMCACHE_CLOSED" });
  },
);

test.each([
  ["keyv:", "known are sqlite"],
  ["keyv:./x.db", "known are sqlite"],
  ["keyv:redis://:secret@host", "known are sqlite"],
  ["keyv:constructor:x", "known are sqlite"],
  ["keyv:sqlite:x.db?tabel=y", "tabel"],
  ["keyv:sqlite:x.db?namespace=", "namespace must be"],
  ["keyv:sqlite:x.db?maxEntryBytes=many", "maxEntryBytes must be"],
  ["keyv:postgres://user:secret@host/db?timeout=never&ssl=1", "timeout"],
  ["keyv:mysql://user:secret@host/db", "npm install @keyv/mysql keyv"],
])("%s is refused", async (url, message) => {
  await expect(openStore(url, { from })).rejects.toThrow(option(message));
});

test("a file that cannot be opened is a failing store, and a working one as soon as it can be", async () => {
  const file = join(directory, "late.db");
  await mkdir(file);
  const store = await openStore(`keyv:sqlite:${file}`, { from });
  await expect(store.get({ id: entryOf("a").id })).rejects.toThrow(/could not read: .*(unable to open|directory)/);
  await expect(store.set(entryOf("a"))).rejects.toMatchObject({ code: "ERR_LLMCACHE_STORE" });
  const { rmdir } = await import("node:fs/promises");
  await rmdir(file);
  await store.set(entryOf("a"));
  expect(await valueOf(store, "a")).toBe("a");
  await store[Symbol.asyncDispose]();
});

describe("an adapter of Keyv 5", () => {
  const application = async (name: string, source: string): Promise<string> => {
    const home = join(directory, name, "node_modules/@keyv/etcd");
    await mkdir(home, { recursive: true });
    await writeFile(
      join(home, "package.json"),
      JSON.stringify({ name: "@keyv/etcd", type: "module", exports: "./index.js" }),
    );
    await writeFile(join(home, "index.js"), source);
    const keyv = join(directory, name, "node_modules/keyv");
    await mkdir(keyv, { recursive: true });
    await writeFile(
      join(keyv, "package.json"),
      JSON.stringify({ name: "keyv", type: "module", exports: "./index.js" }),
    );
    await writeFile(join(keyv, "index.js"), `export * from ${JSON.stringify(import.meta.resolve("keyv"))};`);
    return join(directory, name);
  };

  test("is used through Keyv, with the namespace in front of its keys, and its errors end no process", async () => {
    const folder = await application(
      "former",
      `import { EventEmitter } from "node:events";
       export const rows = new Map(), made = [];
       export class KeyvEtcd extends EventEmitter {
         constructor(url) { super(); made.push(this); this.url = url; }
         async get(key) { return rows.get(key); }
         async set(key, value, ttl) { rows.set(key, value); this.emit("error", new Error("told")); }
         async delete(key) { return rows.delete(key); }
         async clear() { rows.clear(); }
         async *iterator() { yield* rows; }
         async disconnect() { this.closed = true; }
       }`,
    );
    const store = await openStore("keyv:etcd://host:2379?x=1&namespace=mine", { from: folder });
    const { rows, made } = (await import(join(folder, "node_modules/@keyv/etcd/index.js"))) as {
      rows: Map<string, string>;
      made: { url: string; closed?: boolean }[];
    };
    rows.set("other", "theirs");
    await store.set(entryOf("a"));
    expect(made[0]?.url).toBe("etcd://host:2379?x=1");
    expect([...rows.keys()]).toEqual(["other", `mine:${entryOf("a").id}`]);
    expect(await idsOf(store)).toEqual([entryOf("a").id]);
    await store.clear();
    expect([...rows.keys()]).toEqual(["other"]);
    await store[Symbol.asyncDispose]();
    expect(made[0]?.closed).toBe(true);
  });

  test("that throws when it is made does not give its URL away", async () => {
    const folder = await application(
      "throwing",
      `export class KeyvEtcd { constructor(url) { throw new TypeError("Invalid URL: " + url); } }`,
    );
    const store = await openStore("keyv:etcd://user:secret@host", { from: folder });
    const error: unknown = await store.get({ id: entryOf("a").id }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "ERR_LLMCACHE_STORE", message: expect.stringContaining("@keyv/etcd refused") });
    expect(String((error as Error).stack) + JSON.stringify(error)).not.toContain("secret");
  });
});
