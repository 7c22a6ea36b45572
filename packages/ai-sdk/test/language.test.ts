import { LLMCache, type CacheEvent } from "@llmcache/core";
import { APICallError } from "@ai-sdk/provider";
import {
  customProvider,
  generateObject,
  generateText,
  Output,
  stepCountIs,
  streamObject,
  streamText,
  tool,
  wrapLanguageModel,
  wrapProvider,
  type ToolSet,
} from "ai";
import { MockLanguageModelV4 } from "ai/test";
import { afterEach, expect, test, vi } from "vitest";
import { z } from "zod";
import { cacheMiddleware, type LanguageCacheOptions, type LLMCacheProviderOptions } from "../src/index.ts";
import {
  asked,
  calls,
  countingModel,
  read,
  richAnswer,
  richParts,
  streamOf,
  textAnswer,
  textParts,
  usage,
} from "./answers.ts";

afterEach(() => {
  vi.useRealTimers();
});

function cached(model: MockLanguageModelV4, options?: LanguageCacheOptions, cache: LLMCache = new LLMCache()) {
  return { cache, model: wrapLanguageModel({ model, middleware: cacheMiddleware(cache, options) }) };
}

async function settledAll(cache: LLMCache): Promise<void> {
  await cache.settled();
}

test("generateText: the second call is not asked, and says all that the first one said", async () => {
  // The AI SDK would fetch what stands behind a URL.
  const content = richAnswer().content.filter((part) => part.type !== "file" || part.data.type !== "url");
  const inner = new MockLanguageModelV4({ doGenerate: { ...richAnswer(), content } });
  const { model, cache } = cached(inner);
  const tools = { search: tool({ inputSchema: z.object({ q: z.number() }) }) } as ToolSet;
  const first = await generateText({ model, prompt: "hello", tools });
  await settledAll(cache);
  const second = await generateText({ model, prompt: "hello", tools });
  expect(calls(inner)).toBe(1);
  expect(second.content).toStrictEqual(first.content);
  expect(second.usage).toStrictEqual(first.usage);
  expect(second.finishReason).toBe("tool-calls");
  expect(second.providerMetadata).toStrictEqual(first.providerMetadata);
  expect(second.warnings).toStrictEqual(first.warnings);
  expect(second.response.timestamp).toStrictEqual(new Date(1_700_000_000_123));
  expect(second.response.id).toBe("r1");
  expect(second.files[0]?.uint8Array).toStrictEqual(new Uint8Array([0, 1, 255]));
  expect(first.response.headers?.["x-llmcache-status"]).toBe("miss");
  expect(second.response.headers).toMatchObject({ "x-llmcache-status": "hit", age: "0", "content-type": "a/b" });
  expect(second.response.headers?.["x-llmcache-key"]).toMatch(/^[0-9a-f]{64}$/);
});

test("doGenerate: a hit is deep-equal to what the model gave, but for what was sent", async () => {
  const inner = new MockLanguageModelV4({ doGenerate: { ...richAnswer(), request: { body: "the prompt" } } });
  const { model, cache } = cached(inner);
  const first = await model.doGenerate(asked);
  await settledAll(cache);
  const { response, ...second } = await model.doGenerate(asked);
  const { request, response: firstResponse, ...rest } = first;
  expect(request).toEqual({ body: "the prompt" });
  expect(second).toStrictEqual(rest);
  expect({ ...response, headers: undefined }).toStrictEqual({ ...firstResponse, headers: undefined });
});

