import { describe, expect, it } from "vitest";
import { FaultyStore } from "../src/conformance.ts";
import { LLMCache, MapStore, TieredStore, type Json, type StoreHit } from "../src/index.ts";
import { all, answering, Provider, request, stage, stored, turn } from "./stage.ts";

const tagged = (...tags: string[]) => ({ tags });

describe("an answer with tags", () => {
  it("is served until one of them is invalidated, then asked for anew and served again", async () => {
    const { cache, events } = stage();
    const produce = answering();
    await cache.through(request(), produce, tagged("docs", "v1"));
    await cache.settled();
    expect(await cache.through(request(), produce, tagged("docs", "v1"))).toMatchObject({ status: "hit", value: 1 });
    // Who names no tags, or others, is bound to those that the entry carries.
    expect((await cache.through(request(), produce)).status).toBe("hit");
    expect((await cache.through(request(), produce, tagged("other"))).status).toBe("hit");
    await cache.invalidate(tagged("docs"));
    expect(events.at(-1)).toMatchObject({ type: "invalidate", what: "tags", tags: ["docs"] });
    expect(await cache.get(request())).toBeUndefined();
    expect(await cache.through(request(), produce, tagged("docs"))).toMatchObject({ status: "miss", value: 2 });
    expect(events.findLast(({ type }) => type === "miss")).toMatchObject({ reason: "invalidated" });
    await cache.settled();
    expect(await cache.through(request(), produce, tagged("docs"))).toMatchObject({ status: "hit", value: 2 });
  });

  it("carries those of the cache, of each run and of the call", async () => {
    const own = stage({ control: { tags: ["cache"] } });
    await own.cache.run({ tags: ["run", "cache"] }, () => own.cache.through(request(), answering(), tagged("call")));
    await own.cache.settled();
    expect(Object.keys((await stored(own, request()))?.tags ?? {}).sort()).toEqual(["cache", "call", "run"]);
  });

  it("is not touched by other tags, by tags of another cache's namespace, nor are untagged ones", async () => {
    const store = new MapStore();
    const a = stage({ store, namespace: "a" });
    const b = stage({ store, namespace: "b" });
    const produce = answering();
    await a.cache.through(request(), produce, tagged("x"));
    await a.cache.through(request("plain"), produce);
    await a.cache.settled();
    await a.cache.invalidate(tagged("y"));
    await b.cache.invalidate(tagged("x"));
    expect((await a.cache.through(request(), produce)).status).toBe("hit");
    await a.cache.invalidate(tagged("x"));
    expect((await a.cache.through(request("plain"), produce)).status).toBe("hit");
    expect((await a.cache.through(request(), produce)).status).toBe("miss");
  });

  it("shares its tags with runs and calls of other namespaces within the cache's own", async () => {
    const { cache } = stage();
    const produce = answering();
    await cache.through(request("q", { namespace: "seed 7" }), produce, tagged("prompt"));
    await cache.settled();
    await cache.invalidate(tagged("prompt"));
    expect(await cache.get(request("q", { namespace: "seed 7" }))).toBeUndefined();
  });

  it("that was asked for before the invalidation is handed over, never served", async () => {
    const own = stage();
    const provider = new Provider<Json>();
    const early = own.cache.through(request(), provider.produce, tagged("docs"));
    await turn();
    await own.cache.invalidate(tagged("docs"));
    // Nobody joins what began before.
    const late = own.cache.through(request(), provider.produce, tagged("docs"));
    await turn();
    expect(provider.count).toBe(2);
    provider.calls[0]!.answer("from before");
    expect((await early).value).toBe("from before");
    provider.calls[1]!.answer("from after");
    await late;
    await own.cache.settled();
    expect(await own.cache.get(request())).toMatchObject({ value: "from after" });
  });

  it("that another process asked for before the invalidation is never served", async () => {
    const store = new MapStore();
    const [here, there] = [stage({ store }), stage({ store })];
    const provider = new Provider<Json>();
    const asking = here.cache.through(request(), provider.produce, tagged("docs"));
    await turn();
    await there.cache.invalidate(tagged("docs"));
    provider.last.answer("from before");
    await asking;
    await here.cache.settled();
    expect(await stored(here, request())).toBeDefined();
    expect(await here.cache.get(request())).toBeUndefined();
    expect(await there.cache.get(request())).toBeUndefined();
  });

  it("whose generation was lost is a miss, and stays one", async () => {
    const own = stage();
    const produce = answering();
    await own.cache.through(request(), produce, tagged("docs"));
    await own.cache.settled();
    const entry = (await stored(own, request()))!;
    await own.store.clear();
    await own.store.set(entry);
    expect(await own.cache.get(request())).toBeUndefined();
    await own.cache.set(request("another"), 1, tagged("docs"));
    expect(await own.cache.get(request())).toBeUndefined();
    expect(await own.cache.get(request("another"))).toMatchObject({ value: 1 });
  });

  it("works for set, lists and streams", async () => {
    const { cache } = stage();
    await cache.set(request("set"), 1, tagged("t"));
    const list = [request("a"), request("b")];
    await cache.throughMany(list, async (missing) => missing.map((at) => at), tagged("t"));
    const encode = (chunks: readonly number[]) => [...chunks];
    const decode = (body: { json(): Json }) => body.json() as number[];
    const produce = async function* () {
      yield 1;
    };
    await all((await cache.stream(request("stream"), produce, { encode, decode, tags: ["t"] })).value);
    await cache.settled();
    const statuses = async () => [
      (await cache.get(request("set")))?.status,
      ...(await cache.throughMany(list, async (missing) => missing.map((at) => at))).map(({ status }) => status),
      (await cache.stream(request("stream"), produce, { encode, decode })).status,
    ];
    expect(await statuses()).toEqual(["hit", "hit", "hit", "hit"]);
    await cache.invalidate(tagged("t"));
    expect(await statuses()).toEqual([undefined, "miss", "miss", "miss"]);
  });

  it("is equally its own when two caches begin a tag at the same time", async () => {
    const store = new MapStore();
    const [a, b] = [stage({ store }), stage({ store })];
    await Promise.all([
      a.cache.through(request("a"), answering(), tagged("new")),
      b.cache.through(request("b"), answering(), tagged("new")),
    ]);
    await Promise.all([a.cache.settled(), b.cache.settled()]);
    expect((await stored(a, request("a")))?.tags).toEqual((await stored(b, request("b")))?.tags);
    expect(await a.cache.get(request("b"))).toBeDefined();
  });
});

