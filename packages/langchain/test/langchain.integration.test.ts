import { BaseCallbackHandler } from "@langchain/core/callbacks/base";
import { InMemoryCache } from "@langchain/core/caches";
import { Embeddings } from "@langchain/core/embeddings";
import { AIMessage, AIMessageChunk, HumanMessage, SystemMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { FakeListChatModel } from "@langchain/core/utils/testing";
import { MessagesAnnotation, StateGraph } from "@langchain/langgraph";
import { ToolNode } from "@langchain/langgraph/prebuilt";
import { ChatOpenAI } from "@langchain/openai";
import { LLMCache } from "@llmcache/core";
import { startModelServer, type ModelServer } from "@llmcache/testing/model-server";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { CachedEmbeddings, cachedTool, LLMCacheBaseCache, withCache } from "../src/index.ts";

let server: ModelServer;
let cache: LLMCache;
beforeAll(async () => {
  server = await startModelServer();
});
afterAll(() => server.close());
beforeEach(() => {
  cache = new LLMCache({ namespace: String(Math.random()) });
});

const chat = (fields: object = {}) =>
  new ChatOpenAI({
    model: "gpt-4o-mini",
    apiKey: "any",
    configuration: { baseURL: server.baseURL },
    maxRetries: 0,
    ...fields,
  });

async function asked(work: () => Promise<unknown>): Promise<number> {
  const before = server.count();
  await work();
  await cache.settled();
  return server.count() - before;
}

/** What a message says, with its class. */
function said(message: AIMessage | AIMessageChunk): object {
  const { content, tool_calls, usage_metadata, response_metadata, additional_kwargs } = message;
  return { kind: message.constructor.name, content, tool_calls, usage_metadata, response_metadata, additional_kwargs };
}

describe("withCache", () => {
  test("invoke: the second call is not asked; content, usage and metadata are the first one's, in a message of its own", async () => {
    const model = withCache(chat(), cache);
    const first = await model.invoke("hello");
    await cache.settled();
    const before = server.count();
    const second = await model.invoke("hello");
    expect(server.count()).toBe(before);
    expect(said(second)).toEqual(said(first));
    expect(second.usage_metadata).toMatchObject({ input_tokens: 9 });
    second.content = "changed";
    expect(said(await model.invoke("hello"))).toEqual(said(first));
  });

  test("stream: the same chunks; and batch, each by itself", async () => {
    const model = withCache(chat(), cache);
    const read = async () => {
      const chunks: AIMessageChunk[] = [];
      for await (const chunk of await model.stream("hello")) chunks.push(chunk);
      await cache.settled();
      return chunks;
    };
    const first = await read();
    const before = server.count();
    const second = await read();
    expect(server.count()).toBe(before);
    expect(first.length).toBeGreaterThan(2);
    expect(second.map(said)).toEqual(first.map(said));
    expect(await asked(() => model.batch(["a", "b", "a"]))).toBe(2);
    expect(await asked(() => model.batch(["b", "c"]))).toBe(1);
  });

  test("equal calls at once are one", async () => {
    const model = withCache(chat(), cache);
    expect(await asked(() => Promise.all(Array.from({ length: 10 }, () => model.invoke("at once"))))).toBe(1);
  });

  test("callbacks run on hits as on misses", async () => {
    const model = withCache(chat(), cache);
    const told: string[] = [];
    const callbacks = [
      BaseCallbackHandler.fromMethods({
        handleChatModelStart: () => void told.push("start"),
        handleLLMNewToken: (token) => void told.push(`token ${token}`),
        handleLLMEnd: () => void told.push("end"),
      }),
    ];
    for (let i = 0; i < 2; i++) {
      for await (const _ of await model.stream("hello", { callbacks }));
      await model.invoke("hello", { callbacks });
      await cache.settled();
    }
    const half = told.length / 2;
    expect(told.slice(half)).toEqual(told.slice(0, half));
    expect(told.filter((each) => each === "start")).toHaveLength(4);
    expect(told.some((each) => each.startsWith("token"))).toBe(true);
  });

  test("conversations that look the same as text are told apart, and ids that LangChain made up are not", async () => {
    const model = withCache(chat(), cache);
    const ask = (...messages: (HumanMessage | AIMessage | SystemMessage)[]) => asked(() => model.invoke(messages));
    expect(await ask(new HumanMessage("a"), new AIMessage("b"), new HumanMessage("c"))).toBe(1);
    expect(await ask(new HumanMessage("a\nAI: b"), new HumanMessage("c"))).toBe(1);
    expect(await ask(new SystemMessage("a"), new HumanMessage("c"))).toBe(1);
    expect(
      await ask(
        new HumanMessage({ content: "a", id: crypto.randomUUID() }),
        new AIMessage({ content: "b", id: `run-${crypto.randomUUID()}` }),
        new HumanMessage("c"),
      ),
    ).toBe(0);
    expect(await ask(new HumanMessage("a"), new AIMessage({ content: "b", id: "msg_1" }), new HumanMessage("c"))).toBe(
      1,
    );
    expect(
      await ask(
        new HumanMessage("a"),
        new AIMessage({
          content: "b",
          usage_metadata: { input_tokens: 1, output_tokens: 1, total_tokens: 2 } as never,
        }),
        new HumanMessage("c"),
      ),
    ).toBe(0);
    expect(await ask(new HumanMessage({ content: "a", name: "Ann" }), new AIMessage("b"), new HumanMessage("c"))).toBe(
      1,
    );
  });

  test("settings, bound tools and structured output count; tracing does not", async () => {
    expect(await asked(() => withCache(chat(), cache).invoke("x"))).toBe(1);
    expect(await asked(() => withCache(chat({ temperature: 0.5 }), cache).invoke("x"))).toBe(1);
    expect(await asked(() => withCache(chat({ model: "gpt-4o" }), cache).invoke("x"))).toBe(1);
    expect(await asked(() => withCache(chat(), cache).invoke("x", { stop: ["y"] }))).toBe(1);
    expect(
      await asked(() => withCache(chat(), cache).invoke("x", { tags: ["t"], metadata: { a: 1 }, runName: "r" })),
    ).toBe(0);
    expect(await asked(() => withCache(chat({ apiKey: "another" }), cache).invoke("x"))).toBe(0);
    const search = (description: string) =>
      tool(async () => "found", { name: "search", description, schema: z.object({ q: z.string() }) });
    const bound = (description: string) => withCache(chat(), cache).bindTools([search(description)]);
    expect(await asked(() => bound("one").invoke("x"))).toBe(1);
    expect(await asked(() => bound("one").invoke("x"))).toBe(0);
    expect(await asked(() => bound("two").invoke("x"))).toBe(1);
  });

  test("a stream with calls of tools comes back chunk by chunk, and adds up to the same calls", async () => {
    const search = tool(async () => "found", { name: "search", description: "d", schema: z.object({ q: z.string() }) });
    const model = withCache(chat(), cache).bindTools([search]);
    server.enqueue({ toolCalls: [{ name: "search", arguments: '{"q":"a long question"}' }] });
    const read = async () => {
      const chunks: AIMessageChunk[] = [];
      for await (const chunk of await model.stream("x")) chunks.push(chunk);
      await cache.settled();
      return chunks;
    };
    const sum = (chunks: AIMessageChunk[]) => chunks.reduce((whole, chunk) => whole.concat(chunk));
    const first = await read();
    const before = server.count();
    const second = await read();
    expect(server.count()).toBe(before);
    expect(second.map(({ tool_call_chunks }) => tool_call_chunks)).toEqual(
      first.map(({ tool_call_chunks }) => tool_call_chunks),
    );
    expect(said(sum(second))).toEqual(said(sum(first)));
    expect(sum(second).tool_calls?.[0]).toMatchObject({ name: "search", args: { q: "a long question" } });
  });

  test("structured output: an object is kept, broken JSON is not", async () => {
    const model = withCache(chat(), cache).withStructuredOutput(z.object({ a: z.number() }), { method: "jsonSchema" });
    server.reply({ content: "no JSON" });
    await expect(model.invoke("x")).rejects.toThrow();
    await cache.settled();
    server.reply({ content: '{"a":1}' });
    expect(await model.invoke("x")).toEqual({ a: 1 });
    await cache.settled();
    server.reply({});
    expect(await asked(async () => expect(await model.invoke("x")).toEqual({ a: 1 }))).toBe(0);
  });

  test.each([
    ["an empty answer", { content: "" }],
    ["a filtered one", { content: "x", finishReason: "content_filter" }],
    ["one cut for want of room", { content: "x", finishReason: "length" }],
    ["a call with broken arguments", { toolCalls: [{ name: "f", arguments: '{"a' }] }],
    ["a refusal", { refusal: "no" }],
  ])("%s is not stored", async (_, script) => {
    const model = withCache(chat(), cache);
    server.enqueue(script, script);
    expect(await asked(() => model.invoke("bad"))).toBe(1);
    expect(await asked(() => model.invoke("bad"))).toBe(1);
    expect(
      await asked(async () => {
        for await (const chunk of await model.stream("bad")) void chunk;
      }),
    ).toBe(1);
  });

  test("an error of the provider reaches the caller, and is not stored", async () => {
    const model = withCache(chat(), cache);
    server.enqueue({ error: { status: 500 } });
    await expect(model.invoke("down")).rejects.toThrow();
    expect(await asked(() => model.invoke("down"))).toBe(1);
  });

  test("an abort ends the call", async () => {
    const model = withCache(chat(), cache);
    server.enqueue({ hang: true });
    const controller = new AbortController();
    const call = model.invoke("slow", { signal: controller.signal });
    setTimeout(() => controller.abort(), 20);
    await expect(call).rejects.toThrow();
    server.release();
  });

  test("controls of a call, and the cache in force", async () => {
    const model = withCache(chat(), cache);
    expect(await asked(() => model.invoke("x"))).toBe(1);
    expect(await asked(() => model.invoke("x", { llmcache: false }))).toBe(1);
    expect(await asked(() => model.invoke("x", { llmcache: { noCache: true } }))).toBe(1);
    expect(await asked(() => model.invoke("x", { llmcache: { ttl: "1h" } }))).toBe(0);
    await expect(model.invoke("y", { llmcache: { onlyIfCached: true } })).rejects.toMatchObject({
      code: "ERR_LLMCACHE_MISS",
    });
    const free = withCache(chat());
    expect(await asked(() => free.invoke("x"))).toBe(1);
    expect(await asked(() => cache.run(() => free.invoke("x")))).toBe(0);
  });

  test("a graph of LangGraph with tools runs again without a request", async () => {
    let runs = 0;
    const weather = tool(async ({ city }) => `20 degrees in ${city}, ${++runs}`, {
      name: "weather",
      description: "weather",
      schema: z.object({ city: z.string() }),
    });
    const kept = cachedTool(weather, { ttl: "1h", tenant: false, cache });
    const model = withCache(chat(), cache).bindTools([weather]);
    const graph = new StateGraph(MessagesAnnotation)
      .addNode("agent", async ({ messages }) => ({ messages: [await model.invoke(messages)] }))
      .addNode("tools", new ToolNode([kept]))
      .addEdge("__start__", "agent")
      .addConditionalEdges("agent", ({ messages }) =>
        (messages.at(-1) as AIMessage).tool_calls?.length ? "tools" : "__end__",
      )
      .addEdge("tools", "agent")
      .compile();
    server.enqueue({ toolCalls: [{ name: "weather", arguments: '{"city":"Rome"}' }] });
    const run = async () => {
      const { messages } = await graph.invoke({ messages: [new HumanMessage("Weather in Rome?")] });
      await cache.settled();
      return messages.map(({ content }) => content);
    };
    const first = await run();
    const before = server.count();
    expect(await run()).toEqual(first);
    expect(first[2]).toBe("20 degrees in Rome, 1");
    expect(server.count()).toBe(before);
    expect(runs).toBe(1);
    const tokens: unknown[] = [];
    for await (const [message] of await graph.stream(
      { messages: [new HumanMessage("Weather in Rome?")] },
      { streamMode: "messages" },
    ))
      tokens.push(message);
    expect(tokens.length).toBeGreaterThan(2);
  });

  test("what is no model is refused", () => {
    expect(() => withCache({} as never, cache)).toThrow(
      expect.objectContaining({ code: "ERR_LLMCACHE_OPTION" }) as Error,
    );
  });

  test("LangChain's own cache in the model is not asked", async () => {
    const model = withCache(new FakeListChatModel({ responses: ["one", "two"], cache: new InMemoryCache() }), cache);
    expect((await model.invoke("x")).content).toBe("one");
    await cache.settled();
    expect((await model.invoke("x", { llmcache: { noCache: true } })).content).toBe("two");
  });
});

test("LLMCacheBaseCache: LangChain's own way through the cache, with fresh objects", async () => {
  const model = chat({ cache: new LLMCacheBaseCache(cache, { ttl: "1h" }) });
  const first = await model.invoke("hello");
  await cache.settled();
  const before = server.count();
  const second = await model.invoke("hello");
  expect(server.count()).toBe(before);
  expect(second.content).toBe(first.content);
  second.content = "changed";
  expect((await model.invoke("hello")).content).toBe(first.content);
  expect(await asked(() => chat({ cache: new LLMCacheBaseCache(cache), temperature: 0.3 }).invoke("hello"))).toBe(1);
});

test("CachedEmbeddings: only what is missing is asked, documents and queries apart, models apart", async () => {
  const calls: string[][] = [];
  class Lengths extends Embeddings {
    readonly model: string;
    constructor(model: string) {
      super({});
      this.model = model;
    }
    async embedDocuments(texts: string[]) {
      calls.push(texts);
      return texts.map((text) => [text.length, 0.5]);
    }
    async embedQuery(text: string) {
      calls.push([`query ${text}`]);
      return [text.length, 1];
    }
  }
  const embeddings = new CachedEmbeddings(new Lengths("m"), cache);
  expect(await embeddings.embedDocuments(["a", "bb", "a"])).toEqual([
    [1, 0.5],
    [2, 0.5],
    [1, 0.5],
  ]);
  await cache.settled();
  expect(await embeddings.embedDocuments(["ccc", "bb"])).toEqual([
    [3, 0.5],
    [2, 0.5],
  ]);
  expect(await embeddings.embedQuery("a")).toEqual([1, 1]);
  await cache.settled();
  await embeddings.embedQuery("a");
  await new CachedEmbeddings(new Lengths("other"), cache).embedDocuments(["a"]);
  expect(calls).toEqual([["a", "bb"], ["ccc"], ["query a"], ["a"]]);
});

describe("cachedTool", () => {
  const make = (more: object = {}) => {
    let runs = 0;
    return Object.assign(
      tool(async ({ q }) => `${q} ${++runs}`, {
        name: "search",
        description: "d",
        schema: z.object({ q: z.string() }),
      }),
      more,
    );
  };

  test("results are kept by tenant, version and input; a call gives a ToolMessage with its own id", async () => {
    const search = make();
    const kept = (change: object = {}) => cachedTool(search, { ttl: "1h", tenant: false, cache, ...change });
    const run = async (of: typeof search, q = "a") => {
      const result: unknown = await of.invoke({ q });
      await cache.settled();
      return result;
    };
    expect([await run(kept()), await run(kept()), await run(kept(), "b")]).toEqual(["a 1", "a 1", "b 2"]);
    expect([await run(kept({ tenant: "t" })), await run(kept({ version: "2" }))]).toEqual(["a 3", "a 4"]);
    const message: unknown = await kept().invoke({
      type: "tool_call",
      id: "call-9",
      name: "search",
      args: { q: "a" },
    });
    expect(message).toMatchObject({ content: "a 1", tool_call_id: "call-9" });
  });

  test.each([
    [{ annotations: { readOnlyHint: false } }, {}],
    [{ metadata: { annotations: { destructiveHint: true } } }, {}],
    [{}, { annotations: { destructiveHint: true } }],
    [{}, { ttl: undefined }],
    [{}, { tenant: undefined }],
  ])("refused: %j %j", (more, change) => {
    expect(() => cachedTool(make(more), { ttl: "1h", tenant: false, cache, ...change } as never)).toThrow(
      expect.objectContaining({ code: "ERR_LLMCACHE_OPTION" }) as Error,
    );
  });
});