test("streamText: the second call is not asked, and streams the same parts", async () => {
  const inner = new MockLanguageModelV4({ doStream: async () => streamOf(richParts()) });
  const { model, cache } = cached(inner);
  const tools = { search: tool({ inputSchema: z.object({ q: z.number() }) }) } as ToolSet;
  const run = async () => {
    const result = streamText({ model, prompt: "hello", tools });
    const parts: unknown[] = [];
    for await (const part of result.fullStream) parts.push(part);
    return { parts, content: await result.content, text: await result.text, headers: (await result.response).headers };
  };
  const first = await run();
  await settledAll(cache);
  const second = await run();
  expect(calls(inner)).toBe(1);
  expect(comparable(second.parts)).toStrictEqual(comparable(first.parts));
  expect(second.parts.length).toBeGreaterThan(10);
  expect(second.content).toStrictEqual(first.content);
  expect(second.text).toBe("hi — there");
  expect(second.headers).toMatchObject({ "x-llmcache-status": "hit", "content-type": "text/event-stream" });
  expect(second.headers?.["set-cookie"]).toBeUndefined();
});

/** Without what the AI SDK itself makes up anew for each call. */
function comparable(parts: readonly unknown[]): unknown {
  return JSON.parse(
    JSON.stringify(parts, (name, value: unknown) =>
      name === "headers" || name === "performance" || name === "callId" || /^(ms|time)/i.test(name) ? undefined : value,
    ),
  );
}

test("textStream of a hit gives the chunks as they came", async () => {
  const { model, cache } = cached(countingModel());
  const chunks = async () => {
    const all: string[] = [];
    for await (const chunk of streamText({ model, prompt: "hello" }).textStream) all.push(chunk);
    return all;
  };
  expect(await chunks()).toEqual(["answer ", "1"]);
  await settledAll(cache);
  expect(await chunks()).toEqual(["answer ", "1"]);
});

test("one entry serves generateText and streamText, in both orders", async () => {
  const inner = countingModel();
  const { model, cache } = cached(inner);
  expect((await generateText({ model, prompt: "a" })).text).toBe("answer 1");
  await settledAll(cache);
  expect(await streamText({ model, prompt: "a" }).text).toBe("answer 1");
  expect(await streamText({ model, prompt: "b" }).text).toBe("answer 2");
  await settledAll(cache);
  const { text, usage: used } = await generateText({ model, prompt: "b" });
  expect(text).toBe("answer 2");
  expect(used.inputTokens).toBe(7);
  expect(calls(inner)).toBe(2);
});

test("raw chunks survive, and are had only by who asks for them", async () => {
  const raw = { type: "raw" as const, rawValue: { id: 1, nested: [null] } };
  const inner = new MockLanguageModelV4({ doStream: async () => streamOf([raw, ...textParts("hi")]) });
  const { model, cache } = cached(inner);
  const first = await read((await model.doStream({ ...asked, includeRawChunks: true })).stream);
  await settledAll(cache);
  expect(await read((await model.doStream({ ...asked, includeRawChunks: true })).stream)).toStrictEqual(first);
  expect(calls(inner)).toBe(1);
  await (await model.doStream({ ...asked, includeRawChunks: false })).stream.cancel();
  expect(calls(inner)).toBe(2);
});

test("a value that one caller changes is not the next one's", async () => {
  const { model, cache } = cached(new MockLanguageModelV4({ doGenerate: async () => richAnswer() }));
  const first = await model.doGenerate(asked);
  await settledAll(cache);
  (first.content[1] as { text: string }).text = "changed";
  const second = await model.doGenerate(asked);
  (second.content[1] as { text: string }).text = "changed";
  second.response?.timestamp?.setFullYear(1999);
  expect((await model.doGenerate(asked)).content).toStrictEqual(richAnswer().content);
  expect((await model.doGenerate(asked)).response?.timestamp).toStrictEqual(richAnswer().response?.timestamp);
});

test("equal calls at once are one, in one piece and as streams", async () => {
  const inner = countingModel();
  const { model } = cached(inner);
  const texts = await Promise.all([
    ...Array.from({ length: 20 }, async () => streamText({ model, prompt: "a" }).text),
    ...Array.from({ length: 20 }, async () => (await generateText({ model, prompt: "a" })).text),
  ]);
  expect(new Set(texts)).toEqual(new Set(["answer 1"]));
  expect(calls(inner)).toBe(1);
});

