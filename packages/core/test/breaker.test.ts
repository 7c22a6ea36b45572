import { describe, expect, test, vi } from "vitest";
import {
  LLMCache,
  LLMCacheError,
  MapStore,
  TieredStore,
  withBreaker,
  type Store,
  type StoreEvent,
} from "@llmcache/core";
import { FaultyStore, type StoreMethod } from "@llmcache/core/conformance";
import { abortListeners, answering, Clock, request, turn } from "./stage.ts";
import { entryOf, eventsOf, keyOf, listOf, SimilarStore } from "./tiers-stage.ts";

const PAUSED = expect.objectContaining({ code: "ERR_LLMCACHE_PAUSED" });
const timeUp = (): LLMCacheError => new LLMCacheError("ERR_LLMCACHE_STORE", "get took longer than 1000 ms.");

interface Staged {
  readonly inner: FaultyStore;
  readonly store: Store;
  readonly clock: Clock;
  readonly events: StoreEvent[];
}

function staged(failures = 3): Staged {
  const clock = new Clock();
  const inner = new FaultyStore(new MapStore());
  const store = withBreaker(inner, { failures, pauseMs: 10_000, clock: clock.read });
  return { inner, store, clock, events: eventsOf(store) };
}

const get = (store: Store, signal?: AbortSignal): Promise<unknown> => store.get(keyOf("a"), { signal });

async function failing(store: Store, times: number): Promise<void> {
  for (let i = 0; i < times; i++) await expect(get(store)).rejects.toThrow("down");
}

/** A store that was opened by failures. */
async function opened(failures = 3): Promise<Staged> {
  const own = staged(failures);
  own.inner.fail(undefined, new Error("down"));
  await failing(own.store, failures);
  return own;
}

describe("options", () => {
  test.each<[string, object]>([
    ["failures", { failures: 0 }],
    ["failures", { failures: 1.5 }],
    ["pauseMs", { pauseMs: 0 }],
    ["pauseMs", { pauseMs: Number.POSITIVE_INFINITY }],
    ["clock", { clock: 1 }],
    ["pause is no option", { pause: 1 }],
  ])("%s is refused as %j", (message, options) => {
    expect(() => withBreaker(new MapStore(), options)).toThrow(
      expect.objectContaining({ code: "ERR_LLMCACHE_OPTION", message: expect.stringContaining(message) }) as Error,
    );
  });

  test("the store must be one", () => {
    expect(() => withBreaker({} as Store)).toThrow("contract 1");
  });
});

describe("what it stands for", () => {
  test("is what the store inside is, and has what that has", () => {
    const tiers = new TieredStore([new MapStore(), new SimilarStore()]);
    const store = withBreaker(tiers);
    expect(store).toMatchObject({
      contract: 1,
      name: "tiered",
      match: "similar",
      expiry: "swept",
      origin: tiers.origin,
    });
    expect([store.getMany, store.setMany, store.entries].map((method) => typeof method)).toEqual(
      Array(3).fill("function"),
    );
    const plain = withBreaker(new SimilarStore());
    expect([plain.getMany, plain.setMany, plain.entries, plain.origin]).toEqual(Array(4).fill(undefined));
  });

  test("disposes the store inside, also while that is paused", async () => {
    const { inner, store } = await opened(1);
    inner.heal();
    const dispose = vi.spyOn(inner, Symbol.asyncDispose);
    await store[Symbol.asyncDispose]();
    expect(dispose).toHaveBeenCalledTimes(1);
  });

  test("tells what the store inside tells, until it is not listened to any more", () => {
    let tell: ((event: StoreEvent) => void) | undefined;
    const inner = Object.assign(new MapStore(), {
      on: (listener: (event: StoreEvent) => void) => {
        tell = listener;
        return () => (tell = undefined);
      },
    });
    const store = withBreaker(inner);
    const events: StoreEvent[] = [];
    const end = store.on?.((event) => events.push(event));
    tell?.({ store: "map", type: "evicted", message: "m" });
    end?.();
    end?.();
    expect([events.length, tell]).toEqual([1, undefined]);
  });
});

