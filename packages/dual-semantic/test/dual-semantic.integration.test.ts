import { LocalBus, type StoreEvent } from "@llmcache/core";
import { assertSameEntry, assertSameHead } from "@llmcache/core/conformance";
import { DualSemanticStore, dualSemanticStore, type DualSemanticConnectionOptions } from "@llmcache/dual-semantic";
import { MemorySemanticStore } from "@llmcache/memory-semantic";
import { redisSemanticStore } from "@llmcache/redis-semantic";
import { Redis } from "ioredis";
import { afterEach, describe, expect, test } from "vitest";
import { anyAbove, entryOf, keyOf, WordEmbedder } from "../../memory-semantic/test/stage.ts";
import { TableEmbedder } from "../../redis-semantic/test/stage.ts";
import { eventually } from "../../redis/test/polling.ts";
import { ownRedis, ownServersProblem, someRedis } from "../../redis/test/servers.ts";

const redis = someRedis();
const FRENCH = "what is the capital of France";
const FRENCH_TOO = "what is the capital city of France";
const OTHER = "how do bees make honey in winter";
const opened: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).toReversed()) await close();
});
let count = 0;

/** The process's store, its client's traffic, and what its embedder is asked. */
function dual(given: Partial<DualSemanticConnectionOptions> = {}) {
  const { prefix = `dual-${process.pid}-${++count}`, url = redis.url, embedder = new WordEmbedder() } = given;
  const client = new Redis(url, { maxRetriesPerRequest: 1 });
  client.on("error", () => undefined);
  const sent: string[] = [];
  const call = client.callBuffer.bind(client);
  client.callBuffer = (async (command: string, ...args: never[]) => {
    sent.push(command);
    return call(command, ...args);
  }) as typeof client.callBuffer;
  const { url: _, ...options } = { policy: anyAbove(0.6), ...given };
  const store = new DualSemanticStore({ ...options, client, prefix, embedder });
  opened.push(
    () => client.disconnect(),
    () => store[Symbol.asyncDispose](),
    () => store.clear().catch(() => undefined),
  );
  return { store, sent, prefix, embedder: embedder as WordEmbedder, client };
}

