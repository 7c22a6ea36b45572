import { describe, expect, test } from "vitest";
import { isLLMCacheError, MapStore, type Json, type Store } from "@llmcache/core";
import { FaultyStore } from "@llmcache/core/conformance";
import { functionSampler, independent, persistent, repeatable, take, type Sampler } from "@llmcache/sampling";
import { ModelProvider, next, turn } from "./model-provider.ts";

const P = "p";
const [V1, V2, V3, V4] = [1, 2, 3, 4].map((n) => `"p" ${n}`) as [string, string, string, string];

describe("repeatable", () => {
  test("every call replays the sequence from the start and extends it when needed", async () => {
    const provider = new ModelProvider();
    const sampler = repeatable(provider.sampler);
    expect(await take(sampler.sample(P), 2)).toEqual([V1, V2]);
    expect(await take(sampler.sample(P), 3)).toEqual([V1, V2, V3]);
    expect(provider.asked).toHaveLength(3);
  });

  test("two of them over one provider have nothing in common", async () => {
    const { sampler } = new ModelProvider();
    expect(await next(repeatable(sampler).sample(P))).toBe(V1);
    expect(await next(repeatable(sampler).sample(P))).toBe(V2);
  });

  test("two first pulls at once: one request, the same value", async () => {
    const provider = new ModelProvider();
    provider.byHand = true;
    const sampler = repeatable(provider.sampler);
    const pulls = [sampler.sample(P).next(), sampler.sample(P).next()];
    await turn();
    expect(provider.asked).toHaveLength(1);
    provider.last.answer(["a"]);
    expect((await Promise.all(pulls)).map(({ value }) => value as string)).toEqual(["a", "a"]);
  });

  test("who leaves a pull leaves it to the others; the last one ends it, and who comes then begins anew", async () => {
    const provider = new ModelProvider();
    provider.byHand = true;
    const sampler = repeatable(provider.sampler);
    const [one, two] = [new AbortController(), new AbortController()];
    const first = sampler.sample(P, { signal: one.signal }).next();
    const second = sampler.sample(P, { signal: two.signal }).next();
    await turn();
    one.abort(new Error("one"));
    await expect(first).rejects.toThrow("one");
    expect(provider.last.run.signal.aborted).toBe(false);
    two.abort(new Error("two"));
    await expect(second).rejects.toThrow("two");
    const third = sampler.sample(P).next();
    expect(provider.asked[0]?.run.signal.aborted).toBe(true);
    await turn();
    expect(provider.asked).toHaveLength(2);
    provider.last.answer(["a"]);
    expect((await third).value).toBe("a");
  });

  test("an error is not remembered", async () => {
    const provider = new ModelProvider();
    provider.nextError = new Error("500");
    const sequence = repeatable(provider.sampler).sample(P);
    await expect(sequence.next()).rejects.toThrow("500");
    expect(await take(sequence, 2)).toEqual([V1, V2]);
  });

  test("values are private", async () => {
    const sampler = repeatable(
      functionSampler<string, { list: number[] }>(async () => [{ list: [1] }], { operation: "sample" }),
    );
    const value = await next(sampler.sample(P));
    value.list.push(2);
    expect(await next(sampler.sample(P))).toEqual({ list: [1] });
  });
});