test("a loop of steps with tools runs the tools again, and asks nothing", async () => {
  let looked = 0;
  const weather = tool({
    inputSchema: z.object({ city: z.string() }),
    execute: async ({ city }) => ({ city, degrees: ++looked > 0 ? 20 : 0 }),
  });
  const inner = new MockLanguageModelV4({
    doGenerate: async ({ prompt }) =>
      prompt.at(-1)?.role === "tool"
        ? textAnswer("It is 20 degrees.")
        : {
            content: [
              { type: "tool-call", toolCallId: `call-${Math.random()}`, toolName: "weather", input: '{"city":"Rome"}' },
            ],
            finishReason: { unified: "tool-calls", raw: undefined },
            usage,
            warnings: [],
          },
  });
  const { model, cache } = cached(inner);
  const run = async () => generateText({ model, prompt: "Weather?", tools: { weather }, stopWhen: stepCountIs(3) });
  const first = await run();
  await settledAll(cache);
  const second = await run();
  expect(first.text).toBe("It is 20 degrees.");
  expect(second.text).toBe(first.text);
  expect(second.steps.map(({ content }) => content)).toStrictEqual(first.steps.map(({ content }) => content));
  expect(calls(inner)).toBe(2);
  expect(looked).toBe(2);
  const streamed = streamText({ model, prompt: "Weather?", tools: { weather }, stopWhen: stepCountIs(3) });
  expect(await streamed.text).toBe("It is 20 degrees.");
  expect(calls(inner)).toBe(2);
});

const schema = z.object({ name: z.string() });
test.each([
  ["no JSON", "no object at all"],
  ["JSON of another shape", '{"name":5}'],
])("generateObject, streamObject and Output.object: %s is not stored; an object is", async (_, bad) => {
  const texts = [bad, bad, bad, '{"name":"a"}'];
  let at = 0;
  const next = () => texts[Math.min(at++, 3)] as string;
  const inner = new MockLanguageModelV4({
    doGenerate: async () => textAnswer(next()),
    doStream: async () => streamOf(textParts(next())),
  });
  const { model, cache } = cached(inner);
  await expect(generateObject({ model, prompt: "x", schema })).rejects.toThrow("No object generated");
  await settledAll(cache);
  const streamed = async () => {
    const result = streamObject({ model, prompt: "x", schema, onError: () => undefined });
    const object = result.object.catch((error: unknown) => error);
    for await (const _ of result.partialObjectStream);
    return object;
  };
  expect(await streamed()).toBeInstanceOf(Error);
  await settledAll(cache);
  await expect(
    generateText({ model, prompt: "x", output: Output.object({ schema }) }).then(({ output }) => output),
  ).rejects.toThrow();
  await settledAll(cache);
  expect((await generateObject({ model, prompt: "x", schema })).object).toEqual({ name: "a" });
  await settledAll(cache);
  expect(calls(inner)).toBe(4);
  expect((await generateObject({ model, prompt: "x", schema })).object).toEqual({ name: "a" });
  expect(await streamed()).toEqual({ name: "a" });
  expect((await generateText({ model, prompt: "x", output: Output.object({ schema }) })).output).toEqual({ name: "a" });
  // It sends a toolChoice, which generateObject does not.
  expect(calls(inner)).toBe(5);
});

test("an error of the provider reaches the caller as it is, is retried by the AI SDK, and is not stored", async () => {
  const refused = new APICallError({
    message: "busy",
    url: "u",
    requestBodyValues: {},
    statusCode: 503,
    isRetryable: true,
  });
  let failures = 1;
  const flaky = async () => {
    if (failures-- > 0) throw refused;
  };
  const inner = new MockLanguageModelV4({
    doGenerate: async () => {
      await flaky();
      return textAnswer("well");
    },
    doStream: async () => {
      await flaky();
      return streamOf(textParts("well"));
    },
  });
  const { model } = cached(inner);
  await expect(model.doGenerate(asked)).rejects.toBe(refused);
  failures = 1;
  await expect(model.doStream(asked)).rejects.toBe(refused);
  failures = 1;
  expect(await streamText({ model, prompt: "again" }).text).toBe("well");
  expect(inner.doStreamCalls.length).toBe(3);
}, 20_000);

