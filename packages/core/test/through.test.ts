import { afterEach, describe, expect, it, vi } from "vitest";
import {
  Body,
  LLMCache,
  MapStore,
  storeFrom,
  type CacheEvent,
  type Json,
  type Outcome,
  type Run,
  type Store,
  type StoreEvent,
  type StoreHit,
} from "../src/index.ts";
import { abortListeners, answering, GatedStore, Provider, request, stage, stored, turn } from "./stage.ts";

afterEach(() => void vi.useRealTimers());

describe("a value", () => {
  it("is asked for once, then served from the store", async () => {
    const { cache, clock } = stage();
    const produce = answering({ text: "yes" });
    expect(await cache.through(request(), produce)).toMatchObject({ status: "miss", value: { text: "yes" } });
    await cache.settled();
    clock.pass(1500);
    const hit = await cache.through(request(), produce);
    expect(hit).toMatchObject({ status: "hit", value: { text: "yes" }, ageMs: 1500, key: cache.key(request()) });
    expect(hit.head).toMatchObject({
      id: hit.key.id,
      metadata: { operation: "chat.completions", provider: "test", model: "m" },
    });
    expect(produce.count).toBe(1);
  });

  it.each([[null], [false], [0], [""], [[]], [{}], [-1.5]] as const)("%j is a value like any other", async (value) => {
    const { cache } = stage();
    const produce = vi.fn(async () => value);
    expect((await cache.through(request(), produce)).value).toEqual(value);
    await cache.settled();
    const hit = await cache.through(request(), produce);
    expect(hit.status).toBe("hit");
    expect(hit.value).toEqual(value);
    expect(await cache.get(request())).toMatchObject({ status: "hit", value });
    expect(produce).toHaveBeenCalledOnce();
  });

  it("that is bytes comes back as bytes of its own", async () => {
    const { cache } = stage();
    const bytes = Uint8Array.of(1, 2, 3);
    const miss = await cache.through(request(), async () => bytes);
    bytes[0] = 9;
    miss.value[1] = 9;
    await cache.settled();
    const hit = await cache.through(request(), async () => bytes);
    expect([...hit.value]).toEqual([1, 2, 3]);
    hit.value[2] = 9;
    expect([...(await cache.through(request(), async () => bytes)).value]).toEqual([1, 2, 3]);
  });

  it("has one form for who asked and for who hits: decode(encode(value))", async () => {
    const { cache } = stage();
    const options = {
      encode: (date: Date) => date.toISOString(),
      decode: (body: Body) => new Date(body.json() as string),
    };
    const own = new Date(5);
    const miss = await cache.through(request(), async () => own, options);
    await cache.settled();
    const hit = await cache.through(request(), async () => own, options);
    expect(miss.value).not.toBe(own);
    expect([miss.value, hit.value]).toEqual([own, own]);
    expect(hit.status).toBe("hit");
  });

  it("of another request is never served", async () => {
    const { cache } = stage();
    await cache.through(request(), async () => "a");
    await cache.settled();
    for (const other of [
      request("other"),
      request(undefined, { model: "n" }),
      request(undefined, { sample: 1 }),
      request(undefined, { namespace: "n" }),
      request(undefined, { operation: "messages" }),
    ]) {
      expect((await cache.through(other, async () => "b")).value).toBe("b");
    }
  });
});

describe("nobody's changes", () => {
  const answer = (): { choices: { text: string }[] } => ({ choices: [{ text: "clean" }] });
  const spoil = (outcome: Outcome<{ choices: { text: string }[] }>): void => {
    (outcome.value.choices[0] as { text: string }).text = "spoiled";
    outcome.value.choices.push({ text: "more" });
    const head = outcome.head as { metadata: Record<string, unknown>; createdAt: number } | undefined;
    if (head !== undefined) {
      head.metadata["model"] = "spoiled";
      head.createdAt = 0;
    }
    (outcome.key as { id: string }).id = "spoiled";
    if (outcome.saved !== undefined) (outcome.saved as { tokens: number }).tokens = 1e9;
  };

  it("show anywhere: not the provider's, the first asker's, a joiner's or a hit's", async () => {
    const { cache } = stage();
    const provider = new Provider<{ choices: { text: string }[] }>();
    const first = cache.through(request(), provider.produce);
    const second = cache.through(request(), provider.produce);
    await turn();
    const given = answer();
    provider.last.answer(given);
    const miss = await first;
    spoil(miss);
    (given.choices[0] as { text: string }).text = "spoiled";
    const joined = await second;
    expect(joined.status).toBe("joined");
    expect(joined.value).toEqual(answer());
    spoil(joined);
    await cache.settled();
    for (let i = 0; i < 3; i++) {
      const hit = await cache.through(request(), provider.produce);
      expect(hit).toMatchObject({ status: "hit", value: answer(), key: cache.key(request()) });
      expect(hit.head?.metadata).toMatchObject({ model: "m" });
      expect(hit.saved?.tokens).toBeUndefined();
      spoil(hit);
    }
  });

  it("made by an encode, a decode or a judge to what they are given reach the store", async () => {
    const { cache } = stage();
    const options = {
      decode: (body: Body, head: object): Json => {
        try {
          (head as { metadata: Record<string, unknown> }).metadata["model"] = "spoiled";
        } catch {
          // Frozen: as good.
        }
        return body.json();
      },
    };
    for (let i = 0; i < 3; i++) {
      await cache.through<Json>(request(), async () => "a", options);
      await cache.settled();
    }
    expect((await cache.get(request()))?.head?.metadata["model"]).toBe("m");
  });

  it("to a request while the answer comes change neither its key nor what is kept of it", async () => {
    const own = stage({ keepRequests: true });
    const provider = new Provider();
    const messages = [{ role: "user", content: "one" }];
    const call = own.cache.through(request(messages), provider.produce);
    await turn();
    messages.push({ role: "assistant", content: "two" });
    provider.last.answer("answer");
    await call;
    await own.cache.settled();
    const kept = await stored(own, request([{ role: "user", content: "one" }]));
    expect(kept?.request).toMatchObject({ prompt: [{ role: "user", content: "one" }] });
    expect((kept as unknown as { request: { prompt: unknown[] } }).request.prompt).toHaveLength(1);
  });
});