describe("independent", () => {
  test("every pull is a new value, whoever pulls, and leftovers of batches carry over", async () => {
    const provider = new ModelProvider(3);
    const sampler = independent(provider.sampler);
    const sequence = sampler.sample(P, { batch: 3 });
    expect([await next(sequence), await next(sampler.sample(P)), await next(sequence)]).toEqual([V1, V2, V3]);
    expect(provider.counts).toEqual([3]);
  });

  test("it starts at the first value that the cache below has", async () => {
    const provider = new ModelProvider();
    const base = repeatable(provider.sampler);
    await take(base.sample(P), 2);
    expect(await take(independent(base).sample(P), 3)).toEqual([V1, V2, V3]);
    expect(await take(independent(base).sample(P), 3)).toEqual([V1, V2, V3]);
    expect(provider.asked).toHaveLength(3);
  });

  test("over another one it is that one", async () => {
    const lower = independent(repeatable(new ModelProvider().sampler));
    const upper = independent(lower);
    expect([await next(upper.sample(P)), await next(lower.sample(P)), await next(upper.sample(P))]).toEqual([
      V1,
      V2,
      V3,
    ]);
  });

  test("two first pulls at once: two values", async () => {
    const provider = new ModelProvider();
    provider.byHand = true;
    const sampler = independent(repeatable(provider.sampler));
    const pulls = [sampler.sample(P).next(), sampler.sample(P).next()];
    await turn();
    // Both are asked for at the same time.
    expect(provider.asked).toHaveLength(2);
    for (const [index, asked] of provider.asked.entries()) asked.answer([`value ${index}`]);
    expect((await Promise.all(pulls)).map(({ value }) => value as string)).toEqual(["value 0", "value 1"]);
  });

  test("a position whose pull failed is the next one handed out", async () => {
    const provider = new ModelProvider();
    provider.byHand = true;
    const base = repeatable(provider.sampler);
    const sampler = independent(base);
    const pulls = [sampler.sample(P).next(), sampler.sample(P).next()];
    await turn();
    provider.asked[0]?.fail(new Error("first"));
    provider.asked[1]?.answer(["second"]);
    await expect(pulls[0]).rejects.toThrow("first");
    expect((await pulls[1])?.value).toBe("second");
    const again = sampler.sample(P).next();
    await turn();
    provider.last.answer(["third"]);
    expect((await again).value).toBe("third");
    expect(await take(base.sample(P), 2)).toEqual(["third", "second"]);
  });

  test("`from` goes on at that position if it is not beyond it already", async () => {
    const sampler = independent(repeatable(new ModelProvider().sampler));
    const base = await take(sampler.sample(P), 2);
    const later = await next(sampler.sample(P, { from: 1 }));
    expect(new Set([...base, later]).size).toBe(3);
    await next(sampler.sample(P, { from: 7 }));
    expect(await next(sampler.sample(P, { from: 3 }))).toBe(`"p" 5`);
  });

  test("a loop that is left early, or thrown out of, does not end the shared sequence", async () => {
    const sampler = independent(new ModelProvider().sampler);
    const values: string[] = [];
    for (let loop = 0; loop < 3; loop++)
      for await (const value of sampler.sample(P)) {
        values.push(value);
        break;
      }
    await (async () => {
      for await (const _ of sampler.sample(P)) throw new Error("x");
    })().catch(() => undefined);
    expect([...values, await next(sampler.sample(P))]).toEqual([V1, V2, V3, `"p" 5`]);
  });
});

