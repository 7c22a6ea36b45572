import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LLMCache, MapStore } from "@llmcache/core";
import { independent, persistent, repeatable, take, type Sampler } from "@llmcache/sampling";
import { startModelServer, type ModelServer } from "@llmcache/testing/model-server";
import OpenAI from "openai";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { cachedFetch, cachedOpenAI } from "../src/index.ts";
import { openAISampler, type OpenAIPrompt, type OpenAISamplerOptions } from "../src/sampler.ts";

let server: ModelServer;
let client: OpenAI;
let slept: number[];

beforeEach(async () => {
  server = await startModelServer();
  client = new OpenAI({ apiKey: "sk-test", baseURL: server.baseURL, logLevel: "off" });
  slept = [];
});
afterEach(() => server.close());

/** Retries at once. */
function sampler(more: Partial<OpenAISamplerOptions> = {}): Sampler<OpenAIPrompt, unknown> {
  const sleep = async (ms: number): Promise<void> => void slept.push(ms);
  return openAISampler({ client, model: "gpt-4o", temperature: 1, sleep, ...more } as OpenAISamplerOptions as never);
}

function bodies(): unknown[] {
  return server.requests.map((request) => request.json());
}

describe("what is asked", () => {
  test("is the model, the temperature, the prompt and the number of samples", async () => {
    const sequence = sampler({ maxBatch: 10, settings: { top_p: 0.5 } }).sample("hello", { batch: 20 });
    expect(server.count()).toBe(0);
    expect(new Set(await take(sequence, 40)).size).toBe(40);
    const body = { model: "gpt-4o", temperature: 1, top_p: 0.5, n: 10 };
    const messages = [{ role: "user", content: "hello" }];
    expect(bodies()).toEqual(Array.from({ length: 4 }, () => ({ ...body, messages })));
  });

  test("may be messages, with more of a request's fields", async () => {
    const messages = [
      { role: "system" as const, content: "be brief" },
      { role: "user" as const, content: "hello" },
    ];
    await sampler({ temperature: undefined }).sample(messages).next();
    await sampler({ settings: { max_tokens: 5 } })
      .sample({ messages, max_tokens: 7 })
      .next();
    expect(bodies()).toEqual([
      { model: "gpt-4o", n: 1, messages },
      { model: "gpt-4o", temperature: 1, n: 1, messages, max_tokens: 7 },
    ]);
  });

  test.each([
    ["a number", 7, /text/],
    ["no messages", { message: "hello" }, /messages/],
    ["another model", { messages: [], model: "gpt-5" }, /model/],
    ["a number of samples", { messages: [], n: 3 }, /say n/],
    ["tools for texts", { messages: [], tools: [] }, /message/],
  ])("a prompt that is %s is refused, and nobody is asked", async (_, prompt, message) => {
    const pull = sampler()
      .sample(prompt as never)
      .next();
    await expect(pull).rejects.toMatchObject({ code: "ERR_LLMCACHE_REQUEST", message: expect.stringMatching(message) });
    expect(server.count()).toBe(0);
  });

  test("reaches the model whatever caches are on the way", async () => {
    const cache = new LLMCache();
    const clients = [
      cachedOpenAI(client, cache),
      new OpenAI({ apiKey: "sk-test", baseURL: server.baseURL, fetch: cachedFetch(cache) }),
      client,
    ];
    for (const each of clients) await take(sampler({ client: each }).sample("hello"), 2);
    await cache.run(() => take(sampler({ client: clients[0] }).sample("hello"), 2));
    await cache.settled();
    expect(server.count()).toBe(8);
    expect(cache.stats()).toMatchObject({ hits: 0, misses: 0 });
  });
});

