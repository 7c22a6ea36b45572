import { describe, expect, test, vi } from "vitest";
import { LLMCache, LLMCacheError, MapStore, TieredStore, type Entry, type Store, type StoreHit } from "@llmcache/core";
import { FaultyStore, sampleId } from "@llmcache/core/conformance";
import { abortListeners, all, answering, Clock, request, turn } from "./stage.ts";
import { entryOf, eventsOf, keyOf, listOf, SimilarStore, valueIn } from "./tiers-stage.ts";

const option = (message: string): Error =>
  expect.objectContaining({ code: "ERR_LLMCACHE_OPTION", message: expect.stringContaining(message) }) as Error;
const storeFailure = (message: string): unknown =>
  expect.objectContaining({ code: "ERR_LLMCACHE_STORE", message: expect.stringContaining(message) });

async function entryIn(store: Store, name: string): Promise<Entry> {
  const hit = await store.get(keyOf(name));
  if (hit === undefined) throw new Error(`${name} is not there.`);
  return hit.entry;
}

function two(): { near: FaultyStore; far: FaultyStore; store: TieredStore; clock: Clock } {
  const clock = new Clock();
  const [near, far] = [new FaultyStore(new MapStore()), new FaultyStore(new MapStore())];
  const store = new TieredStore(
    [
      { store: near, name: "near" },
      { store: far, name: "far" },
    ],
    { clock: clock.read },
  );
  return { near, far, store, clock };
}

describe("the tiers", () => {
  const map = new MapStore();
  test.each<[string, unknown, object | undefined]>([
    ["empty one", [], undefined],
    ["must be a list", undefined, undefined],
    ["tiers[0]", [null], undefined],
    ["tiers[0].maxttl is no option", [{ store: map, maxttl: 5 }], undefined],
    ["tiers[0].store must be a store; it lacks get", [{ store: {} }], undefined],
    ["tiers[0].store", [{ write: true }], undefined],
    ["tiers[1] is the same store as tiers[0]", [map, { store: map }], undefined],
    ["tiers[0].write", [{ store: map, write: 1 }], undefined],
    ["tiers[0].maxTtl", [{ store: map, maxTtl: "soon" }], undefined],
    ["tiers[0].maxTtl must be above 0", [{ store: map, maxTtl: 0 }], undefined],
    ["tiers[0].name", [{ store: map, name: "" }], undefined],
    [
      'two tiers called "a"',
      [
        { store: map, name: "a" },
        { store: new MapStore(), name: "a" },
      ],
      undefined,
    ],
    ["of contract 2", [Object.assign(new MapStore(), { contract: 2 })], undefined],
    ["timeout is no option", [map], { timeout: 5 }],
    ["clock", [map], { clock: 5 }],
    ["bus", [map], { bus: {} }],
  ])("%s", (message, tiers, options) => {
    expect(() => new TieredStore(tiers as Store[], options)).toThrow(option(message));
  });

  test("have the names of their stores, made unique", async () => {
    const stores = [new MapStore(), new MapStore(), new MapStore()];
    const store = new TieredStore([
      stores[0] as Store,
      { store: stores[1] as Store, name: "map-2" },
      stores[2] as Store,
    ]);
    const tiers: unknown[] = [];
    for (const [index, each] of stores.entries()) {
      await each.set(entryOf(`in ${index}`));
      tiers.push((await store.get(keyOf(`in ${index}`)))?.tier);
    }
    expect(tiers).toEqual(["map", "map-2", "map-3"]);
  });

  test("of tiers are called outer/inner", async () => {
    const inner = new MapStore();
    const store = new TieredStore([
      new MapStore(),
      { store: new TieredStore([{ store: inner, name: "disk" }]), name: "host" },
    ]);
    await inner.set(entryOf("a"));
    expect((await store.get(keyOf("a")))?.tier).toBe("host/disk");
  });

  test("make up what the whole is", () => {
    const [near, far, last] = [new MapStore(), new SimilarStore(), new MapStore()];
    const store = new TieredStore([near, far, { store: last, write: false }]);
    expect(store).toMatchObject({ match: "similar", expiry: "swept", origin: far, contract: 1 });
    expect(new TieredStore([last, store])).toMatchObject({ origin: far });
    expect(new TieredStore([last])).toMatchObject({ match: "exact", origin: last });
    expect(new TieredStore([{ store: last, write: false }]).origin).toBeUndefined();
    expect(new TieredStore([new SimilarStore()]).entries).toBeUndefined();
  });
});

