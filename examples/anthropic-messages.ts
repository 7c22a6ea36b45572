/**
 * The official Anthropic client with a cache in a file. Run it twice: the second run makes no request.
 *
 *     node --conditions=@llmcache/source examples/anthropic-messages.ts [cache folder]
 *
 * With ANTHROPIC_API_KEY it asks a real model, otherwise one on this machine that makes its answers up.
 */
import Anthropic from "@anthropic-ai/sdk";
import { cachedAnthropic } from "@llmcache/anthropic";
import { LLMCache } from "@llmcache/core";
import { DiskStore } from "@llmcache/disk";
import { startModelServer } from "@llmcache/testing/model-server";

const folder = process.argv[2] ?? ".cache";
const real = process.env["ANTHROPIC_API_KEY"] !== undefined;
const demo = real ? undefined : await startModelServer();
const client = new Anthropic(demo === undefined ? {} : { apiKey: "none needed", baseURL: demo.url });
const store = new DiskStore({ path: folder });
const cache = new LLMCache({ store, ttl: "7d" });
// The demo's port changes from run to run; an alias keeps the identity of its answers the same.
const anthropic = cachedAnthropic(client, cache, demo === undefined ? {} : { provider: "demo" });

const question = {
  model: "claude-sonnet-5",
  max_tokens: 1024,
  messages: [{ role: "user" as const, content: "Name a prime number." }],
};

/** Asks, and says how that was answered. */
async function ask(what: string, options?: Parameters<typeof anthropic.messages.create>[1]): Promise<void> {
  const { data, response } = await anthropic.messages.create(question, options).withResponse();
  const text = data.content.map((block) => (block.type === "text" ? block.text : "")).join("");
  console.log(`${what}: ${text} (${response.headers.get("cache-status")})`);
  await cache.settled();
}

await ask("first call");
await ask("the same again");
await ask("past the cache", { cache: false });

// A stream is answered from the same entry.
console.log(`as a stream: ${await anthropic.messages.stream(question).finalText()}`);

// Hints for the provider's prompt cache change what a request costs, not what it asks.
const hinted = { ...question, cache_control: { type: "ephemeral" as const } };
const { response } = await anthropic.messages.create(hinted).withResponse();
console.log(`with a hint: ${response.headers.get("cache-status")}`);

if (demo !== undefined) console.log(`requests to the model: ${demo.count()}`);
await cache[Symbol.asyncDispose]();
await store[Symbol.asyncDispose]();
await demo?.close();
