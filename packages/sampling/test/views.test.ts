import { describe, expect, test } from "vitest";
import { LLMCache, MapStore, type AnswerCache, type CacheRequest, type CallOptions } from "@llmcache/core";
import { independent, repeatable } from "@llmcache/sampling";
import { turn } from "./model-provider.ts";

function ask(prompt = "p", more: Partial<CacheRequest> = {}): CacheRequest {
  return { operation: "chat.completions", model: "m", prompt, ...more };
}

/** Answers 1, 2, 3 … */
function model(): { (): Promise<number>; count: number } {
  const produce = async (): Promise<number> => ++produce.count;
  produce.count = 0;
  return produce;
}

async function valueOf(
  cache: AnswerCache,
  produce: () => Promise<number>,
  request = ask(),
  options: CallOptions<number> = {},
): Promise<number> {
  return (await cache.through(request, produce, options)).value;
}

describe("views of a cache", () => {
  test("under independent every identical call gets the next sample; the plain cache is sample 0", async () => {
    const cache = new LLMCache();
    const produce = model();
    expect(await valueOf(cache, produce)).toBe(1);
    const view = independent(cache);
    expect([await valueOf(view, produce), await valueOf(view, produce), await valueOf(view, produce)]).toEqual([
      1, 2, 3,
    ]);
    expect(await valueOf(independent(cache), produce)).toBe(1);
    expect(await valueOf(cache, produce, ask("p", { sample: 2 }))).toBe(3);
    expect(produce.count).toBe(3);
  });

  test("two calls at once get two samples, in the order in which they began", async () => {
    const view = independent(new LLMCache());
    const produce = model();
    expect(await Promise.all([valueOf(view, produce), valueOf(view, produce)])).toEqual([1, 2]);
  });

  test("the retry pattern: each attempt its own, again and again, and the same in the next run", async () => {
    const store = new MapStore();
    const produce = model();
    const run = async (): Promise<number[]> => {
      const cache = new LLMCache({ store });
      const attempts = independent(cache);
      const values: number[] = [];
      for (let attempt = 0; attempt < 3; attempt++) {
        const own = repeatable(attempts);
        values.push(await valueOf(own, produce), await valueOf(own, produce), await valueOf(own, produce, ask("q")));
      }
      await cache.settled();
      return values;
    };
    const first = await run();
    expect(first).toEqual([1, 1, 2, 3, 3, 4, 5, 5, 6]);
    expect(await run()).toEqual(first);
    expect(produce.count).toBe(6);
  });

  test("independent over independent is that one; over repeatable it walks what that has", async () => {
    const produce = model();
    const lower = independent(new LLMCache());
    const upper = independent(lower);
    const own = repeatable(upper);
    expect([await valueOf(lower, produce), await valueOf(upper, produce), await valueOf(own, produce)]).toEqual([
      1, 2, 3,
    ]);
    const walk = independent(own);
    expect([await valueOf(walk, produce), await valueOf(walk, produce)]).toEqual([3, 4]);
    expect(await valueOf(own, produce)).toBe(3);
    expect(await valueOf(own, produce, ask("p", { sample: 1 }))).toBe(4);
  });

  test("namespaces have cursors of their own", async () => {
    const cache = new LLMCache();
    const view = independent(cache);
    const produce = model();
    await valueOf(view, produce);
    expect(await cache.run({ namespace: "seed-2" }, () => valueOf(view, produce))).toBe(2);
    const again = independent(cache);
    expect(await cache.run({ namespace: "seed-2" }, () => valueOf(again, produce))).toBe(2);
    expect(await valueOf(again, produce)).toBe(1);
  });

  test("a position whose pull failed is the next one handed out", async () => {
    const cache = new LLMCache();
    const view = independent(cache);
    const produce = model();
    const failing = view.through(ask(), async () => {
      throw new Error("500");
    });
    const [failed, second] = await Promise.allSettled([failing, valueOf(view, produce)]);
    expect(failed).toMatchObject({ status: "rejected" });
    expect(second).toMatchObject({ value: 1 });
    expect(await valueOf(view, produce)).toBe(2);
    expect(await valueOf(cache, produce)).toBe(2);
    expect(await valueOf(cache, produce, ask("p", { sample: 1 }))).toBe(1);
  });

  test("a repeatable view holds a position while somebody is asking for it", async () => {
    const attempts = independent(new LLMCache());
    const own = repeatable(attempts);
    const { promise, reject } = Promise.withResolvers<number>();
    const calls = [own.through(ask(), () => promise), own.through(ask(), () => promise)];
    await turn();
    const produce = model();
    expect(await valueOf(attempts, produce)).toBe(1);
    reject(new Error("500"));
    await Promise.allSettled(calls);
    expect((await attempts.through(ask(), produce)).key).toEqual(new LLMCache().key(ask()));
  });

  test("bad answers are samples like others; failures, and what is no answer, are not", async () => {
    const cache = new LLMCache();
    const view = independent(cache);
    const produce = model();
    expect(await valueOf(view, produce, ask(), { judge: () => "pass" })).toBe(1);
    expect(await valueOf(cache, produce)).toBe(1);
    expect(await valueOf(view, produce, ask(), { judge: () => "fail" })).toBe(2);
    expect(await valueOf(view, produce, ask(), { judge: () => "none" })).toBe(3);
    expect(await valueOf(view, produce)).toBe(4);
    expect(await valueOf(cache, produce, ask("p", { sample: 1 }))).toBe(4);
  });

  test("reject throws; outcomes are what they were otherwise", async () => {
    const cache = new LLMCache();
    const outcome = await independent(cache).through(ask(), model());
    await cache.settled();
    expect(outcome).toMatchObject({ status: "miss", value: 1, key: cache.key(ask()) });
    expect(outcome.head?.id).toBe(outcome.key.id);
    await expect(outcome.reject()).rejects.toMatchObject({ code: "ERR_LLMCACHE_UNSUPPORTED" });
    expect(await cache.get(ask())).toBeDefined();
  });

  test("calls past the cache use no positions up", async () => {
    const cache = new LLMCache();
    const view = independent(cache);
    const produce = model();
    expect(await valueOf(view, produce, ask(), { use: false })).toBe(1);
    expect(await valueOf(view, produce)).toBe(2);
    expect(await valueOf(cache, produce)).toBe(2);
  });

  test("operations that do not sample pass unchanged", async () => {
    const view = independent(new LLMCache());
    for (const operation of ["embeddings", "moderations", "audio.transcriptions", "audio.translations"]) {
      const produce = model();
      await valueOf(view, produce, ask("p", { operation }));
      const again = await view.through(ask("p", { operation }), produce);
      expect(again.value, operation).toBe(1);
      await again.reject();
    }
  });

  test("what has no identity is the cache's matter", async () => {
    const view = independent(new LLMCache());
    const request = ask(undefined, { prompt: Number.NaN });
    await expect(view.through(request, model())).rejects.toMatchObject({ code: "ERR_LLMCACHE_REQUEST" });
    expect((await view.through(request, model(), { unkeyable: "bypass" })).status).toBe("bypass");
  });

  test("onlyIfCached: a miss uses no position up", async () => {
    const cache = new LLMCache();
    const view = independent(cache);
    await expect(valueOf(view, model(), ask(), { onlyIfCached: true })).rejects.toMatchObject({
      code: "ERR_LLMCACHE_MISS",
    });
    const produce = model();
    await valueOf(view, produce);
    expect(await valueOf(cache, produce)).toBe(1);
  });
});

