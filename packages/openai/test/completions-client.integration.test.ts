import { LLMCache } from "@llmcache/core";
import { startModelServer, type ModelServer } from "@llmcache/testing/model-server";
import OpenAI from "openai";
import { afterEach, beforeEach, describe, expect, expectTypeOf, test } from "vitest";
import { cachedOpenAI, type CachedOpenAI } from "../src/index.ts";

let server: ModelServer;
let cache: LLMCache;
let plain: OpenAI;
let client: CachedOpenAI<OpenAI>;

beforeEach(async () => {
  server = await startModelServer();
  cache = new LLMCache();
  plain = new OpenAI({ apiKey: "sk-test", baseURL: server.baseURL, maxRetries: 0, logLevel: "off" });
  client = cachedOpenAI(plain, cache);
  server.reply({ id: "cmpl-1", created: 1_700_000_000, content: " Grüße 🙂 aus Köln" });
});
afterEach(() => server.close());

const ask = { model: "gpt-3.5-turbo-instruct", prompt: "hello" };
const include = { stream: true as const, stream_options: { include_usage: true } };

async function listOf<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

function textsOf(chunks: readonly OpenAI.Completion[]): string[] {
  const texts: string[] = [];
  for (const { index, text } of chunks.flatMap(({ choices }) => choices)) texts[index] = `${texts[index] ?? ""}${text}`;
  return texts;
}

const KINDS: readonly (readonly [string, object])[] = [
  ["a text", {}],
  ["several choices", { n: 3 }],
  ["the prompt repeated, with log probabilities", { echo: true, logprobs: 1 }],
  ["several prompts", { prompt: ["one", "two"] }],
  ["tokens", { prompt: [15_339, 1917] }],
  ["several lists of tokens, several choices each", { prompt: [[1], [2, 3]], n: 2, best_of: 2 }],
];

describe.each(KINDS)("%s", (_name, more) => {
  const asked = { ...ask, ...more };

  test("comes back as it came, in one piece and as a stream", async () => {
    const first = await client.completions.create(asked);
    const firstChunks = await listOf(await client.completions.create({ ...asked, ...include, seed: 1 }));
    await cache.settled();
    expect(await client.completions.create(asked)).toStrictEqual(first);
    expect(await listOf(await client.completions.create({ ...asked, ...include, seed: 1 }))).toStrictEqual(firstChunks);
    expect(server.count()).toBe(2);
  });

  test("is the same from a stream as in one piece, with the usage", async () => {
    await listOf(await client.completions.create({ ...asked, ...include }));
    await cache.settled();
    const answer = await client.completions.create(asked);
    expect(server.count()).toBe(1);
    expect(answer).toEqual(await plain.completions.create(asked));
  });

  test("is the same in one piece as from a stream, with and without usage", async () => {
    const whole = await client.completions.create(asked);
    await cache.settled();
    const chunks = await listOf(await client.completions.create({ ...asked, ...include }));
    const bare = await listOf(await client.completions.create({ ...asked, stream: true }));
    expect(server.count()).toBe(1);
    expect(textsOf(chunks)).toEqual(whole.choices.map(({ text }) => text));
    expect(textsOf(bare)).toEqual(textsOf(chunks));
    expect(chunks.at(-1)?.usage).toEqual(whole.usage);
    expect(bare.some((chunk) => "usage" in chunk)).toBe(false);
    const probabilities = chunks.flatMap(({ choices }) => choices).flatMap(({ logprobs }) => logprobs?.tokens ?? []);
    expect(probabilities).toEqual(whole.choices.flatMap(({ logprobs }) => logprobs?.tokens ?? []));
  });
});

test("a stream that breaks off, or has an error in it, is not stored", async () => {
  for (const stream of [{ dropAfter: 2 }, { errorAfter: 2 }]) {
    server.enqueue({ content: "a b c", stream });
    await listOf(await client.completions.create({ ...ask, stream: true })).catch(() => undefined);
  }
  await cache.settled();
  expect(cache.stats().stores).toBe(0);
});

test("errors are the client's own", async () => {
  server.enqueue({ error: { status: 429 } });
  await expect(client.completions.create(ask)).rejects.toThrow(OpenAI.RateLimitError);
  expect(cache.stats().stores).toBe(0);
});

test("the methods are typed, with the option", async () => {
  const create = () => client.completions.create(ask);
  expectTypeOf<Awaited<ReturnType<typeof create>>>().toExtend<OpenAI.Completion>();
  await client.completions.create(ask, { cache: { noStore: true } });
  await cache.settled();
  await client.completions.create(ask, { cache: false });
  expect([server.count(), cache.stats().stores]).toEqual([2, 0]);
});