describe("the cost of tags", () => {
  it("is nothing for calls and entries without any, and one batched read otherwise", async () => {
    const store = new FaultyStore(new MapStore());
    const { cache } = stage({ store });
    const produce = answering();
    await cache.through(request(), produce);
    await cache.settled();
    await cache.through(request(), produce);
    expect(store.calls).toMatchObject({ get: 2, getMany: 0, set: 1, add: 0 });
    await cache.through(request("tagged"), produce, tagged("a", "b", "c"));
    await cache.settled();
    expect(store.calls.add).toBe(3);
    const before = { ...store.calls };
    await cache.through(request("tagged"), produce, tagged("a", "b", "c"));
    expect(store.calls).toMatchObject({ get: before.get + 1, getMany: (before.getMany ?? 0) + 1, set: before.set });
    // Those that the call did not name are read in one go, too.
    await cache.through(request("tagged"), produce);
    expect(store.calls.getMany).toBe(before.getMany + 2);
  });

  it("for those who join one run is one read for all", async () => {
    const store = new FaultyStore(new MapStore());
    const { cache } = stage({ store });
    const provider = new Provider<Json>();
    const calls = Array.from({ length: 100 }, () => cache.through(request(), provider.produce, tagged("a", "b")));
    await turn();
    const before = store.calls.getMany;
    provider.last.answer("x");
    expect((await Promise.all(calls)).filter(({ status }) => status === "joined")).toHaveLength(99);
    expect(store.calls.getMany).toBe(before + 1);
  });

  it("for a list is one read for all its items", async () => {
    const store = new FaultyStore(new MapStore());
    const { cache } = stage({ store });
    const list = Array.from({ length: 20 }, (_, index) => request(`item ${index}`));
    const ask = () => cache.throughMany(list, async (missing) => missing.map((at) => at), tagged("a", "b"));
    await ask();
    await cache.settled();
    const before = store.calls.getMany;
    expect((await ask()).every(({ status }) => status === "hit")).toBe(true);
    expect(store.calls.getMany).toBe(before + 2);
  });
});

