import { ApiError, GenerateContentResponse, GoogleGenAI, type GoogleGenAIOptions } from "@google/genai";
import { LLMCache } from "@llmcache/core";
import { createGate, startModelServer, type ModelServer } from "@llmcache/testing/model-server";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { cachedFetch, cachedGoogle } from "../src/index.ts";

let server: ModelServer;
let cache: LLMCache;

beforeEach(async () => {
  server = await startModelServer();
  cache = new LLMCache();
});
afterEach(async () => {
  await server.close();
  await cache[Symbol.asyncDispose]();
});

const plain = ({ httpOptions, ...options }: GoogleGenAIOptions = {}): GoogleGenAI =>
  new GoogleGenAI({ apiKey: "secret", ...options, httpOptions: { baseUrl: server.url, ...httpOptions } });
const ask = { model: "gemini-3-flash", contents: "hello" };

async function all<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const each of stream) list.push(each);
  return list;
}

async function failure(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error("It did not fail.");
}

const statusOf = (response: GenerateContentResponse): string | undefined =>
  response.sdkHttpResponse?.headers?.["cache-status"];

describe("one entry", () => {
  test("serves a stream what was asked in one piece, and the other way round", async () => {
    server.reply({ reasoning: "hm", content: "Grüße", toolCalls: [{ name: "f", arguments: '{"a":1}' }] });
    const client = cachedGoogle(plain(), cache);
    const whole = await client.models.generateContent(ask);
    expect(whole).toBeInstanceOf(GenerateContentResponse);
    await cache.settled();
    const told = await all(await client.models.generateContentStream(ask));
    expect(told.map(({ candidates }) => candidates)).toEqual([whole.candidates]);
    const other = { ...ask, contents: "other" };
    const said = await all(await client.models.generateContentStream(other));
    await cache.settled();
    const again = await client.models.generateContent(other);
    expect(again.text).toBe(said.map(({ text = "" }) => text).join(""));
    expect(again.functionCalls).toEqual(said.flatMap(({ functionCalls = [] }) => functionCalls));
    expect(again.candidates?.[0]?.content?.parts?.at(-1)?.thoughtSignature).toBe("Zg==");
    expect(server.count()).toBe(2);
  });

  test("is not made of a stream with an error in it, of none that was cut or ended too early, and of what was blocked", async () => {
    const client = cachedGoogle(plain(), cache);
    server.enqueue(
      { stream: { errorAfter: 1 } },
      { stream: { dropAfter: 1 } },
      { stream: { done: false } },
      { finishReason: "SAFETY" },
      { gemini: { members: { candidates: undefined, promptFeedback: { blockReason: "SAFETY" } } } },
    );
    const failed = await failure(client.models.generateContentStream(ask).then(all));
    expect(failed).toBeInstanceOf(ApiError);
    expect(failed).toMatchObject({ status: 503 });
    await failure(client.models.generateContentStream(ask).then(all));
    await client.models.generateContentStream(ask).then(all);
    await client.models.generateContent(ask);
    await client.models.generateContent(ask);
    expect(server.count()).toBe(5);
    await client.models.generateContent(ask);
    expect(server.count()).toBe(6);
  });

  test("of a stream in any pieces is the same chunks", async () => {
    for (const split of ["bytes", "utf8", "lines", 7] as const) {
      server.reply({ content: "Grüße 🙂 aus Köln", stream: { split } });
      const client = cachedGoogle(plain(), new LLMCache());
      const texts = async (): Promise<(string | undefined)[]> =>
        (await all(await client.models.generateContentStream(ask))).map(({ text }) => text);
      expect(await texts()).toEqual(await texts());
    }
    expect(server.count()).toBe(4);
  });

  test("is shared by calls at the same time", async () => {
    const gate = createGate();
    server.reply({ gate: gate.opened });
    const client = cachedGoogle(plain(), cache);
    const calls = [1, 2, 3].map(async () => client.models.generateContent(ask));
    await server.waitFor(1);
    gate.open();
    const texts = (await Promise.all(calls)).map(({ text }) => text);
    expect(texts).toEqual(Array.from({ length: 3 }, () => "answer 1 to: hello"));
    expect(server.count()).toBe(1);
  });
});

