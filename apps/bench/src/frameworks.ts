import { InMemoryCache } from "@langchain/core/caches";
import type { BaseChatModel } from "@langchain/core/language_models/chat_models";
import { FakeListChatModel } from "@langchain/core/utils/testing";
import type { LanguageModelV4, LanguageModelV4Middleware } from "@ai-sdk/provider";
import { cacheMiddleware } from "@llmcache/ai-sdk";
import { LLMCache } from "@llmcache/core";
import { LLMCacheBaseCache, withCache } from "@llmcache/langchain";
import { generateText, wrapLanguageModel } from "ai";
import { documented, type Shelf } from "./documented-middleware.ts";
import type { Contender, Suite } from "./harness.ts";
import { answerOf } from "./samples.ts";

const TEXT = "What is the answer to the question? ".repeat(100);

/** `generateText` on a hit, beside a model that answers at once. */
export async function generateTextHits(): Promise<Suite> {
  const model = instantModel();
  const cached = wrapLanguageModel({ model, middleware: cacheMiddleware(new LLMCache()) });
  const ask = (name: string, of: LanguageModelV4): Contender => ({
    name,
    async run(times) {
      for (let i = 0; i < times; i++) await generateText({ model: of, prompt: TEXT });
    },
  });
  await generateText({ model: cached, prompt: TEXT });
  return {
    title: "AI SDK generateText, 4 kB in, 4 kB out",
    contenders: [ask("a mock model that answers at once", model), ask("hit in cacheMiddleware", cached)],
    targets: {
      "hit in cacheMiddleware": {
        atMost: 1.35,
        whyMissed:
          "The mock model does nothing, not even a copy. Key, lookup and a private copy of 4 kB cost about 20 µs; generateText around them is the rest.",
      },
    },
  };
}

/** `doGenerate` on a hit, beside the caching middleware of the AI SDK's documentation. */
export async function doGenerateHits(): Promise<Suite> {
  const model = instantModel();
  const params = {
    prompt: [{ role: "user" as const, content: [{ type: "text" as const, text: TEXT }] }],
    temperature: 0.5,
    headers: { "user-agent": "ai/7" },
  };
  const ask = async (name: string, middleware: LanguageModelV4Middleware): Promise<Contender> => {
    const wrapped = wrapLanguageModel({ model, middleware });
    await wrapped.doGenerate(params);
    return {
      name,
      async run(times) {
        for (let i = 0; i < times; i++) await wrapped.doGenerate(params);
      },
    };
  };
  return {
    title: "AI SDK doGenerate, 4 kB in, 4 kB out",
    contenders: [
      await ask("the documentation's middleware, JSON in a Map", documented(textsInMap())),
      await ask("hit in cacheMiddleware", cacheMiddleware(new LLMCache())),
      await ask("the documentation's middleware, shared objects in a Map", documented(new Map<string, unknown>())),
    ],
    targets: { "hit in cacheMiddleware": 0.8 },
  };
}

/** `invoke` of a LangChain model on a hit, beside LangChain's own cache in memory. */
export async function langChainHits(): Promise<Suite> {
  const fake = (cache?: InMemoryCache | LLMCacheBaseCache): BaseChatModel =>
    new FakeListChatModel({ responses: [answerText()], ...(cache === undefined ? {} : { cache }) });
  const ask = async (name: string, model: BaseChatModel): Promise<Contender> => {
    await model.invoke(TEXT);
    return {
      name,
      async run(times) {
        for (let i = 0; i < times; i++) await model.invoke(TEXT);
      },
    };
  };
  return {
    title: "LangChain invoke, 4 kB in, 4 kB out",
    contenders: [
      await ask("hit in InMemoryCache", fake(new InMemoryCache())),
      await ask("hit in withCache", withCache(fake(), new LLMCache())),
      await ask("hit in LLMCacheBaseCache", fake(new LLMCacheBaseCache(new LLMCache()))),
      await ask("no cache, a model that answers at once", fake()),
    ],
    targets: { "hit in withCache": 0.45 },
  };
}

/** What its Redis does with a value: text in the store, a value of one's own for each who reads it. */
function textsInMap(): Shelf {
  const texts = new Map<string, string>();
  return {
    get: (key) => {
      const text = texts.get(key);
      return text === undefined ? undefined : (JSON.parse(text) as unknown);
    },
    set: (key, value) => texts.set(key, JSON.stringify(value)),
  };
}

/** A model that says the same 4 kB each time. */
function instantModel(): LanguageModelV4 {
  const text = answerText();
  return {
    specificationVersion: "v4",
    provider: "bench",
    modelId: "instant",
    supportedUrls: {},
    doGenerate: async () => ({
      content: [{ type: "text", text }],
      finishReason: { unified: "stop", raw: "stop" },
      usage: {
        inputTokens: { total: 900, noCache: 900, cacheRead: undefined, cacheWrite: undefined },
        outputTokens: { total: 1000, text: 1000, reasoning: undefined },
      },
      response: { id: "answer-1", timestamp: new Date(1_700_000_000_000), modelId: "instant" },
      warnings: [],
    }),
    doStream: () => Promise.reject(new Error("no streams here")),
  };
}

/** Text of 4 kB. */
function answerText(): string {
  const { choices } = answerOf(4096) as unknown as {
    readonly choices: readonly { readonly message: { readonly content: string } }[];
  };
  return choices[0]?.message.content as string;
}