describe("decoding", () => {
  it("that gives undefined makes a stored entry a miss, which is asked for anew and overwritten", async () => {
    const own = stage();
    await own.cache.set(request(), "of another kind");
    const decode = (body: Body): string | undefined => (body.json() === "mine" ? "mine" : undefined);
    expect(await own.cache.through(request(), async () => "mine", { decode })).toMatchObject({
      status: "miss",
      value: "mine",
    });
    await own.cache.settled();
    expect(own.events.find(({ type }) => type === "miss")).toMatchObject({ reason: "undecodable" });
    expect((await own.cache.through(request(), async () => "mine", { decode })).status).toBe("hit");
  });

  it("that throws is a miss and an event", async () => {
    const own = stage();
    await own.cache.set(request(), "x");
    const outcome = await own.cache.through(request(), async () => "fresh", {
      decode: () => {
        throw new Error("bad");
      },
    });
    expect(outcome).toMatchObject({ status: "miss", value: "fresh" });
    expect(own.events.find(({ type }) => type === "failure")).toMatchObject({ during: "decode" });
  });

  it("of a body whose bytes are no JSON is a miss, not an error", async () => {
    const own = stage();
    const { id } = own.cache.key(request());
    const body = Body.stored("json", Buffer.from("{torn"));
    const cache = new LLMCache({ store: fixed({ entry: { id, createdAt: Date.now(), metadata: {}, body } }) });
    expect((await cache.through(request(), async () => "fresh")).value).toBe("fresh");
  });
});

/** A store that answers everything with one thing. */
function fixed(hit: unknown): MapStore {
  const store = new MapStore();
  store.get = async () => hit as StoreHit;
  return store;
}

describe("a judge", () => {
  it("decides: store, pass, fail", async () => {
    const own = stage();
    for (const verdict of ["pass", "fail"] as const) {
      expect(await own.cache.through(request(), async () => verdict, { judge: () => verdict })).toMatchObject({
        status: "miss",
        value: verdict,
      });
      await own.cache.settled();
      expect(await stored(own, request())).toBeUndefined();
    }
    expect(own.events.map((event) => (event as { answer?: string }).answer)).toEqual(["not-stored", "failed"]);
    await own.cache.through(request(), async () => "x", { judge: () => "store" });
    await own.cache.settled();
    expect(await stored(own, request())).toBeDefined();
  });

  it("that throws, or gives anything else, lets the answer pass unstored, with an event", async () => {
    const own = stage();
    const judges = [
      () => {
        throw new Error("judge");
      },
      () => true as never,
      () => undefined as never,
      (async () => "store") as never,
    ];
    for (const judge of judges)
      expect((await own.cache.through(request(), async () => "x", { judge })).value).toBe("x");
    await own.cache.settled();
    expect(own.events.filter((event) => event.type === "failure" && event.during === "judge")).toHaveLength(4);
    expect(await stored(own, request())).toBeUndefined();
  });
});

