import type { EmbeddingModelV4Result, ImageModelV4, ImageModelV4Result } from "@ai-sdk/provider";
import { Body, LLMCache } from "@llmcache/core";
import { embed, embedMany, generateImage, wrapEmbeddingModel, wrapImageModel } from "ai";
import { MockEmbeddingModelV4, MockImageModelV4 } from "ai/test";
import { expect, test } from "vitest";
import { embeddingCacheMiddleware, imageCacheMiddleware } from "../src/index.ts";
import { decodeEmbedding, encodeEmbedding } from "../src/stored-embedding.ts";

/** Embeds a text as its length and a number that no two answers share. */
function embedder(more: Partial<EmbeddingModelV4Result> = {}, maxEmbeddingsPerCall = 100) {
  let count = 0;
  const asked: string[][] = [];
  const inner = new MockEmbeddingModelV4({
    maxEmbeddingsPerCall,
    doEmbed: async ({ values }) => {
      asked.push([...values]);
      return {
        embeddings: values.map((value) => [value.length, ++count, 0.1]),
        usage: { tokens: values.join("").length },
        warnings: [],
        ...more,
      };
    },
  });
  const cache = new LLMCache();
  return {
    asked,
    cache,
    inner,
    model: wrapEmbeddingModel({ model: inner, middleware: embeddingCacheMiddleware(cache) }),
  };
}

test("of a list only what is missing is asked, each text once, in its place", async () => {
  const { model, asked, cache } = embedder();
  const first = await embedMany({ model, values: ["a", "bb"] });
  await cache.settled();
  const second = await embedMany({ model, values: ["bb", "ccc", "a", "ccc", "dddd"] });
  expect(asked).toEqual([
    ["a", "bb"],
    ["ccc", "dddd"],
  ]);
  expect(second.embeddings.map(([length]) => length)).toEqual([2, 3, 1, 3, 4]);
  expect(second.embeddings[0]).toEqual(first.embeddings[1]);
  expect(second.usage.tokens).toBe(2 + 3 + 1 + 3 + 4);
  await cache.settled();
  const third = await embed({ model, value: "dddd" });
  expect(third.embedding).toEqual(second.embeddings[4]);
  expect(third.usage).toEqual({ tokens: 4 });
  expect(asked).toHaveLength(2);
  const { embedding } = third;
  embedding[0] = 99;
  expect((await embed({ model, value: "dddd" })).embedding[0]).toBe(4);
});

test("tokens are dealt out so that the shares sum up to what was paid", async () => {
  const { model, cache } = embedder({ usage: { tokens: 10 } });
  await embedMany({ model, values: ["a", "bb", "cccc"] });
  await cache.settled();
  const shares = await Promise.all(
    ["a", "bb", "cccc"].map(async (value) => (await embed({ model, value })).usage.tokens),
  );
  expect(shares.reduce((sum, share) => sum + share)).toBe(10);
  expect(shares.every((share) => Number.isInteger(share) && share >= 0)).toBe(true);
});

test("a wrong count is an error, and nothing of it is stored", async () => {
  const { model, asked } = embedder({ embeddings: [[1]] });
  await expect(embedMany({ model, values: ["a", "b"], maxRetries: 0 })).rejects.toMatchObject({
    code: "ERR_LLMCACHE_COUNT",
  });
  await expect(embedMany({ model, values: ["a", "b"], maxRetries: 0 })).rejects.toThrow();
  expect(asked).toHaveLength(2);
});

test("settings count, controls go by providerOptions.llmcache, warnings and metadata of one text stay", async () => {
  const { model, inner, asked, cache } = embedder({
    warnings: [{ type: "other", message: "w" }],
    providerMetadata: { p: { a: 1 } },
  });
  const ask = async (providerOptions?: object, dimensions?: number) => {
    const result = await model.doEmbed({
      values: ["a"],
      ...(providerOptions && { providerOptions }),
      ...(dimensions && { dimensions }),
    } as never);
    await cache.settled();
    return result;
  };
  const first = await ask();
  expect(await ask()).toEqual(first);
  expect(await ask({ llmcache: { ttl: 60 } })).toEqual(first);
  expect(asked).toHaveLength(1);
  await ask(undefined, 256);
  await ask({ p: { taskType: "x" } });
  await ask({ llmcache: { use: false } });
  expect(asked).toHaveLength(4);
  expect(inner.doEmbedCalls.every((call) => call.providerOptions?.["llmcache"] === undefined)).toBe(true);
});

