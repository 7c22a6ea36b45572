import { isLLMCacheError } from "@llmcache/core";
import { openStore, type OpenOptions } from "@llmcache/core/open";
import { MemorySemanticStore } from "@llmcache/memory-semantic";
import { open } from "@llmcache/memory-semantic/open";
import { expect, test } from "vitest";
import { entryOf, keyOf, WordEmbedder } from "./stage.ts";

const FIRST = "what is the capital of France";
const SIMILAR = "what is the capital city of France";

/** Where this package can be resolved from. */
const from = import.meta.dirname;

class Disposable extends WordEmbedder implements AsyncDisposable {
  isDisposed = false;
  async [Symbol.asyncDispose](): Promise<void> {
    this.isDisposed = true;
  }
}

function words(): Required<Pick<OpenOptions, "embedder">> & { readonly made: Disposable[] } {
  const made: Disposable[] = [];
  return {
    made,
    embedder: (name) => {
      made.push(new Disposable(name));
      return made.at(-1) as Disposable;
    },
  };
}

test("opens a store over the embedder it names, which it owns", async () => {
  const { embedder, made } = words();
  const store = await openStore("memory-semantic:?embedder=words&threshold=0.6&guard=false", { from, embedder });
  expect(store).toBeInstanceOf(MemorySemanticStore);
  expect(made.map(({ id }) => id)).toEqual(["words"]);
  await store.set(entryOf(FIRST));
  const hit = await store.get(keyOf(SIMILAR));
  expect(hit?.entry.text).toBe(FIRST);
  expect(hit?.similarity).toBeGreaterThan(0.6);
  await store[Symbol.asyncDispose]();
  expect(made[0]?.isDisposed).toBe(true);
});

test("its parameters are the options of MemorySemanticStore, and the clock is that of the options", async () => {
  let now = 1000;
  const query = "threshold=0.6&maxEntries=2&maxBytes=1MiB&maxEntryBytes=3kB&index=scan&indexAbove=5&maxCandidates=1";
  const options = { ...words(), clock: () => now };
  const store = await open(`memory-semantic:?embedder=words&${query}`, options);
  await store.set(entryOf("large", { value: "x".repeat(3000) }));
  expect(await store.get(keyOf("large"))).toBeUndefined();
  for (const text of ["one", "two", "three"]) await store.set(entryOf(text, { createdAt: 0, deleteAt: 2000 }));
  expect(await store.get(keyOf("one"))).toBeUndefined();
  expect(await store.get(keyOf("three"))).toBeDefined();
  now = 2000;
  expect(await store.get(keyOf("three"))).toBeUndefined();
});

test("the guard is on unless it is switched off", async () => {
  const [one, other] = ["write a poem about the number 41 please", "write a poem about the number 7310 please"];
  for (const [guard, isHit] of [
    ["", false],
    ["&guard=false", true],
  ] as const) {
    const store = await open(`memory-semantic:?embedder=words&threshold=0.6${guard}`, words());
    await store.set(entryOf(one));
    expect((await store.get(keyOf(other))) !== undefined).toBe(isHit);
  }
});

test("tiers have an embedder each, and dispose of both", async () => {
  const { embedder, made } = words();
  const url = "memory-semantic:?embedder=words&threshold=0.6&guard=false memory-semantic:?embedder=other&threshold=0.6";
  await using store = await openStore(url, { from, embedder });
  expect(store.match).toBe("similar");
  await store.set(entryOf(FIRST));
  expect((await store.get(keyOf(FIRST)))?.similarity).toBeUndefined();
  const hit = await store.get(keyOf(SIMILAR));
  expect(hit).toMatchObject({ tier: "memory-semantic" });
  expect(hit?.entry.id).toBe(keyOf(FIRST).id);
  await store[Symbol.asyncDispose]();
  expect(made.map(({ isDisposed }) => isDisposed)).toEqual([true, true]);
});

test.each([
  ["memory-semantic:./x.db?embedder=words&threshold=1", "no path"],
  ["memory-semantic://host?embedder=words&threshold=1", "no path"],
  ["memory-semantic:?threshold=1", "embedder is missing"],
  ["memory-semantic:?embedder=words", "threshold is missing"],
  ["memory-semantic:?embedder=words&threshold=2", "threshold must be a number from 0 to 1"],
  ["memory-semantic:?embedder=words&threshold=1&index=fast", "index must be"],
  ["memory-semantic:?embedder=words&threshold=1&maxEntries=0", "maxEntries must be"],
  ["memory-semantic:?embedder=words&threshold=1&maxCandidates=0", "maxCandidates must be"],
  ["memory-semantic:?embedder=words&threshold=1&prefix=a", "prefix is no parameter"],
  ["memory-semantic:?embedder=words&threshold=1&apiKey=k", "OPENAI_API_KEY"],
])("%s is refused", async (url, message) => {
  const { embedder, made } = words();
  await expect(openStore(url, { from, embedder })).rejects.toSatisfy(
    (error) => isLLMCacheError(error, "ERR_LLMCACHE_OPTION") && error.message.includes(message),
  );
  expect(made.every(({ isDisposed }) => isDisposed)).toBe(true);
});

test("without an embedder of its own it takes that of the installed package, by its name", async () => {
  await using store = await openStore("memory-semantic:?embedder=use-lite", { from });
  expect(store.match).toBe("similar");
  await expect(openStore("memory-semantic:?embedder=nothing&threshold=1", { from })).rejects.toThrow(
    'embedder("nothing"): no embedder has this name; known are',
  );
});
