import { APICallError } from "@ai-sdk/provider";
import { LLMCache } from "@llmcache/core";
import { generateText, stepCountIs, tool, wrapLanguageModel } from "ai";
import { MockLanguageModelV4 } from "ai/test";
import { describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { cachedTool, cacheMiddleware, type CachedToolOptions } from "../src/index.ts";
import { aiSdkSampler } from "../src/sampler.ts";
import { countingModel, textAnswer, usage } from "./answers.ts";

describe("cachedTool", () => {
  let count = 0;
  const inputSchema = z.object({ q: z.string() });
  const search = tool({
    description: "searches",
    inputSchema,
    execute: async ({ q }) => ({ q, count: ++count, at: new Date(count) }),
  });
  const common = { name: "search", ttl: "1h", tenant: false } as const;
  const options = { toolCallId: "1", messages: [], context: {} } as never;

  test("results are kept by name, version, tenant and input, with their types", async () => {
    const cache = new LLMCache();
    const run = async (q: string, change: Partial<CachedToolOptions<{ q: string }>> = {}) => {
      const result = await cachedTool(search, { ...common, cache, ...change }).execute({ q }, options);
      await cache.settled();
      return result;
    };
    const first = await run("a");
    expect(await run("a")).toStrictEqual(first);
    const others = [
      run("b"),
      run("a", { tenant: "t1" }),
      run("a", { tenant: "t2" }),
      run("a", { version: "2" }),
      run("a", { name: "find" }),
    ];
    const counts = (await Promise.all(others)).map((result) => (result as { count: number }).count);
    expect(new Set([...counts, (first as { count: number }).count]).size).toBe(6);
    expect(await run("a", { tenant: ({ q }) => `t-${q}` })).not.toEqual(first);
    await expect(run("a", { tenant: () => "" })).rejects.toMatchObject({ code: "ERR_LLMCACHE_OPTION" });
  });

  test("in a loop of steps the tool runs once", async () => {
    const cache = new LLMCache();
    let runs = 0;
    const inner = new MockLanguageModelV4({
      doGenerate: async ({ prompt }) =>
        prompt.at(-1)?.role === "tool"
          ? textAnswer("done")
          : {
              content: [{ type: "tool-call", toolCallId: "c", toolName: "search", input: '{"q":"x"}' }],
              finishReason: { unified: "tool-calls", raw: undefined },
              usage,
              warnings: [],
            },
    });
    const counted = tool({ inputSchema, execute: async () => ++runs });
    const model = wrapLanguageModel({ model: inner, middleware: cacheMiddleware(cache) });
    const tools = { search: cachedTool(counted, { ...common, cache }) };
    for (let i = 0; i < 2; i++) {
      const { steps } = await generateText({ model, prompt: "x", tools, stopWhen: stepCountIs(2) });
      expect(steps[0]?.toolResults[0]?.output).toBe(1);
      await cache.settled();
    }
    expect(runs).toBe(1);
  });

  test("failures, nothing and results that say isError are not kept", async () => {
    const cache = new LLMCache();
    const results: (() => unknown)[] = [
      () => {
        throw new Error("down");
      },
      () => undefined,
      () => ({ isError: true }),
      () => "well",
      () => "later",
    ];
    const flaky = tool({ inputSchema, execute: async () => results.shift()?.() });
    const { execute } = cachedTool(flaky, { ...common, cache });
    const run = async () => {
      const result: unknown = await execute?.({ q: "a" }, options);
      await cache.settled();
      return result;
    };
    await expect(run()).rejects.toThrow("down");
    expect([await run(), await run(), await run(), await run()]).toEqual([
      undefined,
      { isError: true },
      "well",
      "well",
    ]);
  });

  test("who joins a run is not affected when the one who began it leaves", async () => {
    const cache = new LLMCache();
    const began: PromiseWithResolvers<string>[] = [];
    const slow = tool({
      inputSchema,
      execute: (_input, { abortSignal }) => {
        const run = Promise.withResolvers<string>();
        abortSignal?.addEventListener("abort", () => run.reject(abortSignal.reason as Error));
        began.push(run);
        return run.promise;
      },
    });
    const { execute } = cachedTool(slow, { ...common, cache });
    const leaves = new AbortController();
    const first = Promise.resolve(
      execute?.({ q: "a" }, { ...(options as object), abortSignal: leaves.signal } as never),
    );
    await vi.waitFor(() => expect(began).toHaveLength(1));
    const second = Promise.resolve(execute?.({ q: "a" }, options));
    await new Promise(setImmediate);
    leaves.abort();
    await expect(first).rejects.toThrow();
    for (const { resolve } of began) resolve("found");
    expect(await second).toBe("found");
    expect(began).toHaveLength(1);
  });

  const refused: [string, object, object?][] = [
    ["has side effects", { execute: async () => 1, annotations: { readOnlyHint: false } }],
    ["has side effects", { execute: async () => 1, metadata: { annotations: { destructiveHint: true } } }],
    ["has side effects", { execute: async () => 1 }, { annotations: { destructiveHint: true } }],
    ["have to be approved", { execute: async () => 1, needsApproval: true }],
    ["no execute", {}],
    [
      "preliminary results",
      {
        async *execute() {
          yield 1;
        },
      },
    ],
    ["tenant must be", { execute: async () => 1 }, { tenant: undefined }],
    ["ttl is missing", { execute: async () => 1 }, { ttl: undefined }],
    ["name must be", { execute: async () => 1 }, { name: "" }],
  ];
  test.each(refused)("refused: %s (%#)", (message, of, change) => {
    expect(() => cachedTool(of as never, { ...common, ...change })).toThrow(
      expect.objectContaining({
        code: "ERR_LLMCACHE_OPTION",
        message: expect.stringContaining(message) as string,
      }) as Error,
    );
  });

  test("a tool that says it only reads may be cached though its calls are approved", () => {
    const approved = { execute: async () => 1, needsApproval: true, annotations: { readOnlyHint: true } };
    expect(cachedTool(approved as never, common)).toMatchObject({ needsApproval: true });
  });
});

describe("aiSdkSampler", () => {
  test("each sample asks anew, past a cache in the model", async () => {
    const inner = countingModel();
    const model = wrapLanguageModel({ model: inner, middleware: cacheMiddleware(new LLMCache()) });
    const sampler = aiSdkSampler({
      model,
      temperature: 1,
      settings: { maxOutputTokens: 5 },
      alias: "m",
      price: () => 0.5,
    });
    const samples: string[] = [];
    for await (const sample of sampler.sample("hello")) if (samples.push(sample) === 3) break;
    expect(samples).toEqual(["answer 1", "answer 2", "answer 3"]);
    expect(sampler.identity).toMatchObject({
      operation: "sample",
      model: "m",
      settings: { temperature: 1, maxOutputTokens: 5 },
    });
    expect(sampler.totals()).toMatchObject({ cost: 1.5 });
    expect(inner.doGenerateCalls[0]).toMatchObject({ temperature: 1, maxOutputTokens: 5, prompt: [{ role: "user" }] });
  });

  test("content is another kind of sample, with tool calls", async () => {
    const content = [
      { type: "tool-call" as const, toolCallId: "c", toolName: "t", input: "{}", dynamic: undefined as never },
    ];
    const inner = new MockLanguageModelV4({ doGenerate: { ...textAnswer(""), content } });
    const prompt = { prompt: [{ role: "user" as const, content: [{ type: "text" as const, text: "x" }] }], tools: [] };
    const sampler = aiSdkSampler({ model: inner, samples: "content" });
    const { value } = await sampler.sample(prompt).next();
    expect(value).toEqual([{ type: "tool-call", toolCallId: "c", toolName: "t", input: "{}" }]);
    expect(sampler.identity.operation).not.toBe(aiSdkSampler({ model: inner }).identity.operation);
    await expect(aiSdkSampler({ model: inner }).sample(prompt).next()).rejects.toMatchObject({
      code: "ERR_LLMCACHE_REQUEST",
    });
  });

  test("failures that may pass are tried again, after the time that the provider wants", async () => {
    const error = (statusCode: number, responseHeaders = {}) =>
      new APICallError({ message: "no", url: "u", requestBodyValues: {}, statusCode, responseHeaders });
    const failures: Error[] = [error(429, { "retry-after": "2" }), error(503, { "retry-after-ms": "5" })];
    const waits: number[] = [];
    const model = new MockLanguageModelV4({
      doGenerate: async () => {
        const failure = failures.shift();
        if (failure) throw failure;
        return textAnswer("well");
      },
    });
    const sampler = aiSdkSampler({ model, sleep: async (ms) => void waits.push(ms) });
    expect((await sampler.sample("x").next()).value).toBe("well");
    expect(waits).toEqual([2000, 5]);
    failures.push(error(400));
    await expect(sampler.sample("x").next()).rejects.toMatchObject({ statusCode: 400 });
    failures.push(error(429, { "retry-after": "600" }));
    await expect(sampler.sample("x").next()).rejects.toMatchObject({ statusCode: 429 });
  });

  test.each([
    [{ model: {} }],
    [{ temperature: Number.NaN }],
    [{ samples: "all" }],
    [{ retries: -1 }],
    [{ settings: { temperature: 1 } }],
    [{ alias: "" }],
  ])("a wrong option (%j) is an error", (change) => {
    expect(() => aiSdkSampler({ model: countingModel(), ...change } as never)).toThrow(
      expect.objectContaining({ code: "ERR_LLMCACHE_OPTION" }) as Error,
    );
  });
});
