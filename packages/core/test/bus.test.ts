import { describe, expect, test, vi } from "vitest";
import {
  isInvalidationMessage,
  LLMCache,
  LocalBus,
  MapStore,
  TieredStore,
  type InvalidationBus,
  type InvalidationMessage,
} from "@llmcache/core";
import { FaultyStore, sampleId } from "@llmcache/core/conformance";
import { answering, Clock, request, turn } from "./stage.ts";
import { entryOf, eventsOf, keyOf, valueIn } from "./tiers-stage.ts";

interface Process {
  readonly near: FaultyStore;
  readonly store: TieredStore;
}

/** Processes with a memory each, before one far store. */
function processes(
  count: number,
  bus: InvalidationBus = new LocalBus(),
): { far: MapStore; all: Process[]; bus: InvalidationBus } {
  const far = new MapStore();
  const all = Array.from({ length: count }, () => {
    const near = new FaultyStore(new MapStore());
    return { near, store: new TieredStore([{ store: near, name: "near" }, far], { bus }) };
  });
  return { far, all, bus };
}

async function settled(all: readonly Process[]): Promise<void> {
  await turn();
  for (const { store } of all) await store.settled();
}

/** Everybody has it near. */
async function warm(all: readonly Process[], name = "a"): Promise<void> {
  await all[0]?.store.set(entryOf(name));
  await settled(all);
  for (const { store } of all) await store.get(keyOf(name));
  await settled(all);
  for (const { near } of all) expect(await valueIn(near, name)).toBe(`${name} of 1000`);
}

