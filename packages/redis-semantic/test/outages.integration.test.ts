import { LLMCache, type StoreEvent } from "@llmcache/core";
import { redisSemanticStore } from "@llmcache/redis-semantic";
import { afterEach, describe, expect, test } from "vitest";
import { anyAbove, entryOf, keyOf, WordEmbedder } from "../../memory-semantic/test/stage.ts";
import { eventually } from "../../redis/test/polling.ts";
import { ownRedis, ownServersProblem } from "../../redis/test/servers.ts";

const FRENCH = "what is the capital of France";
const FRENCH_TOO = "what is the capital city of France";
const problem = await ownServersProblem();
const opened: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of opened.splice(0).toReversed()) await one[Symbol.asyncDispose]();
});

describe.skipIf(problem !== undefined)(`outages ${problem ?? ""}`, () => {
  const redis = ownRedis({ appendonly: true });

  function opening(prefix: string, timeoutMs: number) {
    const events: StoreEvent[] = [];
    const store = redisSemanticStore({
      url: redis.server.url,
      prefix,
      timeoutMs,
      embedder: new WordEmbedder(),
      policy: anyAbove(0.6),
    });
    store.on((event) => events.push(event));
    opened.push(store);
    return { store, events };
  }
  const calls = (store: ReturnType<typeof opening>["store"]): (() => Promise<unknown>)[] => [
    () => store.get(keyOf(FRENCH)),
    () => store.get(keyOf(FRENCH_TOO)),
    () => store.set(entryOf(FRENCH)),
    () => store.add(entryOf(FRENCH)),
    () => store.delete(keyOf(FRENCH)),
    () => store.rejectPair(keyOf(FRENCH_TOO), keyOf(FRENCH)),
    () => store.clear(),
    () => store.entries().next(),
  ];

  test("a server that was killed and started again: errors meanwhile, and similar entries are found as before", async () => {
    const { store, events } = opening("killed", 2000);
    await store.set(entryOf(FRENCH));
    await redis.server.kill();
    for (const call of calls(store)) await expect(call()).rejects.toMatchObject({ code: "ERR_LLMCACHE_STORE" });
    await redis.server.start();
    await eventually(async () => expect((await store.get(keyOf(FRENCH_TOO)))?.entry.text).toBe(FRENCH));
    expect(events.map(({ type }) => type)).toEqual(expect.arrayContaining(["degraded", "recovered"]));
  });

  test("a server that is frozen costs every call no more than its deadline, and recovers", async () => {
    const { store, events } = opening("frozen", 50);
    await eventually(() => store.set(entryOf(FRENCH)));
    redis.server.pause();
    try {
      for (const call of calls(store)) await expect(call()).rejects.toMatchObject({ code: "ERR_LLMCACHE_STORE" });
      expect(events.filter(({ type }) => type === "degraded")).toHaveLength(1);
    } finally {
      redis.server.resume();
    }
    await eventually(async () => {
      await store.set(entryOf(FRENCH));
      expect((await store.get(keyOf(FRENCH_TOO)))?.entry.text).toBe(FRENCH);
    });
  });

  test("killed in the middle of many writes: what is found afterwards is whole, or a miss", async () => {
    const { store } = opening("torn", 1000);
    await eventually(() => store.set(entryOf(FRENCH)));
    const texts = Array.from({ length: 400 }, (_, index) => `question ${index} of many others`);
    const writes = texts.map((text) => store.set(entryOf(text)));
    const settled = Promise.allSettled(writes);
    await writes[50];
    await redis.server.kill();
    await settled;
    await redis.server.start();
    await eventually(() => store.get(keyOf(FRENCH)));
    for (const text of texts) {
      const own = await store.get({ id: keyOf(text).id });
      if (own !== undefined) expect(own.entry.body.json()).toBe(`answer to ${text}`);
      const similar = await store.get({ ...keyOf(text), id: keyOf(`another ${text}`).id });
      if (similar !== undefined) expect(similar.entry.body.json()).toBe(`answer to ${similar.entry.text}`);
    }
    // Written again, all are found.
    for (const text of texts) await store.set(entryOf(text));
    const first = keyOf(texts[0] as string);
    expect((await store.get({ ...first, id: keyOf("x").id }))?.entry.text).toBe(texts[0]);
  });

  test("a cache goes on while the server is away", async () => {
    const { store } = opening("cache", 200);
    const cache = new LLMCache({ store });
    let asked = 0;
    const ask = () =>
      cache.through({ operation: "o", prompt: FRENCH, shape: { turns: 1 } }, async () => `answer ${++asked}`);
    expect((await ask()).value).toBe("answer 1");
    await cache.settled();
    expect((await ask()).status).toBe("hit");
    redis.server.pause();
    try {
      expect((await ask()).value).toBe("answer 2");
    } finally {
      redis.server.resume();
    }
    await cache[Symbol.asyncDispose]();
  });
});
