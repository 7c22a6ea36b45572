import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { LLMCache } from "@llmcache/core";
import { createGateway, type Gateway } from "@llmcache/gateway";
import { startModelServer, type ModelServer } from "@llmcache/testing/model-server";
import OpenAI, { toFile } from "openai";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

const MAX_BODY_BYTES = 100_000;

let model: ModelServer;
let cache: LLMCache;
let gateway: Gateway;
let client: OpenAI;

beforeAll(async () => {
  model = await startModelServer();
  cache = new LLMCache();
  gateway = createGateway({
    cache,
    upstreams: [{ name: "model", api: "openai", baseURL: model.baseURL }],
    maxBodyBytes: MAX_BODY_BYTES,
  });
  gateway.server.listen(0, "127.0.0.1");
  await once(gateway.server, "listening");
  const { port } = gateway.server.address() as AddressInfo;
  client = new OpenAI({ baseURL: `http://127.0.0.1:${port}/v1`, apiKey: "sk-test", maxRetries: 0, logLevel: "off" });
});
afterEach(async () => {
  await cache.clear();
  model.reset();
});
afterAll(async () => {
  await gateway.close(0);
  await model.close();
});

type Call = () => PromiseLike<unknown> & {
  withResponse(): Promise<{ readonly data: unknown; readonly response: Response }>;
};

const sound = (): Promise<File> => toFile(Buffer.alloc(3000, "sound "), "speech.mp3");
const image = (): Promise<File> => toFile(Buffer.alloc(3000, "pixel"), "image.png", { type: "image/png" });
const messages = [{ role: "user" as const, content: "hello" }];
let file: File;
let picture: File;
beforeAll(async () => {
  [file, picture] = [await sound(), await image()];
});

const STREAM = { stream: true, stream_options: { include_usage: true } } as const;

const CALLS: Readonly<Record<string, Call>> = {
  "chat completions": () => client.chat.completions.create({ model: "m", messages }),
  "chat completions, a stream": () => client.chat.completions.create({ model: "m", messages, ...STREAM }),
  Responses: () => client.responses.create({ model: "m", input: "hello" }),
  "Responses, a stream": () => client.responses.create({ model: "m", input: "hello", stream: true }),
  completions: () => client.completions.create({ model: "m", prompt: "hello" }),
  "completions, a stream": () => client.completions.create({ model: "m", prompt: "hello", ...STREAM }),
  embeddings: () => client.embeddings.create({ model: "m", input: ["a", "b"] }),
  "embeddings, as numbers": () => client.embeddings.create({ model: "m", input: "a", encoding_format: "float" }),
  transcriptions: () => client.audio.transcriptions.create({ file, model: "m" }),
  "transcriptions, a stream": () => client.audio.transcriptions.create({ file, model: "m", stream: true }),
  "transcriptions, as subtitles": () =>
    client.audio.transcriptions.create({ file, model: "m", response_format: "srt" }),
  translations: () => client.audio.translations.create({ file, model: "m" }),
  moderations: () => client.moderations.create({ input: ["a", "b"] }),
  images: () => client.images.generate({ prompt: "a hat" }),
  "edited images": () => client.images.edit({ prompt: "a hat", image: picture }),
  "variations of images": () => client.images.createVariation({ image: picture }),
};

async function listOf(stream: AsyncIterable<unknown>): Promise<unknown[]> {
  const events: unknown[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

/** The data, of a stream event by event, and how it was answered. */
async function told(call: Call): Promise<{ readonly data: unknown; readonly status: string | null }> {
  const { data, response } = await call().withResponse();
  const isStream = typeof data === "object" && data !== null && Symbol.asyncIterator in data;
  const seen = isStream ? await listOf(data as AsyncIterable<unknown>) : data;
  await cache.settled();
  return { data: seen, status: response.headers.get("cache-status") };
}

test.each(Object.entries(CALLS))(
  "%s: the official client gets a miss, then the same from the cache",
  async (_name, call) => {
    const first = await told(call);
    expect(first.status).toMatch(/^llmcache; fwd=miss/);
    const second = await told(call);
    expect(second.status).toBe("llmcache; hit");
    expect(second.data).toStrictEqual(first.data);
    expect(model.count()).toBe(1);
  },
);

test("a list of embeddings is asked for what is missing of it", async () => {
  await client.embeddings.create({ model: "m", input: ["a", "b"] });
  await cache.settled();
  const { response } = await client.embeddings.create({ model: "m", input: ["c", "b"] }).withResponse();
  expect(response.headers.get("cache-status")).toContain('detail="1 of 2 cached"');
  expect(model.requests.at(-1)?.json()).toMatchObject({ input: ["c"] });
});

test("a body beyond the limit is a 413 wherever the cache may answer, and passes elsewhere", async () => {
  const long = "x".repeat(MAX_BODY_BYTES);
  const large = await toFile(Buffer.alloc(MAX_BODY_BYTES), "speech.mp3");
  for (const call of [
    () => client.responses.create({ model: "m", input: long }),
    () => client.embeddings.create({ model: "m", input: long }),
    () => client.audio.transcriptions.create({ file: large, model: "m" }),
  ])
    await expect(call()).rejects.toMatchObject({ status: 413, code: "too_large" });
  expect(model.count()).toBe(0);
  model.enqueue({ raw: { headers: { "content-type": "application/json" }, body: "{}" } });
  await client.files.create({ file: large, purpose: "batch" });
  expect(model.requests.at(-1)?.path).toBe("/v1/files");
});
