import Anthropic, { AuthenticationError, RateLimitError } from "@anthropic-ai/sdk";
import { LLMCache, MapStore } from "@llmcache/core";
import { independent, persistent, repeatable, take, type Sampler } from "@llmcache/sampling";
import { startModelServer, type ModelServer } from "@llmcache/testing/model-server";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { cachedAnthropic, cachedFetch } from "../src/index.ts";
import { anthropicSampler, type AnthropicPrompt, type AnthropicSamplerOptions } from "../src/sampler.ts";

let server: ModelServer;
let client: Anthropic;
let slept: number[];

beforeEach(async () => {
  server = await startModelServer();
  slept = [];
  client = new Anthropic({ apiKey: "key", baseURL: server.url, logLevel: "off" });
});
afterEach(() => server.close());

/** Retries at once. */
function sampler(more: Partial<AnthropicSamplerOptions> = {}): Sampler<AnthropicPrompt, unknown> {
  const sleep = async (ms: number): Promise<void> => void slept.push(ms);
  return anthropicSampler({
    client,
    model: "claude-sonnet-5",
    maxTokens: 100,
    sleep,
    ...more,
  } as AnthropicSamplerOptions as never);
}

function bodies(): unknown[] {
  return server.requests.map((request) => request.json());
}

describe("what is asked", () => {
  test("is the model, the limit, the settings and the prompt, once for each sample", async () => {
    const made = sampler({ temperature: 1, settings: { system: "Be brief." } });
    expect(await take(made.sample("hello"), 3)).toEqual([1, 2, 3].map((n) => `answer ${n} to: hello`));
    const body = { model: "claude-sonnet-5", max_tokens: 100, temperature: 1, system: "Be brief." };
    const messages = [{ role: "user", content: "hello" }];
    expect(bodies()).toEqual(Array.from({ length: 3 }, () => ({ ...body, messages })));
    expect(made.totals()).toMatchObject({ requests: 3, samples: 3, failedRequests: 0 });
  });

  test("may be messages, with more of a request's fields", async () => {
    const messages = [{ role: "user" as const, content: "hello" }];
    await sampler().sample(messages).next();
    await sampler().sample({ messages, max_tokens: 7, system: "s" }).next();
    expect(bodies()).toEqual([
      { model: "claude-sonnet-5", max_tokens: 100, messages },
      { model: "claude-sonnet-5", max_tokens: 7, system: "s", messages },
    ]);
  });

  test.each([
    ["a number", 7, /text/],
    ["no messages", { message: "hello" }, /messages/],
    ["another model", { messages: [], model: "m" }, /model/],
    ["a stream", { messages: [], stream: true }, /stream/],
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
    const through = new Anthropic({ apiKey: "key", baseURL: server.url, fetch: cachedFetch(cache) });
    for (const each of [cachedAnthropic(client, cache), through, client])
      await take(sampler({ client: each }).sample("hello"), 2);
    await cache.settled();
    expect(server.count()).toBe(6);
    expect(cache.stats()).toMatchObject({ hits: 0, misses: 0 });
  });
});

test("the identity is model or alias, temperature, limit, settings and kind of samples; not the server", async () => {
  const other = await startModelServer();
  const store = new MapStore();
  const first = await take(persistent(sampler(), store).sample("p"), 2);
  const elsewhere = new Anthropic({ apiKey: "other", baseURL: other.url });
  const same = sampler({ client: elsewhere, model: "us.anthropic.claude-sonnet-5-v1:0", alias: "claude-sonnet-5" });
  expect(await take(persistent(same, store).sample("p"), 2)).toEqual(first);
  expect(other.count()).toBe(0);
  for (const more of [
    { model: "claude-opus-5" },
    { alias: "sonnet" },
    { temperature: 0.5 },
    { maxTokens: 99 },
    { settings: { system: "s" } },
    { samples: "message" as const },
  ])
    await persistent(sampler({ ...more, client: elsewhere }), store)
      .sample("p")
      .next();
  expect(other.count()).toBe(6);
  await other.close();
});

test("samples are texts, without thoughts, or whole messages; what says nothing is a sample, too", async () => {
  server.reply({ reasoning: "hm", content: "Grüße" });
  expect(await take(sampler().sample("p"), 1)).toEqual(["Grüße"]);
  const [message] = await take(sampler({ samples: "message" }).sample("p"), 1);
  expect(message).toMatchObject({
    role: "assistant",
    content: [{ type: "thinking" }, { type: "text", text: "Grüße" }],
  });
  server.reply({ message: { content: [] } });
  expect(await take(sampler().sample("p"), 1)).toEqual([""]);
  server.reply({ raw: { headers: { "content-type": "application/json" }, body: "{}" } });
  await expect(sampler().sample("p").next()).rejects.toMatchObject({ code: "ERR_LLMCACHE_COUNT" });
});

