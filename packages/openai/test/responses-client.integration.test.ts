import { LLMCache } from "@llmcache/core";
import { createChunkGate, createGate, startModelServer, type ModelServer } from "@llmcache/testing/model-server";
import OpenAI, { AzureOpenAI } from "openai";
import { makeParseableTextFormat } from "openai/lib/parser";
import { afterEach, beforeEach, describe, expect, expectTypeOf, test } from "vitest";
import { cachedOpenAI, type CachedOpenAI } from "../src/index.ts";
import { RESPONSES_SCRIPTS } from "./responses-scripts.ts";

let server: ModelServer;
let cache: LLMCache;
let plain: OpenAI;
let client: CachedOpenAI<OpenAI>;

beforeEach(async () => {
  server = await startModelServer();
  cache = new LLMCache();
  plain = new OpenAI({ apiKey: "sk-test", baseURL: server.baseURL, maxRetries: 0, logLevel: "off" });
  client = cachedOpenAI(plain, cache);
});
afterEach(() => server.close());

const ask = { model: "gpt-4o-mini", input: "hello" };
const streaming = { ...ask, stream: true as const };

async function listOf<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

describe.each(Object.entries(RESPONSES_SCRIPTS))("%s", (_name, script) => {
  beforeEach(() => server.reply({ id: "resp_1", created: 1_700_000_000, ...script }));

  test("comes back in one piece as it came", async () => {
    const first = await client.responses.create(ask);
    await cache.settled();
    const second = await client.responses.create(ask);
    expect(second).toStrictEqual(first);
    expect(second.output_text).toBe(first.output_text);
    expect(server.count()).toBe(1);
  });

  test("comes back as the stream that it was, byte for byte and event by event", async () => {
    const bytes = async (): Promise<string> => (await client.responses.create(streaming).asResponse()).text();
    const first = await bytes();
    await cache.settled();
    expect(await bytes()).toBe(first);
    expect(await listOf(await client.responses.create(streaming))).toStrictEqual(
      await listOf(await plain.responses.create(streaming)),
    );
    expect(server.count()).toBe(2);
  });

  test("that came as a stream is what would have come in one piece", async () => {
    await listOf(await client.responses.create(streaming));
    await cache.settled();
    const answer = await client.responses.create(ask);
    expect(server.count()).toBe(1);
    expect(answer).toEqual(await plain.responses.create(ask));
  });

  test("that came in one piece is accumulated from a stream as the same", async () => {
    const whole = await client.responses.create(ask);
    await cache.settled();
    const events = await listOf(await client.responses.create(streaming));
    expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, index) => index));
    expect(events.at(-1)).toMatchObject({ type: "response.completed" });
    const final = await client.responses.stream(ask).finalResponse();
    expect(server.count()).toBe(1);
    const straight = await plain.responses.stream(ask).finalResponse();
    expect(final).toEqual(straight);
    expect(final.output_text).toBe(whole.output_text);
  });

  test("made a stream, says step by step what the provider's stream says", async () => {
    await client.responses.create(ask);
    await cache.settled();
    const types = async (from: Pick<OpenAI, "responses">): Promise<string[]> => {
      const events = await listOf(await from.responses.create(streaming));
      return events.map(({ type }) => type).filter((type, index, all) => type !== all[index - 1]);
    };
    const made = (await types(client)).filter((type) => !type.endsWith(".delta"));
    expect(made).toEqual((await types(plain)).filter((type) => !type.endsWith(".delta")));
    expect(server.count()).toBe(2);
  });
});