test("who joins a stream that is refused is refused with it", async () => {
  const gate = Promise.withResolvers<void>();
  const inner = new MockLanguageModelV4({ doStream: () => gate.promise.then(() => streamOf([])) });
  const { model } = cached(inner);
  const both = [model.doStream(asked), model.doStream(asked)];
  const refused = new Error("refused");
  gate.reject(refused);
  for (const each of both) await expect(each).rejects.toBe(refused);
  expect(calls(inner)).toBe(1);
});

test.each([
  [
    "an error part",
    [...textParts("h").slice(0, 3), { type: "error" as const, error: new Error("broke") }, ...textParts().slice(3)],
  ],
  ["a cut stream", textParts("h").slice(0, -1)],
])("%s is handed over and not stored", async (_, parts) => {
  const inner = new MockLanguageModelV4({ doStream: async () => streamOf(parts) });
  const { model, cache } = cached(inner);
  expect(await read((await model.doStream(asked)).stream)).toStrictEqual(parts);
  await settledAll(cache);
  expect(await read((await model.doStream(asked)).stream)).toStrictEqual(parts);
  expect(calls(inner)).toBe(2);
});

test("an abort ends the call with its reason; an aborted stream is not stored", async () => {
  const inner = new MockLanguageModelV4({
    doGenerate: ({ abortSignal }) =>
      new Promise((_, reject) => abortSignal?.addEventListener("abort", () => reject(abortSignal.reason as Error))),
    doStream: async ({ abortSignal }) => ({
      stream: new ReadableStream({
        start(controller) {
          for (const part of textParts("h").slice(0, 3)) controller.enqueue(part);
          abortSignal?.addEventListener("abort", () => controller.error(abortSignal.reason));
        },
      }),
    }),
  });
  const { model, cache } = cached(inner);
  const controller = new AbortController();
  const call = generateText({ model, prompt: "x", abortSignal: controller.signal });
  await vi.waitFor(() => expect(inner.doGenerateCalls).toHaveLength(1));
  controller.abort();
  await expect(call).rejects.toThrow(expect.objectContaining({ name: "AbortError" }));

  const second = new AbortController();
  const aborted = vi.fn();
  const result = streamText({ model, prompt: "y", abortSignal: second.signal, onAbort: aborted });
  const seen: string[] = [];
  for await (const part of result.fullStream) {
    seen.push(part.type);
    if (part.type === "text-delta") second.abort();
  }
  expect(aborted).toHaveBeenCalledOnce();
  expect(seen).toContain("abort");
  await settledAll(cache);
  expect(cache.inFlight).toBe(0);
  expect(inner.doStreamCalls[0]?.abortSignal?.aborted).toBe(true);
});

test("one caller's abort leaves the call to those who share it; the last one's ends it", async () => {
  const gate = Promise.withResolvers<ReturnType<typeof textAnswer>>();
  const inner = new MockLanguageModelV4({ doGenerate: () => gate.promise });
  const { model } = cached(inner);
  const [first, second] = [new AbortController(), new AbortController()];
  const one = model.doGenerate({ ...asked, abortSignal: first.signal });
  const other = model.doGenerate({ ...asked, abortSignal: second.signal });
  await vi.waitFor(() => expect(inner.doGenerateCalls).toHaveLength(1));
  first.abort();
  await expect(one).rejects.toMatchObject({ name: "AbortError" });
  expect(inner.doGenerateCalls[0]?.abortSignal?.aborted).toBe(false);
  second.abort();
  await expect(other).rejects.toMatchObject({ name: "AbortError" });
  expect(inner.doGenerateCalls[0]?.abortSignal?.aborted).toBe(true);
  gate.resolve(textAnswer("too late"));
});

