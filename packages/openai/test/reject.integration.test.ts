import { LLMCache, MapStore } from "@llmcache/core";
import { repeatable } from "@llmcache/sampling";
import { createGate, startModelServer, type ModelServer } from "@llmcache/testing/model-server";
import OpenAI, { AzureOpenAI, toFile } from "openai";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { cachedOpenAI, type CachedOpenAI } from "../src/index.ts";

let server: ModelServer;
let cache: LLMCache;
let client: CachedOpenAI<OpenAI>;

beforeEach(async () => {
  server = await startModelServer();
  cache = new LLMCache();
  client = cachedOpenAI(plain(), cache);
});
afterEach(() => server.close());

function plain(more: object = {}): OpenAI {
  return new OpenAI({ apiKey: "sk-test", baseURL: server.baseURL, maxRetries: 0, logLevel: "off", ...more });
}

const model = "gpt-4o-mini";
const ask = { model, messages: [{ role: "user" as const, content: "hello" }] };
const streaming = { ...ask, stream: true as const };

async function consumed<T extends AsyncIterable<unknown>>(stream: T): Promise<T> {
  for await (const _ of stream);
  return stream;
}

async function file(): Promise<File> {
  return toFile(Buffer.from("sound".repeat(100)), "speech.mp3", { type: "audio/mpeg" });
}

type Client = CachedOpenAI<OpenAI>;

/** What a client hands out, each in its own way. */
const ANSWERS: readonly (readonly [string, (of: Client) => Promise<object>])[] = [
  ["chat", (of) => of.chat.completions.create(ask)],
  ["chat, parsed", (of) => of.chat.completions.parse(ask)],
  ["chat of two choices", (of) => of.chat.completions.create({ ...ask, n: 2 })],
  ["a chat's stream", async (of) => consumed(await of.chat.completions.create(streaming))],
  ["a chat's stream, not read", (of) => of.chat.completions.create(streaming)],
  ["a chat's Response", (of) => of.chat.completions.create(ask).asResponse()],
  ["a chat's Response beside its data", async (of) => (await of.chat.completions.create(ask).withResponse()).response],
  ["a chat's data beside its Response", async (of) => (await of.chat.completions.create(ask).withResponse()).data],
  ["Responses", (of) => of.responses.create({ model, input: "hello" })],
  ["Responses, parsed", (of) => of.responses.parse({ model, input: "hello" })],
  ["a Response's stream", async (of) => consumed(await of.responses.create({ model, input: "hello", stream: true }))],
  ["completions", (of) => of.completions.create({ model, prompt: "hello" })],
  ["a completion's stream", async (of) => consumed(await of.completions.create({ model, prompt: "a", stream: true }))],
  ["embeddings", (of) => of.embeddings.create({ model, input: "hello" })],
  ["embeddings of a list", (of) => of.embeddings.create({ model, input: ["a", "b", "a"], encoding_format: "float" })],
  ["moderations", (of) => of.moderations.create({ input: "hello" })],
  ["images", (of) => of.images.generate({ prompt: "hello" })],
  ["a transcription", async (of) => of.audio.transcriptions.create({ file: await file(), model: "whisper-1" })],
  ["a translation", async (of) => of.audio.translations.create({ file: await file(), model: "whisper-1" })],
  [
    "a text's Response",
    async (of) => {
      const transcriptions = of.audio.transcriptions;
      const request = { file: await file(), model: "whisper-1", response_format: "srt" as const };
      return (await transcriptions.create(request).withResponse()).response;
    },
  ],
];

describe.each(ANSWERS)("%s", (name, answer) => {
  const isUnread = name.endsWith("not read");

  test("that came from the provider is asked for again once it is rejected", async () => {
    const first = await answer(client);
    if (isUnread) await consumed(first as AsyncIterable<unknown>);
    await client.reject(first);
    await cache.settled();
    await answer(client);
    expect(server.count()).toBe(2);
  });

  test.each([
    ["at the method", {}],
    ["on the wire", { defaultHeaders: { "x-slow": "1" } }],
  ])("that was stored, and was found %s, is asked for again once it is rejected", async (_way, more) => {
    const found = cachedOpenAI(plain(more), cache);
    const first = await answer(found);
    if (isUnread) await consumed(first as AsyncIterable<unknown>);
    await cache.settled();
    const second = await answer(found);
    expect(server.count()).toBe(1);
    expect(second).not.toBe(first);
    await found.reject(second);
    await answer(found);
    expect(server.count()).toBe(2);
    expect(cache.stats().rejected).toBeGreaterThan(0);
  });
});

