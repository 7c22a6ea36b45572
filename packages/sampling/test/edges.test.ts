import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { LLMCache, MapStore, requestKey, type CacheKey, type Store, type StoreHit } from "@llmcache/core";
import { FaultyStore } from "@llmcache/core/conformance";
import { functionSampler, independent, persistent, repeatable, take, type Sampler } from "@llmcache/sampling";
import { ModelProvider, next, turn } from "./model-provider.ts";

const P = "p";
const IDENTITY = { operation: "sample", model: "m" };

/** A store of which single methods are others. */
function storeWith(more: Partial<Store>, inner: MapStore = new MapStore()): Store {
  const methods = ["get", "set", "add", "delete", "clear", "getMany"] as const;
  const bound = Object.fromEntries(methods.map((name) => [name, inner[name].bind(inner)]));
  return Object.assign(Object.create(inner) as Store, bound, more);
}

function idOf(sample: number): string {
  return requestKey({ ...IDENTITY, prompt: P, sample }).id;
}

/** Requests that heed no signal, answered by hand. */
function deaf(): { sampler: Sampler; asked: { resolve(texts: string[]): void; reject(error: unknown): void }[] } {
  const asked: { resolve(texts: string[]): void; reject(error: unknown): void }[] = [];
  const sampler = functionSampler(
    () => new Promise<string[]>((resolve, reject) => void asked.push({ resolve, reject })),
    IDENTITY,
  );
  return { sampler, asked };
}

/** Somebody else's sampler, with an endless generator. */
function foreign(value: (position: number) => string | Promise<string>): Sampler {
  const { totals, maxBatch, identity } = new ModelProvider().sampler;
  return {
    totals,
    maxBatch,
    identity,
    async *sample(_prompt, { from = 0 } = {}) {
      for (let position = from; ; position++) yield value(position);
    },
  };
}

describe("who leaves", () => {
  test("takes the late failure of his request with him", async () => {
    const { sampler, asked } = deaf();
    const shared = independent(sampler);
    const controller = new AbortController();
    const left = shared.sample(P, { signal: controller.signal }).next();
    await turn();
    controller.abort(new Error("left"));
    await expect(left).rejects.toThrow("left");
    const stayed = next(shared.sample(P));
    await turn();
    asked[0]?.reject(new Error("late"));
    await turn();
    asked[1]?.resolve(["value"]);
    expect(await stayed).toBe("value");
    expect(asked).toHaveLength(2);
  });

  test("does not fail who joined his pull before it ended: that one begins anew", async () => {
    const slow = Promise.withResolvers<undefined>();
    const inner = new MapStore();
    const get = vi.fn<Store["get"]>(async (key) => inner.get(key));
    get.mockImplementationOnce(() => slow.promise);
    const sampler = persistent(new ModelProvider().sampler, storeWith({ get }, inner), { leaseMs: 0 });
    const controller = new AbortController();
    const left = sampler.sample(P, { signal: controller.signal }).next();
    await turn();
    controller.abort(new Error("left"));
    await expect(left).rejects.toThrow("left");
    const joined = next(sampler.sample(P));
    await turn();
    expect(get).toHaveBeenCalledTimes(1);
    slow.resolve(undefined);
    expect(await joined).toBe(`"p" 1`);
  });

  test("leaves what comes late from somebody else's sampler to the others", async () => {
    const answers: ((text: string) => void)[] = [];
    const shared = independent(foreign(() => new Promise((resolve) => void answers.push(resolve))));
    const controller = new AbortController();
    const left = shared.sample(P, { signal: controller.signal }).next();
    await turn();
    controller.abort(new Error("left"));
    await expect(left).rejects.toThrow("left");
    answers[0]?.("paid");
    await turn();
    expect(await next(shared.sample(P))).toBe("paid");
    expect(answers).toHaveLength(1);
  });

  test("is left: nothing more comes, also of what is remembered", async () => {
    const controller = new AbortController();
    const sampler = repeatable(new ModelProvider().sampler);
    const sequence = sampler.sample(P, { signal: controller.signal });
    await take(sampler.sample(P), 2);
    await next(sequence);
    controller.abort(new Error("enough"));
    await expect(sequence.next()).rejects.toThrow("enough");
  });
});