describe("what others are told", () => {
  test.each([
    ["a delete", (store: TieredStore) => store.delete(keyOf("a")), undefined],
    ["a clear", (store: TieredStore) => store.clear(), undefined],
    ["a newer entry", (store: TieredStore) => store.set(entryOf("a", 2000)), "a of 2000"],
    ["newer entries", (store: TieredStore) => store.setMany([entryOf("a", 2000), entryOf("b", 2000)]), "a of 2000"],
    ["an entry added", (store: TieredStore) => store.add(entryOf("a", 2000), { over: entryOf("a") }), "a of 2000"],
  ])("%s drops their copies, and nobody else's", async (_, change, expected) => {
    const { all } = processes(3);
    await warm(all);
    await warm(all, "other");
    const [first] = all as [Process];
    await change(first.store);
    await settled(all);
    for (const { near, store } of all.slice(1)) {
      expect(await valueIn(near, "a")).toBeUndefined();
      expect((await store.get(keyOf("a")))?.entry.body.json()).toBe(expected);
      expect((await store.get(keyOf("other"))) === undefined).toBe(_ === "a clear");
    }
  });

  test("a refresh leaves copies that are as new", async () => {
    const { all } = processes(2);
    const [one, other] = all as [Process, Process];
    await other.near.set(entryOf("a", 2000));
    await one.store.set(entryOf("a", 2000));
    await one.store.set(entryOf("b", 1000));
    await settled(all);
    expect(await valueIn(other.near, "a")).toBe("a of 2000");
    expect(other.near.calls.delete).toBe(0);
  });

  test("the origin is nobody else's to delete from, nor are tiers that are only read", async () => {
    const bus = new LocalBus();
    const [near, archive, far] = [new MapStore(), new MapStore(), new MapStore()];
    const store = new TieredStore([near, { store: archive, write: false }, far], { bus });
    for (const tier of [near, archive, far]) await tier.set(entryOf("a"));
    await bus.publish({ type: "delete", id: sampleId("a"), source: "another" });
    await bus.publish({ type: "clear", source: "another" });
    await store.settled();
    expect(await Promise.all([near, archive, far].map((tier) => valueIn(tier, "a")))).toEqual([
      undefined,
      "a of 1000",
      "a of 1000",
    ]);
  });

  test("one's own messages are no news", async () => {
    const { all } = processes(1);
    await warm(all);
    const [{ near, store }] = all as [Process];
    await store.set(entryOf("a", 2000));
    await settled(all);
    expect([near.calls.delete, await valueIn(near, "a")]).toEqual([0, "a of 2000"]);
    await store.delete(keyOf("a"));
    await store.clear();
    await settled(all);
    expect([near.calls.delete, near.calls.clear]).toEqual([1, 1]);
  });

  test("the cache's own entries are nobody's copies", async () => {
    const bus = new LocalBus();
    const heard = vi.fn();
    bus.subscribe(heard);
    const store = new TieredStore([new MapStore(), new MapStore()], { bus });
    await store.set(entryOf("lease", 1, { metadata: { operation: "llmcache.lease" } }));
    await store.add(entryOf("tag", 1, { metadata: { operation: "llmcache.tag" } }));
    await store.settled();
    expect(heard).not.toHaveBeenCalled();
  });

  test("is told also where a tier failed", async () => {
    const { all } = processes(2);
    await warm(all);
    const [one, other] = all as [Process, Process];
    one.near.fail();
    await expect(one.store.delete(keyOf("a"))).rejects.toMatchObject({ code: "ERR_LLMCACHE_STORE" });
    await expect(one.store.clear()).rejects.toMatchObject({ code: "ERR_LLMCACHE_STORE" });
    await settled(all);
    expect(await valueIn(other.near, "a")).toBeUndefined();
  });

  test("a copy on its way when the message comes is not left behind", async () => {
    const { all, far } = processes(2);
    const [one, other] = all as [Process, Process];
    await far.set(entryOf("a"));
    const gate = other.near.delay("add");
    await other.store.get(keyOf("a"));
    await one.store.delete(keyOf("a"));
    await turn();
    gate.open();
    await settled(all);
    expect(await valueIn(other.near, "a")).toBeUndefined();
  });

  test("nor what was found before the message came, and looked at after", async () => {
    const { all, far } = processes(2);
    const [one, other] = all as [Process, Process];
    await far.set(entryOf("a"));
    const verdict = Promise.withResolvers<boolean>();
    const read = other.store.get(keyOf("a"), { accept: () => verdict.promise });
    await turn();
    await one.store.delete(keyOf("a"));
    await settled(all);
    verdict.resolve(true);
    await read;
    await settled(all);
    expect(await valueIn(other.near, "a")).toBeUndefined();
  });

  test("between caches: a deleted answer is asked for anew by everybody", async () => {
    const clock = new Clock();
    const { all } = processes(2);
    const [one, other] = all.map(({ store }) => new LLMCache({ store, clock: clock.read })) as [LLMCache, LLMCache];
    const ask = answering();
    for (const cache of [one, other]) {
      await cache.through(request(), ask);
      await cache.settled();
    }
    await settled(all);
    await one.delete(request());
    await settled(all);
    expect(await other.through(request(), ask)).toMatchObject({ status: "miss", value: 2 });
  });
});