describe("lookups", () => {
  test("that the process can answer do not touch Redis; a new text does once, for its own answer", async () => {
    const { store, sent, embedder } = dual();
    await store.set(entryOf(FRENCH));
    sent.length = 0;
    embedder.calls = 0;
    expect(await store.get(keyOf(FRENCH))).toMatchObject({ entry: { text: FRENCH }, tier: "memory-semantic" });
    expect(sent).toEqual([]);
    expect(embedder.calls).toBe(0);
    const similar = { entry: { text: FRENCH }, tier: "memory-semantic" };
    expect(await store.get(keyOf(FRENCH_TOO))).toMatchObject(similar);
    expect(sent).toEqual(["hmget"]);
    for (let again = 0; again < 3; again++) expect(await store.get(keyOf(FRENCH_TOO))).toMatchObject(similar);
    expect(sent).toEqual(["hmget"]);
    expect(embedder.calls).toBe(1);
  });

  test("cost no embedding for what Redis has itself, whatever similar things the process has", async () => {
    const writer = dual();
    await writer.store.set(entryOf(FRENCH));
    const { store, embedder } = dual({ prefix: writer.prefix });
    await store.set(entryOf(FRENCH_TOO));
    embedder.calls = 0;
    expect((await store.get(keyOf(FRENCH)))?.entry.text).toBe(FRENCH);
    expect(embedder.calls).toBe(0);
  });

  test("that only Redis can answer cost one embedding, and none for what was asked before; so do misses and their writes", async () => {
    const writer = dual();
    await writer.store.set(entryOf(FRENCH));
    expect(writer.embedder.asked).toEqual([FRENCH]);
    const { store, embedder, sent } = dual({ prefix: writer.prefix });
    const hit = await store.get(keyOf(FRENCH_TOO));
    expect(hit).toMatchObject({ entry: { text: FRENCH }, tier: "redis-semantic" });
    await store.settled();
    expect(embedder.asked).toEqual([FRENCH_TOO]);
    // The copy is there, by its own key and by similarity, and Redis is not asked again.
    sent.length = 0;
    expect(await store.get(keyOf(FRENCH))).toMatchObject({ tier: "memory-semantic" });
    expect((await store.get(keyOf(FRENCH_TOO)))?.similarity).toBeCloseTo(hit?.similarity ?? 0, 5);
    expect(sent).toEqual([]);
    expect(embedder.asked).toEqual([FRENCH_TOO]);
    expect(await store.get(keyOf(OTHER))).toBeUndefined();
    await store.set(entryOf(OTHER));
    expect(embedder.asked).toEqual([FRENCH_TOO, OTHER]);
  });

  test("by id are answered by Redis without an embedding, and their copies found by similarity", async () => {
    const writer = dual();
    await writer.store.set(entryOf(FRENCH));
    const { store, embedder } = dual({ prefix: writer.prefix });
    expect(await store.get(keyOf(FRENCH))).toMatchObject({ entry: { text: FRENCH }, tier: "redis-semantic" });
    await store.settled();
    expect(embedder.calls).toBe(0);
    expect(await store.get(keyOf(FRENCH_TOO))).toMatchObject({ tier: "memory-semantic" });
    expect(embedder.asked).toEqual([FRENCH_TOO]);
  });

  test("take the request's own from Redis before a similar one of the process, with exactFirst", async () => {
    for (const exactFirst of [false, true]) {
      const writer = dual({ bus: false });
      const { store } = dual({ prefix: writer.prefix, exactFirst, bus: false });
      await store.set(entryOf(FRENCH_TOO));
      expect((await store.get(keyOf(FRENCH)))?.entry.text).toBe(FRENCH_TOO);
      await writer.store.set(entryOf(FRENCH));
      // What was answered lately is answered alike.
      expect((await store.get(keyOf(FRENCH)))?.entry.text).toBe(exactFirst ? FRENCH : FRENCH_TOO);
    }
  });

  test("do not drift: what is similar to a copy's question is no hit unless it is similar to the copy's own", async () => {
    const embedder = new TableEmbedder(64);
    embedder.vectors.set("A", embedder.random("A"));
    embedder.at("B", "A", 0.85);
    // As far from B as B is from A, on the other side.
    const [a, b] = [embedder.vectors.get("A") as Float32Array, embedder.vectors.get("B") as Float32Array];
    const norm = (v: Float32Array): Float32Array => v.map((x) => x / Math.hypot(...v));
    const [unitA, unitB] = [norm(a), norm(b)];
    embedder.vectors.set(
      "C",
      unitB.map((x, index) => 2 * 0.85 * x - (unitA[index] as number)),
    );
    expect(embedder.cosine("B", "C")).toBeGreaterThan(0.8);
    expect(embedder.cosine("A", "C")).toBeLessThan(0.8);
    const policy = anyAbove(0.8);
    const writer = dual({ embedder, policy });
    const entry = entryOf("A", { createdAt: 5, staleAt: 7, metadata: { model: "m" } });
    await writer.store.set(entry);
    const reader = dual({ embedder, policy, prefix: writer.prefix });
    expect((await reader.store.get(keyOf("B")))?.entry.id).toBe(keyOf("A").id);
    await reader.store.settled();
    // The copy lies under its own key, with its own instants.
    expect(await reader.store.get({ id: keyOf("B").id })).toBeUndefined();
    const copy = await reader.store.get({ id: keyOf("A").id });
    expect(copy?.tier).toBe("memory-semantic");
    assertSameEntry(copy?.entry, entry);
    for await (const { head } of reader.store.entries()) assertSameHead(head, entry);
    expect(await reader.store.get(keyOf("C"))).toBeUndefined();
  });

  test("are decided alike by both tiers", async () => {
    const embedder = new TableEmbedder(48);
    const policy = anyAbove(0.8);
    const near = new MemorySemanticStore({ embedder, policy });
    const far = redisSemanticStore({ url: redis.url, prefix: `alike-${process.pid}`, embedder, policy });
    opened.push(
      () => far[Symbol.asyncDispose](),
      () => far.clear(),
    );
    for (let index = 0; index < 30; index++) {
      embedder.at(`stored ${index}`, `asked ${index}`, 0.795 + index / 3000);
      const entry = entryOf(`stored ${index}`, { model: `m${index}` });
      await near.set(entry);
      await far.set(entry);
      const key = keyOf(`asked ${index}`, `m${index}`);
      const [one, other] = [await near.get(key), await far.get(key)];
      expect(other?.entry.id).toBe(one?.entry.id);
      if (one !== undefined) expect(other?.similarity).toBeCloseTo(one.similarity as number, 5);
    }
  });
});

