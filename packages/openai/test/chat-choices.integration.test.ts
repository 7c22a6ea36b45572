import { LLMCache } from "@llmcache/core";
import { independent, repeatable } from "@llmcache/sampling";
import { startModelServer, type ModelServer } from "@llmcache/testing/model-server";
import OpenAI from "openai";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { cachedOpenAI, type CachedOpenAI, type CachedOpenAIOptions } from "../src/index.ts";

let server: ModelServer;
let cache: LLMCache;
let plain: OpenAI;
let client: CachedOpenAI<OpenAI>;
let samples: number;

beforeEach(async () => {
  server = await startModelServer();
  samples = 0;
  // Sample 1, sample 2 …, each of two tokens, of a prompt of ten.
  server.reply((request) => {
    const { n = 1 } = request.json() as { n?: number };
    const choices = Array.from({ length: n }, () => ({ content: `sample ${++samples}` }));
    return { choices, usage: { prompt_tokens: 10, completion_tokens: 2 * n, total_tokens: 10 + 2 * n } };
  });
  cache = new LLMCache();
  plain = new OpenAI({ apiKey: "sk-test", baseURL: server.baseURL, maxRetries: 0, logLevel: "off" });
  client = cachedOpenAI(plain, cache);
});
afterEach(() => server.close());

const QUESTION = { model: "gpt-4o", messages: [{ role: "user" as const, content: "Toss a coin." }] };
type More = Partial<OpenAI.ChatCompletionCreateParamsNonStreaming>;

function ask(n: number | null | undefined, more: More = {}, from = client): Promise<OpenAI.ChatCompletion> {
  return from.chat.completions.create({ ...QUESTION, ...(n === undefined ? {} : { n }), ...more });
}

async function texts(n?: number | null, from = client, more: More = {}): Promise<(string | null)[]> {
  const { choices } = await ask(n, more, from);
  await cache.settled();
  expect(choices.map(({ index }) => index)).toEqual(choices.map((_, index) => index));
  return choices.map(({ message }) => message.content);
}

function numbered(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, index) => `sample ${from + index}`);
}

/** How many were asked for, in each request. */
function asked(): number[] {
  return server.requests.map((request) => (request.json() as { n?: number }).n ?? 1);
}

function withOptions(options: CachedOpenAIOptions): CachedOpenAI<OpenAI> {
  return cachedOpenAI(plain, cache, options);
}