test("who cancels a hit or a shared stream leaves it to the others", async () => {
  const inner = countingModel();
  const { model, cache } = cached(inner);
  const [one, other] = await Promise.all([model.doStream(asked), model.doStream(asked)]);
  await one?.stream.cancel();
  expect(await read(other?.stream as ReadableStream)).toHaveLength(6);
  await settledAll(cache);
  const hit = await model.doStream(asked);
  await hit.stream.cancel();
  expect(await read((await model.doStream(asked)).stream)).toHaveLength(6);
  expect(calls(inner)).toBe(1);
});

test("controls of a call go by providerOptions.llmcache: not to the provider, and not into the key", async () => {
  const inner = countingModel();
  const { model, cache } = cached(inner);
  const ask = async (llmcache?: LLMCacheProviderOptions) => {
    const providerOptions = llmcache === undefined ? { some: { thing: 1 } } : { some: { thing: 1 }, llmcache };
    const { text } = await generateText({ model, prompt: "a", providerOptions });
    await settledAll(cache);
    return text;
  };
  expect(await ask()).toBe("answer 1");
  expect(await ask({ ttl: "1h" })).toBe("answer 1");
  expect(await ask({ use: false })).toBe("answer 2");
  expect(await ask({ noCache: true, tags: ["t"] })).toBe("answer 3");
  expect(await ask({ namespace: ["other"] })).toBe("answer 4");
  expect(await ask()).toBe("answer 3");
  await expect(ask({ onlyIfCached: true, version: "2" })).rejects.toMatchObject({ code: "ERR_LLMCACHE_MISS" });
  const { stream } = await model.doStream({ ...asked, providerOptions: { llmcache: { use: false } } });
  await read(stream);
  for (const call of [...inner.doGenerateCalls, ...inner.doStreamCalls])
    expect(call.providerOptions?.["llmcache"]).toBeUndefined();
  expect(inner.doGenerateCalls[1]?.providerOptions).toEqual({ some: { thing: 1 } });
  await expect(ask({ ttl: "soon" as never })).rejects.toMatchObject({ code: "ERR_LLMCACHE_OPTION" });
});

test("without a cache of its own it uses the one in force, and with none it passes", async () => {
  const inner = countingModel();
  const model = wrapLanguageModel({ model: inner, middleware: cacheMiddleware() });
  const text = async () => (await generateText({ model, prompt: "a" })).text;
  expect([await text(), await text()]).toEqual(["answer 1", "answer 2"]);
  const cache = new LLMCache();
  const first = await cache.run(text);
  await settledAll(cache);
  expect([first, await cache.run(text), await cache.run({ namespace: "n" }, text)]).toEqual([
    "answer 3",
    "answer 3",
    "answer 4",
  ]);
  expect(await read((await model.doStream(asked)).stream)).toHaveLength(6);
});

test("a provider's models are all cached by wrapProvider", async () => {
  const inner = countingModel();
  const provider = wrapProvider({
    provider: customProvider({ languageModels: { fast: inner } }),
    languageModelMiddleware: cacheMiddleware(new LLMCache()),
  });
  const ask = async () => (await generateText({ model: provider.languageModel("fast"), prompt: "a" })).text;
  expect(await ask()).toBe("answer 1");
  expect(await ask()).toBe("answer 1");
});

