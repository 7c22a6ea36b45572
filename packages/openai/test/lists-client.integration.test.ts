import { createReadStream } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import OpenAI, { AzureOpenAI, toFile } from "openai";
import { LLMCache } from "@llmcache/core";
import { createGate, startModelServer, type ModelServer } from "@llmcache/testing/model-server";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { cachedOpenAI, type CachedOpenAI } from "../src/index.ts";

let server: ModelServer;
let cache: LLMCache;
let plain: OpenAI;
let client: CachedOpenAI<OpenAI>;
let folder: string;

beforeEach(async () => {
  server = await startModelServer();
  cache = new LLMCache();
  plain = new OpenAI({ apiKey: "sk-test", baseURL: server.baseURL, maxRetries: 0, logLevel: "off" });
  client = cachedOpenAI(plain, cache);
  folder = await mkdtemp(join(tmpdir(), "llmcache-lists-"));
});
afterEach(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

/** Asks twice, the second time after the first one was stored. */
async function twice<T>(ask: () => Promise<T>): Promise<[T, T]> {
  const first = await ask();
  await cache.settled();
  const second = await ask();
  await cache.settled();
  return [first, second];
}

async function expectOnce<T>(ask: () => Promise<T>): Promise<T> {
  const [first, second] = await twice(ask);
  expect(second).toStrictEqual(first);
  expect(server.count()).toBe(1);
  return second;
}

async function expectTwice<T>(ask: () => Promise<T>): Promise<void> {
  await twice(ask);
  expect(server.count()).toBe(2);
}

async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const events: T[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

const AUDIO = Buffer.alloc(5000, "sound ");
const speech = (name = "speech.mp3"): Promise<File> => toFile(AUDIO, name);

describe("transcriptions", () => {
  const transcribe = async (more: Partial<OpenAI.Audio.TranscriptionCreateParams> = {}): Promise<unknown> =>
    client.audio.transcriptions.create({ file: await speech(), model: "whisper-1", ...more, stream: false });

  test.each(["json", "text", "srt", "vtt", "verbose_json", "diarized_json"] as const)(
    "in %s are asked for once",
    async (format) => {
      const answer = await expectOnce(() => transcribe({ response_format: format }));
      expect(typeof answer).toBe(["text", "srt", "vtt"].includes(format) ? "string" : "object");
      expect(JSON.stringify(answer)).toContain("transcript of 5000 bytes");
    },
  );

  test("reach the provider as they were given", async () => {
    await transcribe({ language: "en", timestamp_granularities: ["word", "segment"] });
    const [request] = server.requests;
    const form = await new Response(new Uint8Array(request?.body ?? []), {
      headers: { "content-type": request?.headers["content-type"] ?? "" },
    }).formData();
    const file = form.get("file") as File;
    expect(Buffer.from(await file.arrayBuffer()).equals(AUDIO)).toBe(true);
    expect([file.name, form.get("language"), form.getAll("timestamp_granularities[]")]).toEqual([
      "speech.mp3",
      "en",
      ["word", "segment"],
    ]);
  });

  test("of a file on disk that is streamed are the same as of its bytes", async () => {
    const path = join(folder, "speech.mp3");
    await writeFile(path, AUDIO);
    await transcribe();
    await cache.settled();
    const { data, response } = await client.audio.transcriptions
      .create({ file: createReadStream(path), model: "whisper-1" })
      .withResponse();
    expect(response.headers.get("cache-status")).toBe("llmcache; hit");
    expect(data.text).toContain("transcript of 5000 bytes");
  });

  test("of a streamed file reach the provider whole", async () => {
    const path = join(folder, "speech.mp3");
    await writeFile(path, AUDIO);
    await expectOnce(() => client.audio.transcriptions.create({ file: createReadStream(path), model: "whisper-1" }));
    expect(server.requests[0]?.body.includes(AUDIO)).toBe(true);
  });

  test("of other audio, with other words or in another format are others", async () => {
    await transcribe();
    await transcribe({ prompt: "names" });
    await transcribe({ response_format: "text" });
    await client.audio.transcriptions.create({
      file: await toFile(Buffer.from("other"), "speech.mp3"),
      model: "whisper-1",
    });
    await client.audio.translations.create({ file: await speech(), model: "whisper-1" });
    expect(server.count()).toBe(5);
  });

  test("as a stream are replayed event by event, and have an entry of their own", async () => {
    const stream = async (): Promise<unknown[]> =>
      collect(
        await client.audio.transcriptions.create({ file: await speech(), model: "gpt-4o-transcribe", stream: true }),
      );
    const events = await expectOnce(stream);
    expect(events.at(-1)).toMatchObject({ type: "transcript.text.done", usage: { type: "tokens" } });
    await transcribe({ model: "gpt-4o-transcribe" });
    expect(server.count()).toBe(2);
  });

  test("as a stream that did not come to its end are not stored", async () => {
    server.reply({ transcription: { done: false } });
    await expectTwice(async () =>
      collect(
        await client.audio.transcriptions.create({ file: await speech(), model: "gpt-4o-transcribe", stream: true }),
      ),
    );
  });

  test.each<[string, Parameters<ModelServer["reply"]>[0]]>([
    ["is cut off", { stream: { dropAfter: 2 } }],
    [
      "ends with an error",
      {
        raw: {
          headers: { "content-type": "text/event-stream" },
          body: 'data: {"type":"transcript.text.delta","delta":"a"}\n\ndata: {"error":{"message":"Oh."}}\n\n',
        },
      },
    ],
  ])("as a stream that %s fail, and are not stored", async (_name, reply) => {
    server.enqueue(reply);
    const stream = async (): Promise<unknown[]> =>
      collect(
        await client.audio.transcriptions.create({ file: await speech(), model: "gpt-4o-transcribe", stream: true }),
      );
    await expect(stream()).rejects.toThrow();
    await cache.settled();
    expect((await stream()).at(-1)).toMatchObject({ type: "transcript.text.done" });
    expect(server.count()).toBe(2);
  });

  test("in one piece, though a stream was asked for, are given again as they came", async () => {
    server.reply({ transcription: { ignoreStream: true } });
    const raw = async (): Promise<string> => {
      const response = await client.audio.transcriptions
        .create({ file: await speech(), model: "whisper-1", stream: true })
        .asResponse();
      return response.text();
    };
    expect(await expectOnce(raw)).toContain("transcript of 5000 bytes");
  });

  test("without a word are handed over and not stored, unless that is wanted", async () => {
    server.reply({ transcription: { text: "" } });
    await expectTwice(() => transcribe({ response_format: "text" }));
    client = cachedOpenAI(plain, cache, { storeAnyway: ["empty"] });
    await transcribe();
    await cache.settled();
    await transcribe();
    expect(server.count()).toBe(3);
  });

  test.each([
    ["a page of a proxy", "text/html", "<h1>Welcome</h1>"],
    ["text where JSON was asked for", "text/plain", "hello"],
  ])("%s is not stored", async (_name, type, body) => {
    server.reply({ raw: { headers: { "content-type": type }, body } });
    await expectTwice(() => transcribe());
  });

  test("that fail are the provider's failure", async () => {
    server.reply({ error: { status: 429, headers: { "retry-after-ms": "1" } } });
    await expect(transcribe()).rejects.toMatchObject({ status: 429 });
    server.reply({});
    await expect(transcribe()).resolves.toMatchObject({ text: expect.any(String) });
  });

  test("at the same time share one request", async () => {
    const gate = createGate();
    server.reply({ gate: gate.opened });
    const calls = [transcribe(), transcribe(), transcribe()];
    await server.waitFor(1);
    gate.open();
    expect(new Set((await Promise.all(calls)).map((each) => JSON.stringify(each))).size).toBe(1);
    expect(server.count()).toBe(1);
  });

  test("take the per-call controls", async () => {
    const options = { cache: { onlyIfCached: true } };
    const call = async (): Promise<unknown> =>
      client.audio.transcriptions.create({ file: await speech(), model: "whisper-1" }, options);
    await expect(call()).rejects.toMatchObject({ status: 504 });
    await transcribe();
    await cache.settled();
    await expect(call()).resolves.toMatchObject({ text: expect.any(String) });
  });

  test("of 25 MB are asked for once", async () => {
    const file = await toFile(Buffer.alloc(25 * 1024 * 1024, 7), "long.wav");
    await expectOnce(() => client.audio.transcriptions.create({ file, model: "whisper-1" }));
  });
});

describe("translations", () => {
  test.each(["json", "text", "verbose_json"] as const)("in %s are asked for once", async (format) => {
    await expectOnce(async () =>
      client.audio.translations.create({ file: await speech(), model: "whisper-1", response_format: format }),
    );
  });
});

describe("moderations", () => {
  test.each<[string, OpenAI.ModerationCreateParams["input"]]>([
    ["a text", "bad words"],
    ["texts", ["bad words", "good words"]],
    [
      "parts",
      [
        { type: "text", text: "bad" },
        { type: "image_url", image_url: { url: "data:image/png;base64,AA==" } },
      ],
    ],
  ])("of %s are asked for once", async (_name, input) => {
    const answer = await expectOnce(() => client.moderations.create({ input }));
    expect(answer.results[0]?.flagged).toBe(true);
  });

  test("of other words, or by another model, are others", async () => {
    await client.moderations.create({ input: "a" });
    await client.moderations.create({ input: ["a"] });
    await client.moderations.create({ input: "a", model: "text-moderation-latest" });
    expect(server.count()).toBe(3);
  });

  test.each([
    ["fewer results than texts", { id: "m", model: "m", results: [{ flagged: false }] }],
    ["no results", { id: "m", model: "m", results: [] }],
    ["results that say nothing", { id: "m", model: "m", results: [{}, {}] }],
  ])("%s are not stored", async (_name, body) => {
    server.reply({ raw: { headers: { "content-type": "application/json" }, body: JSON.stringify(body) } });
    await expectTwice(() => client.moderations.create({ input: ["a", "b"] }));
  });
});

describe("images", () => {
  test("are made once", async () => {
    const answer = await expectOnce(() => client.images.generate({ prompt: "a hat", model: "gpt-image-1", n: 2 }));
    expect(answer.data?.map((image) => typeof image.b64_json)).toEqual(["string", "string"]);
  });

  test("are edited and varied once, by their content", async () => {
    const image = async (): Promise<File> => toFile(Buffer.from("pixels"), "a.png", { type: "image/png" });
    const edit = async (): Promise<unknown> =>
      client.images.edit({ image: [await image(), await image()], prompt: "a hat", model: "gpt-image-1" });
    await expectOnce(edit);
    await twice(async () => client.images.createVariation({ image: await image() }));
    expect(server.count()).toBe(2);
  });

  test.each<[string, Parameters<ModelServer["reply"]>[0]]>([
    ["as addresses, which expire,", { images: { form: "url" } }],
    ["fewer than were asked for", { images: { count: 1 } }],
    ["none at all", { images: { count: 0 } }],
  ])("%s are not stored", async (_name, reply) => {
    server.reply(reply);
    await expectTwice(() => client.images.generate({ prompt: "a hat", n: 2 }));
  });

  test("of another user are the same, of another safety identifier not: the answer repeats it", async () => {
    await client.images.generate({ prompt: "a hat", user: "ann" });
    await cache.settled();
    await client.images.generate({ prompt: "a hat", user: "bob" });
    expect(server.count()).toBe(1);
    await client.images.generate({ prompt: "a hat", safety_identifier: "ann" });
    const bob = await client.images.generate({ prompt: "a hat", safety_identifier: "bob" });
    expect(bob).toMatchObject({ safety_identifier: "bob" });
  });

  test("as a stream pass untouched", async () => {
    await expectTwice(async () => collect(await client.images.generate({ prompt: "a hat", stream: true })));
    const { response } = await client.images.generate({ prompt: "a hat", stream: true }).withResponse();
    expect(response.headers.get("cache-status")).toBeNull();
  });
});

describe("Azure", () => {
  const azure = (): CachedOpenAI<AzureOpenAI> =>
    cachedOpenAI(
      new AzureOpenAI({
        apiKey: "any",
        apiVersion: "2025-01-01",
        baseURL: `${server.url}/openai`,
        maxRetries: 0,
        logLevel: "off",
      }),
      cache,
    );

  test("a deployment's embeddings are cached item by item", async () => {
    const client = azure();
    await client.embeddings.create({ model: "mine", input: ["a", "b"] });
    await cache.settled();
    const answer = await client.embeddings.create({ model: "mine", input: ["b", "c"] });
    expect(answer.data.map(({ index }) => index)).toEqual([0, 1]);
    expect(server.requests.map(({ path }) => path)).toEqual([
      "/openai/deployments/mine/embeddings",
      "/openai/deployments/mine/embeddings",
    ]);
    expect(server.requests[1]?.query.get("api-version")).toBe("2025-01-01");
    await client.embeddings.create({ model: "other", input: ["a"] });
    expect(server.count()).toBe(3);
  });

  test("a deployment's transcriptions are cached", async () => {
    const client = azure();
    await expectOnce(async () => client.audio.transcriptions.create({ file: await speech(), model: "mine" }));
    await client.audio.transcriptions.create({ file: await speech(), model: "other" });
    expect(server.requests.map(({ path }) => path)).toEqual([
      "/openai/deployments/mine/audio/transcriptions",
      "/openai/deployments/other/audio/transcriptions",
    ]);
  });
});

describe("other endpoints are never cached", () => {
  const raw = {
    raw: { headers: { "content-type": "application/json" }, body: '{"id":"x","object":"list","data":[]}' },
  };

  test.each<[string, () => PromiseLike<unknown>]>([
    ["models", () => client.models.list()],
    ["a model", () => client.models.retrieve("m")],
    ["files", () => client.files.list()],
    ["an upload", async () => client.files.create({ file: await speech(), purpose: "assistants" })],
    [
      "batches",
      () => client.batches.create({ completion_window: "24h", endpoint: "/v1/embeddings", input_file_id: "f" }),
    ],
    ["a list of batches", () => client.batches.list()],
    ["vector stores", () => client.vectorStores.create({ name: "v" })],
    ["a search in a vector store", () => client.vectorStores.search("v", { query: "hello" })],
    ["speech", () => client.audio.speech.create({ input: "hello", model: "tts-1", voice: "alloy" })],
    ["fine-tuning", () => client.fineTuning.jobs.create({ model: "m", training_file: "f" })],
  ])("%s", async (_name, ask) => {
    server.reply(raw);
    await expectTwice(async () => ask());
    expect(cache.stats()).toMatchObject({ hits: 0, misses: 0, stores: 0 });
  });
});
