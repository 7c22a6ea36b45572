/**
 * The AI SDK with a cache in a file. Run it twice: the second run makes no request.
 *
 *     node --conditions=@llmcache/source examples/ai-sdk.ts [cache folder]
 *
 * With OPENAI_API_KEY (and OPENAI_BASE_URL) it asks a real model, otherwise one on this machine that makes its answers up.
 */
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { cachedTool, cacheMiddleware, embeddingCacheMiddleware, type LLMCacheProviderOptions } from "@llmcache/ai-sdk";
import { LLMCache } from "@llmcache/core";
import { DiskStore } from "@llmcache/disk";
import { startModelServer } from "@llmcache/testing/model-server";
import { embedMany, generateText, stepCountIs, streamText, tool, wrapEmbeddingModel, wrapProvider } from "ai";
import { z } from "zod";

const apiKey = process.env["OPENAI_API_KEY"];
const demo = apiKey === undefined ? await startModelServer() : undefined;
const store = new DiskStore({ path: process.argv[2] ?? ".cache" });
const cache = new LLMCache({ store, ttl: "7d" });

const baseURL = demo?.baseURL ?? process.env["OPENAI_BASE_URL"] ?? "https://api.openai.com/v1";
const openai = createOpenAICompatible({ name: "openai", baseURL, apiKey: apiKey ?? "none needed" });
// The demo's port changes from run to run; an alias keeps the identity of its answers the same.
const options = demo === undefined ? {} : { provider: "demo" };

// All language models of a provider: one line.
const provider = wrapProvider({ provider: openai, languageModelMiddleware: cacheMiddleware(cache, options) });
const model = provider.languageModel("gpt-4o-mini");
const prompt = "Name a prime number.";

const first = await generateText({ model, prompt });
await cache.settled();
console.log(`generateText: ${first.text} (${first.response.headers?.["x-llmcache-status"]})`);

// A stream, from the same entry.
const streamed = streamText({ model, prompt });
console.log(`streamText: ${await streamed.text} (${(await streamed.response).headers?.["x-llmcache-status"]})`);

// Controls of one call.
const llmcache: LLMCacheProviderOptions = { namespace: "seed-2" };
const other = await generateText({ model, prompt, providerOptions: { llmcache } });
console.log(`its own seed: ${other.text} (${other.response.headers?.["x-llmcache-status"]})`);

// A loop of steps; the tool's result is kept for an hour, and is the same for everybody.
const weather = tool({
  description: "The weather in a city.",
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => `20 degrees in ${city}`,
});
demo?.enqueue({ toolCalls: [{ name: "weather", arguments: '{"city":"Rome"}' }] });
const steps = await generateText({
  model,
  prompt: "How warm is it in Rome?",
  tools: { weather: cachedTool(weather, { name: "weather", ttl: "1h", tenant: false, cache }) },
  stopWhen: stepCountIs(3),
});
console.log(`with a tool: ${steps.steps.length} steps`);

// Of a list, only what is missing is asked for.
const embeddings = wrapEmbeddingModel({
  model: openai.embeddingModel("text-embedding-3-small"),
  middleware: embeddingCacheMiddleware(cache, options),
});
const { embeddings: vectors } = await embedMany({ model: embeddings, values: ["one", "two", "one"] });
console.log(`vectors: ${vectors.length}`);

await cache[Symbol.asyncDispose]();
await store[Symbol.asyncDispose]();
if (demo !== undefined) console.log(`requests to the model: ${demo.count()}`);
await demo?.close();
