import { describe, expect, it } from "vitest";
import { LLMCache, MapStore, storeFrom, type CacheRequest, type Run, type Store } from "../src/index.ts";
import { abortListeners, GatedStore, Provider, refusal, request, stage, stored, turn } from "./stage.ts";

/** Lists answered when the test says so. */
class ListProvider {
  readonly calls: {
    readonly missing: readonly number[];
    readonly run: Run;
    answer(values: readonly unknown[]): void;
    fail(error: unknown): void;
  }[] = [];

  readonly produce = (missing: readonly number[], run: Run): Promise<readonly unknown[]> => {
    const { promise, resolve, reject } = Promise.withResolvers<readonly unknown[]>();
    this.calls.push({ missing, run, answer: resolve, fail: reject });
    return promise;
  };
}

/** Answers each item with its position. */
function byPosition(): { (missing: readonly number[]): Promise<readonly unknown[]>; calls: (readonly number[])[] } {
  const produce = async (missing: readonly number[]): Promise<readonly unknown[]> => {
    produce.calls.push(missing);
    return missing.map((position) => ({ position }));
  };
  produce.calls = [] as (readonly number[])[];
  return produce;
}

const items = (...prompts: string[]): CacheRequest[] => prompts.map((prompt) => request(prompt));

describe("a list", () => {
  it("is asked for once and comes back in its order, whatever was there", async () => {
    const own = stage();
    await own.cache.set(request("b"), "stored b");
    const produce = byPosition();
    const outcomes = await own.cache.throughMany(items("a", "b", "c"), produce);
    expect(outcomes.map(({ value }) => value)).toEqual([{ position: 0 }, "stored b", { position: 2 }]);
    expect(outcomes.map(({ status }) => status)).toEqual(["miss", "hit", "miss"]);
    expect(outcomes.map(({ key }) => key.id)).toEqual(items("a", "b", "c").map((item) => own.cache.key(item).id));
    expect(produce.calls).toEqual([[0, 2]]);
    await own.cache.settled();
    const again = await own.cache.throughMany(items("c", "b", "a"), produce);
    expect(again.map(({ value }) => value)).toEqual([{ position: 2 }, "stored b", { position: 0 }]);
    expect(produce.calls).toHaveLength(1);
    expect(own.cache.inFlight).toBe(0);
  });

  it("of nothing is nothing; nobody is asked", async () => {
    const produce = byPosition();
    expect(await stage().cache.throughMany([], produce)).toEqual([]);
    expect(produce.calls).toEqual([]);
  });

  it("asks for equal items once and gives each a copy of its own", async () => {
    const own = stage();
    const produce = byPosition();
    const outcomes = await own.cache.throughMany(items("a", "b", "a", "a"), produce);
    expect(produce.calls).toEqual([[0, 1]]);
    expect(outcomes.map(({ value }) => value)).toEqual([
      { position: 0 },
      { position: 1 },
      { position: 0 },
      { position: 0 },
    ]);
    const values = new Set(outcomes.map(({ value }) => value));
    expect(values.size).toBe(4);
    await own.cache.settled();
    const hits = await own.cache.throughMany(items("a", "a"), produce);
    expect(hits[0]?.value).not.toBe(hits[1]?.value);
    expect(hits.map(({ status }) => status)).toEqual(["hit", "hit"]);
  });

  it("is stored and served item by item: a single call finds what a list stored, and the other way round", async () => {
    const own = stage();
    await own.cache.throughMany(items("a", "b"), async () => ["A", "B"]);
    await own.cache.settled();
    expect(await own.cache.through(request("b"), async () => "not asked")).toMatchObject({ status: "hit", value: "B" });
    await own.cache.through(request("c"), async () => "C");
    await own.cache.settled();
    expect((await own.cache.throughMany(items("c"), async () => expect.unreachable()))[0]?.value).toBe("C");
  });

  it("works on a store without getMany and setMany, and uses them where they are", async () => {
    const map = new Map<string, Uint8Array>();
    const plain = new LLMCache({
      store: storeFrom({ get: (id) => map.get(id), set: (id, bytes) => map.set(id, bytes) }),
    });
    for (const status of ["miss", "hit"]) {
      const outcomes = await plain.throughMany(items("a", "b"), async () => [1, 2]);
      expect(outcomes.map((outcome) => [outcome.status, outcome.value])).toEqual([
        [status, 1],
        [status, 2],
      ]);
      await plain.settled();
    }
    const calls: string[] = [];
    const inner = new MapStore();
    const many: Store = inner;
    const getMany = inner.getMany.bind(inner);
    many.getMany = (keys) => {
      calls.push(`getMany ${keys.length}`);
      return getMany(keys);
    };
    many.setMany = async (entries) => {
      calls.push(`setMany ${entries.length}`);
      for (const entry of entries) await many.set(entry);
    };
    const batched = new LLMCache({ store: many });
    await batched.throughMany(items("a", "b", "c"), async () => [1, 2, 3]);
    await batched.settled();
    await batched.throughMany(items("a", "b", "c"), async () => expect.unreachable());
    expect(calls).toEqual(["getMany 3", "setMany 3", "getMany 3"]);
  });

  it("notes what it took on one account, and the model on each", async () => {
    const own = stage();
    await own.cache.throughMany(items("a", "b"), async (_, run) => {
      run.note({ model: "m-1", tokens: 100 });
      return [1, 2];
    });
    await own.cache.settled();
    const heads = await Promise.all(items("a", "b").map(async (item) => (await stored(own, item))?.metadata));
    expect(heads).toMatchObject([{ model: "m-1", tokens: 100 }, { model: "m-1" }]);
    expect(own.cache.stats().spent.tokens).toBe(100);
    expect(own.cache.stats().inFlight).toBe(0);
  });

  it("notes each item's own share, where that is told", async () => {
    const own = stage();
    await own.cache.throughMany(items("b"), async () => [0]);
    await own.cache.settled();
    await own.cache.throughMany(items("a", "b", "c"), async (missing, run) => {
      run.note({ model: "m-1" });
      for (const index of missing.keys()) run.note({ tokens: 10 + index }, index);
      // Nobody's share is on nobody's account.
      run.note({ tokens: 1000 }, missing.length);
      return [1, 2];
    });
    await own.cache.settled();
    const heads = await Promise.all(items("a", "c").map(async (item) => (await stored(own, item))?.metadata));
    expect(heads).toMatchObject([
      { model: "m-1", tokens: 10 },
      { model: "m-1", tokens: 11 },
    ]);
    expect(own.cache.stats().spent.tokens).toBe(21);
    const [hit] = await own.cache.throughMany(items("c"), async () => expect.unreachable());
    expect(hit?.saved?.tokens).toBe(11);
  });

  it("is judged and encoded item by item; what cannot be stored is handed over", async () => {
    const own = stage();
    const date = new Date(0);
    const outcomes = await own.cache.throughMany(items("a", "b", "c", "d"), async () => [1, date, undefined, 4], {
      judge: (value) => (value === 4 ? "pass" : "store"),
    });
    expect(outcomes.map(({ value }) => value)).toEqual([1, date, undefined, 4]);
    await own.cache.settled();
    const there = await Promise.all(
      items("a", "b", "c", "d").map(async (item) => (await stored(own, item)) !== undefined),
    );
    expect(there).toEqual([true, false, false, false]);
    expect(own.cache.inFlight).toBe(0);
  });
});