describe("a lookup", () => {
  test("asks near to far, and no farther than it must", async () => {
    const { near, far, store } = two();
    await far.set(entryOf("a"));
    expect(await store.get(keyOf("a"))).toMatchObject({ tier: "far", entry: { id: sampleId("a") } });
    await store.settled();
    expect(await store.get(keyOf("a"))).toMatchObject({ tier: "near" });
    expect(await store.get(keyOf("b"))).toBeUndefined();
    expect([near.calls.get, far.calls.get]).toEqual([3, 2]);
  });

  test("asks all tiers exactly before any by similarity", async () => {
    const [near, far] = [new SimilarStore(), new MapStore()];
    const store = new TieredStore([near, far]);
    const about = { scope: "s", text: "weather today" };
    await near.set(entryOf("similar", 1000, about));
    await far.set(entryOf("exact"));
    expect(await store.get({ ...about, ...keyOf("exact") })).toMatchObject({ tier: "map" });
    expect(near.asked).toEqual([keyOf("exact")]);
    const other = { ...keyOf("other"), scope: "s", text: "weather tomorrow" };
    expect(await store.get(other)).toMatchObject({
      tier: "similar",
      similarity: 0.9,
      entry: { id: sampleId("similar") },
    });
    expect(near.asked.slice(1)).toEqual([keyOf("other"), other]);
    expect(await store.get(keyOf("third"))).toBeUndefined();
  });

  test("goes on past a copy that is refused, and asks once about each", async () => {
    const { near, far, store } = two();
    const seen: unknown[] = [];
    await near.set(entryOf("a", 1000));
    await far.set(entryOf("a", 2000));
    const key = { ...keyOf("a"), scope: "s" };
    const accept = (hit: StoreHit, asked: unknown): Promise<boolean> => {
      seen.push([hit.tier, hit.entry.createdAt, asked]);
      return Promise.resolve(hit.entry.createdAt > 1500);
    };
    expect(await store.get(key, { accept })).toMatchObject({ tier: "far", entry: { createdAt: 2000 } });
    expect(seen).toEqual([
      ["near", 1000, key],
      ["far", 2000, key],
    ]);
    await store.settled();
    expect(await store.get(key, { accept: () => false })).toBeUndefined();
  });

  test("asks once about a copy that the tier asked about already", async () => {
    const inner = new TieredStore([new MapStore()]);
    const store = new TieredStore([{ store: inner, name: "inner" }]);
    await inner.set(entryOf("a"));
    const accept = vi.fn(() => true);
    expect(await store.get(keyOf("a"), { accept })).toMatchObject({ tier: "inner/map" });
    expect(accept).toHaveBeenCalledTimes(1);
    expect(accept).toHaveBeenCalledWith(expect.objectContaining({ tier: "inner/map" }), keyOf("a"));
  });

  test("never gives the entry of another id", async () => {
    const liar = new MapStore();
    liar.get = async () => ({ entry: entryOf("other") });
    expect(await new TieredStore([liar]).get(keyOf("a"))).toBeUndefined();
    expect(await new TieredStore([liar]).getMany([keyOf("a"), keyOf("b")])).toEqual([undefined, undefined]);
  });

  test.each([
    [
      "throws",
      () => {
        throw new Error("mine");
      },
    ],
    ["rejects", () => Promise.reject(new Error("mine"))],
  ])("rejects as accept does that %s, which is no tier's failure", async (_, accept) => {
    const { far, store } = two();
    const nested = new TieredStore([store]);
    const events = eventsOf(nested);
    await far.set(entryOf("a"));
    await expect(nested.get(keyOf("a"), { accept })).rejects.toThrow("mine");
    expect(events).toEqual([]);
  });

  test("passes over a tier that fails, and tells it once until it works", async () => {
    const { near, far, store } = two();
    const events = eventsOf(store);
    await far.set(entryOf("a"));
    near.fail("get", new Error("no route"));
    for (let i = 0; i < 3; i++) expect(await store.get(keyOf("a"))).toMatchObject({ tier: "far" });
    expect(events).toEqual([
      expect.objectContaining({ type: "degraded", store: "near", message: expect.stringContaining("no route") }),
    ]);
    expect(near.calls.add).toBe(0);
    near.heal();
    await store.get(keyOf("a"));
    expect(events.slice(1)).toEqual([expect.objectContaining({ type: "recovered", store: "near" })]);
  });

  test("rejects, naming the tier, where nothing is found and one failed: it may have been there", async () => {
    const { near, far, store } = two();
    near.fail("get", new Error("no route"));
    await expect(store.get(keyOf("a"))).rejects.toEqual(storeFailure("near: no route"));
    near.heal();
    far.fail("get", new Error("gone"));
    await expect(store.get(keyOf("a"))).rejects.toEqual(storeFailure("far: gone"));
    await near.set(entryOf("a"));
    expect(await store.get(keyOf("a"))).toMatchObject({ tier: "near" });
    await expect(store.get(keyOf("a"), { accept: () => false })).rejects.toEqual(storeFailure("far: gone"));
  });

  test("hands its signal on, and ends with its reason", async () => {
    const { near, far, store } = two();
    await far.set(entryOf("a"));
    near.hang("get");
    const controller = new AbortController();
    const call = store.get(keyOf("a"), { signal: controller.signal });
    await turn();
    const events = eventsOf(store);
    controller.abort(new Error("enough"));
    await expect(call).rejects.toThrow("enough");
    expect(far.calls.get).toBe(0);
    expect(events).toEqual([]);
    expect(abortListeners(controller.signal)).toBe(0);
  });

  test("tells of a tier that hangs when the cache's time is up", async () => {
    const { near, store } = two();
    const events = eventsOf(store);
    near.hang("get");
    const controller = new AbortController();
    const call = store.get(keyOf("a"), { signal: controller.signal });
    controller.abort(new LLMCacheError("ERR_LLMCACHE_STORE", "took longer than 1000 ms"));
    await expect(call).rejects.toThrow("took longer");
    expect(events).toMatchObject([{ type: "degraded", store: "near" }]);
  });
});