describe("failures in a row", () => {
  test("of any method open it; then nothing reaches the store, and all are refused with one error", async () => {
    const { inner, store, events } = staged(8);
    inner.fail(undefined, new Error("down"));
    const calls: Readonly<Record<Exclude<StoreMethod, "setMany" | "rejectPair">, () => Promise<unknown>>> = {
      get: () => get(store),
      set: () => store.set(entryOf("a")),
      add: () => store.add(entryOf("a")),
      delete: () => store.delete(keyOf("a")),
      clear: () => store.clear(),
      getMany: async () => store.getMany?.([keyOf("a")]),
      entries: () => listOf(store),
    };
    for (const call of Object.values(calls)) await expect(call()).rejects.toThrow("down");
    expect(events).toEqual([]);
    await failing(store, 1);
    const counts = { ...inner.calls };
    const refusals = await Promise.all(Object.values(calls).map((call) => call().catch((error: unknown) => error)));
    expect(new Set(refusals).size).toBe(1);
    expect(refusals[0]).toEqual(PAUSED);
    expect((refusals[0] as Error).message).toMatch(
      /faulty map.* 8 calls in a row failed, the last one \(get\) with: down\. .*2027-01-15T08:00:10\.000Z/,
    );
    expect((refusals[0] as Error).cause).toEqual(new Error("down"));
    expect(inner.calls).toEqual(counts);
    expect(events).toMatchObject([{ type: "degraded", store: "faulty map", error: new Error("down") }]);
  });

  test("are counted anew after a success", async () => {
    const { inner, store } = staged(3);
    for (let i = 0; i < 5; i++) {
      inner.fail("get", new Error("down"));
      await failing(store, 2);
      await store.set(entryOf("a"));
    }
    await failing(store, 3);
    await expect(get(store)).rejects.toEqual(PAUSED);
  });

  test("are not those that somebody else is to blame for", async () => {
    const { inner, store, events } = staged(1);
    for (const code of ["OPTION", "VALUE", "REQUEST", "UNSUPPORTED", "CLOSED"] as const) {
      inner.fail("get", new LLMCacheError(`ERR_LLMCACHE_${code}`, "not the store"));
      await expect(get(store)).rejects.toThrow("not the store");
    }
    inner.hang("get");
    for (const reason of [new Error("enough"), new LLMCacheError("ERR_LLMCACHE_MISS", "m"), "no error"]) {
      const controller = new AbortController();
      const call = get(store, controller.signal);
      controller.abort(reason);
      await expect(call).rejects.toBe(reason);
      expect(abortListeners(controller.signal)).toBe(0);
    }
    await expect(get(store, AbortSignal.abort(timeUp()))).rejects.toThrow("took longer");
    inner.heal();
    await get(store);
    expect(events).toEqual([]);
  });

  test("are those whose time was up, though the store never says anything", async () => {
    const { inner, store, events } = staged(3);
    inner.delay("get");
    for (let i = 0; i < 3; i++) {
      const controller = new AbortController();
      const call = get(store, controller.signal);
      controller.abort(timeUp());
      await expect(call).rejects.toThrow("took longer");
    }
    await expect(get(store)).rejects.toEqual(PAUSED);
    expect(events).toMatchObject([{ type: "degraded" }]);
    // What they say in the end counts no more.
    inner.heal();
    await turn();
    await expect(get(store)).rejects.toEqual(PAUSED);
  });

  test("of calls that began before count once: neither twice, nor to make the pause longer", async () => {
    const { inner, store, clock, events } = staged(2);
    const gate = inner.delay("get");
    const early = Array.from({ length: 4 }, () => get(store).catch((error: unknown) => error));
    inner.fail("set", new Error("down"));
    for (let i = 0; i < 2; i++) await expect(store.set(entryOf("a"))).rejects.toThrow("down");
    clock.pass(9999);
    vi.spyOn(MapStore.prototype, "get").mockRejectedValue(new Error("late"));
    gate.open();
    await Promise.all(early);
    vi.restoreAllMocks();
    clock.pass(1);
    inner.heal();
    await get(store);
    expect(events.map(({ type }) => type)).toEqual(["degraded", "recovered"]);
  });

  test("of one call count once, though its time was up and it failed in the end", async () => {
    const { inner, store } = staged(2);
    const gate = inner.delay("get");
    const controller = new AbortController();
    const call = get(store, controller.signal);
    controller.abort(timeUp());
    await expect(call).rejects.toThrow("took longer");
    const failure = vi.spyOn(MapStore.prototype, "get").mockRejectedValue(new Error("down"));
    gate.open();
    await turn();
    failure.mockRestore();
    inner.heal();
    await get(store);
    inner.fail("get", new Error("down"));
    await failing(store, 2);
    await expect(get(store)).rejects.toEqual(PAUSED);
  });

  test("a late success of a call that began before does not close it", async () => {
    const { inner, store } = staged(1);
    const gate = inner.delay("get");
    const early = get(store);
    inner.fail("set", new Error("down"));
    await expect(store.set(entryOf("a"))).rejects.toThrow("down");
    gate.open();
    await early;
    await expect(get(store)).rejects.toEqual(PAUSED);
  });

  test("a store that throws instead of rejecting fails as well", async () => {
    const inner = new MapStore();
    inner.get = () => {
      throw new Error("at once");
    };
    const store = withBreaker(inner, { failures: 1 });
    await expect(get(store)).rejects.toThrow("at once");
    await expect(get(store)).rejects.toEqual(PAUSED);
  });
});