describe("nesting", () => {
  test("the retry pattern: two repeatables over one independent have disjoint values, each its own again and again", async () => {
    const base = repeatable(new ModelProvider().sampler);
    const attempts = independent(base);
    const [first, second] = [repeatable(attempts), repeatable(attempts)];
    expect(await take(first.sample(P), 2)).toEqual([V1, V2]);
    expect(await take(second.sample(P), 1)).toEqual([V3]);
    expect(await take(first.sample(P), 3)).toEqual([V1, V2, V4]);
    expect(await take(second.sample(P), 1)).toEqual([V3]);
    expect(await take(base.sample(P), 4)).toEqual([V1, V2, V3, V4]);
  });

  test("two repeatables over one persistent agree", async () => {
    const kept = persistent(new ModelProvider().sampler, new MapStore());
    const pulls = [repeatable(kept), repeatable(kept)].map((sampler) => take(sampler.sample(P), 2));
    expect(await Promise.all(pulls)).toEqual([
      [V1, V2],
      [V1, V2],
    ]);
  });

  test("a slice holds what was used, at the same positions, also if it was partly filled before", async () => {
    const provider = new ModelProvider();
    const [all, slice] = [new MapStore(), new MapStore()];
    const stack = (): Sampler => persistent(persistent(provider.sampler, all), slice);
    await take(persistent(provider.sampler, all).sample(P), 4);
    expect(await take(stack().sample(P), 1)).toEqual([V1]);
    expect(await take(stack().sample(P), 3)).toEqual([V1, V2, V3]);
    expect(await take(persistent(provider.sampler, slice, { replication: true }).sample(P), 3)).toEqual([V1, V2, V3]);
    expect(provider.asked).toHaveLength(4);
    expect(await countOf(slice)).toBe(3);
  });

  test("two layers over one store neither wait for each other nor store twice", async () => {
    const provider = new ModelProvider();
    const store = new MapStore();
    const lower = persistent(provider.sampler, store);
    const upper = persistent(lower, store);
    expect(await Promise.all([next(upper.sample(P)), next(lower.sample(P)), next(upper.sample(P))])).toEqual([
      V1,
      V1,
      V1,
    ]);
    expect(await take(upper.sample(P), 2)).toEqual([V1, V2]);
    expect(await countOf(store)).toBe(2);
    expect(provider.asked).toHaveLength(2);
  });

  test("nor with somebody else's sampler in between", async () => {
    const store = new MapStore();
    const lower = persistent(new ModelProvider().sampler, store);
    const between: Sampler = {
      identity: lower.identity,
      maxBatch: 1,
      totals: () => lower.totals(),
      sample: (prompt, options) => lower.sample(prompt, options),
    };
    expect(await take(persistent(between, store).sample(P), 2)).toEqual([V1, V2]);
    expect(await take(persistent(between, store).sample(P), 3)).toEqual([V1, V2, V3]);
  });

  test("an independent between two layers of one store hands each value out once", async () => {
    const store = new MapStore();
    const between = independent(persistent(new ModelProvider().sampler, store));
    const upper = persistent(between, store);
    expect(await next(upper.sample(P))).toBe(V1);
    expect(await next(between.sample(P))).toBe(V2);
  });

  test("somebody else's generator survives its errors", async () => {
    let pulls = 0;
    const foreign: Sampler = {
      ...new ModelProvider().sampler,
      totals: () => ({}) as never,
      async *sample(_prompt, { from = 0 } = {}) {
        for (let position = from; ; position++) {
          if (++pulls === 2) throw new Error("second");
          yield `at ${position}`;
        }
      },
      identity: { operation: "sample" },
    };
    const sequence = repeatable(foreign).sample(P);
    expect(await next(sequence)).toBe("at 0");
    await expect(sequence.next()).rejects.toThrow("second");
    expect(await take(sequence, 2)).toEqual(["at 1", "at 2"]);
  });

  test("totals go through all layers", async () => {
    const provider = new ModelProvider();
    const stack = repeatable(independent(persistent(provider.sampler, new MapStore())));
    await take(stack.sample(P), 3);
    expect(stack.totals()).toMatchObject({ requests: 3, samples: 3 });
    expect([stack.identity, stack.maxBatch]).toEqual([provider.sampler.identity, 1]);
  });

  test("what is no sampler is refused", () => {
    for (const layer of [repeatable, independent, (x: Sampler) => persistent(x, new MapStore())])
      expect(() => layer({} as Sampler)).toThrow(/takes a sampler/);
  });
});

