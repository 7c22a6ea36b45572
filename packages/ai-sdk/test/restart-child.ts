import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { LLMCache } from "@llmcache/core";
import { DiskStore } from "@llmcache/disk";
import { embedMany, generateText, streamText, wrapEmbeddingModel, wrapProvider } from "ai";
import { cacheMiddleware, embeddingCacheMiddleware } from "../src/index.ts";

/** Asks the same things as any other process of this kind, of a cache in a file; tells what it got, and how. */
const [baseURL, path] = process.argv.slice(2);
const store = new DiskStore({ path: path as string });
const cache = new LLMCache({ store });
const server = createOpenAICompatible({
  name: "server",
  apiKey: "any",
  baseURL: baseURL as string,
  includeUsage: true,
});
const provider = wrapProvider({
  provider: server,
  languageModelMiddleware: cacheMiddleware(cache, { provider: "server" }),
});
const model = provider.languageModel("gpt-4o-mini");
const told: unknown[] = [];
const statuses: unknown[] = [];

const whole = await generateText({ model, prompt: "hello" });
await cache.settled();
const wholeAsStream = streamText({ model, prompt: "hello" });
told.push(
  whole.content,
  whole.usage,
  whole.finishReason,
  whole.response.timestamp instanceof Date,
  await wholeAsStream.text,
);
statuses.push(
  whole.response.headers?.["x-llmcache-status"],
  (await wholeAsStream.response).headers?.["x-llmcache-status"],
);

const streamed = streamText({ model, prompt: "stream", seed: 1 });
const chunks: string[] = [];
for await (const chunk of streamed.textStream) chunks.push(chunk);
await cache.settled();
const streamAsWhole = await generateText({ model, prompt: "stream", seed: 1 });
told.push(chunks, await streamed.usage, streamAsWhole.content, streamAsWhole.usage);
statuses.push(
  (await streamed.response).headers?.["x-llmcache-status"],
  streamAsWhole.response.headers?.["x-llmcache-status"],
);

const embeddings = wrapEmbeddingModel({
  model: server.embeddingModel("text-embedding-3-small"),
  middleware: embeddingCacheMiddleware(cache, { provider: "server" }),
});
const { embeddings: vectors, usage } = await embedMany({ model: embeddings, values: ["a", "b"] });
told.push(vectors, usage);

await cache[Symbol.asyncDispose]();
await store[Symbol.asyncDispose]();
process.stdout.write(JSON.stringify({ told, statuses }));
