import { LLMCache, MapStore, type CacheEvent, type StoreHit } from "@llmcache/core";
import { createGate, startModelServer, type ModelServer, type ReplyScript } from "@llmcache/testing/model-server";
import OpenAI, { AzureOpenAI, toFile } from "openai";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { cachedFetch, cachedOpenAI, type CachedOpenAI } from "../src/index.ts";
import { STEPS, type Clients } from "./surface.ts";

let server: ModelServer;
let cache: LLMCache;
let events: CacheEvent[];
let now: number;

beforeEach(async () => {
  server = await startModelServer();
  now = 1_700_000_000_000;
  cache = new LLMCache({ clock: () => now, ttl: "1d" });
  events = [];
  cache.on((event) => events.push(event));
});
afterEach(async () => {
  vi.restoreAllMocks();
  await server.close();
});

const model = "gpt-4o-mini";
const ask = { model, messages: [{ role: "user" as const, content: "hello" }] };
const streaming = { ...ask, stream: true as const };
/** A header that says nothing keeps a client off the fast path. */
const SLOW = { defaultHeaders: { "x-slow": "1" } };

function plain(more: object = {}): OpenAI {
  return new OpenAI({ apiKey: "sk-test", baseURL: server.baseURL, maxRetries: 0, logLevel: "off", ...more });
}

function fastAndSlow(): readonly [CachedOpenAI<OpenAI>, CachedOpenAI<OpenAI>] {
  return [cachedOpenAI(plain(), cache), cachedOpenAI(plain(SLOW), cache)];
}

/** How many requests the SDK builds: none for what is answered at the method. */
function countBuilt(): () => number {
  const spy = vi.spyOn(OpenAI.prototype, "buildRequest");
  return () => spy.mock.calls.length;
}

/** All that can be seen of a value: classes, members and what kind they are, in their order. */
function seen(value: unknown, depth = 0): unknown {
  if (typeof value === "function") return "function";
  if (typeof value !== "object" || value === null) return Object.is(value, -0) ? "-0" : value;
  if (depth > 20) return "deep";
  if (value instanceof Headers) return ["Headers", [...value]];
  if (ArrayBuffer.isView(value)) return [value.constructor.name, [...(value as Uint8Array)]];
  const prototype = Object.getPrototypeOf(value) as object | null;
  return [
    prototype?.constructor.name ?? "null",
    Object.isFrozen(value),
    Reflect.ownKeys(value).map((name) => {
      const { value: member, get, ...kind } = Object.getOwnPropertyDescriptor(value, name) as PropertyDescriptor;
      return [String(name), kind, get === undefined ? seen(member, depth + 1) : "getter"];
    }),
  ];
}