describe("several choices", () => {
  test("are samples: what is stored is served, the rest is asked for as evenly as the limit allows", async () => {
    const limited = withOptions({ maxChoices: 10 });
    expect(await texts(3, limited)).toEqual(numbered(1, 3));
    const all = await texts(40, limited);
    expect(all.slice(0, 3)).toEqual(numbered(1, 3));
    expect(new Set(all).size).toBe(40);
    expect(asked()).toEqual([3, 10, 9, 9, 9]);
    expect(await texts(40, limited)).toEqual(all);
    expect(await texts(7)).toEqual(all.slice(0, 7));
    expect(asked()).toHaveLength(5);
  });

  test("are asked for in one request where there is no limit, and are handed on as they came", async () => {
    const { data, response } = await client.chat.completions.create({ ...QUESTION, n: 3 }).withResponse();
    expect(data).toMatchObject({ id: "chatcmpl-000001", choices: [{ index: 0 }, { index: 1 }, { index: 2 }] });
    expect(response.headers.get("cache-status")).toBe("llmcache; fwd=miss; stored");
    expect(server.requests[0]?.json()).toEqual({ ...QUESTION, n: 3 });
  });

  test("have their usage restored", async () => {
    const first = await ask(3);
    await cache.settled();
    const again = await ask(3);
    expect(again).toEqual(first);
    expect(again.usage).toMatchObject({ prompt_tokens: 10, completion_tokens: 6, total_tokens: 16 });
    expect((await ask(1)).usage).toMatchObject({ prompt_tokens: 10, completion_tokens: 2, total_tokens: 12 });
    const five = await ask(5);
    expect(five.usage).toMatchObject({ prompt_tokens: 10, completion_tokens: 10, total_tokens: 20 });
    const { spent } = cache.stats();
    // Two requests: the prompt was paid for twice.
    expect(spent.tokens).toBe(10 + 6 + (10 + 4));
  });

  test("and a single one are the same samples", async () => {
    expect(await texts()).toEqual(["sample 1"]);
    expect(await texts(1)).toEqual(["sample 1"]);
    expect(await texts(null)).toEqual(["sample 1"]);
    expect(await texts(2)).toEqual(["sample 1", "sample 2"]);
    expect(await texts(4)).toEqual(numbered(1, 4));
    expect(asked()).toEqual([1, 1, 2]);
    const each = cachedOpenAI(plain, independent(cache));
    for (const sample of numbered(1, 4)) expect(await texts(undefined, each)).toEqual([sample]);
    expect(asked()).toHaveLength(3);
  });

  test("are not served by an answer that says more than was asked", async () => {
    server.enqueue({ choices: [{ content: "a" }, { content: "b" }] });
    await ask(undefined);
    await cache.settled();
    expect(await texts(2)).toEqual(numbered(1, 2));
  });

  test("that come in another order are numbered as the provider numbers them", async () => {
    const choice = (index: number): object => ({
      index,
      message: { role: "assistant", content: `choice ${index}` },
      finish_reason: "stop",
    });
    const body = JSON.stringify({ model: "gpt-4o", choices: [choice(1), choice(0)] });
    server.enqueue({ raw: { headers: { "content-type": "application/json" }, body } });
    expect(await texts(2)).toEqual(["choice 0", "choice 1"]);
    expect(await texts(2)).toEqual(["choice 0", "choice 1"]);
    expect((await ask(2)).usage).toBeUndefined();
  });

  test("serve a stream of one, and are served by one that says it all", async () => {
    const streamed = async (content: string, usage: boolean): Promise<string> => {
      let text = "";
      const stream = await client.chat.completions.create({
        ...QUESTION,
        messages: [{ role: "user", content }],
        stream: true,
        stream_options: { include_usage: usage },
      });
      for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
      await cache.settled();
      return text;
    };
    const listed = (content: string): ReturnType<typeof texts> =>
      texts(2, client, { messages: [{ role: "user", content }] });
    expect(await listed("a")).toEqual(numbered(1, 2));
    expect(await streamed("a", true)).toBe("sample 1");
    expect(await streamed("b", true)).toBe("sample 3");
    const { data, response } = await client.chat.completions
      .create({ ...QUESTION, messages: [{ role: "user", content: "b" }], n: 2 })
      .withResponse();
    expect(data.choices.map(({ message }) => message.content)).toEqual(["sample 3", "sample 4"]);
    expect(response.headers.get("content-type")).toMatch(/^application\/json/);
    expect(asked()).toEqual([2, 1, 1]);
  });

  test("are served by streams alone", async () => {
    const each = cachedOpenAI(plain, independent(cache));
    for (let i = 0; i < 2; i++) {
      const options = { stream: true, stream_options: { include_usage: true } } as const;
      for await (const _ of await each.chat.completions.create({ ...QUESTION, ...options }));
      await cache.settled();
    }
    const { data, response } = await client.chat.completions.create({ ...QUESTION, n: 2 }).withResponse();
    expect(data.choices.map(({ message }) => message.content)).toEqual(numbered(1, 2));
    expect(data.usage).toMatchObject({ prompt_tokens: 10, completion_tokens: 4, total_tokens: 14 });
    expect(response.headers.get("content-type")).toMatch(/^application\/json/);
    expect(asked()).toEqual([1, 1]);
  });

  test("tell how many of them were stored", async () => {
    await texts(2);
    const { response } = await client.chat.completions.create({ ...QUESTION, n: 5 }).withResponse();
    expect(response.headers.get("cache-status")).toBe('llmcache; fwd=partial; stored; detail="2 of 5 cached"');
    const miss = client.chat.completions.create({ ...QUESTION, n: 6 }, { cache: { onlyIfCached: true } });
    await expect(miss).rejects.toMatchObject({ code: "ERR_LLMCACHE_MISS" });
  });

  test.each<[string, object]>([
    ["a seed", { seed: 7 }],
    ["an integer that a double cannot hold", { max_tokens: 2 ** 60 }],
    ["a field that nobody knows", { use_beam_search: true }],
    ["more of them than anybody gives", { n: 1001 }],
  ])("with %s are one question", async (_, more) => {
    server.reply({ choices: [{ content: "a" }, { content: "b" }] });
    await ask(2, more);
    await cache.settled();
    await ask(3, more);
    const n = (more as { n?: number }).n;
    expect(asked()).toEqual(n === undefined ? [2, 3] : [n, n]);
  });

  test("as a stream are one question", async () => {
    for (let i = 0; i < 2; i++) {
      const stream = await client.chat.completions.create({ ...QUESTION, n: 2, stream: true });
      for await (const _ of stream);
      await cache.settled();
    }
    await texts(2);
    expect(asked()).toEqual([2, 2]);
  });

  test("past the cache are asked for as they were", async () => {
    await ask(3);
    await cache.settled();
    await client.chat.completions.create({ ...QUESTION, n: 3 }, { cache: false });
    expect(asked()).toEqual([3, 3]);
    server.enqueue({ choices: [{ content: "a" }] });
    const { choices } = await client.chat.completions.create({ ...QUESTION, n: 2 }, { cache: false });
    expect(choices.map(({ message }) => message.content)).toEqual(["a", "sample 7"]);
  });

  test("need a limit that is one", () => {
    expect(() => withOptions({ maxChoices: 0 })).toThrow(/maxChoices/);
  });
});