test("of a list, all items are asked for again", async () => {
  const create = (input: string[]): Promise<OpenAI.CreateEmbeddingResponse> =>
    client.embeddings.create({ model, input, encoding_format: "float" });
  await create(["a", "b"]);
  await cache.settled();
  await client.reject(await create(["b", "a"]));
  await create(["a"]);
  await create(["b"]);
  expect(server.count()).toBe(3);
});

test("only the answer that was handed out is removed, not one that has taken its place", async () => {
  const first = await client.chat.completions.create(ask);
  await cache.settled();
  const store = cache.store as MapStore;
  const removed = vi.spyOn(store, "delete");
  await client.chat.completions.create(ask, { cache: { noCache: true } });
  await cache.settled();
  await client.reject(first);
  expect(removed).not.toHaveBeenCalled();
  await client.chat.completions.create(ask);
  expect(server.count()).toBe(2);
});

test("one of those who shared a request takes it back for all who come", async () => {
  const gate = createGate();
  server.reply({ gate: gate.opened });
  const calls = [client.chat.completions.create(ask), client.chat.completions.create(ask)];
  await server.waitFor(1);
  gate.open();
  const [, joined] = await Promise.all(calls);
  await client.reject(joined as object);
  await client.chat.completions.create(ask);
  expect(server.count()).toBe(2);
});

test("may be done twice, and by any client of the cache", async () => {
  const first = await client.chat.completions.create(ask);
  const other = client.withOptions({ timeout: 1000 }) as Client;
  await other.reject(first);
  await client.reject(first);
  await client.chat.completions.create(ask);
  expect(server.count()).toBe(2);
});

test("does nothing for what is not stored: calls past the cache, and endpoints that are not cached", async () => {
  const past = await client.chat.completions.create(ask, { cache: false });
  await client.reject(past);
  const without = cachedOpenAI(plain());
  await without.reject(await without.chat.completions.create(ask));
  const uncached = await client.responses.create({ model, input: "hello", tools: [{ type: "web_search" }] });
  await expect(client.reject(uncached)).resolves.toBeUndefined();
});

test.each([
  ["a copy", (answer: object) => ({ ...answer })],
  ["a copy as JSON", (answer: object) => JSON.parse(JSON.stringify(answer)) as object],
  ["what is inside", (answer: object) => (answer as OpenAI.ChatCompletion).choices],
  ["a promise of it", (answer: object) => Promise.resolve(answer)],
  ["a text", (): unknown => "answer"],
  ["nothing", (): unknown => undefined],
])("refuses %s, for nothing could be done about it", async (_name, change) => {
  const answer = await client.chat.completions.create(ask);
  await expect(client.reject(change(answer) as object)).rejects.toMatchObject({
    code: "ERR_LLMCACHE_OPTION",
    message: expect.stringContaining("the very object") as string,
  });
});

test("is not for a sample of several, and says so", async () => {
  const view = repeatable(cache);
  const sampling = cachedOpenAI(plain(), view);
  await expect(sampling.reject(await sampling.chat.completions.create(ask))).rejects.toMatchObject({
    name: "LLMCacheError",
  });
});

test("fails with the store", async () => {
  const answer = await client.chat.completions.create(ask);
  await cache.settled();
  vi.spyOn(cache.store, "delete").mockRejectedValue(new Error("down"));
  await expect(client.reject(answer)).rejects.toMatchObject({ code: "ERR_LLMCACHE_STORE" });
});

test("leaves no trace on an answer", async () => {
  const answer = await client.chat.completions.create(ask);
  expect(Reflect.ownKeys(answer)).toEqual([...Object.keys(answer), "_request_id"]);
  const frozen = Object.freeze(await client.chat.completions.create(ask));
  await client.reject(frozen);
});

test("works for Azure's client", async () => {
  const azure = new AzureOpenAI({ apiKey: "k", baseURL: `${server.url}/openai`, apiVersion: "v", maxRetries: 0 });
  const cached = cachedOpenAI(azure, cache);
  await cached.reject(await cached.chat.completions.create(ask));
  await cached.chat.completions.create(ask);
  expect(server.count()).toBe(2);
});