describe("what a provider notes", () => {
  it("stands in the metadata and in both ledgers", async () => {
    const own = stage();
    const produce = async (run: Run): Promise<string> => {
      run.note({ model: "m-2026", tokens: { input: 10, output: 5 } });
      own.clock.pass(300);
      run.note({ cost: 0.25 });
      return "x";
    };
    await own.cache.through(request(), produce);
    await own.cache.settled();
    const hit = await own.cache.through(request(), produce);
    expect(hit.head?.metadata).toMatchObject({
      model: "m-2026",
      tokens: 15,
      inputTokens: 10,
      outputTokens: 5,
      cost: 0.25,
      durationMs: 300,
    });
    expect(hit.saved).toEqual({ tokens: 15, inputTokens: 10, outputTokens: 5, cost: 0.25, durationMs: 300 });
    const { spent, saved } = own.cache.stats();
    expect(spent).toEqual({ calls: 1, tokens: 15, inputTokens: 10, outputTokens: 5, cost: 0.25, durationMs: 300 });
    expect(saved).toEqual(spent);
    expect(own.events.at(-1)).toMatchObject({ type: "hit", model: "m-2026", cacheHit: true, durationMs: 0 });
  });

  it("and what a price makes of it", async () => {
    const own = stage({ price: ({ metadata }) => (metadata.tokens ?? 0) / 1000 });
    await own.cache.through(request(), async (run) => {
      run.note({ tokens: 2000 });
      return "x";
    });
    expect(own.cache.stats().spent.cost).toBe(2);
  });

  it("null, NaN and nonsense of a usage report never reach an entry", async () => {
    const own = stage({ price: () => Number.NaN });
    await own.cache.through(request(), async (run) => {
      run.note({
        tokens: { input: null as never, output: Number.NaN },
        cost: Number.POSITIVE_INFINITY,
        model: 3 as never,
      });
      run.note({ tokens: null as never });
      return "x";
    });
    await own.cache.settled();
    expect((await stored(own, request()))?.metadata).toEqual({
      operation: "chat.completions",
      provider: "test",
      model: "m",
      durationMs: 0,
    });
  });

  it("a price that throws is told and costs nothing", async () => {
    const own = stage({
      price: () => {
        throw new Error("price");
      },
    });
    expect((await own.cache.through(request(), async () => "x")).value).toBe("x");
    expect(own.events[0]).toMatchObject({ type: "failure", during: "price" });
  });
});

describe("listeners", () => {
  it("that throw, or reject, or never end affect nothing; one that left is told nothing", async () => {
    const { cache } = stage();
    const told: CacheEvent[] = [];
    cache.on(() => {
      throw new Error("listener");
    });
    cache.on(() => Promise.reject(new Error("async listener")) as never);
    const off = cache.on((event) => told.push(event));
    await cache.through(request(), async () => "x");
    await cache.settled();
    off();
    off();
    expect((await cache.through(request(), async () => "x")).status).toBe("hit");
    expect(told.map(({ type }) => type)).toEqual(["miss", "store"]);
  });

  it("are told who, what and how long, and never the prompt or the answer", async () => {
    const own = stage();
    await own.cache.through(request("SECRET PROMPT"), async () => "SECRET ANSWER");
    await own.cache.settled();
    await own.cache.through(request("SECRET PROMPT"), async () => "SECRET ANSWER");
    expect(JSON.stringify(own.events)).not.toContain("SECRET");
    expect(own.events).toMatchObject([
      { type: "miss", reason: "absent", answer: "stored", cacheHit: false, operation: "chat.completions", model: "m" },
      { type: "store", cacheHit: false },
      { type: "hit", cacheHit: true, ageMs: 0 },
    ]);
    expect(new Set(own.events.map(({ id }) => id)).size).toBe(1);
  });

  it("that delete the entry as it is being counted keep it out of the store", async () => {
    const store = new GatedStore();
    store.before.set = () => turn();
    const own = stage({ store });
    own.cache.on((event) => {
      if (event.type === "miss") void own.cache.delete(request());
    });
    await own.cache.through(request(), async () => "x");
    await own.cache.settled();
    await turn();
    expect(await stored(own, request())).toBeUndefined();
    expect(own.cache.inFlight).toBe(0);
  });
});