describe("the probe", () => {
  test("is the first call after the pause, and the only one; its success closes", async () => {
    const { inner, store, clock, events } = await opened();
    const gate = inner.delay("get");
    clock.pass(9999);
    await expect(get(store)).rejects.toEqual(PAUSED);
    clock.pass(1);
    const before = inner.calls.get;
    const probe = get(store);
    const others = await Promise.allSettled(Array.from({ length: 100 }, () => get(store)));
    expect(others.every(({ status }) => status === "rejected")).toBe(true);
    expect(inner.calls.get).toBe(before + 1);
    gate.open();
    await probe;
    await get(store);
    expect(events.map(({ type }) => type)).toEqual(["degraded", "recovered"]);
  });

  test("its failure opens anew, for a whole pause, and is not told", async () => {
    const { inner, store, clock, events } = await opened();
    const first = await get(store).catch((error: unknown) => error);
    for (let round = 0; round < 3; round++) {
      clock.pass(10_000);
      await failing(store, 1);
      clock.pass(9999);
      await expect(get(store)).rejects.toEqual(PAUSED);
      clock.pass(1);
      await failing(store, 1);
    }
    const later = await get(store).catch((error: unknown) => error);
    expect(later).not.toBe(first);
    expect((later as Error).message).toContain("9 calls in a row");
    expect(events).toHaveLength(1);
    inner.heal();
    clock.pass(10_000);
    await get(store);
    inner.fail("get", new Error("down"));
    await failing(store, 3);
    expect(events.map(({ type }) => type)).toEqual(["degraded", "recovered", "degraded"]);
  });

  test("that hangs has failed when its time is up", async () => {
    const { inner, store, clock } = await opened();
    inner.delay("get");
    clock.pass(10_000);
    const controller = new AbortController();
    const probe = get(store, controller.signal);
    clock.pass(1000);
    controller.abort(timeUp());
    await expect(probe).rejects.toThrow("took longer");
    inner.heal();
    clock.pass(9999);
    await expect(get(store)).rejects.toEqual(PAUSED);
    clock.pass(1);
    await get(store);
  });

  test("that hangs without an end has failed after a pause; what it says later counts no more", async () => {
    const { inner, store, clock, events } = await opened();
    const gate = inner.delay("get");
    clock.pass(10_000);
    const hanging = get(store);
    clock.pass(9999);
    await expect(get(store)).rejects.toThrow("down");
    clock.pass(1);
    await expect(get(store)).rejects.toThrow("no answer in 10000 ms");
    gate.open();
    await hanging;
    await expect(get(store)).rejects.toEqual(PAUSED);
    expect(events).toHaveLength(1);
    clock.pass(10_000);
    await get(store);
    expect(events).toHaveLength(2);
  });

  test("that hangs without an end ended a pause after it began, whenever that is noticed", async () => {
    const { inner, store, clock } = await opened();
    inner.delay("get");
    clock.pass(10_000);
    void get(store);
    clock.pass(20_000);
    inner.heal();
    await get(store);
  });

  test("that ends without saying anything about the store leaves the next one to try", async () => {
    const { inner, store, clock } = await opened();
    inner.hang("get");
    clock.pass(10_000);
    const controller = new AbortController();
    const probe = get(store, controller.signal);
    controller.abort(new Error("enough"));
    await expect(probe).rejects.toThrow("enough");
    inner.heal();
    await get(store);
    await get(store);
  });

  test("comes at once when the clock was set back behind the opening", async () => {
    const { inner, store, clock } = await opened();
    inner.heal();
    clock.pass(-3_600_000);
    await get(store);
  });
});

