import { setImmediate as later } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { currentCache, LLMCache, MapStore } from "../src/index.ts";
import { answering, Provider, request, stage, turn } from "./stage.ts";

describe("run", () => {
  it("puts its cache and control in force for everything inside, however deep, and ends with its function", async () => {
    const { cache } = stage();
    await cache.set(request(), "stored");
    const deep = async (): Promise<unknown> => {
      await later();
      return [currentCache() === cache, (await cache.through(request(), answering())).status];
    };
    expect(await cache.run({ noCache: true }, deep)).toEqual([true, "miss"]);
    expect(currentCache()).toBeUndefined();
    expect(cache.run(() => currentCache())).toBe(cache);
    expect((await cache.through(request(), answering())).status).toBe("hit");
  });

  it("ends on a throw, and on a rejection", async () => {
    const { cache } = stage();
    expect(() =>
      cache.run(() => {
        throw new Error("sync");
      }),
    ).toThrow("sync");
    expect(currentCache()).toBeUndefined();
    await expect(
      cache.run({ noCache: true }, async () => {
        await later();
        throw new Error("async");
      }),
    ).rejects.toThrow("async");
    expect(currentCache()).toBeUndefined();
  });

  it("two nested runs with different caches: the innermost is in force, each control holds for its own cache", async () => {
    const [a, b] = [new LLMCache({ store: new MapStore() }), new LLMCache({ store: new MapStore() })];
    await a.set(request(), "a");
    await b.set(request(), "b");
    const status = async (cache: LLMCache): Promise<string> =>
      (await cache.through(request(), answering(), { noStore: true })).status;
    await a.run({ noCache: true }, async () => {
      expect(currentCache()).toBe(a);
      await b.run({ namespace: "inner" }, async () => {
        expect(currentCache()).toBe(b);
        expect(await status(a)).toBe("miss");
        expect(await status(b)).toBe("miss");
        expect(b.key(request()).id).not.toBe(a.key(request()).id);
        await a.run({ noCache: false }, async () => {
          expect(currentCache()).toBe(a);
          expect(await status(a)).toBe("hit");
          expect(b.key(request()).id).toBe(new LLMCache().run(() => b.key(request()).id));
        });
        expect(currentCache()).toBe(b);
      });
      expect(currentCache()).toBe(a);
      expect(await status(b)).toBe("hit");
    });
    expect(currentCache()).toBeUndefined();
    expect(await status(a)).toBe("hit");
  });

  it("parallel runs do not see each other", async () => {
    const { cache } = stage();
    const ids = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        cache.run({ namespace: `tenant ${i % 5}` }, async () => {
          for (let hop = 0; hop < i % 7; hop++) await later();
          return cache.key(request()).id;
        }),
      ),
    );
    expect(new Set(ids).size).toBe(5);
    ids.forEach((id, i) => expect(id).toBe(ids[i % 5]));
  });

  it("calls of different namespaces under way are not one", async () => {
    const { cache } = stage();
    const provider = new Provider();
    const calls = ["a", "b"].map((namespace) =>
      cache.run({ namespace }, () => cache.through(request(), provider.produce)),
    );
    await turn();
    expect(provider.count).toBe(2);
    provider.calls.forEach((call, i) => call.answer(i));
    expect((await Promise.all(calls)).map(({ value }) => value)).toEqual([0, 1]);
  });

  it("needs a function", () => {
    expect(() => stage().cache.run({ ttl: 1 } as never)).toThrow(
      expect.objectContaining({ code: "ERR_LLMCACHE_OPTION" }),
    );
    expect(() => stage().cache.run({ tll: 1 } as never, () => 1)).toThrow("tll");
  });
});

describe("mode, enable, disable, update", () => {
  it("opt-in caches only what says use: true, per call or per run", async () => {
    const { cache } = stage({ mode: "opt-in" });
    const produce = answering();
    await cache.through(request(), produce);
    expect((await cache.through(request(), produce)).status).toBe("bypass");
    await cache.through(request(), produce, { use: true });
    await cache.settled();
    expect((await cache.run({ use: true }, () => cache.through(request(), produce))).status).toBe("hit");
    expect((await cache.run({ use: true }, () => cache.through(request(), produce, { use: false }))).status).toBe(
      "bypass",
    );
  });

  it("disable and enable are idempotent, act on what was wrapped before, and let calls under way finish as they began", async () => {
    const own = stage();
    const provider = new Provider<string>();
    const ask = own.cache.wrap(async (_given: string) => "wrapped", { name: "ask" });
    const running = own.cache.through(request(), provider.produce);
    await turn();
    own.cache.disable();
    own.cache.disable();
    await ask("q");
    expect(own.events.at(-1)).toMatchObject({ type: "bypass", reason: "off" });
    provider.last.answer("finished");
    await running;
    await own.cache.settled();
    own.cache.enable();
    own.cache.enable();
    expect((await own.cache.through(request(), provider.produce)).status).toBe("hit");
    await ask("q");
    await own.cache.settled();
    await ask("q");
    expect(own.cache.stats()).toMatchObject({ bypasses: 1, hits: 2 });
  });

  it("update lets calls under way finish as they began: in their store, with their lifetime", async () => {
    const own = stage({ ttl: 10 });
    const provider = new Provider<string>();
    const running = own.cache.through(request(), provider.produce);
    await turn();
    const next = new MapStore();
    own.cache.update({ store: next, ttl: 99 });
    provider.last.answer("old store");
    await running;
    await own.cache.settled();
    const key = own.cache.key(request());
    expect((await own.store.get(key))?.entry.staleAt).toBe(own.clock.now + 10_000);
    expect(await next.get(key)).toBeUndefined();
    expect(own.cache.store).toBe(next);
  });
});

describe("two copies of this package in one program", () => {
  // The query makes the whole graph of its own modules load once more only where the loader passes it on; so the entry and the
  // module that matters are loaded twice.
  it("agree on the cache in force, know each other's errors, and take each other's caches", async () => {
    const copy = (await import(
      /* @vite-ignore */ `${new URL("../src/context.ts", import.meta.url).href}?copy`
    )) as typeof import("../src/context.ts");
    const own = await import("../src/context.ts");
    expect(copy.currentCache).not.toBe(own.currentCache);
    const { cache } = stage();
    cache.run({ namespace: "n" }, () => {
      expect(copy.currentCache()).toBe(cache);
      expect(copy.controlsInForce(cache)).toMatchObject([{ namespace: "n" }]);
    });
    copy.runInFrame(cache, { noCache: true }, () => expect(currentCache()).toBe(cache));
    const errors = (await import(
      /* @vite-ignore */ `${new URL("../src/errors.ts", import.meta.url).href}?copy`
    )) as typeof import("../src/errors.ts");
    const { isLLMCacheError, LLMCacheError } = await import("../src/errors.ts");
    const foreign = new errors.LLMCacheError("ERR_LLMCACHE_MISS", "x");
    expect(foreign instanceof LLMCacheError).toBe(false);
    expect([
      isLLMCacheError(foreign),
      isLLMCacheError(foreign, "ERR_LLMCACHE_MISS"),
      isLLMCacheError(foreign, "ERR_LLMCACHE_STORE"),
      isLLMCacheError(new Error("x")),
    ]).toEqual([true, true, false, false]);
  });
});