test("stored streams are played with the pauses they came with, or with others", async () => {
  vi.useFakeTimers();
  const inner = new MockLanguageModelV4({
    doStream: async () => ({
      stream: new ReadableStream({
        async start(controller) {
          for (const part of textParts("a", "b")) {
            await new Promise((resolve) => setTimeout(resolve, 100));
            controller.enqueue(part);
          }
          controller.close();
        },
      }),
    }),
  });
  const cache = new LLMCache();
  const times = async (replay: LanguageCacheOptions["replay"]) => {
    const { model } = cached(inner, { replay }, cache);
    const began = Date.now();
    const at: number[] = [];
    const reading = (async () => {
      for await (const _ of (await model.doStream(asked)).stream) at.push(Date.now() - began);
    })();
    await vi.advanceTimersByTimeAsync(2000);
    await reading;
    return at;
  };
  expect(await times("instant")).toEqual([100, 200, 300, 400, 500, 600]);
  expect(await times("instant")).toEqual([0, 0, 0, 0, 0, 0]);
  expect(await times("recorded")).toEqual([0, 100, 200, 300, 400, 500]);
  expect(await times({ initialDelayInMs: 50, chunkDelayInMs: 7 })).toEqual([50, 57, 64, 71, 78, 85]);
  expect(await times({ initialDelayInMs: null })).toEqual([0, 0, 0, 0, 0, 0]);
  expect(calls(inner)).toBe(1);
});

test("an abort ends a pause", async () => {
  const { model, cache } = cached(countingModel(), { replay: { chunkDelayInMs: 60_000 } });
  await read((await model.doStream(asked)).stream);
  await settledAll(cache);
  const controller = new AbortController();
  const { stream } = await model.doStream({ ...asked, abortSignal: controller.signal });
  const reading = read(stream);
  controller.abort();
  await expect(reading).rejects.toMatchObject({ name: "AbortError" });
});

test("a call that can have no key passes, with an event", async () => {
  const inner = countingModel();
  const { model, cache } = cached(inner);
  const events: CacheEvent[] = [];
  cache.on((event) => events.push(event));
  const odd = { ...asked, providerOptions: { some: { odd: Symbol("no JSON") as never } } };
  expect((await model.doGenerate(odd)).response?.headers).toEqual({ "x-llmcache-status": "bypass" });
  expect(await read((await model.doStream(odd)).stream)).toHaveLength(6);
  expect(events.map(({ type }) => type)).toEqual(["bypass", "bypass"]);
});

test("an expired answer takes the place of a failure that a stream begins with", async () => {
  let now = 0;
  const cache = new LLMCache({ clock: () => now, ttl: "1m", control: { staleIfError: "1h" } });
  let fails = false;
  const inner = new MockLanguageModelV4({
    doStream: async () => streamOf(fails ? [{ type: "error", error: new Error("down") }] : textParts("well")),
  });
  const { model } = cached(inner, {}, cache);
  await read((await model.doStream(asked)).stream);
  await settledAll(cache);
  now += 120_000;
  fails = true;
  const { stream, response } = await model.doStream(asked);
  expect(await read(stream)).toStrictEqual(textParts("well"));
  expect(response?.headers).toMatchObject({ "x-llmcache-status": "stale", age: "120" });
});

test("tokens and the model that answered are on the cache's accounts", async () => {
  const { model, cache } = cached(
    new MockLanguageModelV4({ doGenerate: richAnswer(), doStream: async () => streamOf(richParts()) }),
  );
  await model.doGenerate(asked);
  await settledAll(cache);
  await model.doGenerate(asked);
  const { spent, saved } = cache.stats();
  expect(spent).toMatchObject({ inputTokens: 7, outputTokens: 11 });
  expect(saved).toMatchObject({ inputTokens: 7, outputTokens: 11 });
});

test.each([
  ["provider", { provider: "" }],
  ["replay", { replay: "fast" }],
  ["replay.chunkDelayInMs", { replay: { chunkDelayInMs: -1 } }],
  ["storeAnyway", { storeAnyway: ["all"] }],
  ["alias", { alias: 5 }],
  ["countedHeaders", { countedHeaders: "x" }],
])("a wrong %s is an error that names it", (name, options) => {
  expect(() => cacheMiddleware(undefined, options as never)).toThrow(
    expect.objectContaining({ code: "ERR_LLMCACHE_OPTION", message: expect.stringContaining(name) as string }) as Error,
  );
});