describe("other processes", () => {
  test("copies go when their entry was deleted, cleared or refreshed elsewhere", async () => {
    const here = dual();
    const there = dual({ prefix: here.prefix });
    await Promise.all([here.store.listening(), there.store.listening()]);
    const copied = async (): Promise<void> => {
      await here.store.set(entryOf(FRENCH));
      await eventually(async () => {
        await there.store.get(keyOf(FRENCH_TOO));
        await there.store.settled();
        expect((await there.store.get(keyOf(FRENCH_TOO)))?.tier).toBe("memory-semantic");
      });
    };
    await copied();
    await here.store.delete(keyOf(FRENCH));
    await eventually(async () => expect(await there.store.get(keyOf(FRENCH_TOO))).toBeUndefined());
    await copied();
    await here.store.set(entryOf(FRENCH, { createdAt: Date.now(), value: "new" }));
    await eventually(async () => expect((await there.store.get(keyOf(FRENCH_TOO)))?.entry.body.json()).toBe("new"));
    await here.store.clear();
    await copied();
    await here.store.clear();
    await eventually(async () => expect(await there.store.get(keyOf(FRENCH_TOO))).toBeUndefined());
  });

  test("copies end with maxTtl where nobody tells, and answers with their own end where that is sooner", async () => {
    let now = Date.now();
    const clock = (): number => now;
    const here = dual({ bus: false });
    const there = dual({ prefix: here.prefix, bus: false, clock, near: { maxTtl: "10s" } });
    await here.store.set(entryOf(FRENCH));
    await there.store.get(keyOf(FRENCH));
    await there.store.settled();
    await here.store.delete(keyOf(FRENCH));
    now += 9_999;
    expect(await there.store.get(keyOf(FRENCH))).toMatchObject({ tier: "memory-semantic" });
    now += 1;
    expect(await there.store.get(keyOf(FRENCH))).toBeUndefined();
  });

  test("rejected pairs are rejected in all of them, where the answer was copied, too", async () => {
    const here = dual({ bus: new LocalBus() });
    const there = dual({ prefix: here.prefix, bus: new LocalBus() });
    const listening = dual({ prefix: here.prefix });
    const telling = dual({ prefix: here.prefix });
    await Promise.all([listening.store.listening(), telling.store.listening()]);
    await here.store.set(entryOf(FRENCH));
    for (const { store } of [there, listening]) {
      await store.get(keyOf(FRENCH_TOO));
      await store.settled();
      expect((await store.get(keyOf(FRENCH_TOO)))?.tier).toBe("memory-semantic");
    }
    await telling.store.rejectPair(keyOf(FRENCH_TOO), keyOf(FRENCH));
    await eventually(async () => expect(await listening.store.get(keyOf(FRENCH_TOO))).toBeUndefined());
    // Nobody told it: its copy lasts until its maxTtl.
    expect((await there.store.get(keyOf(FRENCH_TOO)))?.tier).toBe("memory-semantic");
    await here.store.rejectPair(keyOf(FRENCH_TOO), keyOf(FRENCH));
    expect(await here.store.get(keyOf(FRENCH_TOO))).toBeUndefined();
    expect(await dual({ prefix: here.prefix }).store.get(keyOf(FRENCH_TOO))).toBeUndefined();
    expect((await here.store.get(keyOf(FRENCH)))?.entry.text).toBe(FRENCH);
  });
});

describe("pairs that another process rejected", () => {
  test.each([
    ["a similar request", (store: DualSemanticStore) => store.get(keyOf(`${FRENCH} please`))],
    ["the request itself", (store: DualSemanticStore) => store.get(keyOf(FRENCH))],
    ["an answer written anew", (store: DualSemanticStore) => store.set(entryOf(FRENCH))],
    [
      "an answer added",
      async (store: DualSemanticStore) => {
        await store.delete(keyOf(FRENCH));
        expect(await store.add(entryOf(FRENCH))).toBe(true);
      },
    ],
  ])("stay so when %s brings a copy", async (_, bring) => {
    for (const times of [1, 100]) {
      const first = dual();
      await first.store.set(entryOf(FRENCH));
      const asked = Array.from({ length: times }, (_entry, index) => keyOf(index === 0 ? FRENCH_TOO : `q ${index}`));
      for (const key of asked) await first.store.rejectPair(key, keyOf(FRENCH));
      const second = dual({ prefix: first.prefix });
      await bring(second.store);
      await second.store.settled();
      for (let again = 0; again < 2; again++)
        expect(await second.store.get(keyOf(FRENCH_TOO)), `${times} times`).toBeUndefined();
      // With 100 rejected the similar request brings nothing.
      if (times === 1) expect((await second.store.get(keyOf(FRENCH)))?.tier).toBe("memory-semantic");
    }
  });
});