describe("persistent", () => {
  test("survives the process: the same values, and no requests", async () => {
    const store = new MapStore();
    const first = await take(persistent(new ModelProvider().sampler, store).sample(P), 30);
    const provider = new ModelProvider();
    expect(await take(persistent(provider.sampler, store).sample(P), 30)).toEqual(first);
    expect(provider.asked).toHaveLength(0);
  });

  test("only what is pulled is stored, and what is left of a batch serves the next positions", async () => {
    const provider = new ModelProvider(5);
    const store = new MapStore();
    const sampler = persistent(provider.sampler, store);
    await take(sampler.sample(P, { batch: 5 }), 2);
    expect(await countOf(store)).toBe(2);
    expect(await take(sampler.sample(P), 4)).toEqual([V1, V2, V3, V4]);
    expect(provider.counts).toEqual([5]);
  });

  test("the identity is model, settings, prompt and position; not batches, not who serves", async () => {
    const store = new MapStore();
    await take(persistent(new ModelProvider(4).sampler, store).sample(P, { batch: 4 }), 1);
    for (const [identity, requests] of [
      [{ operation: "sample", model: "m" }, 0],
      [{ operation: "sample", model: "other" }, 1],
      [{ operation: "sample", model: "m", settings: { temperature: 0.5 } }, 1],
      [{ operation: "sample", model: "m", namespace: "seed-2" }, 1],
    ] as const) {
      const provider = new ModelProvider(1, identity);
      await take(persistent(provider.sampler, store).sample(P), 1);
      expect(provider.asked, JSON.stringify(identity)).toHaveLength(requests);
    }
  });

  test.each<Json>(["", "__proto__", "\ud800", { role: "user", content: "p" }, ["a", null]])(
    "%j is a prompt, and an empty text is a sample",
    async (prompt) => {
      const store = new MapStore();
      let asked = 0;
      const sampler = functionSampler<Json>(async () => (asked++, [""]), { operation: "sample" });
      expect(await take(persistent(sampler, store).sample(prompt), 2)).toEqual(["", ""]);
      expect(await take(persistent(sampler, store).sample(prompt), 2)).toEqual(["", ""]);
      expect(asked).toBe(2);
    },
  );

  test("a position that was lost is refilled at that position", async () => {
    const store = new MapStore();
    const provider = new ModelProvider();
    await take(persistent(provider.sampler, store).sample(P), 3);
    const { requestKey } = await import("@llmcache/core");
    await store.delete(requestKey({ ...provider.sampler.identity, prompt: P, sample: 1 }));
    expect(await take(persistent(provider.sampler, store).sample(P), 3)).toEqual([V1, V4, V3]);
    expect(await take(persistent(provider.sampler, store).sample(P, { from: 1 }), 2)).toEqual([V4, V3]);
  });

  test("what add refuses is another position's, and nobody's twice", async () => {
    const store = new MapStore();
    const [one, two] = [new ModelProvider(), new ModelProvider()];
    one.byHand = two.byHand = true;
    const [first, second] = [one, two].map(({ sampler }) => persistent(sampler, store, { leaseMs: 0 })) as [
      Sampler,
      Sampler,
    ];
    const pulls = [next(first.sample(P)), next(second.sample(P))];
    await turn();
    one.last.answer(["one"]);
    expect(await pulls[0]).toBe("one");
    two.last.answer(["two"]);
    expect(await pulls[1]).toBe("one");
    expect(await take(second.sample(P), 2)).toEqual(["one", "two"]);
    expect([one.asked.length, two.asked.length]).toEqual([1, 1]);
    expect(await take(first.sample(P), 2)).toEqual(["one", "two"]);
  });

  test("who finds another asking for the same sample waits for it", async () => {
    const store = new MapStore();
    const [one, two] = [new ModelProvider(), new ModelProvider()];
    one.byHand = two.byHand = true;
    const pull = next(persistent(one.sampler, store).sample(P));
    await turn();
    const waiting = next(persistent(two.sampler, store).sample(P));
    await turn(5);
    one.last.answer(["one"]);
    expect(await Promise.all([pull, waiting])).toEqual(["one", "one"]);
    expect(two.asked).toHaveLength(0);
  });

  test("who waits for another takes over when that one fails", async () => {
    const store = new MapStore();
    const [one, two] = [new ModelProvider(), new ModelProvider()];
    one.byHand = true;
    const pull = persistent(one.sampler, store).sample(P).next();
    await turn();
    const waiting = next(persistent(two.sampler, store).sample(P));
    one.last.fail(new Error("one"));
    await expect(pull).rejects.toThrow("one");
    expect(await waiting).toBe(V1);
  });

  test("leases leave nothing behind, and no timer", async () => {
    const store = new FaultyStore(new MapStore());
    const timers = (): number => process.getActiveResourcesInfo().filter((each) => each === "Timeout").length;
    const before = timers();
    await take(persistent(new ModelProvider().sampler, store).sample(P), 3);
    expect(timers()).toBe(before);
    expect([store.calls.add, store.calls.delete]).toEqual([6, 3]);
  });

  test("reads ahead, and only after the first", async () => {
    const store = new FaultyStore(new MapStore());
    await take(persistent(new ModelProvider().sampler, store).sample(P), 20);
    const calls = (): number => store.calls.get + store.calls.getMany;
    const before = calls();
    const sequence = persistent(new ModelProvider().sampler, store).sample(P);
    await next(sequence);
    expect(calls() - before).toBe(1);
    await take(sequence, 19);
    expect(calls() - before).toBeLessThanOrEqual(6);
  });

  test("an entry that cannot be used is a miss, and is replaced", async () => {
    const { Body, requestKey } = await import("@llmcache/core");
    const store = new MapStore();
    const provider = new ModelProvider();
    const { id } = requestKey({ ...provider.sampler.identity, prompt: P });
    await store.set({ id, createdAt: 1, metadata: {}, body: Body.bytes(new Uint8Array([1])) });
    expect(await next(persistent(provider.sampler, store).sample(P))).toBe(V1);
    expect(await next(persistent(provider.sampler, store).sample(P))).toBe(V1);
    await store.set({ id, createdAt: 1, staleAt: 2, metadata: {}, body: Body.json("expired") });
    expect(await next(persistent(provider.sampler, store).sample(P))).toBe(V2);
    expect(await next(persistent(provider.sampler, store).sample(P))).toBe(V2);
  });

  describe("a store that fails", () => {
    const failing = (method: "get" | "add"): { store: FaultyStore; provider: ModelProvider; sampler: Sampler } => {
      const store = new FaultyStore(new MapStore());
      const provider = new ModelProvider();
      store.fail(method, new Error("disk full"));
      return { store, provider, sampler: persistent(provider.sampler, store, { leaseMs: 0 }) };
    };

    test("is an error of its own, and nobody is asked where it cannot be read", async () => {
      const { sampler, provider, store } = failing("get");
      const sequence = sampler.sample(P);
      const error: unknown = await sequence.next().catch((caught: unknown) => caught);
      expect(isLLMCacheError(error, "ERR_LLMCACHE_STORE")).toBe(true);
      expect((error as Error).message).toContain("disk full");
      expect(provider.asked).toHaveLength(0);
      store.heal();
      expect(await next(sequence)).toBe(V1);
    });

    test("what was paid for and could not be written is written by the next pull", async () => {
      const { sampler, provider, store } = failing("add");
      const sequence = sampler.sample(P);
      await expect(sequence.next()).rejects.toMatchObject({ code: "ERR_LLMCACHE_STORE" });
      store.heal();
      expect(await next(sequence)).toBe(V1);
      expect(provider.asked).toHaveLength(1);
    });

    test("a write that failed and arrived is not stored twice", async () => {
      const inner = new MapStore();
      let isBroken = true;
      const store: Store = Object.assign(Object.create(inner) as Store, {
        add: async (entry: Parameters<Store["add"]>[0]) => {
          const added = await inner.add(entry);
          if (isBroken) throw new Error("connection lost");
          return added;
        },
        get: inner.get.bind(inner),
        getMany: inner.getMany.bind(inner),
      });
      const provider = new ModelProvider();
      const sampler = persistent(provider.sampler, store, { leaseMs: 0 });
      const sequence = sampler.sample(P);
      await expect(sequence.next()).rejects.toMatchObject({ code: "ERR_LLMCACHE_STORE" });
      isBroken = false;
      expect(await take(sequence, 2)).toEqual([V1, V2]);
    });
  });

  test("options are checked", () => {
    const { sampler } = new ModelProvider();
    expect(() => persistent(sampler, {} as Store)).toThrow(/store/);
    expect(() => persistent(sampler, new MapStore(), { leaseMs: -1 })).toThrow(/leaseMs/);
    expect(() => persistent(sampler, new MapStore(), { replication: "yes" as never })).toThrow(/replication/);
  });
});