describe("chunks", () => {
  it("of maxBatch are asked for, and stored as they arrive", async () => {
    const own = stage();
    const provider = new ListProvider();
    const call = own.cache.throughMany(items("a", "b", "c", "d", "e"), provider.produce, { maxBatch: 2 });
    await turn();
    expect(provider.calls.map(({ missing }) => missing)).toEqual([[0, 1], [2, 3], [4]]);
    provider.calls[1]?.answer(["C", "D"]);
    await turn();
    expect((await stored(own, request("c")))?.body.json()).toBe("C");
    provider.calls[0]?.answer(["A", "B"]);
    provider.calls[2]?.answer(["E"]);
    expect((await call).map(({ value }) => value)).toEqual(["A", "B", "C", "D", "E"]);
  });

  it("are at most four at a time", async () => {
    const own = stage();
    const provider = new ListProvider();
    const call = own.cache.throughMany(
      Array.from({ length: 10 }, (_, i) => request(i)),
      provider.produce,
      { maxBatch: 1 },
    );
    for (let done = 0; done < 10; done++) {
      await turn();
      expect(provider.calls.length).toBe(Math.min(10, done + 4));
      provider.calls[done]?.answer([done]);
    }
    expect((await call).map(({ value }) => value)).toEqual(Array.from({ length: 10 }, (_, i) => i));
  });

  it("that fail fail their items only: the others are stored, and those who joined the others are answered", async () => {
    const own = stage();
    const provider = new ListProvider();
    const call = own.cache.throughMany(items("a", "b", "c", "d"), provider.produce, { maxBatch: 2 });
    const single = new Provider();
    const joinsGood = own.cache.through(request("b"), single.produce);
    const joinsBad = own.cache.through(request("c"), single.produce);
    const failed = [refusal(call, "429"), refusal(joinsBad, "429")];
    await turn();
    provider.calls[1]?.fail(new Error("429"));
    provider.calls[0]?.answer(["A", "B"]);
    await Promise.all(failed);
    expect(await joinsGood).toMatchObject({ status: "joined", value: "B" });
    await own.cache.settled();
    expect(await stored(own, request("a"))).toBeDefined();
    expect(await stored(own, request("c"))).toBeUndefined();
    expect(single.count).toBe(0);
    expect(own.cache.inFlight).toBe(0);
    expect(own.cache.stats().inFlight).toBe(0);
  });

  it("with a wrong count are an error; nothing of them is stored, the rest is", async () => {
    const own = stage();
    for (const wrong of [[], ["only one"], [1, 2, 3], "ab", undefined]) {
      const call = own.cache.throughMany(
        items("a", "b", "c"),
        async (missing) => (missing.length === 2 ? (wrong as unknown[]) : ["C"]),
        { maxBatch: 2 },
      );
      await expect(call).rejects.toMatchObject({ code: "ERR_LLMCACHE_COUNT" });
    }
    await own.cache.settled();
    expect(await stored(own, request("a"))).toBeUndefined();
    expect(await stored(own, request("c"))).toBeDefined();
    expect(own.cache.inFlight).toBe(0);
  });

  it("need a maxBatch that is a whole number from 1", async () => {
    const { cache } = stage();
    for (const maxBatch of [0, -1, 1.5, Number.NaN]) {
      await expect(cache.throughMany(items("a"), byPosition(), { maxBatch })).rejects.toMatchObject({
        code: "ERR_LLMCACHE_OPTION",
      });
    }
    expect(cache.inFlight).toBe(0);
  });
});