describe("several samples in one call", () => {
  const many = (n: number): CacheRequest[] => Array.from({ length: n }, (_, sample) => ask("p", { sample }));

  async function valuesOf(cache: AnswerCache, n: number, produce: (n: number) => number[]): Promise<number[]> {
    const outcomes = await cache.throughMany(many(n), async (missing) => produce(missing.length));
    return outcomes.map(({ value }) => value);
  }

  test("a call claims its range at once, and goes on behind the one before", async () => {
    const cache = new LLMCache();
    const view = independent(cache);
    let last = 0;
    const produce = (n: number): number[] => Array.from({ length: n }, () => ++last);
    const [first, second] = await Promise.all([valuesOf(view, 3, produce), valuesOf(view, 2, produce)]);
    expect([first, second]).toEqual([
      [1, 2, 3],
      [4, 5],
    ]);
    await cache.settled();
    expect(await valuesOf(cache, 5, produce)).toEqual([1, 2, 3, 4, 5]);
  });

  test("repeated, a call gets the same; a larger one only the rest anew", async () => {
    const own = repeatable(independent(new LLMCache()));
    const asked: number[] = [];
    let last = 0;
    const produce = (n: number): number[] => (asked.push(n), Array.from({ length: n }, () => ++last));
    expect(await valuesOf(own, 2, produce)).toEqual([1, 2]);
    expect(await valuesOf(own, 5, produce)).toEqual([1, 2, 3, 4, 5]);
    expect(asked).toEqual([2, 3]);
  });

  test("a short answer is asked on; none at all is an error, and gives the range back", async () => {
    const cache = new LLMCache();
    const view = independent(cache);
    const asked: number[] = [];
    let last = 0;
    const short = (n: number): number[] => (asked.push(n), Array.from({ length: Math.ceil(n / 2) }, () => ++last));
    expect(await valuesOf(view, 5, short)).toEqual([1, 2, 3, 4, 5]);
    expect(asked).toEqual([5, 2, 1]);
    await expect(valuesOf(view, 2, () => [])).rejects.toMatchObject({ code: "ERR_LLMCACHE_COUNT" });
    expect(await valuesOf(view, 2, short)).toEqual([6, 7]);
    expect((await cache.through(ask("p", { sample: 5 }), model())).value).toBe(6);
  });

  test("what is asked on keeps its items' own accounts", async () => {
    const view = independent(new LLMCache());
    const outcomes = await view.throughMany([ask("p"), ask("q"), ask("r")], async (missing, run) => {
      run.note({ tokens: missing.length }, 0);
      return [0];
    });
    expect(outcomes.map(({ head }) => head?.metadata.tokens)).toEqual([3, 2, 1]);
  });

  test("what every request took is counted, where a short answer is asked on", async () => {
    const cache = new LLMCache();
    const view = independent(cache);
    await view.throughMany([ask("p"), ask("q"), ask("r")], async (_missing, run) => {
      run.note({ tokens: { input: 10, output: 1 } });
      return [0];
    });
    expect(cache.stats().spent).toMatchObject({ calls: 3, inputTokens: 30, outputTokens: 3 });
  });

  test("an equal item of a list is another call", async () => {
    const view = independent(new LLMCache());
    const outcomes = await view.throughMany([ask(), ask(), ask("q")], async (missing) => missing);
    expect(outcomes.map(({ value }) => value)).toEqual([0, 1, 2]);
  });
});

