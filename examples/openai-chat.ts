/**
 * The official `openai` client with a cache in a file. Run it twice: the second run makes no request.
 *
 *     node --conditions=@llmcache/source examples/openai-chat.ts [cache folder]
 *
 * With OPENAI_API_KEY (and OPENAI_BASE_URL) it asks a real model, otherwise one on this machine that makes its answers up.
 */
import { LLMCache } from "@llmcache/core";
import { DiskStore } from "@llmcache/disk";
import { cachedOpenAI } from "@llmcache/openai";
import { startModelServer } from "@llmcache/testing/model-server";
import OpenAI from "openai";

const folder = process.argv[2] ?? ".cache";
const real = process.env["OPENAI_API_KEY"] !== undefined;
const demo = real ? undefined : await startModelServer();
const client = new OpenAI(demo === undefined ? {} : { apiKey: "none needed", baseURL: demo.baseURL });
// The demo's port changes from run to run; an alias keeps the identity of its answers the same.
const provider = demo === undefined ? {} : { provider: "demo" };

const question = { model: "gpt-4o-mini", messages: [{ role: "user" as const, content: "Name a prime number." }] };

// A cache in a file: one line to open it, one to put it in front of the client.
let store = new DiskStore({ path: folder });
let cache = new LLMCache({ store, ttl: "7d" });
let openai = cachedOpenAI(client, cache, provider);

/** Asks, and says how that was answered. */
async function ask(what: string, options?: Parameters<typeof openai.chat.completions.create>[1]): Promise<void> {
  const { data, response } = await openai.chat.completions.create(question, options).withResponse();
  console.log(`${what}: ${data.choices[0]?.message.content} (${response.headers.get("cache-status")})`);
  await cache.settled();
}

await ask("first call");
await ask("the same again");

// Controls of one call. `noCache` asks anew and keeps the new answer; `sMaxAge` bounds the age of what may be served.
await ask("its own seed", { cache: { namespace: "seed-2" } });
await ask("its own seed again", { cache: { namespace: "seed-2" } });
await ask("not older than an hour", { cache: { sMaxAge: "1h" } });
await ask("past the cache", { cache: false });

// Controls for everything that happens inside, however deep.
await cache.run({ namespace: "experiment-1" }, async () => {
  await ask("inside a run");
  await ask("inside a run again");
});

// A stream is answered from the same entry, chunk by chunk.
const stream = await openai.chat.completions.create({ ...question, stream: true });
let text = "";
for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
console.log(`as a stream: ${text}`);

// A restart: nothing is left but the file.
await cache.settled();
await store[Symbol.asyncDispose]();
store = new DiskStore({ path: folder });
cache = new LLMCache({ store, ttl: "7d" });
openai = cachedOpenAI(client, cache, provider);
await ask("after a restart");

// With the network off: a miss would be an error, never a request.
await ask("only if cached", { cache: { onlyIfCached: true } });
const missing = await ask("only if cached, unknown", {
  cache: { onlyIfCached: true, namespace: "nobody asked this" },
}).catch((error: unknown) => error);
console.log(`unknown and only if cached: ${missing instanceof OpenAI.APIError ? missing.code : "answered?"}`);

const { hits, misses, bypasses } = cache.stats();
console.log(`since the restart: hits ${hits}, misses ${misses}, past the cache ${bypasses}`);
if (demo !== undefined) console.log(`requests to the model: ${demo.count()}`);

await cache[Symbol.asyncDispose]();
await store[Symbol.asyncDispose]();
await demo?.close();