describe("what is given back", () => {
  test("through an independent is the next value, and nobody is asked again", async () => {
    const store = new MapStore();
    const one = new ModelProvider();
    one.byHand = true;
    const sampler = persistent(independent(one.sampler), store, { leaseMs: 0 });
    const pull = next(sampler.sample(P));
    await turn();
    await next(
      persistent(
        functionSampler(async () => ["other"], IDENTITY),
        store,
        { leaseMs: 0 },
      ).sample(P),
    );
    one.last.answer(["mine"]);
    expect(await pull).toBe("other");
    expect(await take(sampler.sample(P), 2)).toEqual(["other", "mine"]);
    expect(one.asked).toHaveLength(1);
  });

  test("is what cannot be kept, so that it is not asked for again", async () => {
    const root = mkdtempSync(join(tmpdir(), "llmcache-sampling-"));
    try {
      let asked = 0;
      const objects = functionSampler<string, object>(async () => [{ n: ++asked }], {
        ...IDENTITY,
        settings: { temperature: 1 },
      });
      const sequence = persistent(objects, root).sample(P);
      for (let i = 0; i < 3; i++)
        await expect(sequence.next()).rejects.toMatchObject({ code: "ERR_LLMCACHE_UNSUPPORTED" });
      expect(asked).toBe(1);
    } finally {
      rmSync(root, { recursive: true });
    }
  });

  test("is nothing between two layers of one directory: each value is handed out once", async () => {
    const root = mkdtempSync(join(tmpdir(), "llmcache-sampling-"));
    try {
      const { sampler } = new ModelProvider(1, { ...IDENTITY, settings: { temperature: 1 } });
      const between = independent(persistent(sampler, root));
      const upper = persistent(between, root);
      expect(await next(upper.sample(P))).toBe(`"p" 1`);
      expect(await next(between.sample(P))).toBe(`"p" 2`);
    } finally {
      rmSync(root, { recursive: true });
    }
  });
});

describe("values are drawn in the order of the pulls", () => {
  test("though none waits for another's answer", async () => {
    const provider = new ModelProvider();
    provider.byHand = true;
    const sequence = persistent(provider.sampler, new MapStore()).sample(P);
    const pulls = [next(sequence), next(sequence)];
    await turn();
    expect(provider.asked).toHaveLength(2);
    for (const [index, asked] of provider.asked.entries()) asked.answer([`value ${index}`]);
    expect(await Promise.all(pulls)).toEqual(["value 0", "value 1"]);
  });

  test("also where an earlier position takes longer to look for", async () => {
    const slow = Promise.withResolvers<undefined>();
    const inner = new MapStore();
    const store = storeWith(
      { get: (key: CacheKey) => (key.id === idOf(0) ? slow.promise.then(() => inner.get(key)) : inner.get(key)) },
      inner,
    );
    const sequence = persistent(new ModelProvider().sampler, store, { leaseMs: 0 }).sample(P);
    const pulls = [next(sequence), next(sequence)];
    await turn(5);
    slow.resolve(undefined);
    expect(await Promise.all(pulls)).toEqual([`"p" 1`, `"p" 2`]);
  });

  test("also where an earlier one is looked for in a page", async () => {
    const slow = Promise.withResolvers<undefined>();
    const inner = new MapStore();
    const seed = persistent(new ModelProvider().sampler, inner);
    await take(seed.sample(P), 1);
    let isSlow = false;
    const store = storeWith(
      {
        getMany: async (keys: readonly CacheKey[]): Promise<readonly (StoreHit | undefined)[]> => {
          if (isSlow) await slow.promise;
          return inner.getMany(keys);
        },
      },
      inner,
    );
    const provider = new ModelProvider();
    const sequence = persistent(provider.sampler, store, { leaseMs: 0 }).sample(P);
    await next(sequence);
    isSlow = true;
    // The first two are looked for in a page, the third one alone.
    const pulls = [next(sequence), next(sequence), next(sequence)];
    await turn(5);
    expect(provider.asked).toHaveLength(0);
    slow.resolve(undefined);
    expect(await Promise.all(pulls)).toEqual([`"p" 1`, `"p" 2`, `"p" 3`]);
  });
});

test("an entry of another id is no sample of this one", async () => {
  const inner = new MapStore();
  await take(
    persistent(
      functionSampler(async () => ["foreign"], { operation: "other" }),
      inner,
    ).sample(P),
    1,
  );
  const other = await inner.get({ id: requestKey({ operation: "other", prompt: P }).id });
  let isWrong = true;
  const store = storeWith({ get: async (key: CacheKey) => (isWrong ? other : inner.get(key)) }, inner);
  const replay = persistent(new ModelProvider().sampler, store, { replication: true }).sample(P);
  await expect(replay.next()).rejects.toMatchObject({ code: "ERR_LLMCACHE_MISS" });
  isWrong = false;
  await expect(replay.next()).rejects.toMatchObject({ code: "ERR_LLMCACHE_MISS" });
});

test("somebody else's sequence is opened where the positions go on", async () => {
  const sampler = repeatable(foreign((position) => `at ${position}`));
  expect(await take(sampler.sample(P), 2)).toEqual(["at 0", "at 1"]);
  expect(await take(sampler.sample(P, { from: 5 }), 2)).toEqual(["at 5", "at 6"]);
  expect(await take(sampler.sample(P), 8)).toEqual(Array.from({ length: 8 }, (_, position) => `at ${position}`));
});