describe("a call under way whose answer is dropped", () => {
  type Drop = (cache: LLMCache) => Promise<unknown>;
  const drops: [string, Drop][] = [
    ["delete", (cache) => cache.delete(request())],
    ["delete by id", (cache) => cache.delete({ id: cache.key(request()).id })],
    ["clear", (cache) => cache.clear()],
  ];

  it.each(drops)("by %s: handed over to all who wait, and not stored", async (_, drop) => {
    const own = stage();
    const provider = new Provider();
    const calls = [own.cache.through(request(), provider.produce), own.cache.through(request(), provider.produce)];
    await turn();
    await drop(own.cache);
    provider.last.answer("old");
    expect((await Promise.all(calls)).map(({ value }) => value)).toEqual(["old", "old"]);
    await own.cache.settled();
    expect(await stored(own, request())).toBeUndefined();
    expect(own.cache.inFlight).toBe(0);
  });

  it.each(drops)("by %s: whoever comes after it asks anew", async (_, drop) => {
    const own = stage();
    const provider = new Provider();
    const before = own.cache.through(request(), provider.produce);
    await turn();
    await drop(own.cache);
    const after = own.cache.through(request(), provider.produce);
    await turn();
    expect(provider.count).toBe(2);
    provider.calls[1]?.answer("new");
    await after;
    provider.calls[0]?.answer("old");
    await before;
    await own.cache.settled();
    expect((await own.cache.through(request(), provider.produce)).value).toBe("new");
  });

  it.each(drops)("by %s while it is being written: gone in the end", async (_, drop) => {
    const store = new GatedStore();
    const own = stage({ store });
    const gate = Promise.withResolvers<void>();
    store.before.set = () => gate.promise;
    await own.cache.through(request(), async () => "old");
    const dropped = drop(own.cache);
    await turn();
    gate.resolve();
    await dropped;
    expect(await stored(own, request())).toBeUndefined();
    expect(own.cache.inFlight).toBe(0);
  });

  it.each(drops)("by %s: also that of a call that does not read (noCache)", async (_, drop) => {
    const own = stage();
    const provider = new Provider();
    const call = own.cache.through(request(), provider.produce, { noCache: true });
    await turn();
    await drop(own.cache);
    provider.last.answer("old");
    expect((await call).value).toBe("old");
    await own.cache.settled();
    expect(await stored(own, request())).toBeUndefined();
  });

  it("by delete of another key: stored", async () => {
    const own = stage();
    const provider = new Provider();
    const call = own.cache.through(request(), provider.produce);
    await turn();
    await own.cache.delete(request("another"));
    provider.last.answer("kept");
    await call;
    await own.cache.settled();
    expect(await stored(own, request())).toBeDefined();
  });

  it("by set: what was set stays", async () => {
    const own = stage();
    const provider = new Provider();
    const call = own.cache.through(request(), provider.produce);
    await turn();
    await own.cache.set(request(), "corrected");
    provider.last.answer("wrong");
    expect((await call).value).toBe("wrong");
    await own.cache.settled();
    expect((await own.cache.get(request()))?.value).toBe("corrected");
  });

  it("by set: also the answer of a call that began while set was writing", async () => {
    const store = new GatedStore();
    const own = stage({ store });
    const gate = Promise.withResolvers<void>();
    store.before.set = () => gate.promise;
    const provider = new Provider();
    const set = own.cache.set(request(), "corrected");
    await turn();
    const call = own.cache.through(request(), provider.produce);
    await turn();
    gate.resolve();
    await set;
    provider.last.answer("wrong");
    await call;
    await own.cache.settled();
    expect((await own.cache.get(request()))?.value).toBe("corrected");
  });
});

describe("reject", () => {
  it("of a hit removes the entry, so that the next call asks again", async () => {
    const own = stage();
    const produce = answering();
    await own.cache.through(request(), produce);
    await own.cache.settled();
    const hit = await own.cache.through(request(), produce);
    await hit.reject();
    expect(await stored(own, request())).toBeUndefined();
    expect((await own.cache.through(request(), produce)).value).toBe(2);
    expect(own.cache.stats().rejected).toBe(1);
    expect(own.events.some(({ type }) => type === "rejected")).toBe(true);
  });

  it("of a miss and of a joined answer does the same, also while it is being written", async () => {
    for (const which of [0, 1] as const) {
      const store = new GatedStore();
      const own = stage({ store });
      const gate = Promise.withResolvers<void>();
      store.before.set = () => gate.promise;
      const provider = new Provider();
      const calls = [own.cache.through(request(), provider.produce), own.cache.through(request(), provider.produce)];
      await turn();
      provider.last.answer("bad");
      const outcomes = await Promise.all(calls);
      const rejected = outcomes[which]?.reject();
      const after = own.cache.through(request(), provider.produce);
      await turn();
      expect(provider.count).toBe(2);
      gate.resolve();
      await rejected;
      expect(await stored(own, request())).toBeUndefined();
      provider.last.answer("good");
      await after;
      await own.cache.settled();
    }
  });

  it("spares a newer entry", async () => {
    const own = stage();
    await own.cache.set(request(), "old");
    const hit = await own.cache.through(request(), answering());
    own.clock.pass(1);
    await own.cache.set(request(), "new");
    await hit.reject();
    expect((await own.cache.get(request()))?.value).toBe("new");
  });

  it("removes it from the store that it came from, though the cache has another by now", async () => {
    const own = stage();
    await own.cache.set(request(), "old");
    const hit = await own.cache.through(request(), answering());
    const next = new MapStore();
    own.cache.update({ store: next });
    await own.cache.set(request(), "in the new store");
    await hit.reject();
    expect(await stored(own, request())).toBeUndefined();
    expect((await own.cache.get(request()))?.value).toBe("in the new store");
  });

  it("of a bypass, and of an answer that was not stored, is harmless", async () => {
    const own = stage();
    await own.cache.set(request(), "there");
    await (await own.cache.through(request(), async () => "x", { use: false })).reject();
    await (await own.cache.through(request(), async () => "x", { noCache: true, noStore: true })).reject();
    expect((await own.cache.get(request()))?.value).toBe("there");
  });

  it("tells that the store failed", async () => {
    const store = new GatedStore();
    const own = stage({ store });
    await own.cache.set(request(), "x");
    const hit = await own.cache.through(request(), answering());
    store.before.delete = () => Promise.reject(new Error("read-only"));
    await expect(hit.reject()).rejects.toMatchObject({
      code: "ERR_LLMCACHE_STORE",
      message: expect.stringContaining("read-only"),
    });
  });
});

