import { getEventListeners } from "node:events";
import { describe, expect, test } from "vitest";
import { functionSampler, independent, take, type Sampler } from "@llmcache/sampling";
import { ModelProvider, next, turn } from "./model-provider.ts";

const IDENTITY = { operation: "sample", model: "m" };

describe("a provider's sequence", () => {
  test("nothing is asked before a value is pulled, and nothing is thrown", async () => {
    const provider = new ModelProvider();
    const sequence = provider.sampler.sample("p");
    const cyclic: unknown[] = [];
    cyclic.push(cyclic);
    const broken = (provider.sampler as unknown as Sampler<unknown>).sample(cyclic);
    await turn();
    expect(provider.asked).toHaveLength(0);
    await next(sequence);
    expect(provider.asked).toHaveLength(1);
    await expect(broken.next()).rejects.toMatchObject({ code: "ERR_LLMCACHE_REQUEST" });
    expect(provider.asked).toHaveLength(1);
  });

  test("each call is a fresh sequence with a buffer of its own", async () => {
    const provider = new ModelProvider(3);
    const [first, second] = [provider.sampler.sample("p", { batch: 3 }), provider.sampler.sample("p", { batch: 3 })];
    expect(await take(first, 2)).toEqual([`"p" 1`, `"p" 2`]);
    expect(await take(second, 1)).toEqual([`"p" 4`]);
    expect(await take(first, 1)).toEqual([`"p" 3`]);
    expect(provider.counts).toEqual([3, 3]);
  });

  test.each([
    { pulled: 40, batch: 20, maxBatch: 10, counts: [10, 10, 10, 10] },
    { pulled: 20, batch: 20, maxBatch: 10, counts: [10, 10] },
    { pulled: 15, batch: 15, maxBatch: 10, counts: [8, 8] },
    { pulled: 7, batch: 7, maxBatch: 3, counts: [3, 3, 3] },
    { pulled: 3, batch: 3, maxBatch: 2, counts: [2, 2] },
    { pulled: 3, batch: 1, maxBatch: 10, counts: [1, 1, 1] },
    { pulled: 2, batch: 5, maxBatch: 1, counts: [1, 1] },
  ])("$pulled in batches of $batch with a limit of $maxBatch: $counts", async ({ pulled, batch, maxBatch, counts }) => {
    const provider = new ModelProvider(maxBatch);
    const values = await take(provider.sampler.sample("p", { batch }), pulled);
    expect(new Set(values).size).toBe(pulled);
    expect(provider.counts).toEqual(counts);
  });

  test("batch and maxBatch are 1 by default", async () => {
    const counts: number[] = [];
    const sampler = functionSampler(async (_, count) => (counts.push(count), ["x"]), IDENTITY);
    expect(sampler.maxBatch).toBe(1);
    await take(sampler.sample("p"), 2);
    expect(counts).toEqual([1, 1]);
  });

  test("more samples than asked for are kept, fewer are asked on", async () => {
    const provider = new ModelProvider(4);
    provider.byHand = true;
    const sequence = provider.sampler.sample("p", { batch: 4 });
    const pulls = take(sequence, 6);
    provider.last.answer(["a"]);
    await turn();
    expect(provider.counts).toEqual([4, 4]);
    provider.last.answer(["b", "c", "d", "e", "f"]);
    expect(await pulls).toEqual(["a", "b", "c", "d", "e", "f"]);
    expect(provider.counts).toEqual([4, 4]);
  });

  test("no samples are an error, not an endless loop", async () => {
    let asked = 0;
    const sampler = functionSampler(async () => (asked++, []), IDENTITY);
    await expect(sampler.sample("p").next()).rejects.toMatchObject({ code: "ERR_LLMCACHE_COUNT" });
    expect(asked).toBe(1);
    const noList = functionSampler((async () => "text") as never, IDENTITY);
    await expect(noList.sample("p").next()).rejects.toMatchObject({ code: "ERR_LLMCACHE_COUNT" });
  });

  test("an error is passed on as it is, and the next pull tries again", async () => {
    const provider = new ModelProvider();
    const sequence = provider.sampler.sample("p");
    const error = new Error("429");
    provider.nextError = error;
    await expect(sequence.next()).rejects.toBe(error);
    expect(await take(sequence, 2)).toEqual([`"p" 1`, `"p" 2`]);
  });

  test("what is thrown synchronously rejects the pull", async () => {
    const sampler = functionSampler(() => {
      throw new Error("at once");
    }, IDENTITY);
    await expect(sampler.sample("p").next()).rejects.toThrow("at once");
  });

  test("leaving a loop early, and throwing into it, does not end the sequence", async () => {
    const sequence = new ModelProvider().sampler.sample("p");
    for await (const value of sequence) {
      expect(value).toBe(`"p" 1`);
      break;
    }
    await expect(
      (async () => {
        for await (const _ of sequence) throw new Error("in the loop");
      })(),
    ).rejects.toThrow("in the loop");
    await expect(sequence.throw?.(new Error("thrown in"))).rejects.toThrow("thrown in");
    expect(await next(sequence)).toBe(`"p" 3`);
  });

  test("pulls at once share requests where these are large enough, and are served in their order", async () => {
    const provider = new ModelProvider(2);
    const sequence = provider.sampler.sample("p", { batch: 2 });
    const values = await Promise.all([next(sequence), next(sequence), next(sequence)]);
    expect(values).toEqual([`"p" 1`, `"p" 2`, `"p" 3`]);
    expect(provider.counts).toEqual([2, 2]);
  });

  test("a request that fails fails one pull; who had hoped for it too asks on", async () => {
    const provider = new ModelProvider(2);
    provider.byHand = true;
    const sequence = provider.sampler.sample("p", { batch: 2 });
    const [first, second] = [sequence.next(), sequence.next()];
    await turn();
    expect(provider.counts).toEqual([2]);
    provider.last.fail(new Error("503"));
    await expect(first).rejects.toThrow("503");
    expect(provider.counts).toEqual([2, 2]);
    provider.last.answer(["a", "b"]);
    expect((await second).value).toBe("a");
    expect(await next(sequence)).toBe("b");
  });

  test("options are checked", () => {
    const { sampler } = new ModelProvider();
    for (const options of [{ batch: 0 }, { batch: 1.5 }, { from: -1 }])
      expect(() => sampler.sample("p", options)).toThrow(/whole number/);
    expect(() => functionSampler(async () => [""], IDENTITY, { maxBatch: 0 })).toThrow(/maxBatch/);
    expect(() => functionSampler("no function" as never, IDENTITY)).toThrow(/fn/);
    expect(() => functionSampler(async () => [""], { operation: "" })).toThrow(/operation/);
  });
});

