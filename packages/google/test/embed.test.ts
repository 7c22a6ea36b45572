import { LLMCache, requestKey, type JsonObject } from "@llmcache/core";
import { describe, expect, test } from "vitest";
import { sumOfUsage, usageShares } from "../src/embed-usage.ts";
import { cachedFetch } from "../src/index.ts";
import { listOf } from "./asking.ts";

const ROOT = "https://generativelanguage.googleapis.com/v1beta/models/gemini-embedding-001";
const ONE = `${ROOT}:embedContent`;
const MANY = `${ROOT}:batchEmbedContents`;
const of = (text: string, more: JsonObject = {}): JsonObject => ({
  model: "models/gemini-embedding-001",
  content: { parts: [{ text }] },
  ...more,
});
const keys = (body: JsonObject, url: string): string[] =>
  (listOf(body, { url })?.requests ?? []).map((each) => requestKey(each).id);

test("a content has one key, alone and in any list", () => {
  const [one] = keys(of("a"), ONE);
  expect(keys({ requests: [of("b"), of("a")] }, MANY)[1]).toBe(one);
  const { model: _model, ...nameless } = of("a");
  expect(keys(nameless, ONE)).toEqual([one]);
  const others = [
    of("b"),
    of("a", { taskType: "CLUSTERING" }),
    of("a", { outputDimensionality: 8 }),
    of("a", { title: "a" }),
    of("a", { content: { parts: [{ text: "a" }], role: "user" } }),
    of("a", { content: { parts: [{ text: "a" }, { text: "" }] } }),
  ];
  expect(new Set([one, ...keys({ requests: others }, MANY)]).size).toBe(others.length + 1);
});

test("what is no list of contents of one model passes", () => {
  for (const [body, url] of [
    [{}, ONE],
    [{ content: "a" }, ONE],
    [of("a", { model: "models/other" }), ONE],
    [{ requests: [] }, MANY],
    [{ requests: [of("a"), "b"] }, MANY],
    [{ requests: [of("a"), of("b", { model: "models/other" })] }, MANY],
    [{ requests: [of("a")], more: 1 }, MANY],
  ] as const)
    expect(listOf(body, { url })).toBeUndefined();
});

describe("through a cache", () => {
  /** A provider that tells what it was asked, and answers with the length of each text. */
  function stage(usage = true) {
    const asked: string[][] = [];
    const textOf = (each: JsonObject): string => (each["content"] as { parts: [{ text: string }] }).parts[0].text;
    const provider: typeof globalThis.fetch = async (input, init) => {
      const body = JSON.parse(init?.body as string) as JsonObject & { requests?: JsonObject[] };
      const texts = (body.requests ?? [body]).map(textOf);
      asked.push(texts);
      const count = texts.join("").length;
      const usageMetadata = { promptTokenCount: count, promptTokensDetails: [{ modality: "TEXT", tokenCount: count }] };
      const embeddings = texts.map((text) => ({ values: [text.length, 0.1] }));
      const answer = (input as string).endsWith(":embedContent") ? { embedding: embeddings[0] } : { embeddings };
      return Promise.resolve(Response.json(usage ? { ...answer, usageMetadata } : answer));
    };
    const cache = new LLMCache();
    const fetch = cachedFetch(cache, { fetch: provider });
    const ask = async (url: string, body: JsonObject): Promise<JsonObject> => {
      const response = await fetch(url, { method: "POST", body: JSON.stringify(body) });
      const answer = (await response.json()) as JsonObject;
      await cache.settled();
      return answer;
    };
    const embed = async (...texts: string[]): Promise<JsonObject> =>
      ask(MANY, { requests: texts.map((text) => of(text)) });
    return { asked, ask, embed };
  }

  test("the provider is asked for what is missing, and a text alone is one of a list", async () => {
    const { asked, ask, embed } = stage();
    const first = await embed("a", "bbb");
    expect(await embed("a", "bbb")).toEqual(first);
    expect(await embed("bbb", "cc", "a", "cc")).toEqual({
      embeddings: [3, 2, 1, 2].map((length) => ({ values: [length, 0.1] })),
      // Four tokens over two texts, as they were asked, and two for each of the others.
      usageMetadata: { promptTokenCount: 8, promptTokensDetails: [{ modality: "TEXT", tokenCount: 8 }] },
    });
    expect(await ask(ONE, of("cc"))).toEqual({
      embedding: { values: [2, 0.1] },
      usageMetadata: { promptTokenCount: 2, promptTokensDetails: [{ modality: "TEXT", tokenCount: 2 }] },
    });
    expect(asked).toEqual([["a", "bbb"], ["cc"]]);
  });

  test("what a list took is dealt out to the last token", () => {
    const usage = { promptTokenCount: 8, promptTokensDetails: [{ modality: "TEXT", tokenCount: 8 }] };
    const shares = usageShares(usage, 3) ?? [];
    expect(shares.map((share) => share["promptTokenCount"])).toEqual([3, 3, 2]);
    expect(sumOfUsage(shares)).toEqual(usage);
    // Nobody knows which content was the image.
    const mixed = [...usage.promptTokensDetails, { modality: "IMAGE", tokenCount: 8 }];
    expect(usageShares({ promptTokensDetails: mixed }, 2)).toBeUndefined();
    expect(usageShares({ promptTokensDetails: mixed }, 1)).toEqual([{ promptTokensDetails: mixed }]);
    expect(sumOfUsage([{ promptTokensDetails: mixed }, usage])).toEqual({
      promptTokenCount: 8,
      promptTokensDetails: [{ modality: "TEXT", tokenCount: 16 }, mixed[1]],
    });
  });

  test("without usage there is none", async () => {
    const { asked, embed } = stage(false);
    await embed("a");
    expect(await embed("b", "a")).toEqual({ embeddings: [{ values: [1, 0.1] }, { values: [1, 0.1] }] });
    expect(asked).toEqual([["a"], ["b"]]);
  });

  test("more than the provider takes are asked for in several requests", async () => {
    const { asked, embed } = stage();
    const texts = Array.from({ length: 150 }, (_, index) => `text ${index}`);
    expect((await embed(...texts))["embeddings"]).toHaveLength(150);
    expect(asked.map(({ length }) => length)).toEqual([75, 75]);
  });
});