describe("a store that fails", () => {
  const failing = (): GatedStore => {
    const store = new GatedStore();
    store.before.get = () => Promise.reject(new Error("connection lost"));
    store.before.set = () => Promise.reject(new Error("disk full"));
    return store;
  };

  it("costs a miss and events, nothing else", async () => {
    const own = stage({ store: failing() });
    expect(await own.cache.through(request(), answering("x"))).toMatchObject({ status: "miss", value: "x" });
    await own.cache.settled();
    expect(own.events).toMatchObject([
      { type: "failure", during: "get" },
      { type: "miss", reason: "store-failure", answer: "stored" },
      { type: "failure", during: "set" },
    ]);
    expect(own.cache.stats()).toMatchObject({ failures: 2, stores: 0 });
    expect(own.cache.inFlight).toBe(0);
  });

  it("is an error of its own under onStoreFailure throw, and under onlyIfCached; the provider is not asked", async () => {
    for (const own of [
      stage({ store: failing(), onStoreFailure: "throw" }),
      stage({ store: failing(), control: { onlyIfCached: true } }),
    ]) {
      const produce = answering();
      await expect(own.cache.through(request(), produce)).rejects.toMatchObject({
        code: "ERR_LLMCACHE_STORE",
        message: expect.stringMatching(/map store.*connection lost/),
        cause: new Error("connection lost"),
      });
      expect(produce.count).toBe(0);
      expect(own.cache.inFlight).toBe(0);
    }
  });

  it("that throws instead of rejecting, or hands out nonsense, is no different", async () => {
    const rude = new MapStore();
    rude.get = () => {
      throw new Error("sync");
    };
    for (const store of [rude, fixed(null), fixed({}), fixed({ entry: { id: "x" } }), fixed(7)]) {
      const own = stage({ store });
      expect((await own.cache.through(request(), answering("x"))).value).toBe("x");
      expect(own.cache.inFlight).toBeLessThanOrEqual(1);
    }
  });

  it("that answers with the entry of another key is a miss", async () => {
    const own = stage({
      store: fixed({ entry: { id: "f".repeat(64), createdAt: 0, metadata: {}, body: Body.json("foreign") } }),
    });
    expect((await own.cache.through(request(), answering("own"))).value).toBe("own");
    expect(own.events[0]).toMatchObject({ type: "miss", reason: "other-id" });
  });

  it("that hangs costs storeTimeoutMs at most, reading and writing, and its signal tells it so", async () => {
    vi.useFakeTimers();
    const store = new GatedStore();
    const signals: (AbortSignal | undefined)[] = [];
    store.get = (_, options?: { signal?: AbortSignal }) => {
      signals.push(options?.signal);
      return new Promise(() => undefined);
    };
    store.before.set = () => new Promise(() => undefined);
    const own = stage({ store, storeTimeoutMs: 200 });
    const call = own.cache.through(request(), answering("x"));
    await vi.advanceTimersByTimeAsync(199);
    expect(signals[0]?.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(await call).toMatchObject({ status: "miss", value: "x" });
    expect(signals[0]?.aborted).toBe(true);
    expect(own.events[0]).toMatchObject({
      type: "failure",
      during: "get",
      error: { code: "ERR_LLMCACHE_STORE", message: expect.stringContaining("200 ms") },
    });
    const settled = own.cache.settled();
    await vi.advanceTimersByTimeAsync(200);
    await settled;
    expect(own.cache.inFlight).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("that fails long after it was given up disturbs nobody", async () => {
    vi.useFakeTimers();
    const store = new GatedStore();
    const late = Promise.withResolvers<void>();
    store.before.get = () => late.promise;
    const own = stage({ store, storeTimeoutMs: 50 });
    const call = own.cache.through(request(), answering("x"));
    await vi.advanceTimersByTimeAsync(50);
    await call;
    late.reject(new Error("late"));
    await vi.advanceTimersByTimeAsync(0);
    expect(own.events.filter(({ type }) => type === "failure")).toHaveLength(1);
  });

  it("makes delete, clear and set reject: the caller must know", async () => {
    const store = failing();
    store.before.delete = () => Promise.reject(new Error("no delete"));
    store.before.clear = () => Promise.reject(new Error("no clear"));
    const own = stage({ store });
    await expect(own.cache.delete(request())).rejects.toMatchObject({ code: "ERR_LLMCACHE_STORE" });
    await expect(own.cache.clear()).rejects.toMatchObject({ code: "ERR_LLMCACHE_STORE" });
    await expect(own.cache.set(request(), "x")).rejects.toMatchObject({ code: "ERR_LLMCACHE_STORE" });
    expect(await own.cache.get(request())).toBeUndefined();
  });
});

describe("get, set, delete, clear", () => {
  it("work by request and by id", async () => {
    const own = stage();
    const head = await own.cache.set(request(), { a: 1 }, { metadata: { reviewer: "x", model: "not this" } });
    expect(head).toMatchObject({
      id: own.cache.key(request()).id,
      createdAt: own.clock.now,
      metadata: { reviewer: "x", model: "m" },
    });
    expect((await own.cache.get(request()))?.value).toEqual({ a: 1 });
    expect((await own.cache.get({ id: head.id }))?.value).toEqual({ a: 1 });
    await own.cache.delete({ id: head.id });
    expect(await own.cache.get({ id: head.id })).toBeUndefined();
    await own.cache.set(request(), Uint8Array.of(7));
    await own.cache.clear();
    expect(await own.cache.get(request())).toBeUndefined();
    expect(own.events.filter(({ type }) => type === "invalidate")).toMatchObject([{ what: "entry" }, { what: "all" }]);
  });

  it("set copies the value, and refuses what is no JSON naming the path", async () => {
    const { cache } = stage();
    const value = { list: [1] };
    await cache.set(request(), value);
    value.list.push(2);
    expect((await cache.get(request()))?.value).toEqual({ list: [1] });
    await expect(cache.set(request(), { at: [new Date(0) as never] })).rejects.toMatchObject({
      code: "ERR_LLMCACHE_VALUE",
      message: expect.stringContaining("$.at[0]"),
    });
    await expect(cache.set(request(), "x", { metadata: { rate: Number.NaN } })).rejects.toMatchObject({
      code: "ERR_LLMCACHE_OPTION",
    });
  });

  it("set with ttl 0 or noStore stores nothing; with ttl it expires", async () => {
    const own = stage();
    await own.cache.set(request(), "x", { ttl: 0 });
    await own.cache.set(request(), "x", { noStore: true });
    expect(await own.cache.get(request())).toBeUndefined();
    await own.cache.set(request(), "x", { ttl: "1m" });
    own.clock.pass(59_999);
    expect(await own.cache.get(request())).toBeDefined();
    own.clock.pass(1);
    expect(await own.cache.get(request())).toBeUndefined();
  });

  it("get honours sMaxAge", async () => {
    const own = stage();
    await own.cache.set(request(), "x");
    own.clock.pass(2000);
    expect(await own.cache.get(request(), { sMaxAge: 1 })).toBeUndefined();
    expect(await own.cache.get(request(), { sMaxAge: 2 })).toBeDefined();
  });

  it("need no opting in, but find and store nothing while the cache is off or the operation is not cached", async () => {
    const own = stage({ mode: "opt-in" });
    await own.cache.set(request("a"), "a");
    expect((await own.cache.get(request("a")))?.value).toBe("a");
    own.cache.disable();
    await own.cache.set(request("b"), "b");
    for (const prompt of ["a", "b", "c"]) expect(await own.cache.get(request(prompt))).toBeUndefined();
    expect(await own.cache.get({ id: own.cache.key(request("a")).id })).toBeUndefined();
    own.cache.enable();
    expect((await own.cache.get(request("a")))?.value).toBe("a");
    expect(await own.cache.get(request("b"))).toBeUndefined();
    own.cache.update({ operations: ["embeddings"] });
    await own.cache.set(request("d"), "d");
    expect(await own.cache.get(request("d"))).toBeUndefined();
    expect(await own.cache.get(request("a"))).toBeUndefined();
  });
});

describe("controls of a call", () => {
  it("noCache asks and stores the new answer", async () => {
    const { cache } = stage();
    const produce = answering();
    await cache.through(request(), produce);
    await cache.settled();
    expect(await cache.through(request(), produce, { noCache: true })).toMatchObject({ status: "miss", value: 2 });
    await cache.settled();
    expect(await cache.through(request(), produce)).toMatchObject({ status: "hit", value: 2 });
  });

  it("noStore reads but does not store", async () => {
    const own = stage();
    await own.cache.through(request(), answering(), { noStore: true });
    await own.cache.settled();
    expect(await stored(own, request())).toBeUndefined();
    await own.cache.set(request(), "there");
    expect((await own.cache.through(request(), answering(), { noStore: true })).value).toBe("there");
  });

  it("ttl decides how long; beyond 2^31 ms too; 0 stores nothing", async () => {
    const own = stage();
    await own.cache.through(request(), answering(), { ttl: 0 });
    await own.cache.settled();
    expect(await stored(own, request())).toBeUndefined();
    await own.cache.through(request(), answering(), { ttl: "365d" });
    await own.cache.settled();
    own.clock.pass(364 * 86_400_000);
    expect((await own.cache.through(request(), answering())).status).toBe("hit");
    own.clock.pass(86_400_000);
    expect((await own.cache.through(request(), answering())).status).toBe("miss");
  });

  it.each([
    ["disabled", {}, (cache: LLMCache) => cache.disable(), {}],
    ["not opted in", { mode: "opt-in" as const }, undefined, {}],
    ["of an operation that is not cached", { operations: [] }, undefined, {}],
    ["told not to use the cache", {}, undefined, { use: false }],
    ["without an identity", {}, undefined, { unkeyable: "bypass" as const }],
  ])("onlyIfCached never asks, not even past the cache: %s", async (why, options, prepare, own) => {
    const cache = new LLMCache(options);
    prepare?.(cache);
    const produce = vi.fn(answering("asked"));
    const asked = why === "without an identity" ? { ...request(), prompt: Number.NaN } : request();
    await expect(cache.through(asked, produce, { ...own, onlyIfCached: true })).rejects.toMatchObject({
      code: "ERR_LLMCACHE_MISS",
    });
    await expect(
      cache.throughMany([asked], async () => [await produce()], { ...own, onlyIfCached: true }),
    ).rejects.toMatchObject({
      code: "ERR_LLMCACHE_MISS",
    });
    expect(produce).not.toHaveBeenCalled();
  });

  it("onlyIfCached serves what is there, and never asks", async () => {
    const own = stage();
    const produce = answering();
    await expect(own.cache.through(request(), produce, { onlyIfCached: true })).rejects.toMatchObject({
      code: "ERR_LLMCACHE_MISS",
    });
    expect(own.events).toMatchObject([{ type: "miss", reason: "absent", answer: "not-asked" }]);
    await own.cache.set(request(), "x");
    expect((await own.cache.through(request(), produce, { onlyIfCached: true })).value).toBe("x");
    expect(produce.count).toBe(0);
    expect(own.cache.stats()).toMatchObject({ misses: 1, hits: 1, spent: { calls: 0 } });
  });

  it("use false goes past the cache, unchanged and unshared", async () => {
    const own = stage();
    await own.cache.set(request(), "stored");
    const value = new Map();
    const outcome = await own.cache.through(request(), async () => value, { use: false });
    expect(outcome.value).toBe(value);
    expect(outcome).toMatchObject({ status: "bypass" });
    expect(outcome.head).toBeUndefined();
    expect(own.events.at(-1)).toMatchObject({ type: "bypass", reason: "use-false", cacheHit: false });
  });

  it("unknown names, wrong kinds and contradictions are refused, naming the field; the provider is not asked", async () => {
    const { cache } = stage();
    const produce = answering();
    for (const [control, name] of [
      [{ nocache: true }, "nocache"],
      [{ ttl: -1 }, "ttl"],
      [{ sMaxAge: Number.NaN }, "sMaxAge"],
      [{ noStore: "yes" }, "noStore"],
      [{ tags: "x" }, "tags"],
      [{ tags: [""] }, "tags"],
      [{ staleIfError: -5 }, "staleIfError"],
      [{ staleWhileRevalidate: "soon" }, "staleWhileRevalidate"],
      [{ similar: true }, "similar"],
      [{ similar: { maxTurn: 2 } }, "similar.maxTurn"],
      [{ similar: { maxChars: 0 } }, "similar.maxChars"],
      [{ similar: { maxTemperature: "hot" } }, "similar.maxTemperature"],
      [{ namespace: [1] }, "namespace"],
      [{ version: 2 }, "version"],
      [{ noCache: true, onlyIfCached: true }, "onlyIfCached"],
    ] as const) {
      await expect(cache.through(request(), produce, control as never)).rejects.toMatchObject({
        code: "ERR_LLMCACHE_OPTION",
        message: expect.stringContaining(name),
      });
    }
    expect(produce.count).toBe(0);
  });
});

describe("a request without identity", () => {
  const bad = request({ at: 1n as never });

  it("is an error that names the path", async () => {
    const { cache } = stage();
    await expect(cache.through(bad, answering())).rejects.toMatchObject({
      code: "ERR_LLMCACHE_REQUEST",
      message: expect.stringContaining("prompt.at"),
    });
    expect(cache.inFlight).toBe(0);
  });

  it("or a call past the cache with an event, where the adapter says so", async () => {
    const own = stage();
    expect(await own.cache.through(bad, answering("x"), { unkeyable: "bypass" })).toMatchObject({
      status: "bypass",
      value: "x",
    });
    expect(own.events).toMatchObject([
      { type: "bypass", reason: "no-identity", error: { code: "ERR_LLMCACHE_REQUEST" } },
    ]);
  });

  it("kept beside a custom key may hold what is no JSON: then it is not kept, and the answer is", async () => {
    const own = stage({ keepRequests: true, key: () => "constant" });
    expect((await own.cache.through(bad, answering("x"))).value).toBe("x");
    await own.cache.settled();
    expect((await own.cache.through(bad, answering("y"))).value).toBe("x");
    expect((await own.cache.get(bad))?.head?.request).toBeUndefined();
    expect(own.cache.stats().inFlight).toBe(0);
  });
});

describe("settled and dispose", () => {
  it("wait for writes, and the store stays open: who made it closes it", async () => {
    const store = new GatedStore();
    const gate = Promise.withResolvers<void>();
    store.before.set = () => gate.promise;
    const own = stage({ store });
    await own.cache.through(request(), answering("x"));
    let done = false;
    const disposed = own.cache[Symbol.asyncDispose]().then(() => void (done = true));
    await turn();
    expect(done).toBe(false);
    gate.resolve();
    await disposed;
    expect((await own.cache.through(request(), answering())).status).toBe("hit");
  });

  it("end what the store tells: its events are heard until then", async () => {
    const store: Store = new MapStore();
    let tell: ((event: StoreEvent) => void) | undefined;
    store.on = (listener) => {
      tell = listener;
      return () => void (tell = undefined);
    };
    const own = stage({ store });
    tell?.({ store: "map", type: "evicted", message: "too many" });
    expect(own.events).toMatchObject([{ type: "failure", during: "store", storeEvent: { type: "evicted" } }]);
    await own.cache[Symbol.asyncDispose]();
    expect(tell).toBeUndefined();
  });

  it("a signal of a bypassed call keeps no listener", async () => {
    const { cache } = stage();
    const { signal } = new AbortController();
    await cache.through(request(), answering(), { signal, use: false });
    expect(abortListeners(signal)).toBe(0);
  });
});

it("a store of two functions keeps values and bytes", async () => {
  const map = new Map<string, Uint8Array>();
  const cache = new LLMCache({
    store: storeFrom({ get: (id) => map.get(id), set: (id, bytes) => map.set(id, bytes) }),
  });
  await cache.through(request("v"), async () => ({ deep: [null, "é"] }));
  await cache.through(request("b"), async () => Uint8Array.of(0, 255));
  await cache.settled();
  expect((await cache.through<Json>(request("v"), answering() as never)).value).toEqual({ deep: [null, "é"] });
  expect([...(await cache.through<Uint8Array>(request("b"), answering() as never)).value]).toEqual([0, 255]);
  await cache.delete(request("v"));
  expect(await cache.get(request("v"))).toBeUndefined();
  await expect(cache.clear()).rejects.toMatchObject({ code: "ERR_LLMCACHE_UNSUPPORTED" });
});

describe("lookup", () => {
  it("gives a fresh stored answer, counted as a hit, and nothing else", async () => {
    const own = stage({ control: { ttl: 60, staleWhileRevalidate: 60 } });
    expect(await own.cache.lookup(request())).toBeUndefined();
    expect(own.events).toEqual([]);
    await own.cache.through(request(), answering("yes"));
    await own.cache.settled();
    expect(await own.cache.lookup(request())).toMatchObject({ status: "hit", value: "yes" });
    expect(own.cache.stats()).toMatchObject({ hits: 1, misses: 1, bypasses: 0 });
    expect(await own.cache.lookup(request(), { noCache: true })).toBeUndefined();
    expect(await own.cache.lookup(request(), { use: false })).toBeUndefined();
    expect(await own.cache.lookup(request(), { decode: () => undefined })).toBeUndefined();
    own.clock.pass(61_000);
    expect(await own.cache.lookup(request())).toBeUndefined();
    own.cache.disable();
    expect(await own.cache.lookup(request())).toBeUndefined();
    expect(own.cache.stats()).toMatchObject({ hits: 1, stale: 0, misses: 1, bypasses: 0 });
  });

  it("looks only where calls opt in", async () => {
    const { cache } = stage({ mode: "opt-in" });
    await cache.set(request(), "yes");
    expect(await cache.lookup(request())).toBeUndefined();
    expect(await cache.lookup(request(), { use: true })).toMatchObject({ value: "yes" });
  });

  it("leaves store trouble to through", async () => {
    const store = new GatedStore();
    store.before.get = () => Promise.reject(new Error("down"));
    const own = stage({ store, onStoreFailure: "throw" });
    expect(await own.cache.lookup(request())).toBeUndefined();
    await expect(own.cache.through(request(), answering())).rejects.toMatchObject({ code: "ERR_LLMCACHE_STORE" });
  });
});