describe("bounds and faults", () => {
  test("the process keeps no more than it may, and Redis has the rest", async () => {
    const { store } = dual({ near: { maxEntries: 3 } });
    const texts = Array.from({ length: 10 }, (_, index) => `question ${index}`);
    for (const text of texts) await store.set(entryOf(text));
    const tiers = await Promise.all(texts.map(async (text) => (await store.get({ id: keyOf(text).id }))?.tier));
    expect(tiers.filter((tier) => tier === "memory-semantic")).toHaveLength(3);
    expect(tiers.filter((tier) => tier === "redis-semantic")).toHaveLength(7);
  });

  test("an embedder that fails is asked once; the request's own is found nevertheless, in Redis too", async () => {
    const writer = dual();
    await writer.store.set(entryOf(FRENCH));
    const { store, embedder } = dual({ prefix: writer.prefix });
    embedder.instead = () => Promise.reject(new Error("no model"));
    await expect(store.get(keyOf(OTHER))).rejects.toMatchObject({ code: "ERR_LLMCACHE_EMBEDDER" });
    expect(embedder.calls).toBe(1);
    expect((await store.get(keyOf(FRENCH)))?.entry.text).toBe(FRENCH);
  });

  test("an embedder whose vectors cannot be compared is an error, and the next ones are used", async () => {
    const { store, embedder } = dual();
    embedder.instead = () => [new Float32Array(64).fill(Number.NaN)];
    await expect(store.set(entryOf(FRENCH))).rejects.toThrow(/finite/);
    embedder.instead = undefined;
    await store.set(entryOf(FRENCH));
    expect((await store.get(keyOf(FRENCH_TOO)))?.entry.text).toBe(FRENCH);
  });

  test("concurrent lookups and writes of one text ask for it once", async () => {
    const { store, embedder } = dual();
    await Promise.all(Array.from({ length: 20 }, () => store.get(keyOf(FRENCH))));
    await Promise.all([store.set(entryOf(OTHER)), store.get(keyOf(OTHER)), store.add(entryOf(FRENCH))]);
    expect(embedder.asked.toSorted()).toEqual([OTHER, FRENCH].toSorted());
  });

  test.each([
    [{ near: { maxTTL: 5 } }, "near.maxTTL is no option"],
    [{ near: { maxTtl: "soon" } }, "maxTtl"],
    [{ bus: 5 }, "bus must be"],
    [{ exactFirst: "yes" }, "exactFirst must be"],
    [{ embedder: undefined }, "embedder must be"],
    [{ policy: undefined }, "threshold must be"],
    [{ localTtl: 5 }, "localTtl is no option"],
  ])("options %j are refused, and nothing is left open", (given, message) => {
    const options = { url: redis.url, embedder: new WordEmbedder(), policy: anyAbove(0.5), ...given };
    expect(() => dualSemanticStore(options as never)).toThrow(message);
  });
});

const problem = await ownServersProblem();
describe.skipIf(problem !== undefined)(`outages ${problem ?? ""}`, () => {
  const own = ownRedis();

  test("with Redis killed or frozen the process goes on with its own, and both are in step when it is back", async () => {
    const { store } = dual({ url: own.server.url, timeoutMs: 100 });
    const events: StoreEvent[] = [];
    store.on((event) => events.push(event));
    await store.set(entryOf(FRENCH));
    for (const [stop, start] of [
      [async () => own.server.pause(), async () => own.server.resume()],
      [() => own.server.kill(), () => own.server.start()],
    ] as const) {
      await stop();
      expect(await store.get(keyOf(FRENCH_TOO))).toMatchObject({ tier: "memory-semantic" });
      await store.set(entryOf(OTHER));
      expect(await store.get(keyOf(OTHER))).toMatchObject({ tier: "memory-semantic" });
      await expect(store.get(keyOf("never asked"))).rejects.toMatchObject({ code: "ERR_LLMCACHE_STORE" });
      await start();
      await eventually(() =>
        store
          .set(entryOf(OTHER))
          .then(async () => expect(await store.origin.get({ id: keyOf(OTHER).id })).toBeDefined()),
      );
      await store.delete(keyOf(OTHER));
    }
    expect(events.map(({ type }) => type)).toEqual(expect.arrayContaining(["write-failed", "degraded", "recovered"]));
  });
});