describe("replication", () => {
  test("never asks, writes nothing, and the same sequence goes on when the sample appears", async () => {
    const store = new FaultyStore(new MapStore());
    const provider = new ModelProvider();
    const sequence = persistent(provider.sampler, store, { replication: true }).sample(P);
    for (let i = 0; i < 2; i++) await expect(sequence.next()).rejects.toMatchObject({ code: "ERR_LLMCACHE_MISS" });
    expect(provider.asked).toHaveLength(0);
    expect(store.calls.add + store.calls.set).toBe(0);
    await next(persistent(provider.sampler, store).sample(P));
    expect(await next(sequence)).toBe(V1);
    await expect(sequence.next()).rejects.toMatchObject({ code: "ERR_LLMCACHE_MISS" });
  });

  test("below another layer it copies what it has, and a miss stores nothing", async () => {
    const [all, slice] = [new MapStore(), new MapStore()];
    const { sampler } = new ModelProvider();
    await take(persistent(sampler, all).sample(P), 2);
    const sequence = persistent(persistent(sampler, all, { replication: true }), slice).sample(P);
    expect(await take(sequence, 2)).toEqual([V1, V2]);
    await expect(sequence.next()).rejects.toMatchObject({ code: "ERR_LLMCACHE_MISS" });
    expect(await countOf(slice)).toBe(2);
  });

  test("a store that fails is another error", async () => {
    const store = new FaultyStore(new MapStore());
    store.fail(undefined, new Error("gone"));
    const sequence = persistent(new ModelProvider().sampler, store, { replication: true }).sample(P);
    await expect(sequence.next()).rejects.toMatchObject({ code: "ERR_LLMCACHE_STORE" });
  });
});

async function countOf(store: Store): Promise<number> {
  let count = 0;
  for await (const _ of store.entries?.() ?? []) count++;
  return count;
}