async function chunksOf(stream: AsyncIterable<unknown>): Promise<unknown[]> {
  const chunks: unknown[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

/** All that can be seen of a Response. */
async function seenOf(response: Response, read = true): Promise<unknown> {
  const { status, statusText, headers, url, ok, redirected, type, bodyUsed } = response;
  const about = [status, statusText, [...headers], url, ok, redirected, type, bodyUsed, response instanceof Response];
  return [about, read ? await response.text().catch((error: unknown) => String(error)) : response.bodyUsed];
}

const CALL = { toolCalls: [{ name: "weather", arguments: '{"city":"Köln"}' }] };
const SCRIPTS: readonly (readonly [name: string, script: ReplyScript])[] = [
  ["with tools", CALL],
  ["parsed", { content: '{"answer":4}' }],
  [
    "chat with reasoning and annotations",
    { content: "Grüße 🙂", reasoning: "hm", annotations: [{ type: "url_citation" }] },
  ],
];

describe("both paths", () => {
  test.each(STEPS.map((step) => [step.name, step] as const))("give the same: %s", async (name, step) => {
    server.reply(({ body }) => {
      const text = body.toString("utf8");
      if (text.includes("chat that runs tools") && !text.includes('"role":"tool"')) return CALL;
      return SCRIPTS.find(([part]) => text.includes(part))?.[1] ?? {};
    });
    const azure = cachedOpenAI(
      new AzureOpenAI({ apiKey: "k", baseURL: `${server.url}/openai`, apiVersion: "v", maxRetries: 0 }),
      cache,
    );
    const [fast, slow] = fastAndSlow().map((client): Clients => ({ client, azure: azure as AzureOpenAI, toFile }));
    await step.run(slow as Clients, name);
    await cache.settled();
    const asked = server.count();
    events = [];
    const wire = await step.run(slow as Clients, name);
    const told = events.map(({ type }) => type);
    events = [];
    const method = await step.run(fast as Clients, name);
    expect(seen(method)).toEqual(seen(wire));
    expect(events.map(({ type }) => type)).toEqual(told);
    expect(server.count()).toBe(asked);
  });

  const CHATS: readonly (readonly [string, ReplyScript, object])[] = [
    ["text", { content: "Grüße 🙂 aus Köln" }, {}],
    ["tool calls", { toolCalls: [...CALL.toolCalls, { name: "shell", input: "ls" }] }, {}],
    ["a refusal", { refusal: "No." }, {}],
    ["log probabilities", { content: "yes no", logprobs: true }, { logprobs: true }],
    ["obfuscation", { content: "a b c d e f g h", stream: { pieces: 8, obfuscation: true } }, {}],
    ["comments and CR LF", { content: "a b c", stream: { comments: true, newline: "\r\n" } }, {}],
    ["no end mark", { content: "a b c", stream: { done: false } }, {}],
    ["annotations", { content: "a", annotations: [{ type: "url_citation" }] }, {}],
    ["reasoning", { content: "4", reasoning: "two and two" }, {}],
    ["a long one", { content: "word ".repeat(500) }, {}],
    ["usage", { content: "a b" }, { stream_options: { include_usage: true } }],
    ["several choices", { content: "a b" }, { n: 2 }],
  ];

  test.each(CHATS)(
    "give the same of chat with %s: in one piece and as a stream, with their Responses",
    async (_name, script, more) => {
      server.reply(script);
      const clients = [
        cachedOpenAI(plain(), cache, { storeAnyway: ["refusal"] }),
        cachedOpenAI(plain(SLOW), cache, { storeAnyway: ["refusal"] }),
      ] as const;
      const whole = { ...ask, ...more, stream_options: undefined as never };
      const stream = { ...streaming, ...more };
      await clients[1].chat.completions.create(whole);
      await chunksOf(await clients[1].chat.completions.create({ ...stream, seed: 1 }));
      await cache.settled();
      const asked = server.count();
      now += 5000;
      // Neither can be told as a stream.
      const isToldBoth = !("annotations" in script) && !("n" in more);
      const [method, wire] = await Promise.all(
        clients.map(async (client) => {
          const { completions } = client.chat;
          const list: unknown[] = [];
          const { data, response, request_id } = await completions.create(whole).withResponse();
          list.push(seen(data), request_id, await seenOf(response));
          list.push(await seenOf(await completions.create(whole).asResponse()));
          // From the recorded stream, and from the answer in one piece.
          for (const request of isToldBoth ? [{ ...stream, seed: 1 }, stream] : [{ ...stream, seed: 1 }]) {
            const told = await completions.create(request).withResponse();
            list.push(await seenOf(told.response, false), told.request_id, told.data.constructor.name);
            list.push(Reflect.ownKeys(told.data).map(String), told.data.controller.constructor.name);
            list.push(
              seen(await chunksOf(told.data)),
              await seenOf(told.response),
              told.data.controller.signal.aborted,
            );
            list.push(await seenOf(await completions.create(request).asResponse()));
          }
          return list;
        }),
      );
      expect(method).toEqual(wire);
      expect(server.count()).toBe(asked);
    },
  );

  test("are both taken here", async () => {
    const [fast, slow] = fastAndSlow();
    await slow.chat.completions.create(ask);
    await cache.settled();
    const built = countBuilt();
    await fast.chat.completions.create(ask);
    for await (const _ of await fast.chat.completions.create(streaming));
    await fast.responses.create({ model, input: "hello" });
    await cache.settled();
    expect(built()).toBe(1);
    await fast.responses.create({ model, input: "hello" });
    await fast.responses.parse({ model, input: "hello" });
    await fast.chat.completions.create({ ...ask, temperature: undefined as never });
    expect(built()).toBe(1);
    await slow.chat.completions.create(ask);
    expect(built()).toBe(2);
  });

  test("go by the body that is sent, where it is not the one that was given", async () => {
    const [fast, slow] = fastAndSlow();
    await chunksOf(await slow.chat.completions.create(streaming));
    await slow.chat.completions.create({ ...ask, seed: 1 });
    await cache.settled();
    for (const client of [fast, slow]) {
      const stream = (await client.chat.completions.create({ ...ask, seed: 2 }, { body: streaming })) as unknown;
      expect((stream as object).constructor.name).toBe("Stream");
      const whole = (await client.chat.completions.create(streaming, { body: { ...ask, seed: 1 } })) as unknown;
      expect(whole).toMatchObject({ object: "chat.completion" });
    }
    expect(server.count()).toBe(2);
  });

  test("differ in what is made: at the method no Response, unless somebody asks for it", async () => {
    const [fast] = fastAndSlow();
    await chunksOf(await fast.chat.completions.create(streaming));
    await fast.responses.create({ model, input: "hello" });
    await cache.settled();
    await chunksOf(await fast.chat.completions.create(streaming));
    const made = vi.spyOn(globalThis, "Response");
    await chunksOf(await fast.chat.completions.create(streaming));
    await fast.responses.parse({ model, input: "hello" });
    expect(made).not.toHaveBeenCalled();
    await fast.responses.create({ model, input: "hello" }).withResponse();
    expect(made).toHaveBeenCalledTimes(1);
  });

  test("read an answer once, whoever reads it: the promise, or its Response", async () => {
    const [fast, slow] = fastAndSlow();
    await slow.chat.completions.create(ask);
    await cache.settled();
    const told = await Promise.all(
      [fast, slow].map(async (client) => {
        const promise = client.chat.completions.create(ask);
        const response = await promise.asResponse();
        const text = await response.text();
        const other = client.chat.completions.create(ask);
        const unread = await other.asResponse();
        const data = await other;
        return [text, await promise.catch(String), seen(data), await seenOf(unread)];
      }),
    );
    expect(told[0]).toEqual(told[1]);
  });

  test("give the same names to what is aborted, before and while it is read", async () => {
    const [fast, slow] = fastAndSlow();
    await chunksOf(await slow.chat.completions.create(streaming));
    await slow.chat.completions.create({ ...ask, seed: 1 });
    await cache.settled();
    const told = await Promise.all(
      [fast, slow].map(async (client) => {
        const before = new AbortController();
        before.abort();
        const error = await client.chat.completions
          .create({ ...ask, seed: 1 }, { signal: before.signal })
          .catch((reason: unknown) => reason);
        const late = new AbortController();
        const stream = await client.chat.completions.create(streaming, { signal: late.signal });
        const chunks: unknown[] = [];
        for await (const chunk of stream) {
          chunks.push(chunk);
          late.abort();
        }
        return [
          (error as Error).constructor.name,
          (error as Error).message,
          seen(chunks),
          stream.controller.signal.aborted,
        ];
      }),
    );
    expect(told[0]).toEqual(told[1]);
    expect(server.count()).toBe(2);
  });
});

describe("a hit at the method", () => {
  test("is private: what is done to one is not in the next", async () => {
    const [fast] = fastAndSlow();
    await fast.chat.completions.create(ask);
    await cache.settled();
    const first = await fast.chat.completions.create(ask);
    (first.choices[0] as { message: { content: string } }).message.content = "changed";
    expect((await fast.chat.completions.create(ask)).choices[0]?.message.content).toBe("answer 1 to: hello");
    const [one] = (await chunksOf(await fast.chat.completions.create(streaming))) as OpenAI.ChatCompletionChunk[];
    Object.assign(one as object, { id: "changed" });
    const [other] = (await chunksOf(await fast.chat.completions.create(streaming))) as OpenAI.ChatCompletionChunk[];
    expect(other?.id).not.toBe("changed");
  });

  test.each([
    ["cache: false", { cache: false }],
    ["noCache", { cache: { noCache: true } }],
    ["a namespace", { cache: { namespace: "other" } }],
    ["a version", { cache: { version: "2" } }],
    ["an age of 0", { cache: { sMaxAge: 0 } }],
    ["another cache", { cache: new LLMCache() }],
  ])("is none with %s", async (_name, options) => {
    const [fast] = fastAndSlow();
    await fast.chat.completions.create(ask);
    await cache.settled();
    await fast.chat.completions.create(ask, options);
    expect(server.count()).toBe(2);
  });

  test("is none of a cache that is told so otherwise: switched off, opted in to, or its answer expired", async () => {
    const [fast] = fastAndSlow();
    await fast.chat.completions.create(ask);
    await cache.settled();
    await cache.run({ namespace: "x" }, () => fast.chat.completions.create(ask));
    expect(server.count()).toBe(2);
    cache.disable();
    await fast.chat.completions.create(ask);
    expect(server.count()).toBe(3);
    cache.enable();
    await fast.chat.completions.create(ask);
    expect(server.count()).toBe(3);
    now += 2 * 86_400_000;
    await fast.chat.completions.create(ask);
    expect(server.count()).toBe(4);
  });

  test("comes from the cache in force, where the client has none", async () => {
    const client = cachedOpenAI(plain());
    const first = await cache.run(() => client.chat.completions.create(ask));
    await cache.settled();
    const built = countBuilt();
    expect(await cache.run(() => client.chat.completions.create(ask))).toStrictEqual(first);
    expect(built()).toBe(0);
    await client.chat.completions.create(ask);
    expect(server.count()).toBe(2);
  });

  test("is one event and one hit; a miss is one miss", async () => {
    const [fast] = fastAndSlow();
    await fast.chat.completions.create(ask);
    await cache.settled();
    expect(cache.stats()).toMatchObject({ hits: 0, misses: 1 });
    await fast.chat.completions.create(ask);
    await fast.chat.completions.create(streaming);
    expect(cache.stats()).toMatchObject({ hits: 2, misses: 1, bypasses: 0 });
    expect(events.filter(({ type }) => type === "hit")).toHaveLength(2);
  });

  test("of a client whose bodies are sent with something else is left to the wire", async () => {
    await cachedOpenAI(plain(), cache).chat.completions.create(ask);
    await cache.settled();
    class Other extends OpenAI {}
    const logger = { error: () => undefined, warn: () => undefined, info: () => undefined, debug: () => undefined };
    const built = countBuilt();
    const clients: OpenAI[] = [
      new Other({ apiKey: "k", baseURL: server.baseURL, maxRetries: 0 }),
      plain(SLOW),
      plain({ logLevel: "debug", logger }),
      plain({ fetchOptions: { headers: {} } }),
      plain({ apiKey: async () => "k" }),
    ].map((client) => cachedOpenAI(client, cache));
    const hooked = cachedOpenAI(plain(), cache);
    Object.assign(hooked, { prepareRequest: async () => undefined });
    clients.push(hooked, cachedOpenAI(plain(), cache, { countedHeaders: ["x-unheard-of"] }));
    for (const [index, client] of clients.entries()) {
      await client.chat.completions.create(ask);
      expect([index, built()]).toEqual([index, index + 1]);
    }
    const [fast] = fastAndSlow();
    const more = [{ headers: { "x-a": "1" } }, { query: {} }, { fetchOptions: { keepalive: true } }] as const;
    for (const [index, options] of more.entries()) {
      await fast.chat.completions.create(ask, options);
      expect([index, built()]).toEqual([index, clients.length + index + 1]);
    }
    await fast.chat.completions.create(ask, { timeout: 5000, maxRetries: 1, signal: new AbortController().signal });
    expect(built()).toBe(clients.length + more.length);
    expect(server.count()).toBe(1);
  });

  test("is not taken for a client with a header that counts, or speaks to the cache", async () => {
    await cachedOpenAI(plain(), cache).chat.completions.create(ask);
    await cache.settled();
    for (const header of [{ "openai-beta": "x" }, { "cache-control": "no-cache" }, { "x-llmcache-namespace": "n" }])
      await cachedOpenAI(plain({ defaultHeaders: header }), cache).chat.completions.create(ask);
    await cachedOpenAI(plain({ defaultQuery: { "api-version": "2" } }), cache).chat.completions.create(ask);
    const moved = cachedOpenAI(plain(), cache);
    await moved.chat.completions.create(ask);
    expect(server.count()).toBe(5);
    moved.baseURL = `${server.url}/other/v1`;
    await moved.chat.completions.create(ask).catch(() => undefined);
    expect(server.count()).toBe(6);
  });

  test("of a client wrapped twice is left to the wire, which asks its own cache first", async () => {
    const outer = new LLMCache();
    const inner = cachedOpenAI(plain(), cache);
    await inner.chat.completions.create(ask);
    await cache.settled();
    const both = cachedOpenAI(inner, outer);
    const first = await both.chat.completions.create(ask);
    expect(first.choices[0]?.message.content).toBe("answer 1 to: hello");
    expect([server.count(), outer.stats().misses]).toEqual([1, 0]);
    await both.reject(first);
    await both.chat.completions.create(ask);
    expect(server.count()).toBe(2);
  });

  test("is given by clients made with withOptions too", async () => {
    const client = cachedOpenAI(plain(), cache).withOptions({ timeout: 1000 });
    await client.chat.completions.create(ask);
    await cache.settled();
    const built = countBuilt();
    await client.chat.completions.create(ask);
    expect(built()).toBe(0);
  });

  test("is found by a client of fetch, and the other way round: their keys are the same", async () => {
    const [fast] = fastAndSlow();
    const fetching = plain({ fetch: cachedFetch(cache) });
    await fetching.responses.create({ model, input: "hello" });
    await fast.completions.create({ model, prompt: "hello" });
    await fast.moderations.create({ input: "hello" });
    await cache.settled();
    await fast.responses.create({ model, input: [{ role: "user", content: "hello" }] });
    await fetching.completions.create({ model, prompt: "hello" });
    await fast.moderations.create({ input: "hello" });
    expect(server.count()).toBe(3);
  });
});

/** Answers a lookup when it is told to. */
class SlowStore extends MapStore {
  gate: ReturnType<typeof createGate> | undefined;

  override async get(...asked: Parameters<MapStore["get"]>): Promise<StoreHit | undefined> {
    await this.gate?.opened;
    return super.get(...asked);
  }
}

describe("a store that takes its time", () => {
  let store: SlowStore;
  let client: CachedOpenAI<OpenAI>;

  beforeEach(() => {
    store = new SlowStore();
    client = cachedOpenAI(plain(), new LLMCache({ store, storeTimeoutMs: 60_000 }));
  });

  test("does not let through what the caller does to the body meanwhile", async () => {
    store.gate = createGate();
    const body = { ...ask, messages: [...ask.messages], metadata: { a: "1" } };
    const call = client.chat.completions.create(body);
    await new Promise((resolve) => setImmediate(resolve));
    body.messages.push({ role: "user", content: "later" });
    Object.assign(body, { temperature: 1 });
    store.gate.open();
    await call;
    expect(server.requests[0]?.json()).toEqual({ ...ask, metadata: { a: "1" } });
  });

  test("does not make one call two: all at once ask once", async () => {
    store.gate = createGate();
    const calls = Array.from({ length: 20 }, () => client.chat.completions.create(ask));
    await new Promise((resolve) => setImmediate(resolve));
    store.gate.open();
    const answers = await Promise.all(calls);
    expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
    expect(server.count()).toBe(1);
  });

  test("is not waited for once the caller has gone", async () => {
    store.gate = createGate();
    const leaving = new AbortController();
    const call = client.chat.completions.create(ask, { signal: leaving.signal });
    await new Promise((resolve) => setImmediate(resolve));
    leaving.abort();
    await expect(call).rejects.toBeInstanceOf(OpenAI.APIUserAbortError);
    store.gate.open();
    expect(server.count()).toBe(0);
  });

  test("still serves what it has", async () => {
    await client.chat.completions.create(ask);
    store.gate = createGate();
    const parsed = client.chat.completions.parse(ask);
    await new Promise((resolve) => setImmediate(resolve));
    store.gate.open();
    expect((await parsed).choices[0]?.message.content).toBe("answer 1 to: hello");
    expect(server.count()).toBe(1);
  });
});

test("a store that takes long is soon asked once for a miss, and not twice", async () => {
  const store = new MapStore();
  const get = vi.spyOn(store, "get").mockImplementation(async () => {
    const until = performance.now() + 6;
    while (performance.now() < until) await Promise.resolve();
    return undefined;
  });
  const client = cachedOpenAI(plain(), new LLMCache({ store }));
  const reads = [];
  for (let call = 0; call < 5; call++) {
    get.mockClear();
    await client.chat.completions.create({ ...ask, seed: call });
    reads.push(get.mock.calls.length);
  }
  expect(reads).toEqual([2, 2, 2, 1, 1]);
});

test("a failing store costs a failure, not the call", async () => {
  const store = new MapStore();
  vi.spyOn(store, "get").mockRejectedValue(new Error("down"));
  const client = cachedOpenAI(plain(), new LLMCache({ store }));
  expect((await client.chat.completions.create(ask)).choices[0]?.message.content).toBe("answer 1 to: hello");
});

test("options that say what no control says are the error that they are on the wire", async () => {
  const [fast, slow] = fastAndSlow();
  for (const client of [fast, slow]) {
    const error = await client.chat.completions
      .create(ask, { cache: { ttl: "soon" } as never })
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ status: 400, code: "ERR_LLMCACHE_OPTION" });
    const missing = await client.chat.completions
      .create(ask, { cache: { onlyIfCached: true } })
      .catch((reason: unknown) => reason);
    expect(missing).toMatchObject({ status: 504, code: "ERR_LLMCACHE_MISS" });
  }
  expect(cache.stats().misses).toBe(2);
});