describe("joining, item by item", () => {
  it("a list joins a single call, and asks only for the rest", async () => {
    const own = stage();
    const single = new Provider();
    const list = new ListProvider();
    const leader = own.cache.through(request("b"), single.produce);
    const call = own.cache.throughMany(items("a", "b", "c"), list.produce);
    await turn();
    expect(list.calls.map(({ missing }) => missing)).toEqual([[0, 2]]);
    list.calls[0]?.answer(["A", "C"]);
    await turn();
    single.last.answer("B");
    const outcomes = await call;
    expect(outcomes.map(({ value, status }) => [value, status])).toEqual([
      ["A", "miss"],
      ["B", "joined"],
      ["C", "miss"],
    ]);
    expect((await leader).value).toBe("B");
  });

  it("a single call joins a list", async () => {
    const own = stage();
    const list = new ListProvider();
    const single = new Provider();
    const call = own.cache.throughMany(items("a", "b"), list.produce);
    const joiner = own.cache.through(request("b"), single.produce);
    await turn();
    list.calls[0]?.answer(["A", "B"]);
    await call;
    expect(await joiner).toMatchObject({ status: "joined", value: "B" });
    expect(single.count).toBe(0);
  });

  it("two lists that overlap both ways share what is common and do not wait for each other in a circle", async () => {
    const own = stage();
    const [one, two] = [new ListProvider(), new ListProvider()];
    const first = own.cache.throughMany(items("a", "x"), one.produce);
    const second = own.cache.throughMany(items("x", "b", "a"), two.produce);
    await turn();
    expect([one.calls[0]?.missing, two.calls[0]?.missing]).toEqual([[0, 1], [1]]);
    two.calls[0]?.answer(["B"]);
    one.calls[0]?.answer(["A", "X"]);
    expect((await first).map(({ value }) => value)).toEqual(["A", "X"]);
    expect((await second).map(({ value }) => value)).toEqual(["X", "B", "A"]);
    expect(own.cache.inFlight).toBe(0);
  });

  it("what the joined run could not share is asked for once more, alone", async () => {
    const own = stage();
    const single = new Provider();
    const list = new ListProvider();
    const leader = own.cache.through(request("a"), single.produce);
    const call = own.cache.throughMany(items("a"), list.produce);
    await turn();
    single.last.answer(new Date(0));
    await leader;
    await turn();
    list.calls[0]?.answer(["own"]);
    expect((await call)[0]).toMatchObject({ status: "miss", value: "own" });
    expect(own.cache.inFlight).toBe(0);
  });

  it("a joined run's failure is the list's, and the list's own answers are stored all the same", async () => {
    const own = stage();
    const single = new Provider();
    const leader = own.cache.through(request("a"), single.produce);
    const call = own.cache.throughMany(items("a", "b"), async () => ["B"]);
    const failed = [refusal(leader, "500"), refusal(call, "500")];
    await turn();
    single.last.fail(new Error("500"));
    await Promise.all(failed);
    await own.cache.settled();
    expect(await stored(own, request("b"))).toBeDefined();
  });

  it("a list that failed keeps nobody's run alive", async () => {
    const own = stage();
    const single = new Provider();
    const controller = new AbortController();
    const leader = own.cache.through(request("a"), single.abortable, { signal: controller.signal });
    const call = own.cache.throughMany(items("a", "b"), async () => {
      throw new Error("list");
    });
    await expect(call).rejects.toThrow("list");
    controller.abort(new Error("gone"));
    await expect(leader).rejects.toThrow("gone");
    expect(single.last.run.signal.aborted).toBe(true);
    expect(own.cache.inFlight).toBe(0);
  });
});