describe("a provider that gives", () => {
  test("fewer is asked for the rest", async () => {
    const usage = { prompt_tokens: 10, completion_tokens: 2 };
    server.enqueue({ choices: [{ content: "a" }], usage }, { choices: [{ content: "b" }], usage });
    server.reply({ choices: [{ content: "c" }], usage });
    expect(await texts(3)).toEqual(["a", "b", "c"]);
    expect(cache.stats().spent.tokens).toBe(36);
    expect(asked()).toEqual([3, 2, 1]);
    expect(await texts(3)).toEqual(["a", "b", "c"]);
    expect(asked()).toHaveLength(3);
  });

  test("fewer and then fails: what came is kept", async () => {
    server.enqueue({ choices: [{ content: "a" }, { content: "b" }] }, { error: { status: 429 } });
    await expect(ask(3)).rejects.toMatchObject({ status: 429 });
    await cache.settled();
    expect(await texts(3)).toEqual(["a", "b", "sample 1"]);
    expect(asked()).toEqual([3, 1, 1]);
  });

  test("fewer and is then lost: what came is kept", async () => {
    server.enqueue({ choices: [{ content: "a" }, { content: "b" }] }, { drop: "before-headers" });
    await expect(ask(3)).rejects.toBeInstanceOf(OpenAI.APIConnectionError);
    await cache.settled();
    expect(await texts(3)).toEqual(["a", "b", "sample 1"]);
    expect(asked()).toEqual([3, 1, 1]);
  });

  test("more: so many as were wanted are kept", async () => {
    server.enqueue({ choices: [{ content: "a" }, { content: "b" }, { content: "c" }] });
    expect(await texts(2)).toEqual(["a", "b"]);
    expect(await texts(3)).toEqual(["a", "b", "sample 1"]);
  });

  test("none is not asked again", async () => {
    server.reply({ choices: [] });
    expect((await ask(2)).choices).toEqual([]);
    expect(asked()).toEqual([2]);
  });

  test("a bad one stores the others", async () => {
    server.enqueue({ choices: [{ content: "a" }, { content: "" }, { content: "c" }] });
    expect(await texts(3)).toEqual(["a", "", "c"]);
    expect(await texts(3)).toEqual(["a", "sample 1", "c"]);
    expect(asked()).toEqual([3, 1]);
  });

  test("some requests and fails at one: what the others gave is kept", async () => {
    const limited = withOptions({ maxChoices: 2 });
    server.enqueue({ error: { status: 500 } });
    await expect(ask(6, {}, limited)).rejects.toMatchObject({ status: 500 });
    await cache.settled();
    expect(new Set(await texts(6, limited)).size).toBe(6);
    expect(asked()).toEqual([2, 2, 2, 2]);
  });
});

