/**
 * Semantic caching in Redis, as LiteLLM's documentation shows it, and what the guard makes of it. Redis 8 or later, or one with search.
 *
 *     node --conditions=@llmcache/source examples/semantic-redis.ts [redis://localhost:6379]
 *
 * The model on this machine makes its answers up; the embedder is the Universal Sentence Encoder lite, from its package.
 */
import { LLMCache, type Store } from "@llmcache/core";
import { dualSemanticStore } from "@llmcache/dual-semantic";
import { embedder } from "@llmcache/embeddings";
import { cachedOpenAI } from "@llmcache/openai";
import { redisSemanticStore } from "@llmcache/redis-semantic";
import { startModelServer } from "@llmcache/testing/model-server";
import OpenAI from "openai";

const url = process.argv[2] ?? "redis://localhost:6379";
const model = await startModelServer();
const client = new OpenAI({ apiKey: "none needed", baseURL: model.baseURL });
await using encoder = embedder("use-lite");
const prefix = `example-${process.pid}`;
// The threshold of LiteLLM's example.
const common = { url, embedder: encoder, threshold: 0.8 };

await show("redis-semantic, guard: false", redisSemanticStore({ ...common, prefix: `${prefix}-1`, guard: false }));
await show("redis-semantic", redisSemanticStore({ ...common, prefix: `${prefix}-2` }));
await show("dual-semantic, guard: false", dualSemanticStore({ ...common, prefix: `${prefix}-3`, guard: false }));
await show("dual-semantic", dualSemanticStore({ ...common, prefix: `${prefix}-4` }));
await model[Symbol.asyncDispose]();

/** Asks for a poem about one number, in other words for the same, and for one about another number. */
async function show(name: string, store: Store): Promise<void> {
  const cache = new LLMCache({ store, ttl: "1h" });
  const openai = cachedOpenAI(client, cache);
  const ask = async (content: string): Promise<string> => {
    const messages = [{ role: "user" as const, content }];
    const answer = await openai.chat.completions.create({ model: "gpt-3.5-turbo", messages, max_tokens: 20 });
    await cache.settled();
    return answer.id;
  };
  const first = await ask("write a one sentence poem about: 41");
  const please = await ask("please write a one sentence poem about: 41");
  const other = await ask("write a one sentence poem about: 7310");
  console.log(`${name}:`);
  console.log(`  the same number, asked differently: ${please === first ? "the same answer" : "an answer of its own"}`);
  console.log(`  another number: ${other === first ? "the same answer" : "an answer of its own"}`);
  await store.clear();
  await cache[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
}