describe("aborting", () => {
  test("an aborted pull rejects with the reason, its request is told, and the position stays", async () => {
    const provider = new ModelProvider();
    provider.byHand = true;
    const controller = new AbortController();
    const sequence = provider.sampler.sample("p", { signal: controller.signal });
    const pull = sequence.next();
    await turn();
    controller.abort(new Error("enough"));
    await expect(pull).rejects.toThrow("enough");
    expect(provider.last.run.signal.aborted).toBe(true);
    await expect(sequence.next()).rejects.toThrow("enough");
    expect(provider.asked).toHaveLength(1);
  });

  test("a request that others still wait for goes on, and what came for who left is kept", async () => {
    const asked: ((samples: string[]) => void)[] = [];
    const sampler = functionSampler(() => new Promise<string[]>((resolve) => void asked.push(resolve)), IDENTITY, {
      maxBatch: 2,
    });
    const controller = new AbortController();
    const shared = sharedFeedOf(sampler);
    const [first, second] = [shared.sample("p", { batch: 2, signal: controller.signal }), shared.sample("p")];
    const [left, stayed] = [first.next(), second.next()];
    await turn();
    controller.abort(new Error("left"));
    await expect(left).rejects.toThrow("left");
    asked[0]?.(["a", "b"]);
    expect((await stayed).value).toBe("a");
    expect(await next(second)).toBe("b");
    expect(asked).toHaveLength(1);
  });

  test("an answer that comes in spite of the abort is kept", async () => {
    const asked: ((samples: string[]) => void)[] = [];
    const sampler = functionSampler(() => new Promise<string[]>((resolve) => void asked.push(resolve)), IDENTITY);
    const shared = sharedFeedOf(sampler);
    const controller = new AbortController();
    const left = shared.sample("p", { signal: controller.signal }).next();
    await turn();
    controller.abort(new Error("left"));
    await expect(left).rejects.toThrow("left");
    asked[0]?.(["paid"]);
    await turn();
    expect(await next(shared.sample("p"))).toBe("paid");
    expect(asked).toHaveLength(1);
  });

  test("no listeners stay on a signal", async () => {
    const controller = new AbortController();
    const provider = new ModelProvider();
    await take(sharedFeedOf(provider.sampler).sample("p", { signal: controller.signal }), 5);
    await take(provider.sampler.sample("p", { signal: controller.signal }), 5);
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
  });
});

describe("prompts and samples", () => {
  test("are what they were when they were given", async () => {
    const seen: unknown[] = [];
    const sampler = functionSampler<{ role: string }[], { n: number }>(async (prompt) => {
      seen.push(structuredClone(prompt));
      prompt.push({ role: "changed by the provider" });
      return [{ n: 1 }];
    }, IDENTITY);
    const messages = [{ role: "user" }];
    const sequence = sampler.sample(messages);
    messages.push({ role: "assistant" });
    await take(sequence, 2);
    expect(seen).toEqual([[{ role: "user" }], [{ role: "user" }]]);
  });

  test("a sample that is no JSON is an error that names it", async () => {
    const sampler = functionSampler<string, unknown>(async () => [undefined], IDENTITY);
    await expect(sampler.sample("p").next()).rejects.toMatchObject({ code: "ERR_LLMCACHE_VALUE" });
  });

  test("the identity is a copy, and frozen", () => {
    const identity = { operation: "sample", settings: { temperature: 1 } };
    const sampler = functionSampler(async () => [""], identity);
    identity.settings.temperature = 2;
    expect(sampler.identity.settings).toEqual({ temperature: 1 });
    expect(Object.isFrozen(sampler.identity)).toBe(true);
  });
});

describe("totals", () => {
  test("count requests, failures, samples, tokens and money", async () => {
    const error = new Error("first");
    let asked = 0;
    const sampler = functionSampler(
      async (_, count, run) => {
        run.note({ tokens: { input: 10, output: 2 * count }, cost: 0.5, model: "m-2026" });
        if (asked++ === 0) throw error;
        return Array.from({ length: count }, String);
      },
      IDENTITY,
      { maxBatch: 3 },
    );
    const sequence = sampler.sample("p", { batch: 3 });
    await expect(sequence.next()).rejects.toBe(error);
    await next(sequence);
    const { durationMs, ...rest } = sampler.totals();
    expect(rest).toEqual({ requests: 2, failedRequests: 1, samples: 3, inputTokens: 20, outputTokens: 12, cost: 1 });
    expect(durationMs).toBeGreaterThanOrEqual(0);
  });
});

/** One sequence for everybody: what is left in it can be seen. */
function sharedFeedOf(sampler: Sampler): Sampler {
  return independent(sampler);
}