test("views work: repeatable gives the same again, independent the next", async () => {
  const made = repeatable(sampler());
  const first = await take(made.sample("p"), 2);
  expect(await take(made.sample("p"), 2)).toEqual(first);
  const next = independent(sampler());
  expect(await take(next.sample("p"), 1)).not.toEqual(await take(next.sample("p"), 1));
});

describe("retries", () => {
  const failure = (status: number, headers: Record<string, string> = {}): object => ({ error: { status, headers } });

  test.each([408, 409, 429, 500, 529])("%d is asked again, and counted", async (status) => {
    server.enqueue(failure(status), failure(status, { "retry-after": "2" }));
    const made = sampler();
    expect(await take(made.sample("p"), 1)).toEqual(["answer 3 to: p"]);
    expect(made.totals()).toMatchObject({ requests: 3, failedRequests: 2, samples: 1 });
    expect(slept).toEqual([expect.any(Number), 2000]);
    expect(slept[0]).toBeLessThanOrEqual(500);
  });

  test.each([
    ["a refused connection", "before-headers" as const],
    ["a connection that is lost behind the headers", "after-headers" as const],
    ["an answer that breaks off", 40],
  ])("%s is asked again, and counted", async (_, drop) => {
    server.enqueue({ drop });
    const made = sampler();
    expect(await take(made.sample("p"), 1)).toHaveLength(1);
    expect(made.totals()).toMatchObject({ requests: 2, failedRequests: 1, samples: 1 });
  });

  test("what does not pass rejects with the client's error", async () => {
    server.reply(failure(401));
    await expect(sampler().sample("p").next()).rejects.toBeInstanceOf(AuthenticationError);
    server.reply(failure(529, { "x-should-retry": "false" }));
    await expect(sampler().sample("p").next()).rejects.toMatchObject({ status: 529 });
    server.reply(failure(429, { "retry-after": "61" }));
    await expect(sampler().sample("p").next()).rejects.toBeInstanceOf(RateLimitError);
    expect([server.count(), slept]).toEqual([3, []]);
  });

  test("none is none, and the client's own are off", async () => {
    server.reply(failure(429));
    const eager = new Anthropic({ apiKey: "key", baseURL: server.url, maxRetries: 5, logLevel: "off" });
    const made = sampler({ client: eager, retries: 0 });
    await expect(made.sample("p").next()).rejects.toBeInstanceOf(RateLimitError);
    expect(server.count()).toBe(1);
    expect(made.totals()).toMatchObject({ requests: 1, failedRequests: 1 });
  });

  test("a client that gets tokens itself gets another one for a token that is refused, once", async () => {
    const given: string[] = [];
    const credentials = async (): Promise<{ token: string; expiresAt: number }> => {
      given.push(`token-${given.length + 1}`);
      return { token: given.at(-1) ?? "", expiresAt: Date.now() / 1000 + 3600 };
    };
    const own = new Anthropic({ apiKey: null, authToken: null, credentials, baseURL: server.url, logLevel: "off" });
    server.enqueue(failure(401));
    const made = sampler({ client: own });
    expect(await take(made.sample("p"), 1)).toEqual(["answer 2 to: p"]);
    expect(made.totals()).toMatchObject({ requests: 2, failedRequests: 1 });
    expect(server.requests.map((request) => request.headers["authorization"])).toEqual([
      "Bearer token-1",
      "Bearer token-2",
    ]);
    server.reply(failure(401));
    await expect(made.sample("p").next()).rejects.toBeInstanceOf(AuthenticationError);
    expect(server.count()).toBe(4);
  });
});

test("what it took is on the account", async () => {
  server.reply({ usage: { prompt_tokens: 3, completion_tokens: 4, cache_read_input_tokens: 10 } });
  const made = sampler({ price: () => 0.5 });
  await take(made.sample("p"), 2);
  expect(made.totals()).toMatchObject({ inputTokens: 26, outputTokens: 8, cost: 1 });
  const broken = sampler({
    price: () => {
      throw new Error("unknown");
    },
  });
  expect(await take(broken.sample("p"), 1)).toHaveLength(1);
});

test.each([
  [{ client: {} as never }, "client"],
  [{ model: "" }, "model"],
  [{ alias: "" }, "alias"],
  [{ maxTokens: 0 }, "maxTokens"],
  [{ temperature: Number.NaN }, "temperature"],
  [{ samples: "all" as never }, "samples"],
  [{ retries: -1 }, "retries"],
  [{ settings: { max_tokens: 1 } }, "max_tokens"],
])("a wrong option is an error that names it: %j", (more, name) => {
  expect(() => sampler(more)).toThrow(
    expect.objectContaining({ code: "ERR_LLMCACHE_OPTION", message: expect.stringContaining(name) as string }),
  );
});
