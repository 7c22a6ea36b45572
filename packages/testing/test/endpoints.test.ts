import OpenAI, { toFile } from "openai";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startModelServer, type ModelServer } from "../src/model-server.ts";

let server: ModelServer;
let client: OpenAI;

beforeEach(async () => {
  server = await startModelServer();
  client = new OpenAI({ apiKey: "any", baseURL: server.baseURL, maxRetries: 0, logLevel: "off" });
});
afterEach(() => server.close());

const model = "text-embedding-3-small";

async function embed(
  input: OpenAI.EmbeddingCreateParams["input"],
  more: Partial<OpenAI.EmbeddingCreateParams> = {},
): Promise<OpenAI.CreateEmbeddingResponse> {
  return client.embeddings.create({ model, input, ...more });
}

async function post(path: string, body: string | FormData): Promise<Response> {
  return fetch(server.baseURL + path, { method: "POST", body });
}

describe("embeddings", () => {
  test("depend on the item alone, not on the request or what stands beside it", async () => {
    const [alone, among] = [await embed("a"), await embed(["b", "a"])];
    expect(among.data[1]?.embedding).toEqual(alone.data[0]?.embedding);
    expect(among.data[0]?.embedding).not.toEqual(alone.data[0]?.embedding);
  });

  test("depend on the model, the dimensions and the version", async () => {
    const vectors = [await embed("a"), await embed("a", { model: "other" }), await embed("a", { dimensions: 3 })];
    server.reply({ embeddings: { version: "2" } });
    vectors.push(await embed("a"));
    const all = vectors.map(({ data }) => JSON.stringify([...(data[0]?.embedding ?? [])]));
    expect(new Set(all).size).toBe(4);
    expect(vectors[2]?.data[0]?.embedding).toHaveLength(3);
  });

  test("have length one", async () => {
    const { data } = await embed("a", { dimensions: 100 });
    expect(Math.hypot(...(data[0]?.embedding ?? []))).toBeCloseTo(1, 5);
  });

  test.each(["shortest", "exact", "double"] as const)("as %s numbers are the float32s of base64", async (numbers) => {
    server.reply({ embeddings: { numbers } });
    const floats = (await embed("a", { encoding_format: "float" })).data[0]?.embedding ?? [];
    const base64 = [...((await embed("a")).data[0]?.embedding ?? [])];
    expect(floats.map(Math.fround)).toEqual(base64);
    expect(floats.every((number) => Math.fround(number) === number)).toBe(numbers === "exact");
  });

  test("take tokens: a list of numbers is one item", async () => {
    expect((await embed([1, 2, 3])).data).toHaveLength(1);
    const { data, usage } = await embed([[1, 2, 3], [4]]);
    expect(data.map(({ index }) => index)).toEqual([0, 1]);
    expect(usage).toEqual({ prompt_tokens: 4, total_tokens: 4 });
    expect(data[0]?.embedding).toEqual((await embed([1, 2, 3])).data[0]?.embedding);
  });

  test.each(["reversed", "shuffled"] as const)("come %s where the script says so, with their index", async (order) => {
    const input = ["a", "b", "c", "d"];
    const asked = await embed(input);
    server.reply({ embeddings: { order } });
    const other = await embed(input);
    expect(other.data.map(({ index }) => index)).not.toEqual([0, 1, 2, 3]);
    expect(other.data.toSorted((one, two) => one.index - two.index)).toEqual(asked.data);
  });

  test("come in any number, without index or usage, as numbers, and with more around them", async () => {
    server.reply({
      embeddings: { count: 3, indexes: false, usage: false, ignoreEncoding: true, extra: { id: "e" } },
    });
    const answer = await embed(["a", "b"]);
    expect(answer.data).toHaveLength(3);
    expect(Object.keys(answer)).toEqual(["object", "data", "model", "id"]);
    expect(Object.keys(answer.data[0] ?? {})).toEqual(["object", "embedding"]);
    expect(Array.isArray(answer.data[0]?.embedding)).toBe(true);
  });

  test("of nothing are refused", async () => {
    await expect(embed([])).rejects.toMatchObject({ status: 400 });
    expect((await post("/embeddings", "no JSON")).status).toBe(400);
  });
});