describe("embeddings", () => {
  test("are cached text by text", async () => {
    const client = cachedGoogle(plain(), cache);
    const model = "gemini-embedding-001";
    const embed = async (...contents: string[]): Promise<unknown> => {
      const { embeddings } = await client.models.embedContent({ model, contents });
      await cache.settled();
      return embeddings;
    };
    const [a, b] = (await embed("a", "b")) as unknown[];
    expect(await embed("b", "c", "a")).toEqual([b, expect.anything(), a]);
    const [, last] = server.requests;
    expect(last?.json()).toMatchObject({ requests: [{ content: { parts: [{ text: "c" }] } }] });
    await embed("c");
    expect(server.count()).toBe(2);
  });
});

describe("failures", () => {
  test("are the SDK's own, and are not stored", async () => {
    const client = cachedGoogle(plain(), cache);
    server.enqueue({ error: { status: 429 } }, { error: { status: 500 } });
    const limited = await failure(client.models.generateContent(ask));
    expect(limited).toBeInstanceOf(ApiError);
    expect(limited).toMatchObject({ status: 429, message: expect.stringContaining("RESOURCE_EXHAUSTED") as string });
    expect(await failure(client.models.generateContentStream(ask))).toMatchObject({ status: 500 });
    expect((await client.models.generateContent(ask)).text).toBe("answer 3 to: hello");
  });

  test("are tried again as the client is told to", async () => {
    const retryOptions = { attempts: 3, initialDelay: 0.001, maxDelay: 0.001 };
    const client = cachedGoogle(plain({ httpOptions: { retryOptions } }), cache);
    server.enqueue({ error: { status: 503 } }, { error: { status: 503 } });
    expect((await client.models.generateContent(ask)).text).toBe("answer 3 to: hello");
  });

  test("of time are the SDK's, also for who waits for what another asked", async () => {
    server.reply({ hang: true });
    const client = cachedGoogle(plain(), cache);
    const first = failure(client.models.generateContent(ask));
    await server.waitFor(1);
    const late = await failure(client.models.generateContent({ ...ask, config: { httpOptions: { timeout: 20 } } }));
    expect(late.message).toMatch(/abort|time/i);
    expect(server.requests[0]?.aborted).toBe(false);
    await server.close();
    await first;
  });

  test("of the cache say what is wrong", async () => {
    const client = cachedGoogle(plain(), cache);
    const missing = await failure(client.models.generateContent({ ...ask, config: { cache: { onlyIfCached: true } } }));
    expect(missing).toBeInstanceOf(ApiError);
    expect(missing).toMatchObject({ status: 504, message: expect.stringContaining("ERR_LLMCACHE_MISS") as string });
    expect(server.count()).toBe(0);
  });
});

test("who leaves gets the SDK's error; the last one ends the request", async () => {
  server.reply({ hang: true });
  const client = cachedGoogle(plain(), cache);
  const leaving = new AbortController();
  const gone = failure(client.models.generateContent({ ...ask, config: { abortSignal: leaving.signal } }));
  const staying = client.models.generateContent(ask);
  const request = await server.waitFor(1);
  leaving.abort();
  expect((await gone).name).toBe("AbortError");
  expect(request.aborted).toBe(false);
  server.release();
  expect((await staying).text).toBe("answer 1 to: hello");
  const alone = new AbortController();
  const last = failure(
    client.models.generateContent({ ...ask, contents: "alone", config: { abortSignal: alone.signal } }),
  );
  const second = await server.waitFor(2);
  alone.abort();
  await last;
  await second.ended;
  expect(second.aborted).toBe(true);
});