describe("streams", () => {
  const codec = {
    encode: (chunks: readonly number[]): number[] => [...chunks],
    decode: (body: { json(): unknown }): number[] => body.json() as number[],
  };

  async function* chunks(...values: (number | Error)[]): AsyncGenerator<number> {
    for (const value of values) {
      if (value instanceof Error) throw value;
      yield value;
    }
  }

  async function read(cache: AnswerCache, ...values: (number | Error)[]): Promise<number[]> {
    const { value } = await cache.stream<number>(ask(), () => chunks(...values), codec);
    const list: number[] = [];
    for await (const chunk of value) list.push(chunk);
    return list;
  }

  test("each call reads the next sample", async () => {
    const cache = new LLMCache();
    const view = independent(cache);
    expect([await read(view, 1, 2), await read(view, 3)]).toEqual([[1, 2], [3]]);
    await cache.settled();
    const again = independent(cache);
    expect([await read(again, 9), await read(again, 9), await read(again, 5)]).toEqual([[1, 2], [3], [5]]);
  });

  test("one that breaks off is no sample: its position is the next one handed out", async () => {
    const cache = new LLMCache();
    const view = independent(cache);
    await expect(read(view, 1, new Error("cut"))).rejects.toThrow("cut");
    expect(await read(view, 2)).toEqual([2]);
    await cache.settled();
    expect(await read(cache, 9)).toEqual([2]);
  });

  test("what was seen in part is not handed out again", async () => {
    const view = independent(new LLMCache());
    const { value } = await view.stream<number>(ask(), () => chunks(1, 2), codec);
    for await (const chunk of value) {
      expect(chunk).toBe(1);
      break;
    }
    const { key } = await view.stream<number>(ask(), () => chunks(3), codec);
    expect(key).toEqual(new LLMCache().key(ask("p", { sample: 1 })));
  });
});