describe("a listing", () => {
  test("is a call at every step, and can be left", async () => {
    const { inner, store } = staged(1);
    for (const name of ["a", "b", "c"]) await store.set(entryOf(name));
    for await (const _ of store.entries?.() ?? []) break;
    expect(await listOf(store, { limit: 2 })).toHaveLength(2);
    inner.fail("entries", new Error("down"));
    await expect(listOf(store)).rejects.toThrow("down");
    const calls = inner.calls.entries;
    await expect(listOf(store)).rejects.toEqual(PAUSED);
    expect(inner.calls.entries).toBe(calls);
  });

  test("ends with its signal though the store hangs", async () => {
    const { inner, store } = staged(1);
    inner.delay("entries");
    const controller = new AbortController();
    const listed = listOf(store, { signal: controller.signal });
    await turn();
    controller.abort(timeUp());
    await expect(listed).rejects.toThrow("took longer");
    await expect(get(store)).rejects.toEqual(PAUSED);
  });
});

describe("in tiers before a cache", () => {
  test("failures that nobody sees open it: writes in the background and copies", async () => {
    const clock = new Clock();
    const [near, far] = [new FaultyStore(new MapStore()), new MapStore()];
    const guarded = withBreaker(near, { failures: 4, clock: clock.read });
    await using store = new TieredStore([{ store: guarded, name: "near" }, far], { clock: clock.read });
    const cache = new LLMCache({ store, clock: clock.read });
    const events = eventsOf(store);
    near.fail("set", new Error("full"));
    near.fail("add", new Error("full"));
    near.fail("get", new Error("down"));
    await cache.through(request("a"), answering());
    await cache.settled();
    await cache.through(request("a"), answering());
    await cache.through(request("b"), answering());
    await cache.settled();
    const { get: gets, set: sets } = near.calls;
    for (const prompt of ["a", "b", "a"])
      expect(await cache.through(request(prompt), answering())).toMatchObject({ status: "hit", tier: "map" });
    await cache.through(request("c"), answering());
    await cache.settled();
    expect([near.calls.get, near.calls.set]).toEqual([gets, sets]);
    const told = events.map(({ type }) => type);
    expect(told.sort()).toEqual(["degraded", "degraded", "write-failed"]);
    near.heal();
    clock.pass(10_000);
    expect(await cache.through(request("a"), answering())).toMatchObject({ tier: "map" });
    await store.settled();
    expect(await cache.through(request("a"), answering())).toMatchObject({ tier: "near" });
    expect(
      events
        .slice(3)
        .map(({ type }) => type)
        .sort(),
    ).toEqual(["recovered", "recovered", "recovered"]);
  });

  test("a tier that hangs costs the cache's time so often, and then nothing", async () => {
    const [near, far] = [new FaultyStore(new MapStore()), new MapStore()];
    const store = new TieredStore([withBreaker(near, { failures: 2 }), far]);
    const cache = new LLMCache({ store, storeTimeoutMs: 5 });
    const seeded = new LLMCache({ store: far });
    await seeded.through(request(), answering("there"));
    await seeded.settled();
    near.delay("get");
    near.delay("set");
    const ask = answering("asked");
    const tiers: unknown[] = [];
    for (let i = 0; i < 4; i++) {
      tiers.push((await cache.through(request(), ask, { noStore: true })).tier);
      await cache.settled();
    }
    expect(tiers).toEqual([undefined, undefined, "map", "map"]);
    near.heal();
  });

  test("where nothing is found the refusal is passed on as it is: it costs nothing", async () => {
    const inner = new FaultyStore(new MapStore());
    inner.fail("get", new Error("down"));
    const store = new TieredStore([withBreaker(inner, { failures: 1 }), new MapStore()]);
    await expect(get(store)).rejects.toMatchObject({ code: "ERR_LLMCACHE_STORE" });
    const refusals = await Promise.all([1, 2].map(() => get(store).catch((error: unknown) => error)));
    expect(refusals[0]).toEqual(PAUSED);
    expect(refusals[1]).toBe(refusals[0]);
  });
});
