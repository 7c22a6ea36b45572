import { LLMCache } from "@llmcache/core";
import { createChunkGate, startModelServer, type ModelServer } from "@llmcache/testing/model-server";
import OpenAI from "openai";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { cachedFetch, cachedOpenAI, type CachedOpenAI } from "../src/index.ts";

let server: ModelServer;
let cache: LLMCache;
let plain: OpenAI;
let client: CachedOpenAI<OpenAI>;

beforeEach(async () => {
  server = await startModelServer();
  server.reply({ id: "1", created: 1_700_000_000, content: "Grüße 🙂 aus Köln" });
  cache = new LLMCache();
  plain = new OpenAI({ apiKey: "sk-test", baseURL: server.baseURL, maxRetries: 0, logLevel: "off" });
  client = cachedOpenAI(plain, cache, { askForUsage: true });
});
afterEach(() => server.close());

interface Kind {
  /** A stream by this client; with the usage, if that is wanted. */
  stream(of: OpenAI, more?: object): Promise<AsyncIterable<object>>;
  whole(of: OpenAI): Promise<object>;
}

const KINDS: Readonly<Record<string, Kind>> = {
  "chat completions": {
    stream: (of, more = {}) =>
      of.chat.completions.create({ model: "m", messages: [{ role: "user", content: "hello" }], stream: true, ...more }),
    whole: (of) => of.chat.completions.create({ model: "m", messages: [{ role: "user", content: "hello" }] }),
  },
  completions: {
    stream: (of, more = {}) => of.completions.create({ model: "m", prompt: "hello", stream: true, ...more }),
    whole: (of) => of.completions.create({ model: "m", prompt: "hello" }),
  },
};
const include = { stream_options: { include_usage: true } };

async function listOf(stream: AsyncIterable<object>): Promise<object[]> {
  const items: object[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

function sent(n: number): Record<string, unknown> {
  return server.requests[n - 1]?.json() as Record<string, unknown>;
}

describe.each(Object.entries(KINDS))("the usage of a stream of %s", (_name, { stream, whole }) => {
  test("is asked for and not shown: the caller sees what he would have seen", async () => {
    const seen = await listOf(await stream(plain));
    expect(await listOf(await stream(client))).toStrictEqual(seen);
    await cache.settled();
    expect(await listOf(await stream(client))).toStrictEqual(seen);
    expect([sent(1)["stream_options"], sent(2)["stream_options"]]).toEqual([undefined, { include_usage: true }]);
    expect(server.count()).toBe(2);
  });

  test("lets it answer a call in one piece, and a stream with usage", async () => {
    const [told, answer] = [await listOf(await stream(plain, include)), await whole(plain)];
    await listOf(await stream(client));
    await cache.settled();
    const { annotations: _, ...expected } = { annotations: undefined, ...(await whole(client)) };
    expect(answer).toMatchObject(expected);
    expect(expected).toHaveProperty("usage");
    expect(await listOf(await stream(client, include))).toStrictEqual(told);
    expect(server.count()).toBe(3);
  });

  test("is not shown to a client without the option either, nor is a stream that lacks it taken for one that has it", async () => {
    const seen = await listOf(await stream(plain));
    await listOf(await stream(client));
    await cache.settled();
    expect(await listOf(await stream(cachedOpenAI(plain, cache)))).toStrictEqual(seen);
    expect(server.count()).toBe(2);
    // A provider that closes the connection behind the text, without usage and closing mark: more may have been to come.
    await cache.clear();
    server.enqueue({ usage: false, stream: { done: false } });
    await listOf(await stream(client));
    await cache.settled();
    await listOf(await stream(client));
    expect(server.count()).toBe(4);
  });

  test("is on the account", async () => {
    await listOf(await stream(client));
    expect(cache.stats().spent.tokens).toBeGreaterThan(0);
  });

  test("is seen by who asked for it, in one run with who did not", async () => {
    const gate = createChunkGate();
    server.enqueue({ content: "a b c", stream: { gate } });
    const first = await stream(client);
    const second = stream(client, include);
    gate.open();
    const [bare, told] = await Promise.all([listOf(first), second.then(listOf)]);
    expect(bare.some((chunk) => "usage" in chunk)).toBe(false);
    expect(told.at(-1)).toHaveProperty("usage.total_tokens", expect.any(Number));
    expect(server.count()).toBe(1);
  });

  test("is asked for beside the other options of streams", async () => {
    await listOf(await stream(client, { stream_options: { include_usage: false, include_obfuscation: false } }));
    expect(sent(1)["stream_options"]).toEqual({ include_usage: true, include_obfuscation: false });
  });

  test("is not asked for without the option", async () => {
    await listOf(await stream(cachedOpenAI(plain, cache)));
    expect(sent(1)).not.toHaveProperty("stream_options");
  });
});

const URL = (): string => `${server.baseURL}/chat/completions`;
const body = '{"model":"m","messages":[{"role":"user","content":"hello"}],"stream":true';

test.each([
  ["a seed that a double cannot hold", `${body},"seed":18446744073709551615}`, {}],
  ["a signature over the body", `${body}}`, { "content-digest": "sha-256=:abc:" }],
])("a request with %s is sent as it was written", async (_name, text, headers) => {
  const sentBodies: unknown[] = [];
  const fetch = cachedFetch(cache, {
    askForUsage: true,
    fetch: (input, init) => (sentBodies.push(init?.body), globalThis.fetch(input, init)),
  });
  const init = { method: "POST", headers: { "content-type": "application/json", ...headers }, body: text };
  await (await fetch(URL(), init)).text();
  expect(sentBodies).toEqual([text]);
});

test("a stream that was stored without it is still served, and one that breaks off is not stored", async () => {
  const { stream } = KINDS["chat completions"] as Kind;
  const seen = await listOf(await stream(cachedOpenAI(plain, cache)));
  await cache.settled();
  expect(await listOf(await stream(client))).toStrictEqual(seen);
  expect(server.count()).toBe(1);

  await cache.clear();
  server.enqueue({ content: "a b c d e", stream: { dropAfter: 3 } });
  await expect(stream(client).then(listOf)).rejects.toThrow();
  await cache.settled();
  await listOf(await stream(client));
  expect(server.count()).toBe(3);
});