describe("under views", () => {
  test("every call takes its own range, and bad answers are samples", async () => {
    const attempts = independent(cache);
    const each = cachedOpenAI(plain, attempts);
    server.enqueue({ choices: [{ content: "a" }, { content: "" }] });
    expect(await texts(2, each)).toEqual(["a", ""]);
    expect(await texts(undefined, each)).toEqual(["sample 1"]);
    expect(await texts(2, each)).toEqual(numbered(2, 3));
    expect(await texts(5)).toEqual(["a", "", ...numbered(1, 3)]);
    expect(asked()).toEqual([2, 1, 2]);
    const own = cachedOpenAI(plain, repeatable(attempts));
    expect([await texts(2, own), await texts(3, own)]).toEqual([numbered(4, 5), numbered(4, 6)]);
    expect(asked()).toEqual([2, 1, 2, 2, 1]);
  });

  test("two at once share nothing", async () => {
    const each = cachedOpenAI(plain, independent(cache));
    const both = await Promise.all([texts(20, each), texts(20, each)]);
    expect(new Set(both.flat()).size).toBe(40);
    expect(asked()).toEqual([20, 20]);
  });

  test.each([400, 401, 404, 429, 500])("%d is no sample", async (status) => {
    const each = cachedOpenAI(plain, independent(cache));
    for (const n of [undefined, 2]) {
      server.enqueue({ error: { status } });
      await expect(ask(n, {}, each)).rejects.toMatchObject({ status });
      await cache.settled();
    }
    expect(await texts(undefined, each)).toEqual(["sample 1"]);
    expect(await texts()).toEqual(["sample 1"]);
  });

  test("a stream that is cut is no sample, nor is an answer that is none", async () => {
    const each = cachedOpenAI(plain, independent(cache));
    server.enqueue({ content: "one two three four", stream: { dropAfter: 3 } });
    const read = async (): Promise<string> => {
      let text = "";
      const stream = await each.chat.completions.create({ ...QUESTION, stream: true });
      for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
      return text;
    };
    await expect(read()).rejects.toThrow();
    await cache.settled();
    server.enqueue({ content: "one two three four", stream: { pieces: 4, dropAfter: 2, done: false } });
    await read().catch(() => undefined);
    await cache.settled();
    const chunk = 'data: {"id":"1","choices":[{"index":0,"delta":{"content":"a"}}]}\n\n';
    for (const body of [chunk, `${chunk}${chunk.slice(0, 30)}`, `${chunk}data: [DONE]\n\n`]) {
      server.enqueue({ raw: { headers: { "content-type": "text/event-stream" }, body } });
      await read().catch(() => undefined);
      await cache.settled();
    }
    for (const body of ["{}", "no JSON", '{"choices":[]}']) {
      server.enqueue({ raw: { headers: { "content-type": "application/json" }, body } });
      await ask(undefined, {}, each).catch(() => undefined);
      await cache.settled();
    }
    expect(await texts(undefined, each)).toEqual(["sample 1"]);
    expect(await texts()).toEqual(["sample 1"]);
  });
});