test("a request that is sent again is one more, and one more that failed", async () => {
  const sampler = functionSampler(async (_prompt, _count, run) => {
    run.again();
    run.again();
    return ["x"];
  }, IDENTITY);
  await next(sampler.sample(P));
  expect(sampler.totals()).toMatchObject({ requests: 3, failedRequests: 2, samples: 1 });
});

describe("leases", () => {
  const lease = (position: number): CacheKey => requestKey({ operation: "llmcache.lease", prompt: idOf(position) });
  afterEach(() => void vi.useRealTimers());

  test("are not taken for what is left of a batch", async () => {
    const store = new FaultyStore(new MapStore());
    await take(persistent(new ModelProvider(3).sampler, store).sample(P, { batch: 3 }), 3);
    // One lease, three samples.
    expect(store.calls.add).toBe(4);
  });

  test("are taken where what was left went to another pull", async () => {
    const store = new FaultyStore(new MapStore());
    const sequence = persistent(new ModelProvider(2).sampler, store).sample(P, { batch: 2 });
    await next(sequence);
    await Promise.all([next(sequence), next(sequence)]);
    // Two leases, three samples.
    expect(store.calls.add).toBe(5);
  });

  test("of others hold up nobody who wants another sample", async () => {
    const store = new MapStore();
    const [one, two] = [new ModelProvider(), new ModelProvider()];
    one.byHand = two.byHand = true;
    const first = next(persistent(one.sampler, store).sample(P));
    await turn();
    const sequence = persistent(two.sampler, store).sample(P);
    const pulls = [next(sequence), next(sequence)];
    await turn();
    expect(two.asked).toHaveLength(1);
    two.last.answer(["second"]);
    expect(await pulls[1]).toBe("second");
    one.last.answer(["first"]);
    expect(await Promise.all([first, pulls[0]])).toEqual(["first", "first"]);
  });

  test("leave no timer behind", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    const provider = new ModelProvider();
    await take(persistent(provider.sampler, new MapStore()).sample(P), 3);
    provider.nextError = new Error("500");
    await expect(persistent(provider.sampler, new MapStore()).sample(P).next()).rejects.toThrow("500");
    expect(vi.getTimerCount()).toBe(0);
  });

  test("are renewed for as long as the provider takes", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    let now = 1000;
    const store = new MapStore();
    const provider = new ModelProvider();
    provider.byHand = true;
    const pull = next(persistent(provider.sampler, store, { leaseMs: 300, clock: () => now }).sample(P));
    await turn();
    for (let i = 0; i < 10; i++) {
      now += 100;
      await vi.advanceTimersByTimeAsync(100);
      await turn();
    }
    expect((await store.get(lease(0)))?.entry.deleteAt).toBe(now + 300);
    provider.last.answer(["a"]);
    expect(await pull).toBe("a");
    expect(await store.get(lease(0))).toBeUndefined();
  });

  test("of others are left alone by who has lost his own", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    let now = 1000;
    const options = { leaseMs: 300, clock: () => now };
    const store = new MapStore();
    const [one, two] = [new ModelProvider(), new ModelProvider()];
    one.byHand = two.byHand = true;
    const first = persistent(one.sampler, store, options).sample(P).next();
    await turn();
    now += 301;
    const second = next(persistent(two.sampler, store, options).sample(P));
    await turn();
    expect(two.asked).toHaveLength(1);
    one.last.fail(new Error("late"));
    await expect(first).rejects.toThrow("late");
    expect(await store.get(lease(0))).toBeDefined();
    two.last.answer(["two"]);
    expect(await second).toBe("two");
  });
});

describe("a repeatable view", () => {
  const request = { operation: "chat.completions", prompt: P };
  const sampleOf = async (view: ReturnType<typeof independent<never, never>> | LLMCache): Promise<unknown> =>
    (await (view as LLMCache).through(request, async () => "new")).key.id;
  const keyOf = (sample: number): string => new LLMCache().key({ ...request, sample }).id;

  test("keeps its position when one of two who ask leaves", async () => {
    const attempts = independent(new LLMCache());
    const own = repeatable(attempts);
    const { promise, resolve } = Promise.withResolvers<string>();
    const controller = new AbortController();
    const left = own.through(request, () => promise, { signal: controller.signal });
    const stayed = own.through(request, () => promise);
    await turn();
    controller.abort(new Error("left"));
    await expect(left).rejects.toThrow("left");
    expect(await sampleOf(attempts as never)).toBe(keyOf(1));
    resolve("value");
    expect((await stayed).key.id).toBe(keyOf(0));
    expect(await sampleOf(attempts as never)).toBe(keyOf(2));
  });

  test("keeps its position when a later call for it fails", async () => {
    const attempts = independent(new LLMCache());
    const own = repeatable(attempts);
    await own.through(request, async () => "value");
    const again = own.through(
      request,
      async () => {
        throw new Error("500");
      },
      { noCache: true },
    );
    await expect(again).rejects.toThrow("500");
    expect(await sampleOf(attempts as never)).toBe(keyOf(1));
  });
});
