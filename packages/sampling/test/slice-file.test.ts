import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Body, MapStore, storeFrom } from "@llmcache/core";
import { sampleEntry } from "@llmcache/core/conformance";
import { exportSlice, importSlice, persistent, take } from "@llmcache/sampling";
import { ModelProvider } from "./model-provider.ts";

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "llmcache-slice-"));
  file = join(folder, "slice.jsonl");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function filled(): Promise<MapStore> {
  const all = new MapStore();
  const { sampler } = new ModelProvider();
  await take(persistent(sampler, all).sample("unused"), 3);
  const slice = new MapStore();
  const stack = persistent(persistent(sampler, all), slice);
  for (const prompt of ["p", "q"]) await take(stack.sample(prompt), 2);
  return slice;
}

test("a slice is shipped as one file, and replayed elsewhere without asking", async () => {
  const store = await filled();
  const manifest = await exportSlice(store, file);
  expect(manifest).toMatchObject({ format: "llmcache-slice", version: 1, samples: 4, models: { m: 4 } });
  expect(readdirSync(folder)).toEqual(["slice.jsonl"]);

  const elsewhere = new MapStore();
  expect(await importSlice(file, elsewhere)).toEqual({ manifest, added: 4, same: 0, different: [] });
  const replay = persistent(new ModelProvider().sampler, elsewhere, { replication: true });
  expect(await take(replay.sample("q"), 2)).toEqual(
    await take(persistent(new ModelProvider().sampler, store, { replication: true }).sample("q"), 2),
  );
  await expect(replay.sample("unused").next()).rejects.toMatchObject({ code: "ERR_LLMCACHE_MISS" });

  // And the same again is the same file.
  expect(await exportSlice(elsewhere, file)).toEqual(manifest);
  expect(await importSlice(file, store)).toEqual({ manifest, added: 0, same: 4, different: [] });
});

test("what is there is left as it is, and named", async () => {
  const store = await filled();
  await exportSlice(store, file);
  const elsewhere = new MapStore();
  const { sampler } = new ModelProvider();
  await take(persistent(sampler, elsewhere).sample("p"), 1);
  const imported = await importSlice(file, elsewhere);
  expect(imported).toMatchObject({ added: 3, same: 0 });
  expect(imported.different).toHaveLength(1);
  expect(await take(persistent(sampler, elsewhere).sample("p"), 1)).toEqual([`"p" 1`]);
});

test("bytes, instants and a choice of entries go along", async () => {
  const store = new MapStore();
  const entry = {
    ...sampleEntry({ createdAt: 1, staleAt: 9e15, deleteAt: 9e15 }),
    body: Body.bytes(new Uint8Array([0, 255])),
  };
  await store.set({ ...entry, staleAt: 8e15, deleteAt: 8e15 });
  await store.set(sampleEntry({ id: "f".repeat(64), createdAt: 1, staleAt: 2 }));
  expect((await exportSlice(store, file)).samples).toBe(1);
  const elsewhere = new MapStore();
  await importSlice(file, elsewhere);
  const there = (await elsewhere.get({ id: entry.id }))?.entry;
  expect(there).toMatchObject({ createdAt: 1, staleAt: 8e15 });
  expect([...(there?.body.bytes() ?? [])]).toEqual([0, 255]);
  expect((await exportSlice(store, file, { where: () => false })).samples).toBe(0);
});

test("a file that is not what its manifest says is refused, and nothing is written", async () => {
  await exportSlice(await filled(), file);
  const good = readFileSync(file, "utf8");
  const lines = good.split("\n");
  for (const [what, bad] of Object.entries({
    "a sample changed": good.replace(`\\"q\\" `, `\\"q\\" 9`),
    "a line missing": [lines[0], ...lines.slice(2)].join("\n"),
    "cut off": good.slice(0, -20),
    "no manifest": lines.slice(1).join("\n"),
    "another version": good.replace(`"version":1`, `"version":2`),
    "another count": good.replace(`"samples":4`, `"samples":5`),
    empty: "",
  })) {
    expect(bad, what).not.toBe(good);
    writeFileSync(file, bad);
    const store = new MapStore();
    await expect(importSlice(file, store), what).rejects.toMatchObject({ code: "ERR_LLMCACHE_VALUE" });
    for await (const _ of store.entries()) throw new Error(`${what}: something was written`);
  }
});

test("a store that cannot list cannot be exported", async () => {
  const store = storeFrom({ get: async () => undefined, set: async () => undefined });
  await expect(exportSlice(store, file)).rejects.toMatchObject({ code: "ERR_LLMCACHE_UNSUPPORTED" });
});