describe("a bus that fails", () => {
  test("is an event, once until it works, and holds nobody up", async () => {
    const failing = new LocalBus();
    const publish = vi.spyOn(failing, "publish").mockRejectedValue(new Error("no route"));
    const { all } = processes(1, failing);
    const [{ store }] = all as [Process];
    const events = eventsOf(store);
    for (const name of ["a", "b"]) await store.set(entryOf(name));
    await settled(all);
    expect(events).toMatchObject([{ type: "degraded", store: "tiered", message: expect.stringContaining("no route") }]);
    publish.mockRestore();
    await store.set(entryOf("c"));
    await settled(all);
    expect(events.slice(1)).toMatchObject([{ type: "recovered" }]);
  });

  test("that throws or hangs delays no write, and is given up on", async () => {
    vi.useFakeTimers();
    try {
      const bus: InvalidationBus = {
        publish: vi
          .fn<InvalidationBus["publish"]>()
          .mockImplementationOnce(() => {
            throw new Error("at once");
          })
          .mockReturnValue(new Promise(() => undefined)),
        subscribe: () => () => undefined,
      };
      const store = new TieredStore([new MapStore()], { bus });
      const events = eventsOf(store);
      for (let i = 0; i < 2000; i++) await store.set(entryOf(`n${i}`));
      expect(bus.publish).toHaveBeenCalledTimes(1001);
      const disposed = store[Symbol.asyncDispose]();
      await vi.advanceTimersByTimeAsync(10_000);
      await disposed;
      expect(events).toHaveLength(1);
    } finally {
      vi.useRealTimers();
    }
  });

  test("a tier that cannot drop its copy tells it, and does not serve that copy", async () => {
    const { all } = processes(2);
    await warm(all);
    const [one, other] = all as [Process, Process];
    const events = eventsOf(other.store);
    other.near.fail("delete", new Error("stuck"));
    await one.store.delete(keyOf("a"));
    await settled(all);
    expect(events).toMatchObject([{ type: "write-failed", store: "near" }]);
    expect(await valueIn(other.near, "a")).toBe("a of 1000");
    expect(await other.store.get(keyOf("a"))).toBeUndefined();
  });

  test("messages that come faster than they can be followed are left out, which is told", async () => {
    const bus = new LocalBus();
    const { all } = processes(1, bus);
    const [{ near, store }] = all as [Process];
    const events = eventsOf(store);
    const gate = near.delay("delete");
    for (let i = 0; i < 1500; i++) await bus.publish({ type: "delete", id: sampleId(i), source: "flood" });
    expect(gate.waiting).toBe(1000);
    gate.open();
    await settled(all);
    expect(events.map(({ type }) => type)).toEqual(["degraded", "recovered"]);
  });

  test("is not listened to after the end", async () => {
    const bus = new LocalBus();
    const { all } = processes(2, bus);
    await warm(all);
    const [one, other] = all as [Process, Process];
    await other.store[Symbol.asyncDispose]();
    await one.store.delete(keyOf("a"));
    await turn();
    expect(await valueIn(other.near, "a")).toBe("a of 1000");
  });
});

describe("messages", () => {
  const good: readonly InvalidationMessage[] = [
    { type: "delete", id: "a", source: "s" },
    { type: "clear", source: "s" },
    { type: "refresh", id: "a", createdAt: 1, source: "s" },
  ];
  const bad: readonly unknown[] = [
    undefined,
    null,
    "clear",
    [],
    {},
    { type: "clear" },
    { type: "clear", source: 1 },
    { type: "clear", source: "" },
    { type: "delete", source: "s" },
    { type: "delete", id: 5, source: "s" },
    { type: "delete", id: "x".repeat(5000), source: "s" },
    { type: "refresh", id: "a", source: "s" },
    { type: "refresh", id: "a", createdAt: "1", source: "s" },
    { type: "refresh", id: "a", createdAt: Number.POSITIVE_INFINITY, source: "s" },
    { type: "__proto__", id: "a", source: "s" },
  ];

  test("are told from what is none", () => {
    expect(good.filter(isInvalidationMessage)).toEqual(good);
    expect(bad.filter(isInvalidationMessage)).toEqual([]);
  });

  test("that are none do nothing", async () => {
    const { all, bus } = processes(1);
    await warm(all);
    const [{ near, store }] = all as [Process];
    for (const message of bad) await bus.publish(message as InvalidationMessage);
    await store.settled();
    expect([near.calls.delete, near.calls.clear]).toEqual([0, 0]);
  });

  test("reach all who listen on a LocalBus, though one of them throws, until they stop", async () => {
    const bus = new LocalBus();
    const heard: unknown[] = [];
    bus.subscribe(() => {
      throw new Error("mine");
    });
    const end = bus.subscribe((message) => heard.push(message));
    const endSame = bus.subscribe((message) => heard.push(message));
    await bus.publish(good[0] as InvalidationMessage);
    endSame();
    endSame();
    await bus.publish(good[1] as InvalidationMessage);
    end();
    await bus.publish(good[2] as InvalidationMessage);
    expect(heard).toEqual([good[0], good[0], good[1]]);
  });
});