describe("several at once", () => {
  test("only what is missing or refused goes on to the next tier; order and repeats are kept", async () => {
    const { near, far, store } = two();
    for (const name of ["a", "b"]) await near.set(entryOf(name, 1000));
    for (const name of ["b", "c"]) await far.set(entryOf(name, 2000));
    const asked = vi.spyOn(far as Required<FaultyStore>, "getMany");
    const names = ["c", "a", "d", "b", "a", "c"];
    const hits = await store.getMany(names.map(keyOf), {
      accept: ({ entry }) => entry.id !== sampleId("b") || entry.createdAt === 2000,
    });
    expect(hits.map((hit) => hit && [hit.tier, hit.entry.body.json()])).toEqual([
      ["far", "c of 2000"],
      ["near", "a of 1000"],
      undefined,
      ["far", "b of 2000"],
      ["near", "a of 1000"],
      ["far", "c of 2000"],
    ]);
    expect(asked).toHaveBeenCalledTimes(1);
    expect(asked.mock.calls[0]?.[0]).toEqual(["c", "d", "b", "c"].map(keyOf));
    await store.settled();
    expect([await valueIn(near, "c"), await valueIn(near, "b")]).toEqual(["c of 2000", "b of 2000"]);
  });

  test("gives what was found though a tier failed, and rejects where nothing was", async () => {
    const { near, far, store } = two();
    await near.set(entryOf("a"));
    far.fail("getMany", new Error("gone"));
    far.fail("get", new Error("gone"));
    const hits = await store.getMany(["a", "b"].map(keyOf));
    expect(hits.map((hit) => hit?.tier)).toEqual(["near", undefined]);
    await expect(store.getMany(["b", "c"].map(keyOf))).rejects.toEqual(storeFailure("far: gone"));
  });

  test("asks stores without getMany one by one, and by similarity what has a text", async () => {
    const similar = new SimilarStore();
    const store = new TieredStore([similar, new MapStore()]);
    await similar.set(entryOf("w", 1000, { scope: "s", text: "weather today" }));
    const hits = await store.getMany([
      keyOf("a"),
      { ...keyOf("b"), scope: "s", text: "weather now" },
      { ...keyOf("c"), scope: "other", text: "weather now" },
      keyOf("w"),
    ]);
    expect(hits.map((hit) => hit?.entry.id)).toEqual([undefined, sampleId("w"), undefined, sampleId("w")]);
    expect(hits.map((hit) => hit?.similarity)).toEqual([undefined, 0.9, undefined, undefined]);
  });

  test("setMany stores in all tiers, the last of one id, and rejects only for what was stored nowhere", async () => {
    const { near, far, store } = two();
    await store.setMany([entryOf("a", 1000), entryOf("b"), entryOf("a", 2000)]);
    for (const tier of [near, far]) expect(await valueIn(tier, "a")).toBe("a of 2000");
    far.fail("set");
    await store.setMany([entryOf("c"), entryOf("d")]);
    near.fail("set");
    await expect(store.setMany([entryOf("e"), entryOf("f")])).rejects.toEqual(storeFailure("near: "));
  });
});