describe("tags and store trouble", () => {
  it("generations that cannot be read: not served, not stored, told", async () => {
    const inner = new MapStore();
    const { cache } = stage({ store: inner });
    await cache.through(request(), answering(), tagged("t"));
    await cache.settled();
    class NoMany extends MapStore {
      override getMany = async (): Promise<readonly (StoreHit | undefined)[]> => {
        throw new Error("no lists today");
      };
      override get(...given: Parameters<MapStore["get"]>): ReturnType<MapStore["get"]> {
        return inner.get(...given);
      }
    }
    const own = stage({ store: new NoMany() });
    const produce = answering();
    expect((await own.cache.through(request(), produce, tagged("t", "u"))).status).toBe("miss");
    await own.cache.settled();
    expect(own.events).toContainEqual(expect.objectContaining({ type: "failure", during: "get" }));
    expect(own.events).toContainEqual(expect.objectContaining({ type: "miss", answer: "not-stored" }));
  });

  it("an invalidation that fails is an error", async () => {
    const store = new FaultyStore(new MapStore());
    const { cache } = stage({ store });
    store.fail();
    await expect(cache.invalidate(tagged("a", "b"))).rejects.toMatchObject({ code: "ERR_LLMCACHE_STORE" });
    await expect(cache.set(request(), 1, tagged("a"))).rejects.toMatchObject({ code: "ERR_LLMCACHE_STORE" });
    await expect(cache.invalidate({ tags: "a" as never })).rejects.toMatchObject({ code: "ERR_LLMCACHE_OPTION" });
  });

  it("lie elsewhere under a secret", async () => {
    const store = new MapStore();
    const own = stage({ store });
    await own.cache.set(request(), 1, tagged("t"));
    await new LLMCache({ store, secret: "s" }).invalidate(tagged("t"));
    expect(await own.cache.get(request())).toBeDefined();
  });
});

describe("tags over tiers", () => {
  it("an invalidation holds at once for near copies, of other processes too", async () => {
    const far = new MapStore();
    const [here, there] = [1, 2].map(() => stage({ store: new TieredStore([new MapStore(), far]) }));
    const produce = answering();
    await here!.cache.through(request(), produce, tagged("docs"));
    await here!.cache.settled();
    expect(await there!.cache.through(request(), produce)).toMatchObject({ status: "hit", value: 1 });
    await there!.cache.settled();
    expect((await there!.cache.through(request(), produce)).tier).toBe("map");
    await here!.cache.invalidate(tagged("docs"));
    expect(await there!.cache.get(request())).toBeUndefined();
    expect(await there!.cache.through(request(), produce, tagged("docs"))).toMatchObject({ status: "miss", value: 2 });
    await there!.cache.settled();
    expect(await here!.cache.get(request())).toMatchObject({ value: 2 });
  });

  it("what a slice is cut from may carry tags", async () => {
    const original = new MapStore();
    const first = stage({ store: original });
    await first.cache.set(request(), "tagged", tagged("docs"));
    const slice = new MapStore();
    const cutting = stage({ store: new TieredStore([slice, { store: original, write: false }]) });
    expect(await cutting.cache.get(request())).toMatchObject({ value: "tagged" });
    await cutting.cache.settled();
    expect(await stage({ store: slice }).cache.get(request())).toMatchObject({ value: "tagged" });
  });
});