describe("a list and", () => {
  it("its abort: rejects at once, aborts its provider, leaves no listener", async () => {
    const own = stage();
    const list = new ListProvider();
    const controller = new AbortController();
    const call = own.cache.throughMany(items("a", "b"), list.produce, { signal: controller.signal });
    const failed = refusal(call, "stop");
    await turn();
    controller.abort(new Error("stop"));
    await failed;
    const { run, fail } = list.calls[0] as (typeof list.calls)[number];
    expect(run.signal.aborted).toBe(true);
    fail(run.signal.reason);
    await turn();
    expect(abortListeners(controller.signal)).toBe(0);
    expect(own.cache.inFlight).toBe(0);
    expect(own.cache.stats().inFlight).toBe(0);
  });

  it("an abort while others wait for one of its items: the provider goes on for them", async () => {
    const own = stage();
    const list = new ListProvider();
    const controller = new AbortController();
    const call = own.cache.throughMany(items("a", "b"), list.produce, { signal: controller.signal });
    const joiner = own.cache.through(request("b"), async () => "not asked");
    const failed = refusal(call);
    await turn();
    controller.abort();
    await failed;
    expect(list.calls[0]?.run.signal.aborted).toBe(false);
    list.calls[0]?.answer(["A", "B"]);
    expect((await joiner).value).toBe("B");
  });

  it("onlyIfCached: all or an error; nobody is asked", async () => {
    const own = stage();
    await own.cache.set(request("a"), "A");
    const produce = byPosition();
    await expect(own.cache.throughMany(items("a", "b"), produce, { onlyIfCached: true })).rejects.toMatchObject({
      code: "ERR_LLMCACHE_MISS",
    });
    expect(
      (await own.cache.throughMany(items("a", "a"), produce, { onlyIfCached: true })).map(({ value }) => value),
    ).toEqual(["A", "A"]);
    expect(produce.calls).toEqual([]);
    expect(own.cache.inFlight).toBe(0);
  });

  it("noCache and use false: asked for whole", async () => {
    const own = stage();
    await own.cache.set(request("a"), "A");
    const produce = byPosition();
    await own.cache.throughMany(items("a", "a", "b"), produce, { noCache: true });
    const bypass = await own.cache.throughMany(items("a", "a", "b"), produce, { use: false, maxBatch: 2 });
    expect(produce.calls).toEqual([[0, 2], [0, 1], [2]]);
    expect(bypass.map(({ status }) => status)).toEqual(["bypass", "bypass", "bypass"]);
  });

  it("a failing store: a miss for all and one event, or an error", async () => {
    const store = new GatedStore();
    store.getMany = () => Promise.reject(new Error("down"));
    const own = stage({ store });
    expect((await own.cache.throughMany(items("a", "b"), byPosition())).map(({ status }) => status)).toEqual([
      "miss",
      "miss",
    ]);
    expect(own.events.filter(({ type }) => type === "failure")).toHaveLength(1);
    await own.cache.settled();
    own.cache.update({ onStoreFailure: "throw" });
    await expect(own.cache.throughMany(items("c"), byPosition())).rejects.toMatchObject({ code: "ERR_LLMCACHE_STORE" });
    expect(own.cache.inFlight).toBe(0);
  });

  it("a store that answers with too few, or with others' entries: misses, never another item's answer", async () => {
    const store = new MapStore();
    const own = stage({ store });
    await own.cache.set(request("a"), "A");
    await own.cache.set(request("b"), "B");
    const right = await store.getMany(items("a", "b").map((item) => own.cache.key(item)));
    store.getMany = async () => [...right].reverse();
    expect(
      (await own.cache.throughMany(items("a", "b"), async () => ["new a", "new b"])).map(({ value }) => value),
    ).toEqual(["new a", "new b"]);
    store.getMany = async () => [];
    expect((await own.cache.throughMany(items("a", "b"), async () => ["x", "y"])).map(({ status }) => status)).toEqual([
      "miss",
      "miss",
    ]);
  });

  it("an item without identity: an error, or the whole list past the cache", async () => {
    const own = stage();
    const list = [request("a"), request({ f: (() => 1) as never })];
    await expect(own.cache.throughMany(list, byPosition())).rejects.toMatchObject({ code: "ERR_LLMCACHE_REQUEST" });
    const outcomes = await own.cache.throughMany(list, byPosition(), { unkeyable: "bypass" });
    expect(outcomes.map(({ status }) => status)).toEqual(["bypass", "bypass"]);
    expect(own.events.map((event) => (event as { reason?: string }).reason)).toEqual(["no-identity", "no-identity"]);
  });

  it("delete of one item while it is asked for: that one is not stored", async () => {
    const own = stage();
    const list = new ListProvider();
    const call = own.cache.throughMany(items("a", "b"), list.produce);
    await turn();
    await own.cache.delete(request("a"));
    list.calls[0]?.answer(["A", "B"]);
    expect((await call).map(({ value, head }) => [value, head !== undefined])).toEqual([
      ["A", false],
      ["B", true],
    ]);
    await own.cache.settled();
    expect(await stored(own, request("a"))).toBeUndefined();
    expect(await stored(own, request("b"))).toBeDefined();
  });

  it("a list as long as an embedding batch", async () => {
    const own = stage();
    const list = Array.from({ length: 2000 }, (_, i) => request(i));
    const produce = byPosition();
    await own.cache.throughMany(list, produce, { maxBatch: 512 });
    await own.cache.settled();
    expect(produce.calls.map(({ length }) => length)).toEqual([500, 500, 500, 500]);
    own.cache.update({ store: own.store });
    expect((await own.cache.throughMany(list.slice(-900), produce)).every(({ status }) => status === "hit")).toBe(true);
  });
});