describe("the identity", () => {
  test("is model or alias, temperature, settings and kind of samples; neither the server nor the size of batches", async () => {
    const other = await startModelServer();
    const store = new MapStore();
    const first = await take(persistent(sampler({ maxBatch: 4 }), store).sample("p", { batch: 4 }), 4);
    const elsewhere = new OpenAI({ apiKey: "sk-other", baseURL: other.baseURL });
    const same = sampler({ client: elsewhere, model: "deployment-7", alias: "gpt-4o" });
    expect(await take(persistent(same, store).sample("p"), 4)).toEqual(first);
    expect(other.count()).toBe(0);
    for (const more of [
      { model: "gpt-4o-mini" },
      { alias: "gpt" },
      { temperature: 0.5 },
      { temperature: undefined },
      { settings: { top_p: 1 } },
      { samples: "message" as const },
    ])
      await persistent(sampler({ ...more, client: elsewhere }), store)
        .sample("p")
        .next();
    expect(other.count()).toBe(6);
    await other.close();
  });

  test("fits into directories of cached_llm", async () => {
    const root = mkdtempSync(join(tmpdir(), "llmcache-sampler-"));
    try {
      await persistent(sampler({ model: "ali/qwen2.5", alias: "qwen2.5", temperature: 0.5 }), root)
        .sample("p")
        .next();
      expect(readdirSync(root)).toEqual(["qwen2.5_0.5"]);
    } finally {
      rmSync(root, { recursive: true });
    }
  });
});

describe("what was paid for", () => {
  test("is kept without usage, with null content, refused, filtered or empty", async () => {
    server.reply({
      usage: false,
      choices: [
        { content: "text" },
        { content: null, finishReason: "content_filter" },
        { content: null, refusal: "I will not." },
        { content: "" },
      ],
    });
    const made = sampler({ maxBatch: 4 });
    expect(await take(made.sample("p", { batch: 4 }), 4)).toEqual(["text", "", "I will not.", ""]);
    expect(made.totals()).toMatchObject({
      requests: 1,
      failedRequests: 0,
      samples: 4,
      inputTokens: 0,
      outputTokens: 0,
    });
  });

  test.each([
    ["no usage member at all", {}],
    ["usage null", { usage: null }],
    ["usage of other shape", { usage: { tokens: "many" } }],
    ["content in parts", { parts: true }],
  ])("is kept with %s", async (_, { parts, ...more }: { parts?: boolean; usage?: unknown }) => {
    const content =
      parts === true
        ? [
            { type: "text", text: "te" },
            { type: "text", text: "xt" },
          ]
        : "text";
    server.reply({
      raw: {
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ choices: [{ message: { content } }], ...more }),
      },
    });
    expect(await take(sampler().sample("p"), 1)).toEqual(["text"]);
  });

  test("is kept where fewer came than were asked for, and where more did", async () => {
    server.enqueue({ choices: [{ content: "a" }] }, { choices: ["b", "c", "d", "e"].map((content) => ({ content })) });
    const made = sampler({ maxBatch: 3 });
    expect(await take(made.sample("p", { batch: 3 }), 5)).toEqual(["a", "b", "c", "d", "e"]);
    expect(made.totals()).toMatchObject({ requests: 2, samples: 5 });
  });

  test("is a message with its calls, where messages are wanted", async () => {
    server.reply({ toolCalls: [{ name: "look", arguments: "{}" }] });
    const made = sampler({ samples: "message" });
    const tools = [{ type: "function" as const, function: { name: "look" } }];
    const prompt = { messages: [{ role: "user" as const, content: "p" }], tools };
    const [message] = await take(repeatable(made).sample(prompt), 1);
    expect(message).toMatchObject({ role: "assistant", content: null, tool_calls: [{ function: { name: "look" } }] });
  });

  test.each([
    ["nothing", "{}", /no choices/],
    ["an error with status 200", '{"error":{"message":"Overloaded."}}', /Overloaded/],
    ["no choice", '{"choices":[]}', /none/],
  ])("%s is an error, not an endless loop", async (_, body, message) => {
    server.reply({ raw: { headers: { "content-type": "application/json" }, body } });
    const sequence = sampler().sample("p");
    await expect(sequence.next()).rejects.toMatchObject({
      code: "ERR_LLMCACHE_COUNT",
      message: expect.stringMatching(message),
    });
    expect(server.count()).toBe(1);
    server.reply({ content: "later" });
    expect(await take(sequence, 1)).toEqual(["later"]);
  });
});