describe("helpers", () => {
  test("parse gives parsed output from the cache, and stream does", async () => {
    server.reply({ content: '{"answer":4}' });
    const format = makeParseableTextFormat(
      { type: "json_schema", name: "sum", schema: { type: "object", properties: { answer: { type: "number" } } } },
      (text) => JSON.parse(text) as { answer: number },
    );
    const asking = { ...ask, text: { format } };
    const first = await client.responses.parse(asking);
    await cache.settled();
    const second = await client.responses.parse(asking);
    expect(second).toEqual(first);
    expect(second.output_parsed?.answer).toBe(4);
    const streamed = await client.responses.stream(asking).finalResponse();
    expect(streamed.output_parsed).toEqual(first.output_parsed);
    expect(server.count()).toBe(1);
  });

  test("parse gives parsed arguments of functions from the cache", async () => {
    server.reply({ toolCalls: [{ name: "weather", arguments: '{"city":"Paris"}' }] });
    const tools = [{ type: "function" as const, name: "weather", parameters: { type: "object" }, strict: true }];
    await client.responses.parse({ ...ask, tools });
    await cache.settled();
    const [call] = (await client.responses.parse({ ...ask, tools })).output;
    expect(call).toMatchObject({ type: "function_call", parsed_arguments: { city: "Paris" } });
    expect(server.count()).toBe(1);
  });

  test("stream tells its listeners about text from an answer that came in one piece", async () => {
    await client.responses.create(ask);
    await cache.settled();
    const heard: string[] = [];
    const stream = client.responses
      .stream(ask)
      .on("response.output_text.delta", ({ snapshot }) => heard.push(snapshot));
    await stream.done();
    expect(heard).toEqual(["answer 1 to: hello"]);
  });

  test("withResponse tells hit from miss, and no other request's id", async () => {
    const first = await client.responses.create(ask).withResponse();
    await cache.settled();
    const second = await client.responses.create(ask).withResponse();
    expect([first.request_id, second.request_id]).toEqual(["req_000001", null]);
    expect(second.response.headers.get("cache-status")).toContain("hit");
  });

  test("are typed, with the option", () => {
    const create = () => client.responses.create(ask);
    expectTypeOf<Awaited<ReturnType<typeof create>>>().toExtend<OpenAI.Responses.Response>();
    const unused = (): void => {
      // @ts-expect-error -- no such control
      void client.responses.create(ask, { cache: { noCash: true } });
      // @ts-expect-error -- a client without a cache has no such option
      void plain.responses.create(ask, { cache: false });
      void client.responses.stream(ask, { cache: { ttl: "1h" } });
      void client.responses.parse(ask, { cache });
    };
    expect(unused).toBeTypeOf("function");
  });
});

describe("is not stored", () => {
  test.each([
    ["a failure", { response: { members: { status: "failed", error: { code: "server_error", message: "x" } } } }],
    ["a refusal", { refusal: "No." }],
    ["what the filter cut", { content: "a", finishReason: "content_filter" }],
    ["what was cut without a limit", { content: "a", finishReason: "length" }],
    ["a call whose arguments are no JSON", { toolCalls: [{ name: "f", arguments: '{"a":' }] }],
    ["an answer of another model", { content: "a", model: "gpt-3.5-turbo" }],
    ["a web search", { response: { output: [{ type: "web_search_call", id: "ws_1", status: "completed" }] } }],
  ])("%s, in one piece or as a stream", async (_name, script) => {
    server.reply(script);
    await client.responses.create(ask);
    await listOf(await client.responses.create(streaming));
    await cache.settled();
    expect(cache.stats().stores).toBe(0);
    expect(server.count()).toBe(2);
  });

  test.each([
    ["an error in it", { content: "a b", stream: { errorAfter: 5 } }],
    ["the connection cut", { content: "a b", stream: { dropAfter: 5 } }],
    ["no last event", { content: "a b", stream: { done: false } }],
  ])("a stream with %s", async (_name, script) => {
    server.enqueue(script);
    await listOf(await client.responses.create(streaming)).catch(() => undefined);
    await cache.settled();
    const events = await listOf(await client.responses.create(streaming));
    expect(events.at(-1)).toMatchObject({ type: "response.completed", response: { id: "resp_000002" } });
    expect(server.count()).toBe(2);
  });

  test("what was cut by the caller's limit is", async () => {
    server.reply({ content: "a", finishReason: "length" });
    const first = await client.responses.create({ ...ask, max_output_tokens: 16 });
    await cache.settled();
    expect(await client.responses.create({ ...ask, max_output_tokens: 16 })).toStrictEqual(first);
    const final = await client.responses.stream({ ...ask, max_output_tokens: 16 }).finalResponse();
    expect([final.status, server.count()]).toEqual(["incomplete", 1]);
  });
});