describe("back-fill", () => {
  test("brings what was found nearer, with the id and the instants it has, and is not waited for", async () => {
    const { near, far, store, clock } = two();
    const entry = entryOf("a", clock.now - 5000, {
      staleAt: clock.now + 10,
      deleteAt: clock.now + 20,
      scope: "s",
      text: "t",
    });
    await far.set(entry);
    const gate = near.delay("add");
    expect(await store.get(keyOf("a"))).toMatchObject({ tier: "far" });
    expect(await valueIn(near, "a")).toBeUndefined();
    gate.open();
    await store.settled();
    const { body, ...head } = await entryIn(near, "a");
    expect({ ...head, body: body.json() }).toEqual({ ...entry, body: "a of 1799999995000" });
  });

  test("brings an entry once, however many ask for it", async () => {
    const { near, far, store } = two();
    await far.set(entryOf("a"));
    const gate = near.delay("add");
    await Promise.all(Array.from({ length: 100 }, () => store.get(keyOf("a"))));
    gate.open();
    await store.settled();
    expect(near.calls.add).toBe(1);
  });

  test("brings similar hits under the key they have", async () => {
    const [near, far] = [new MapStore(), new SimilarStore()];
    const store = new TieredStore([near, far]);
    await far.set(entryOf("w", 1000, { scope: "s", text: "weather today" }));
    await store.get({ ...keyOf("asked"), scope: "s", text: "weather now" });
    await store.settled();
    expect(await valueIn(near, "asked")).toBeUndefined();
    expect((await near.get(keyOf("w")))?.entry).toMatchObject({
      id: sampleId("w"),
      text: "weather today",
      createdAt: 1000,
    });
  });

  test("fills every nearer tier that is written to, and no other", async () => {
    const stores = Array.from({ length: 4 }, () => new MapStore());
    const [a, readOnly, b, far] = stores as [MapStore, MapStore, MapStore, MapStore];
    const store = new TieredStore([a, { store: readOnly, write: false }, b, far]);
    await b.set(entryOf("a"));
    await store.get(keyOf("a"));
    await store.settled();
    expect(await Promise.all(stores.map((each) => valueIn(each, "a")))).toEqual([
      "a of 1000",
      undefined,
      "a of 1000",
      undefined,
    ]);
  });

  test("a failure is an event and nothing else; what cannot be written to is still read", async () => {
    const { near, far, store } = two();
    const events = eventsOf(store);
    near.fail("add", new Error("full"));
    for (const name of ["a", "b"]) {
      await far.set(entryOf(name));
      expect(await store.get(keyOf(name))).toMatchObject({ tier: "far" });
    }
    await store.settled();
    expect(events).toMatchObject([{ type: "write-failed", store: "near", id: sampleId("a") }]);
  });

  test("takes the place of the copy that was refused, and of nothing else", async () => {
    const { near, far, store } = two();
    await near.set(entryOf("a", 1000));
    await far.set(entryOf("a", 2000));
    const accept = ({ entry }: StoreHit): boolean => entry.createdAt === 2000;
    const gate = near.delay("add");
    await store.get(keyOf("a"), { accept });
    await near.set(entryOf("a", 1500));
    gate.open();
    await store.settled();
    expect(await valueIn(near, "a")).toBe("a of 1500");
    near.heal();
    await store.get(keyOf("a"), { accept });
    await store.settled();
    expect(await valueIn(near, "a")).toBe("a of 2000");
  });

  test("does not replace a newer copy, though it was refused", async () => {
    const { near, far, store } = two();
    await near.set(entryOf("a", 2000));
    await far.set(entryOf("a", 1000));
    await store.get(keyOf("a"), { accept: ({ entry }) => entry.createdAt === 1000 });
    await store.settled();
    expect(await valueIn(near, "a")).toBe("a of 2000");
  });

  test("brings nothing that is dead", async () => {
    const { near, far, store, clock } = two();
    await far.set(entryOf("a", 1000, { deleteAt: clock.now }));
    await store.get(keyOf("a"));
    await store.settled();
    expect(near.calls.add).toBe(0);
  });

  test("copies generations of tags to the origin alone, and leases nowhere", async () => {
    const [near, origin, archive] = [new MapStore(), new MapStore(), new MapStore()];
    const store = new TieredStore([near, origin, { store: archive, write: false }]);
    for (const operation of ["llmcache.tag", "llmcache.lease"]) {
      await archive.set(entryOf(operation, 1000, { metadata: { operation } }));
      expect(await store.get(keyOf(operation))).toMatchObject({ tier: "map-3" });
      await store.set(entryOf(`set ${operation}`, 1000, { metadata: { operation } }));
      expect(await store.add(entryOf(`add ${operation}`, 1000, { metadata: { operation } }))).toBe(true);
    }
    await store.settled();
    expect(await valueIn(origin, "llmcache.tag")).toBe("llmcache.tag of 1000");
    expect(await valueIn(origin, "llmcache.lease")).toBeUndefined();
    expect(await valueIn(origin, "set llmcache.tag")).toBeDefined();
    expect(await valueIn(origin, "add llmcache.lease")).toBeDefined();
    for (const name of ["llmcache.tag", "set llmcache.tag", "add llmcache.lease"])
      expect(await valueIn(near, name)).toBeUndefined();
  });

  test("keeps what it copies as it was, whatever the reader does to it", async () => {
    const [near, far] = [new FaultyStore(new MapStore()), new MapStore()];
    const own = (await (async () => (await far.set(entryOf("a")), far.get(keyOf("a"))))()) as StoreHit;
    far.get = async () => ({ entry: { ...own.entry, metadata: { ...own.entry.metadata } } });
    const store = new TieredStore([near, far]);
    const gate = near.delay("add");
    const hit = (await store.get(keyOf("a"))) as StoreHit;
    Object.assign(hit.entry.metadata, { model: "tampered" });
    gate.open();
    await store.settled();
    expect((await near.get(keyOf("a")))?.entry.metadata["model"]).toBe("sample-1");
  });

  test("is bounded: 64 at a time, the rest in a queue of bounded length", async () => {
    const { near, far, store } = two();
    const gate = near.delay("add");
    const names = Array.from({ length: 5000 }, (_, index) => `n${index}`);
    for (const name of names) await far.set(entryOf(name)).then(() => store.get(keyOf(name)));
    expect(gate.waiting).toBe(64);
    gate.open();
    await store.settled();
    expect(near.calls.add).toBe(64 + 4096);
  });

  test("a tier that hangs is given up on, so that disposing ends", async () => {
    vi.useFakeTimers();
    try {
      const { near, far, store } = two();
      const events = eventsOf(store);
      near.delay("add");
      await far.set(entryOf("a"));
      await store.get(keyOf("a"));
      const disposed = store[Symbol.asyncDispose]();
      await vi.advanceTimersByTimeAsync(10_000);
      await disposed;
      expect(events).toMatchObject([{ type: "write-failed", message: expect.stringContaining("longer than") }]);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("back-fill and changes", () => {
  /** A read that has found "a of 1000" in the far tier, and not yet looked at it. */
  async function reading(): Promise<ReturnType<typeof two> & { goOn: () => Promise<void> }> {
    const staged = two();
    await staged.far.set(entryOf("a"));
    const verdict = Promise.withResolvers<boolean>();
    const read = staged.store.get(keyOf("a"), { accept: () => verdict.promise });
    await turn();
    const goOn = async (): Promise<void> => {
      verdict.resolve(true);
      expect(await read).toMatchObject({ tier: "far" });
      await staged.store.settled();
    };
    return { ...staged, goOn };
  }

  test("what was deleted meanwhile is not brought back", async () => {
    const { near, store, goOn } = await reading();
    await store.delete(keyOf("a"));
    await goOn();
    expect(near.calls.add).toBe(0);
    expect(await store.get(keyOf("a"))).toBeUndefined();
  });

  test("nor what was cleared", async () => {
    const { near, store, goOn } = await reading();
    await store.clear();
    await goOn();
    expect(near.calls.add).toBe(0);
    expect(await store.get(keyOf("a"))).toBeUndefined();
  });

  test("nor what was replaced, even in a tier that has lost the new one", async () => {
    const { near, store, goOn } = await reading();
    await store.set(entryOf("a", 2000));
    await near.delete(keyOf("a"));
    await goOn();
    expect(near.calls.add).toBe(0);
    expect((await store.get(keyOf("a")))?.entry.createdAt).toBe(2000);
  });

  test("nor what is being deleted, nor read while it was", async () => {
    const { near, far, store, goOn } = await reading();
    const gate = far.delay("delete");
    const deleted = store.delete(keyOf("a"));
    await gate.arrived;
    const other = store.get(keyOf("a"));
    await goOn();
    expect(near.calls.add).toBe(0);
    const verdict = Promise.withResolvers<boolean>();
    const during = store.get(keyOf("a"), { accept: () => verdict.promise });
    await turn();
    gate.open();
    await deleted;
    verdict.resolve(true);
    await Promise.all([other, during]);
    await store.settled();
    expect(near.calls.add).toBe(0);
    expect(await store.get(keyOf("a"))).toBeUndefined();
  });

  test("other ids are brought all the same", async () => {
    const { near, store, goOn } = await reading();
    await store.delete(keyOf("b"));
    await store.set(entryOf("c"));
    await goOn();
    expect(await valueIn(near, "a")).toBe("a of 1000");
  });

  test.each([
    ["delete", (store: Store) => store.delete(keyOf("a")), undefined],
    ["clear", (store: Store) => store.clear(), undefined],
    ["set", (store: Store) => store.set(entryOf("a", 2000)), "a of 2000"],
  ] as const)("%s waits for a copy that is on its way already", async (_, change, expected) => {
    const { near, far, store } = two();
    await far.set(entryOf("a"));
    const gate = near.delay("add");
    await store.get(keyOf("a"));
    await gate.arrived;
    const changed = change(store);
    await turn();
    expect(near.calls.delete + near.calls.clear + near.calls.set).toBe(0);
    gate.open();
    await changed;
    await store.settled();
    expect(await valueIn(near, "a")).toBe(expected);
    expect((await store.get(keyOf("a")))?.entry.body.json()).toBe(expected);
  });

  test("nor what is being cleared", async () => {
    const { near, far, store, goOn } = await reading();
    const gate = far.delay("clear");
    const cleared = store.clear();
    await gate.arrived;
    await goOn();
    gate.open();
    await cleared;
    expect(near.calls.add).toBe(0);
    expect(await store.get(keyOf("a"))).toBeUndefined();
  });

  test.each([
    ["delete", (store: Store) => store.delete(keyOf("a")), 65],
    ["clear", (store: Store) => store.clear(), 64],
  ] as const)("what was added and still waits for its turn is not brought after a %s", async (_, change, copies) => {
    const { near, far, store } = two();
    const gate = near.delay("add");
    for (let index = 0; index < 64; index++) {
      await far.set(entryOf(`n${index}`));
      await store.get(keyOf(`n${index}`));
    }
    expect(await store.add(entryOf("a"))).toBe(true);
    const changed = change(store);
    await turn();
    gate.open();
    await changed;
    await store.settled();
    expect(await store.get(keyOf("a"))).toBeUndefined();
    expect(await valueIn(near, "a")).toBeUndefined();
    expect(near.calls.add).toBe(copies);
  });

  test("a tier that missed a delete gets what others stored since, and gives it", async () => {
    const { near, far, store, clock } = two();
    await store.set(entryOf("a", clock.now - 10));
    near.fail("delete");
    await expect(store.delete(keyOf("a"))).rejects.toEqual(storeFailure("near"));
    await far.set(entryOf("a", clock.now - 5));
    expect(await store.get(keyOf("a"))).toMatchObject({ tier: "far" });
    await store.settled();
    expect(await store.get(keyOf("a"))).toMatchObject({ tier: "near", entry: { createdAt: clock.now - 5 } });
  });

  test("what a tier is mended of while it is being read is not served", async () => {
    const { near, far, store } = two();
    await store.set(entryOf("a", 1000));
    near.fail("set");
    await store.set(entryOf("a", 2000));
    near.heal();
    await far.delete(keyOf("a"));
    const old = await near.get(keyOf("a"));
    const answer = Promise.withResolvers<StoreHit | undefined>();
    vi.spyOn(near, "get").mockReturnValueOnce(answer.promise);
    const read = store.get(keyOf("a"));
    await store.delete(keyOf("a"));
    answer.resolve(old);
    expect(await read).toBeUndefined();
  });
});

describe("maxTtl", () => {
  const tiers = (): { near: MapStore; far: MapStore; store: TieredStore; clock: Clock } => {
    const clock = new Clock();
    const [near, far] = [new MapStore(), new MapStore()];
    return { near, far, clock, store: new TieredStore([{ store: near, maxTtl: "60s" }, far], { clock: clock.read }) };
  };

  test("ends copies, written or brought, and leaves the others as they are", async () => {
    const { near, far, store, clock } = tiers();
    await store.set(entryOf("set", clock.now));
    await store.setMany([
      entryOf("many", clock.now, { staleAt: clock.now + 5, deleteAt: clock.now + 600_000 }),
      entryOf("x"),
    ]);
    await far.set(entryOf("filled", clock.now - 1e6, { staleAt: clock.now + 100_000, deleteAt: clock.now + 200_000 }));
    await store.get(keyOf("filled"));
    await store.add(entryOf("added", clock.now, { staleAt: clock.now + 9, deleteAt: clock.now + 10 }));
    await store.settled();
    const instants = async (name: string): Promise<unknown> => {
      const { createdAt, staleAt, deleteAt } = await entryIn(near, name);
      return [createdAt, staleAt, deleteAt].map((at) => (at === undefined ? at : at - clock.now));
    };
    expect(await instants("set")).toEqual([0, 60_000, 60_000]);
    expect(await instants("many")).toEqual([0, 5, 60_000]);
    expect(await instants("filled")).toEqual([-1e6, 60_000, 60_000]);
    expect(await instants("added")).toEqual([0, 9, 10]);
    expect((await far.get(keyOf("set")))?.entry.deleteAt).toBeUndefined();
  });

  test("bounds how long a copy outlives a delete elsewhere; then it is brought anew", async () => {
    const { near, far, store, clock } = tiers();
    const cache = new LLMCache({ store, clock: clock.read });
    const ask = answering();
    await cache.through(request(), ask);
    await cache.settled();
    const { id } = cache.key(request());
    clock.pass(59_999);
    expect(await cache.through(request(), ask)).toMatchObject({ status: "hit", tier: "map" });
    clock.pass(1);
    expect(await cache.through(request(), ask)).toMatchObject({ status: "hit", tier: "map-2", value: 1 });
    await store.settled();
    expect((await near.get({ id }))?.entry.deleteAt).toBe(clock.now + 60_000);
    await far.delete({ id });
    clock.pass(59_999);
    expect(await cache.through(request(), ask)).toMatchObject({ status: "hit", tier: "map" });
    clock.pass(1);
    expect(await cache.through(request(), ask)).toMatchObject({ status: "miss", value: 2 });
  });
});

describe("a write", () => {
  test("goes to all tiers that are written to, sharing the body", async () => {
    const { near, far, store } = two();
    const entry = entryOf("a");
    const { signal } = new AbortController();
    await store.set(entry, { signal });
    for (const tier of [near, far]) expect((await tier.get(keyOf("a")))?.entry.body).toBe(entry.body);
    expect(abortListeners(signal)).toBe(0);
  });

  test("leaves out a tier that fails and tells it once, and that it works again", async () => {
    const { near, far, store } = two();
    const events = eventsOf(store);
    far.fail("set", new Error("disk full"));
    for (const name of ["a", "b", "c"]) await store.set(entryOf(name));
    expect(await valueIn(near, "c")).toBe("c of 1000");
    expect(events).toMatchObject([{ type: "write-failed", store: "far", id: sampleId("a") }]);
    far.heal();
    await store.set(entryOf("d"));
    expect(events.slice(1)).toMatchObject([{ type: "recovered", store: "far" }]);
  });

  test("rejects, naming the tiers, where all failed; what was there stays", async () => {
    const { near, far, store } = two();
    await store.set(entryOf("a", 1000));
    near.fail("set", new Error("full"));
    far.fail("set", new Error("away"));
    await expect(store.set(entryOf("a", 2000))).rejects.toEqual(storeFailure("near: full; far: away"));
    expect((await store.get(keyOf("a")))?.entry.createdAt).toBe(1000);
  });

  test.each(["near", "far"] as const)("what the %s tier missed is not served from there any more", async (failing) => {
    const staged = two();
    const { store } = staged;
    await store.set(entryOf("a", 1000));
    staged[failing].fail("set");
    staged[failing].fail("add");
    await store.set(entryOf("a", 2000));
    expect((await store.get(keyOf("a")))?.entry.createdAt).toBe(2000);
    await staged[failing === "near" ? "far" : "near"].delete(keyOf("a"));
    expect(await store.get(keyOf("a"))).toBeUndefined();
    staged[failing].heal();
    await store.set(entryOf("a", 3000));
    expect(await valueIn(staged[failing], "a")).toBe("a of 3000");
    expect((await store.get(keyOf("a")))?.entry.createdAt).toBe(3000);
  });

  test("a copy that a near tier missed is brought there by the next hit, over the old one", async () => {
    const { near, store } = two();
    await store.set(entryOf("a", 1000));
    near.fail("set");
    await store.set(entryOf("a", 2000));
    near.heal();
    expect(await store.get(keyOf("a"))).toMatchObject({ tier: "far", entry: { createdAt: 2000 } });
    await store.settled();
    expect(await store.get(keyOf("a"))).toMatchObject({ tier: "near", entry: { createdAt: 2000 } });
  });

  test("those of one id take turns, so that all tiers end with the same", async () => {
    const { near, far, store } = two();
    const gate = near.delay("set");
    const first = store.set(entryOf("a", 1000));
    await gate.arrived;
    const second = store.set(entryOf("a", 2000));
    await turn();
    expect([near.calls.set, far.calls.set]).toEqual([1, 1]);
    gate.open();
    await Promise.all([first, second]);
    for (const tier of [near, far]) expect(await valueIn(tier, "a")).toBe("a of 2000");
  });

  test("one that hangs ends with its signal, and lets the next one pass", async () => {
    const { near, far, store } = two();
    const gate = near.delay("set");
    far.fail("set");
    const controller = new AbortController();
    const hanging = store.set(entryOf("a", 1000), { signal: controller.signal });
    await gate.arrived;
    controller.abort(new LLMCacheError("ERR_LLMCACHE_STORE", "too long"));
    await expect(hanging).rejects.toThrow("too long");
    expect(abortListeners(controller.signal)).toBe(0);
    gate.open();
    far.heal();
    await store.set(entryOf("a", 2000));
    expect(await valueIn(far, "a")).toBe("a of 2000");
  });

  test("is refused where all tiers are only read, which is a use: replay", async () => {
    const archive = new MapStore();
    await archive.set(entryOf("a"));
    const store = new TieredStore([{ store: archive, write: false }]);
    const refused = { code: "ERR_LLMCACHE_UNSUPPORTED", message: expect.stringContaining("write: false") };
    expect(await store.get(keyOf("a"))).toMatchObject({ tier: "map" });
    await expect(store.set(entryOf("a"))).rejects.toMatchObject(refused);
    await expect(store.add(entryOf("a"))).rejects.toMatchObject(refused);
    await expect(store.setMany([entryOf("a")])).rejects.toMatchObject(refused);
    await expect(store.delete(keyOf("a"))).rejects.toMatchObject(refused);
    await expect(store.clear()).rejects.toMatchObject(refused);
    expect(await valueIn(archive, "a")).toBe("a of 1000");
  });
});

describe("add", () => {
  test("says no to what any tier holds, those that are only read too", async () => {
    const [near, origin, archive] = [new MapStore(), new MapStore(), new MapStore()];
    const store = new TieredStore([near, origin, { store: archive, write: false }]);
    for (const [name, tier] of Object.entries({ near, origin, archive })) {
      await tier.set(entryOf(name, 1000));
      expect(await store.add(entryOf(name, 2000))).toBe(false);
      expect((await store.get(keyOf(name)))?.entry.createdAt).toBe(1000);
      expect(await store.add(entryOf(name, 2000), { over: entryOf(name, 1000) })).toBe(true);
      expect((await store.get(keyOf(name)))?.entry.createdAt).toBe(2000);
    }
    await store.settled();
    expect(await valueIn(near, "archive")).toBe("archive of 2000");
    expect(await valueIn(archive, "archive")).toBe("archive of 1000");
  });

  test("is decided by the origin; the others get it in the background, and the new one is served at once", async () => {
    const { near, far, store } = two();
    await store.set(entryOf("a", 1000));
    const gate = near.delay("add");
    expect(await store.add(entryOf("a", 2000), { over: entryOf("a", 1000) })).toBe(true);
    expect(await valueIn(near, "a")).toBe("a of 1000");
    expect(await store.get(keyOf("a"))).toMatchObject({ tier: "far", entry: { createdAt: 2000 } });
    const deleted = store.delete(keyOf("a"));
    gate.open();
    await deleted;
    await store.settled();
    expect(await Promise.all([near, far].map((tier) => valueIn(tier, "a")))).toEqual([undefined, undefined]);
    expect(await store.add(entryOf("a", 3000))).toBe(true);
    await store.settled();
    expect(await valueIn(near, "a")).toBe("a of 3000");
  });

  test("goes on without a near tier that fails, and rejects without the origin", async () => {
    const { near, far, store } = two();
    near.fail();
    expect(await store.add(entryOf("a"))).toBe(true);
    expect(await store.add(entryOf("a"))).toBe(false);
    near.heal();
    far.fail("add", new Error("away"));
    await expect(store.add(entryOf("b"))).rejects.toEqual(storeFailure("far: away"));
    await store.settled();
    expect(await valueIn(near, "b")).toBeUndefined();
  });

  test("is not kept from it by a copy that is out of date", async () => {
    const { near, far, store } = two();
    await store.set(entryOf("a", 1000));
    near.fail("set");
    await store.set(entryOf("a", 2000));
    near.heal();
    await far.delete(keyOf("a"));
    expect(await store.add(entryOf("a", 3000))).toBe(true);
    await store.settled();
    for (const tier of [near, far]) expect(await valueIn(tier, "a")).toBe("a of 3000");
  });

  test("replaces at the origin what a write of ours did not reach", async () => {
    const { near, far, store } = two();
    await store.set(entryOf("a", 1000));
    far.fail("delete");
    await expect(store.delete(keyOf("a"))).rejects.toEqual(storeFailure("far"));
    far.heal();
    expect(await store.add(entryOf("a", 1_900_000_000_000))).toBe(true);
    await store.settled();
    for (const tier of [near, far]) expect(await valueIn(tier, "a")).toBe("a of 1900000000000");
  });
});

describe("delete and clear", () => {
  test("a delete that fails in one tier is done in the others, and rejects naming it; the entry is served no more", async () => {
    const { near, far, store, clock } = two();
    for (const failing of [near, far]) {
      await store.set(entryOf("a", clock.now));
      failing.fail("delete", new Error("away"));
      await expect(store.delete(keyOf("a"))).rejects.toEqual(
        storeFailure(failing === near ? "near: away" : "far: away"),
      );
      expect(await valueIn(failing, "a")).toBeDefined();
      expect(await valueIn(failing === near ? far : near, "a")).toBeUndefined();
      expect(await store.get(keyOf("a"))).toBeUndefined();
      failing.heal();
      await store.delete(keyOf("a"));
      clock.pass(10);
    }
  });

  test("a clear that fails in one tier is done in the others, and rejects naming it; what was there is served no more", async () => {
    const { near, far, store, clock } = two();
    await store.set(entryOf("a", clock.now));
    await store.set(entryOf("b", clock.now));
    clock.pass(10);
    far.fail("clear", new Error("away"));
    await expect(store.clear()).rejects.toEqual(storeFailure("far: away"));
    expect(await valueIn(near, "a")).toBeUndefined();
    expect(await store.get(keyOf("a"))).toBeUndefined();
    // Whatever instant it has, what is stored afterwards is there.
    await store.set(entryOf("a", 500));
    await near.delete(keyOf("a"));
    expect(await store.get(keyOf("a"))).toMatchObject({ tier: "far", entry: { createdAt: 500 } });
    far.heal();
    await store.clear();
    await far.set(entryOf("b", 1));
    expect(await store.get(keyOf("b"))).toMatchObject({ tier: "far" });
  });

  test("a tier that cannot be cleared loses nothing by it", async () => {
    const { far, store } = two();
    await far.set(entryOf("a"));
    far.fail("clear", new LLMCacheError("ERR_LLMCACHE_UNSUPPORTED", "no prefix"));
    await expect(store.clear()).rejects.toEqual(storeFailure("no prefix"));
    expect(await store.get(keyOf("a"))).toMatchObject({ tier: "far" });
  });

  test("a tier that is only read stays as it is: what was deleted is hidden in this process, what was cleared is not", async () => {
    const [near, archive] = [new MapStore(), new MapStore()];
    const tiers = [near, { store: archive, write: false }];
    const clock = new Clock();
    const store = new TieredStore(tiers, { clock: clock.read });
    for (const name of ["a", "b"]) await archive.set(entryOf(name));
    await store.delete(keyOf("a"));
    await store.clear();
    expect(await store.get(keyOf("a"))).toBeUndefined();
    expect(await store.get(keyOf("b"))).toMatchObject({ tier: "map-2" });
    expect(await new TieredStore(tiers).get(keyOf("a"))).toMatchObject({ tier: "map-2" });
  });
});

describe("a listing", () => {
  test("goes through the tiers from far to near, and resumes in any of them", async () => {
    const { near, far, store } = two();
    for (const name of ["a", "b", "c"]) await store.set(entryOf(name));
    await near.set(entryOf("near only"));
    await far.set(entryOf("far only"));
    const listed = await listOf(store);
    expect(listed).toHaveLength(8);
    expect(new Set(listed.map(({ head }) => head.id)).size).toBe(5);
    for (let limit = 1; limit <= 8; limit++) {
      const first = await listOf(store, { limit });
      const rest = await listOf(store, { after: first.at(-1)?.cursor });
      expect([...first, ...rest].map(({ cursor }) => cursor)).toEqual(listed.map(({ cursor }) => cursor));
    }
    await expect(listOf(store, { after: "nowhere:1" })).rejects.toEqual(option("cursor"));
    await expect(listOf(store, { after: "" })).rejects.toEqual(option("cursor"));
  });

  test("gives no more than it is asked for, though a tier does", async () => {
    const generous = new MapStore();
    for (const name of ["a", "b", "c"]) await generous.set(entryOf(name));
    const entries = generous.entries.bind(generous);
    generous.entries = () => entries();
    expect(await listOf(new TieredStore([new MapStore(), generous]), { limit: 2 })).toHaveLength(2);
  });

  test("skips tiers that cannot list, and rejects naming one that fails", async () => {
    const { near, far, store } = two();
    const mixed = new TieredStore([new SimilarStore(), { store: near, name: "lists: all" }]);
    await mixed.set(entryOf("a"));
    const [only] = await listOf(mixed, { bodies: true });
    expect(only).toMatchObject({ head: { id: sampleId("a") }, body: expect.anything() });
    expect(await listOf(mixed, { after: only?.cursor })).toEqual([]);
    far.fail("entries", new Error("away"));
    await expect(listOf(store)).rejects.toEqual(storeFailure("far: away"));
  });
});

describe("events and the end", () => {
  test("what the stores of tiers tell comes under the tier's name", async () => {
    const tell: ((type: "evicted") => void)[] = [];
    const talkative = (name: string): Store =>
      Object.assign(new MapStore(), {
        name,
        on: (listener: (event: { store: string; type: "evicted"; message: string }) => void) => {
          const call = (type: "evicted"): void => listener({ store: name, type, message: "m" });
          tell.push(call);
          return () => void tell.splice(tell.indexOf(call), 1);
        },
      });
    const inner = new TieredStore([{ store: talkative("a"), name: "disk" }]);
    const store = new TieredStore([
      { store: talkative("b"), name: "near" },
      { store: inner, name: "host" },
    ]);
    const events: string[] = [];
    const end = store.on((event) => events.push(event.store));
    for (const call of tell) call("evicted");
    expect(events.sort()).toEqual(["host/disk", "near"]);
    end();
    end();
    expect(tell).toEqual([]);
  });

  test("disposing waits for copies on their way, and leaves the tiers alone", async () => {
    const { near, far, store } = two();
    await far.set(entryOf("a"));
    const gate = near.delay("add");
    await store.get(keyOf("a"));
    let isDone = false;
    const disposed = store[Symbol.asyncDispose]().then(() => (isDone = true));
    await turn();
    expect(isDone).toBe(false);
    gate.open();
    await disposed;
    expect(await valueIn(near, "a")).toBe("a of 1000");
    await expect(store.set(entryOf("a"))).rejects.toMatchObject({ code: "ERR_LLMCACHE_CLOSED" });
  });
});

describe("with a cache", () => {
  test("a slice gets exactly what was used, and the original stays as it was", async () => {
    const clock = new Clock();
    const original = new FaultyStore(new MapStore());
    const recorded = new LLMCache({ store: original, clock: clock.read });
    for (const prompt of ["used", "unused", "renewed"]) await recorded.through(request(prompt), answering(prompt));
    await recorded.settled();
    const before = await listOf(original);
    const writes = { ...original.calls };
    clock.pass(1000);

    const slice = new MapStore();
    await using store = new TieredStore([slice, { store: original, write: false }]);
    const cache = new LLMCache({ store, clock: clock.read });
    const ask = answering("new");
    expect(await cache.through(request("used"), ask)).toMatchObject({
      status: "hit",
      value: "used",
      tier: "faulty map",
    });
    expect(await cache.through(request("absent"), ask)).toMatchObject({ status: "miss", value: "new" });
    expect(await cache.through(request("renewed"), ask, { noCache: true })).toMatchObject({ value: "new" });
    await cache.settled();
    await store.settled();
    const listed = await all(slice.entries({ bodies: true }));
    const found = Object.fromEntries(
      listed.map(({ head, body }) => [head.id, [body?.json(), head.createdAt - clock.now]]),
    );
    expect(found).toEqual({
      [cache.key(request("used")).id]: ["used", -1000],
      [cache.key(request("absent")).id]: ["new", 0],
      [cache.key(request("renewed")).id]: ["new", 0],
    });
    expect(await listOf(original)).toEqual(before);
    for (const method of ["set", "add", "delete", "clear", "setMany"] as const)
      expect(original.calls[method]).toBe(writes[method]);

    const replay = new LLMCache({ store: slice, clock: clock.read });
    expect(await replay.through(request("used"), ask, { onlyIfCached: true })).toMatchObject({ value: "used" });
    await expect(replay.through(request("unused"), ask, { onlyIfCached: true })).rejects.toMatchObject({
      code: "ERR_LLMCACHE_MISS",
    });
  });

  test("a near copy too old for s-maxage does not hide a far one, and is replaced by it", async () => {
    const { near, far, store, clock } = two();
    const cache = new LLMCache({ store, clock: clock.read });
    const { id } = cache.key(request());
    await near.set({ ...entryOf("near", clock.now - 100_000), id });
    await far.set({ ...entryOf("far", clock.now - 5000), id });
    const ask = answering("asked");
    expect(await cache.through(request(), ask)).toMatchObject({ tier: "near" });
    expect(await cache.through(request(), ask, { sMaxAge: 10 })).toMatchObject({ tier: "far", ageMs: 5000 });
    await store.settled();
    expect(await cache.through(request(), ask, { sMaxAge: 10 })).toMatchObject({ tier: "near", ageMs: 5000 });
    expect(ask.count).toBe(0);
  });

  test("reject and delete reach all tiers, and the next call asks", async () => {
    const { near, far, store, clock } = two();
    const cache = new LLMCache({ store, clock: clock.read });
    const ask = answering();
    await cache.through(request(), ask);
    await cache.settled();
    await (await cache.through(request(), ask)).reject();
    for (const tier of [near, far]) expect(await tier.get(cache.key(request()))).toBeUndefined();
    expect(await cache.through(request(), ask)).toMatchObject({ status: "miss", value: 2 });
  });

  test("a failing tier is no error of the cache, unless nothing was found under onlyIfCached", async () => {
    const { near, far, store, clock } = two();
    const cache = new LLMCache({ store, clock: clock.read });
    const ask = answering();
    far.fail("get", new Error("away"));
    await expect(cache.through(request(), ask, { onlyIfCached: true })).rejects.toMatchObject({
      code: "ERR_LLMCACHE_STORE",
    });
    expect(await cache.through(request(), ask)).toMatchObject({ status: "miss" });
    await cache.settled();
    expect(await cache.through(request(), ask)).toMatchObject({ status: "hit", tier: "near" });
    expect(near.calls.get).toBeGreaterThan(0);
  });

  test("tags are invalidated at the origin, and no copy says otherwise", async () => {
    const { store, clock } = two();
    const cache = new LLMCache({ store, clock: clock.read });
    const ask = answering();
    for (const status of ["miss", "hit"]) {
      expect(await cache.through(request(), ask, { tags: ["t"] })).toMatchObject({ status });
      await cache.settled();
      await store.settled();
    }
    await cache.invalidate({ tags: ["t"] });
    expect(await cache.through(request(), ask, { tags: ["t"] })).toMatchObject({ status: "miss", value: 2 });
  });
});
