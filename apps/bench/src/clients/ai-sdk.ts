import type {
  EmbeddingModelV4,
  LanguageModelV4,
  LanguageModelV4StreamPart,
  LanguageModelV4Usage,
} from "@ai-sdk/provider";
import { cacheMiddleware, embeddingCacheMiddleware } from "@llmcache/ai-sdk";
import { LLMCache } from "@llmcache/core";
import { wrapEmbeddingModel, wrapLanguageModel } from "ai";
import { textOf } from "../samples.ts";
import { drained, questionOf, textsOf } from "./asking.ts";
import type { Client } from "./tables.ts";
import type { Work } from "./work.ts";

const USAGE: LanguageModelV4Usage = {
  inputTokens: { total: 900, noCache: 900, cacheRead: undefined, cacheWrite: undefined },
  outputTokens: { total: 1000, text: 1000, reasoning: undefined },
};

/** Models at the AI SDK's interface, as `generateText` and its like call them. */
export function aiSDK(): Client {
  const workOf = (model: LanguageModelV4, ask: (model: LanguageModelV4, n: number) => Promise<unknown>): Work => {
    const cache = new LLMCache();
    const cached = wrapLanguageModel({ model, middleware: cacheMiddleware(cache) });
    return { cache, raw: (n) => ask(model, n), cached: (n) => ask(cached, n) };
  };
  const promptOf = (question: string): Parameters<LanguageModelV4["doGenerate"]>[0] => ({
    prompt: [{ role: "user", content: [{ type: "text", text: question }] }],
    temperature: 0.5,
  });
  return {
    answer(request, answer) {
      const question = questionOf(request);
      return workOf(instantModel(answer, 0), async (model, n) => model.doGenerate(promptOf(question(n))));
    },
    stream(chunks) {
      const question = questionOf(4096);
      return workOf(instantModel(0, chunks), async (model, n) =>
        drained((await model.doStream(promptOf(question(n)))).stream, chunks),
      );
    },
    embeddings(texts) {
      const values = textsOf(texts);
      const model = instantEmbeddings();
      const cache = new LLMCache();
      const cached = wrapEmbeddingModel({ model, middleware: embeddingCacheMiddleware(cache) });
      const ask = async (by: EmbeddingModelV4, n: number): Promise<unknown> => by.doEmbed({ values: values(n) });
      return { cache, raw: (n) => ask(model, n), cached: (n) => ask(cached, n) };
    },
  };
}

function instantModel(bytes: number, chunks: number): LanguageModelV4 {
  const text = textOf(bytes, 1);
  const parts: readonly LanguageModelV4StreamPart[] = [
    { type: "stream-start", warnings: [] },
    { type: "text-start", id: "1" },
    ...Array.from({ length: Math.max(0, chunks - 4) }, (_, i): LanguageModelV4StreamPart => ({
      type: "text-delta",
      id: "1",
      delta: `word${i} `,
    })),
    { type: "text-end", id: "1" },
    { type: "finish", usage: USAGE, finishReason: { unified: "stop", raw: "stop" } },
  ];
  return {
    specificationVersion: "v4",
    provider: "bench",
    modelId: "instant",
    supportedUrls: {},
    doGenerate: async () => ({
      content: [{ type: "text", text }],
      finishReason: { unified: "stop", raw: "stop" },
      usage: USAGE,
      response: { id: "answer-1", timestamp: new Date(1_700_000_000_000), modelId: "instant" },
      warnings: [],
    }),
    doStream: async () => ({ stream: ReadableStream.from<LanguageModelV4StreamPart>(parts) }),
  };
}

function instantEmbeddings(): EmbeddingModelV4 {
  const vector = Array.from({ length: 1536 }, (_, at) => Math.fround(Math.sin(at)));
  return {
    specificationVersion: "v4",
    provider: "bench",
    modelId: "instant",
    maxEmbeddingsPerCall: 100,
    supportsParallelCalls: true,
    doEmbed: async ({ values }) => ({
      embeddings: values.map(() => vector),
      usage: { tokens: values.length },
      warnings: [],
    }),
  };
}