describe("passes by the cache", () => {
  const TOOLS: readonly (readonly [string, object])[] = [
    ["in the background", { background: true }],
    ["of a conversation", { conversation: "conv_1" }],
    ["with web search", { tools: [{ type: "web_search" }] }],
    [
      "with MCP beside a function",
      {
        tools: [
          { type: "function", name: "f" },
          { type: "mcp", server_label: "s" },
        ],
      },
    ],
    ["with a template of no version", { prompt: { id: "pmpt_1" } }],
    ["that only warms the provider's cache", { prompt_cache_options: { prewarm: true } }],
  ];
  test.each(TOOLS)("a request %s, each time", async (_name, more) => {
    await client.responses.create({ ...ask, ...more });
    await client.responses.create({ ...ask, ...more });
    await cache.settled();
    expect(server.count()).toBe(2);
    expect(cache.stats()).toMatchObject({ stores: 0, misses: 0 });
  });

  test("and under onlyIfCached is an error, with nobody asked", async () => {
    const asking = client.responses.create({ ...ask, background: true }, { cache: { onlyIfCached: true } });
    await expect(asking).rejects.toMatchObject({ status: 504, code: "ERR_LLMCACHE_MISS" });
    expect(server.count()).toBe(0);
  });

  test("unless it is told to store what hosted tools found", async () => {
    const all = cachedOpenAI(plain, cache, { storeAnyway: ["hosted-tool"] });
    const tools = [{ type: "web_search" as const }];
    server.reply({ response: { output: [{ type: "web_search_call", id: "ws_1", status: "completed", action: {} }] } });
    const first = await all.responses.create({ ...ask, tools });
    await cache.settled();
    expect(await all.responses.create({ ...ask, tools })).toStrictEqual(first);
    expect(server.count()).toBe(1);
    // Nobody knows how a stream says it: asked anew.
    await listOf(await all.responses.create({ ...streaming, tools }));
    expect(server.count()).toBe(2);
  });

  test("as do receiving, cancelling, compacting and counting", async () => {
    await expect(client.responses.retrieve("resp_1")).rejects.toThrow(OpenAI.NotFoundError);
    await expect(client.responses.compact({ model: "gpt-4o" })).rejects.toThrow(OpenAI.NotFoundError);
    await expect(client.responses.inputTokens.count({})).rejects.toThrow(OpenAI.NotFoundError);
    expect(cache.stats()).toMatchObject({ misses: 0, bypasses: 0 });
  });
});

describe("at once", () => {
  test("1000 callers, half of them streaming, are one request", async () => {
    const gate = createGate();
    server.reply({ gate: gate.opened });
    const streams = Array.from({ length: 500 }, async () => {
      const events = await listOf(await client.responses.create(streaming));
      return events.map((event) => (event.type === "response.output_text.delta" ? event.delta : "")).join("");
    });
    await server.waitFor(1);
    const wholes = Array.from({ length: 500 }, async () => (await client.responses.create(ask)).output_text);
    gate.open();
    expect(new Set(await Promise.all([...streams, ...wholes]))).toEqual(new Set(["answer 1 to: hello"]));
    expect(server.count()).toBe(1);
  });

  test("who stops at the last event leaves a stream that is stored", async () => {
    const gate = createChunkGate();
    server.enqueue({ content: "a b", stream: { gate } });
    const stream = await client.responses.create(streaming);
    gate.open();
    for await (const event of stream) if (event.type === "response.completed") break;
    await cache.settled();
    await client.responses.create(ask);
    expect(server.count()).toBe(1);
  });
});

describe("of Azure", () => {
  test("are keyed by host and version; a deployment name may be answered by any model", async () => {
    const azure = cachedOpenAI(
      new AzureOpenAI({ apiKey: "k", endpoint: server.url, apiVersion: "2025-04-01-preview", maxRetries: 0 }),
      cache,
    );
    const first = await azure.responses.create(ask);
    await cache.settled();
    expect(await azure.responses.create(ask)).toStrictEqual(first);
    expect(server.requests.map(({ path }) => path)).toEqual(["/openai/responses"]);
    await client.responses.create(ask);
    expect(server.count()).toBe(2);
  });
});