describe("totals", () => {
  test("count requests, time, tokens and money, through all layers", async () => {
    server.reply({ usage: { prompt_tokens: 10, completion_tokens: 4 }, model: "gpt-4o-2024-08-06" });
    const price = vi.fn<NonNullable<OpenAISamplerOptions["price"]>>(() => 0.25);
    const stack = repeatable(independent(persistent(sampler({ maxBatch: 2, price }), new MapStore())));
    await take(stack.sample("p", { batch: 2 }), 4);
    const { durationMs, ...rest } = stack.totals();
    expect(rest).toEqual({ requests: 2, failedRequests: 0, samples: 4, inputTokens: 20, outputTokens: 8, cost: 0.5 });
    expect(durationMs).toBeGreaterThan(0);
    expect(price.mock.calls[0]).toMatchObject([{ model: "gpt-4o-2024-08-06", usage: { prompt_tokens: 10 } }]);
  });

  test("a price that nobody knows loses no answer", async () => {
    const price = (): number => {
      throw new Error("unknown model");
    };
    const made = sampler({ price });
    expect(await take(made.sample("p"), 1)).toHaveLength(1);
    expect(made.totals()).toMatchObject({ samples: 1, cost: 0 });
  });
});

describe("retries", () => {
  const failure = (status: number, headers: Record<string, string> = {}): object => ({ error: { status, headers } });

  test.each([408, 409, 429, 500, 502, 503, 529])("%d is asked again, and counted", async (status) => {
    server.enqueue(failure(status), failure(status));
    const made = sampler();
    expect(await take(made.sample("p"), 1)).toHaveLength(1);
    expect(server.count()).toBe(3);
    expect(made.totals()).toMatchObject({ requests: 3, failedRequests: 2, samples: 1 });
    expect(slept).toHaveLength(2);
    for (const [attempt, ms] of slept.entries()) {
      expect(ms).toBeLessThanOrEqual(500 * 2 ** attempt);
      expect(ms).toBeGreaterThanOrEqual(375 * 2 ** attempt);
    }
  });

  test.each([400, 401, 403, 404, 422])("%d is not, and comes as it is", async (status) => {
    server.reply(failure(status));
    await expect(sampler().sample("p").next()).rejects.toMatchObject({ status });
    expect(server.count()).toBe(1);
  });

  test.each([
    ["a refused connection", "before-headers" as const],
    ["a connection that is lost behind the headers", "after-headers" as const],
    ["an answer that breaks off", 40],
  ])("%s is asked again", async (_, drop) => {
    server.enqueue({ drop });
    const made = sampler();
    expect(await take(made.sample("p"), 1)).toHaveLength(1);
    expect(server.count()).toBe(2);
    expect(made.totals()).toMatchObject({ requests: 2, failedRequests: 1, samples: 1 });
  });

  test("a server that is away is asked again until retries are used up, and the position stays", async () => {
    const away = await startModelServer();
    const lost = new OpenAI({ apiKey: "sk-test", baseURL: away.baseURL, logLevel: "off" });
    await away.close();
    const made = sampler({ client: lost, retries: 2 });
    const sequence = made.sample("p");
    await expect(sequence.next()).rejects.toBeInstanceOf(OpenAI.APIConnectionError);
    expect(slept).toHaveLength(2);
    expect(made.totals()).toMatchObject({ requests: 3, failedRequests: 3, samples: 0 });
  });

  test("after the time that the provider wants: in ms, in seconds, as a date", async () => {
    server.enqueue(
      failure(429, { "retry-after-ms": "1234", "retry-after": "9" }),
      failure(429, { "retry-after": "2" }),
      failure(503, { "retry-after": "Wed, 01 Jan 2025 00:00:30 GMT" }),
      failure(503, { "retry-after": "Wed, 01 Jan 2025 00:00:00 GMT" }),
    );
    await sampler({ clock: () => Date.UTC(2025, 0, 1, 0, 0, 20) })
      .sample("p")
      .next();
    expect(slept).toEqual([1234, 2000, 10_000, 0]);
  });

  test("a time that cannot be read is none", async () => {
    server.enqueue(failure(429, { "retry-after": "soon" }));
    await sampler().sample("p").next();
    expect(slept[0]).toBeGreaterThan(0);
    expect(slept[0]).toBeLessThanOrEqual(500);
  });

  test("who wants to be left alone for too long has failed", async () => {
    server.reply(failure(429, { "retry-after": "61" }));
    await expect(sampler().sample("p").next()).rejects.toMatchObject({ status: 429 });
    expect([server.count(), slept]).toEqual([1, []]);
    await expect(sampler({ maxRetryDelayMs: 61_000 }).sample("p").next()).rejects.toMatchObject({ status: 429 });
    expect(slept).toEqual([61_000, 61_000, 61_000, 61_000]);
  });

  test("none is none, and the client's own are off", async () => {
    server.reply(failure(500));
    const eager = new OpenAI({ apiKey: "sk-test", baseURL: server.baseURL, maxRetries: 5, logLevel: "off" });
    await expect(sampler({ client: eager, retries: 0 }).sample("p").next()).rejects.toMatchObject({ status: 500 });
    expect(server.count()).toBe(1);
  });

  test("the provider may say that there is no point", async () => {
    server.reply(failure(429, { "x-should-retry": "false" }));
    await expect(sampler().sample("p").next()).rejects.toMatchObject({ status: 429 });
    expect(server.count()).toBe(1);
  });

  test("an abort ends waiting, and the request", async () => {
    server.reply(failure(500));
    const controller = new AbortController();
    const { promise: sleeping, resolve: sleeps } = Promise.withResolvers<void>();
    const sleep = async (_: number, signal: AbortSignal): Promise<void> => {
      sleeps();
      await new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
    };
    const pull = sampler({ sleep }).sample("p", { signal: controller.signal }).next();
    await sleeping;
    controller.abort(new Error("enough"));
    await expect(pull).rejects.toThrow("enough");
    server.reply({ hang: true });
    const other = new AbortController();
    const second = sampler().sample("p", { signal: other.signal }).next();
    const request = await server.waitFor(2);
    other.abort(new Error("enough"));
    await expect(second).rejects.toThrow("enough");
    await request.ended;
    expect(request.aborted).toBe(true);
    expect(server.count()).toBe(2);
  });

  test("waits in real time by default", async () => {
    server.enqueue(failure(429, { "retry-after-ms": "1" }));
    const made = openAISampler({ client, model: "gpt-4o" });
    expect(await take(made.sample("p"), 1)).toHaveLength(1);
  });
});