test.each([[[0.1, -1e-300, 3]], [[0.5, -2]], [[]], [[-0]]])("the vector %j is stored without loss", (embedding) => {
  const item = { embedding, tokens: 3, warnings: [], providerMetadata: undefined };
  expect(decodeEmbedding(Body.bytes(encodeEmbedding(item)))).toEqual(item);
});

test("bytes that are no embedding are a miss", () => {
  expect(decodeEmbedding(Body.bytes(new Uint8Array([9, 4, 0, 0, 0, 0])))).toBeUndefined();
  expect(decodeEmbedding(Body.bytes(new Uint8Array([1, 4, 255, 255, 0, 0])))).toBeUndefined();
  expect(decodeEmbedding(Body.json([1]))).toBeUndefined();
});

/** Draws pictures of which no two are the same. */
function painter(
  maxImagesPerCall: number | undefined,
  change: (result: ImageModelV4Result) => ImageModelV4Result = (result) => result,
) {
  let count = 0;
  const asked: number[] = [];
  const inner = new MockImageModelV4({
    maxImagesPerCall: maxImagesPerCall as number,
    doGenerate: async ({ n }) => {
      asked.push(n);
      return change({
        images: Array.from({ length: n }, () => new Uint8Array([137, 80, 78, 71, ++count])),
        warnings: [],
        usage: { inputTokens: 1, outputTokens: n, totalTokens: n + 1 },
        providerMetadata: { p: { images: Array.from({ length: n }, (_, index) => ({ index })) } },
        response: {
          timestamp: new Date(5),
          modelId: "m",
          headers: { "content-type": "image/png", "x-request-id": "r" },
        },
      });
    },
  });
  const cache = new LLMCache();
  return {
    asked,
    cache,
    model: wrapImageModel({ model: inner as ImageModelV4, middleware: imageCacheMiddleware(cache) }),
  };
}

test("images come back as bytes, with time, usage and metadata", async () => {
  const { model, asked, cache } = painter(10);
  const first = await generateImage({ model, prompt: "a cat", n: 2 });
  await cache.settled();
  const second = await generateImage({ model, prompt: "a cat", n: 2 });
  expect(asked).toEqual([2]);
  expect(second.images.map(({ uint8Array }) => uint8Array)).toStrictEqual(
    first.images.map(({ uint8Array }) => uint8Array),
  );
  expect(second.usage).toEqual(first.usage);
  expect(second.providerMetadata).toEqual(first.providerMetadata);
  expect(second.responses[0]).toEqual({
    timestamp: new Date(5),
    modelId: "m",
    headers: { "content-type": "image/png" },
  });
  await generateImage({ model, prompt: "a dog", n: 2 });
  await generateImage({ model, prompt: "a cat", n: 2, seed: 1 });
  await generateImage({ model, prompt: { text: "a cat", images: [new Uint8Array([1])] }, n: 2 });
  expect(asked).toHaveLength(4);
});

test.each([undefined, 2])(
  "pictures asked for in several equal calls are different ones (maxImagesPerCall %s)",
  async (maxImagesPerCall) => {
    const { model, asked, cache } = painter(1);
    const draw = async () => {
      const result = await generateImage({
        model,
        prompt: "a cat",
        n: 4,
        ...(maxImagesPerCall && { maxImagesPerCall }),
      });
      await cache.settled();
      return result;
    };
    const first = await draw();
    const bytes = first.images.map(({ uint8Array }) => uint8Array.at(-1));
    expect(new Set(bytes).size).toBe(4);
    expect(asked).toEqual([1, 1, 1, 1]);
    const second = await draw();
    expect(second.images.map(({ uint8Array }) => uint8Array.at(-1))).toEqual(bytes);
    expect(asked).toHaveLength(4);
    expect(second.usage.outputTokens).toBe(4);
    expect(second.providerMetadata["p"]?.images).toHaveLength(4);
  },
);

test("fewer images than asked, and none, are not stored", async () => {
  const { model, asked } = painter(3, (result) => ({ ...result, images: (result.images as Uint8Array[]).slice(1) }));
  expect((await generateImage({ model, prompt: "a cat", n: 3 })).images).toHaveLength(2);
  await generateImage({ model, prompt: "a cat", n: 3 });
  expect(asked).toEqual([3, 3]);
});