describe("transcriptions", () => {
  const AUDIO = Buffer.alloc(2500, "sound");
  const ask = async (more: object = {}): Promise<unknown> =>
    client.audio.transcriptions.create({ file: await toFile(AUDIO, "a.mp3"), model: "whisper-1", ...more });

  test("name the file's content, and are the same each time", async () => {
    expect(await ask()).toEqual(await ask());
    const other = await client.audio.transcriptions.create({
      file: await toFile(Buffer.alloc(2500, "noise"), "a.mp3"),
      model: "whisper-1",
    });
    expect(other).not.toEqual(await ask());
  });

  test.each([
    ["text", "hello\n"],
    ["srt", "1\n00:00:00,000 --> 00:00:03,000\nhello\n\n"],
    ["vtt", "WEBVTT\n\n00:00:00.000 --> 00:00:03.000\nhello\n\n"],
  ])("in %s are no JSON", async (format, text) => {
    server.reply({ transcription: { text: "hello" } });
    expect(await ask({ response_format: format })).toBe(text);
  });

  test("in JSON say more or less", async () => {
    server.reply({ transcription: { text: "hello", language: "german", duration: 7 } });
    expect(await ask()).toEqual({
      text: "hello",
      usage: { type: "tokens", input_tokens: 10, output_tokens: 2, total_tokens: 12 },
    });
    expect(await ask({ response_format: "verbose_json" })).toMatchObject({ language: "german", duration: 7 });
    expect(await ask({ response_format: "diarized_json" })).toMatchObject({ segments: [{ speaker: "A" }] });
  });

  test("as a stream add up to the text", async () => {
    const events: { type: string; delta?: string; text?: string }[] = [];
    for await (const event of (await ask({ stream: true })) as AsyncIterable<(typeof events)[number]>)
      events.push(event);
    expect(events.map(({ delta = "" }) => delta).join("")).toBe(events.at(-1)?.text);
    expect(events.at(-1)?.type).toBe("transcript.text.done");
    server.reply({ transcription: { done: false } });
    const cut: unknown[] = [];
    for await (const event of (await ask({ stream: true })) as AsyncIterable<unknown>) cut.push(event);
    expect(cut).toHaveLength(events.length - 1);
  });

  test("without a form, or without a file in it, are refused", async () => {
    const form = new FormData();
    form.append("model", "whisper-1");
    expect((await post("/audio/transcriptions", form)).status).toBe(400);
    expect((await post("/audio/transcriptions", "hello")).status).toBe(400);
  });
});

test("moderations give a verdict on each text, and one on parts", async () => {
  const { results } = await client.moderations.create({ input: ["bad", "good"] });
  expect(results.map(({ flagged }) => flagged)).toEqual([true, false]);
  expect(results[0]?.categories.violence).toBe(true);
  const parts = await client.moderations.create({
    input: [
      { type: "text", text: "bad" },
      { type: "text", text: "good" },
    ],
  });
  expect(parts.results).toHaveLength(1);
  server.reply({ moderation: { flagged: true } });
  expect((await client.moderations.create({ input: "good" })).results[0]?.flagged).toBe(true);
});

test("images come as many as asked for, in themselves, as addresses or as a stream", async () => {
  const made = await client.images.generate({ prompt: "a hat", n: 2 });
  expect(made.data?.map(({ b64_json }) => Buffer.from(b64_json ?? "", "base64").toString())).toEqual([
    "image 0 of request 1",
    "image 1 of request 1",
  ]);
  const named = await client.images.generate({ prompt: "a hat", response_format: "url" });
  expect(named.data?.[0]?.url).toMatch(/^https:/);
  server.reply({ images: { count: 0, form: "url" } });
  expect((await client.images.generate({ prompt: "a hat" })).data).toEqual([]);
  server.reply({});
  const types: string[] = [];
  for await (const { type } of await client.images.generate({ prompt: "a hat", stream: true })) types.push(type);
  expect(types).toEqual(["image_generation.partial_image", "image_generation.completed"]);
  const image = await toFile(Buffer.from("pixels"), "a.png");
  expect((await client.images.edit({ image, prompt: "a hat", n: 2 })).data).toHaveLength(2);
  expect((await post("/images/edits", "hello")).status).toBe(400);
});

test("raw answers, failures and gates are for these endpoints too", async () => {
  server.enqueue({ error: { status: 429 } }, { raw: { body: "hello" } }, { drop: "after-headers" });
  await expect(embed("a")).rejects.toMatchObject({ status: 429 });
  expect(await (await post("/embeddings", "anything")).text()).toBe("hello");
  await expect(embed("a")).rejects.toThrow();
});