describe("clients", () => {
  test("are made of a preset, for the first request: who replays needs no key", async () => {
    vi.stubEnv("FIREWORKS_API_KEY", undefined);
    try {
      const made = openAISampler({ preset: "fireworksAI", model: "accounts/fireworks/models/x", alias: "x" });
      const replay = persistent(made, new MapStore(), { replication: true });
      await expect(replay.sample("p").next()).rejects.toMatchObject({ code: "ERR_LLMCACHE_MISS" });
      await expect(made.sample("p").next()).rejects.toMatchObject({
        code: "ERR_LLMCACHE_OPTION",
        message: expect.stringContaining("FIREWORKS_API_KEY"),
      });
    } finally {
      vi.unstubAllEnvs();
    }
  });

  test("are made for any compatible server", async () => {
    const preset = { baseURL: server.baseURL, apiKey: "sk-other" };
    await take(openAISampler({ preset, model: "m" }).sample("p"), 2);
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual(["Bearer sk-other", "Bearer sk-other"]);
  });

  test.each<[string, object]>([
    ["neither", { model: "m" }],
    ["both", { preset: "ollama", client: {}, model: "m" }],
    ["client", { client: {}, model: "m" }],
    ["preset", { preset: "nobody", model: "m" }],
    ["model", { preset: "ollama", model: "" }],
    ["alias", { preset: "ollama", model: "m", alias: "" }],
    ["temperature", { preset: "ollama", model: "m", temperature: Number.NaN }],
    ["retries", { preset: "ollama", model: "m", retries: -1 }],
    ["maxBatch", { preset: "ollama", model: "m", maxBatch: 0 }],
    ["maxRetryDelayMs", { preset: "ollama", model: "m", maxRetryDelayMs: 0.5 }],
    ["samples", { preset: "ollama", model: "m", samples: "words" }],
    ["clock", { preset: "ollama", model: "m", clock: 1 }],
    ["settings.n", { preset: "ollama", model: "m", settings: { n: 2 } }],
    ["settings.messages", { preset: "ollama", model: "m", settings: { messages: [] } }],
  ])("and options are checked: %s", (name, options) => {
    expect(() => openAISampler(options as never)).toThrow(
      expect.objectContaining({
        code: "ERR_LLMCACHE_OPTION",
        message: expect.stringContaining(["neither", "both"].includes(name) ? "either client or preset" : name),
      }),
    );
  });
});
