import { expect, test } from "vitest";
import { LLMCache, type CacheEvent } from "../src/index.ts";

const request = { operation: "chat.completions", model: "m", prompt: "Why?" };
const answer = { a: "Because." };

async function stored(options: ConstructorParameters<typeof LLMCache>[0] = {}): Promise<LLMCache> {
  const cache = new LLMCache(options);
  await cache.through(request, async () => answer);
  await cache.settled();
  return cache;
}

test("it finds what lookup finds, as often as it is called, and counts each hit", async () => {
  const cache = await stored();
  const events: CacheEvent[] = [];
  cache.on((event) => events.push(event));
  const again = cache.repeatedLookup(request);
  const [first, second, plain] = [await again(), await again(), await cache.lookup(request)];
  for (const outcome of [first, second])
    expect(outcome).toMatchObject({ status: "hit", value: answer, key: plain?.key });
  expect(first?.value).not.toBe(second?.value);
  expect(cache.stats().hits).toBe(3);
  expect(events.map(({ type }) => type)).toEqual(["hit", "hit", "hit"]);
});

test("each call is judged by its own time", async () => {
  let now = 1_000_000;
  const cache = await stored({ ttl: 60, clock: () => now });
  const again = cache.repeatedLookup(request);
  now += 30_000;
  expect((await again())?.ageMs).toBe(30_000);
  now += 30_000;
  expect(await again()).toBeUndefined();
});

test("what was invalidated, deleted or cleared is not found any more", async () => {
  for (const forget of [
    (cache: LLMCache) => cache.invalidate({ tags: ["t"] }),
    (cache: LLMCache) => cache.delete(request),
    (cache: LLMCache) => cache.clear(),
  ]) {
    const cache = await stored({ control: { tags: ["t"] } });
    const again = cache.repeatedLookup(request);
    expect(await again()).toBeDefined();
    await forget(cache);
    expect(await again()).toBeUndefined();
  }
});

test("options that are changed afterwards hold from the next call on", async () => {
  const cache = await stored();
  const again = cache.repeatedLookup(request);
  const id = (await again())?.key.id;
  cache.update({ version: "2" });
  expect(await again()).toBeUndefined();
  await cache.through(request, async () => ({ a: "new" }));
  await cache.settled();
  const other = await again();
  expect(other?.value).toEqual({ a: "new" });
  expect(other?.key.id).not.toBe(id);
  cache.disable();
  expect(await again()).toBeUndefined();
  cache.enable();
  expect(await again()).toBeDefined();
  cache.update({ operations: ["embeddings"] });
  expect(await again()).toBeUndefined();
});

test("it stands under the runs around it, not under those around its calls", async () => {
  const cache = new LLMCache();
  await cache.run({ namespace: "tenant" }, () => cache.through(request, async () => answer));
  await cache.settled();
  const [inside, outside] = [
    cache.run({ namespace: "tenant" }, () => cache.repeatedLookup(request)),
    cache.repeatedLookup(request),
  ];
  expect(await inside()).toBeDefined();
  expect(await cache.run({ namespace: "other" }, inside)).toBeDefined();
  expect(await cache.run({ namespace: "tenant" }, outside)).toBeUndefined();
  cache.update({ ttl: 60 });
  expect(await cache.run({ namespace: "other" }, inside)).toBeDefined();
});

test("a key function is asked each time", async () => {
  let key = "a";
  const cache = await stored({ key: () => key });
  const again = cache.repeatedLookup(request);
  expect(await again()).toBeDefined();
  key = "b";
  expect(await again()).toBeUndefined();
});

test("controls of the call hold, and a contradiction is told", async () => {
  const cache = await stored();
  expect(await cache.repeatedLookup(request, { noCache: true })()).toBeUndefined();
  expect(await cache.repeatedLookup(request, { use: false })()).toBeUndefined();
  await expect(cache.repeatedLookup(request, { noCache: true, onlyIfCached: true })()).rejects.toMatchObject({
    code: "ERR_LLMCACHE_OPTION",
  });
});