describe("the cache option", () => {
  test("holds for one call, of all methods, and is not sent", async () => {
    const client = cachedGoogle(plain(), cache);
    await client.models.generateContent(ask);
    await cache.settled();
    await client.models.generateContent({ ...ask, config: { cache: false } });
    await all(await client.models.generateContentStream({ ...ask, config: { cache: { noCache: true } } }));
    await client.models.generateContent({ ...ask, config: { cache: new LLMCache() } });
    const embedded = { model: "gemini-embedding-001", contents: ["a"] };
    await client.models.embedContent(embedded);
    await cache.settled();
    await client.models.embedContent({ ...embedded, config: { cache: false } });
    expect(server.count()).toBe(6);
    await cache.settled();
    await client.models.generateContent(ask);
    expect(server.count()).toBe(6);
    for (const { body } of server.requests) expect(body.toString()).not.toContain("cache");
  });

  test("holds for a message of a chat", async () => {
    const client = cachedGoogle(plain(), cache);
    const say = async (config: object): Promise<string | undefined> =>
      (await client.chats.create({ model: ask.model }).sendMessage({ message: "hello", config })).text;
    await say({});
    await cache.settled();
    expect(await say({})).toBe("answer 1 to: hello");
    expect(await say({ cache: false })).toBe("answer 2 to: hello");
    expect(await say({})).toBe("answer 1 to: hello");
  });

  test("may be the cache in force", async () => {
    const client = cachedGoogle(plain());
    await client.models.generateContent(ask);
    await client.models.generateContent(ask);
    expect(server.count()).toBe(2);
    await cache.run(async () => {
      await client.models.generateContent(ask);
      await client.models.generateContent(ask);
    });
    expect(server.count()).toBe(3);
  });
});

describe("the client", () => {
  test("that was given stays as it is; the cached one is of its class, and has all else of it", async () => {
    const given = plain();
    const client = cachedGoogle(given, cache);
    expect(client).toBeInstanceOf(GoogleGenAI);
    expect(client.files).toBe(given.files);
    await client.models.generateContent(ask);
    await cache.settled();
    await given.models.generateContent(ask);
    expect(server.count()).toBe(2);
    expect((await client.models.countTokens(ask)).totalTokens).toBeGreaterThan(0);
    expect((await client.models.countTokens(ask)).totalTokens).toBeGreaterThan(0);
    expect(server.count()).toBe(4);
  });

  test("asks with its own fetch, or that of the call; another key shares its entries", async () => {
    const asked: string[] = [];
    const naming =
      (name: string): typeof fetch =>
      async (input, init) => {
        asked.push(name);
        return fetch(input, init);
      };
    const client = cachedGoogle(plain({ httpOptions: { fetch: naming("client") } }), cache);
    await client.models.generateContent(ask);
    await cache.settled();
    await client.models.generateContent({ ...ask, contents: "b", config: { httpOptions: { fetch: naming("call") } } });
    await cachedGoogle(plain({ apiKey: "another" }), cache).models.generateContent(ask);
    expect(asked).toEqual(["client", "call"]);
    expect(server.requests[0]?.headers["x-goog-api-key"]).toBe("secret");
    expect(server.count()).toBe(2);
  });

  test("waits longer than fetch would by itself, as the SDK does", async () => {
    const seen: unknown[] = [];
    const before = globalThis.fetch;
    globalThis.fetch = async (input, init) => {
      seen.push((init as { dispatcher?: unknown } | undefined)?.dispatcher);
      return before(input, init);
    };
    try {
      await cachedGoogle(plain(), cache).models.generateContent(ask);
      await plain().models.generateContent(ask);
    } finally {
      globalThis.fetch = before;
    }
    expect(seen).toEqual([expect.objectContaining({ dispatch: expect.any(Function) as unknown }), expect.anything()]);
  });

  test("may simply be given our fetch", async () => {
    const client = plain({ httpOptions: { fetch: cachedFetch(cache) } });
    const first = await client.models.generateContent(ask);
    await cache.settled();
    const second = await client.models.generateContent(ask);
    expect([statusOf(first), statusOf(second)]).toEqual(["llmcache; fwd=miss; stored", "llmcache; hit"]);
    expect(server.count()).toBe(1);
    await cachedGoogle(client, cache).models.generateContent(ask);
    expect(server.count()).toBe(1);
  });
});
