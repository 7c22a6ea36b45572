/**
 * The official Gemini client with a cache in a file. Run it twice: the second run makes no request.
 *
 *     node --conditions=@llmcache/source examples/google-generate.ts [cache folder]
 *
 * With GEMINI_API_KEY it asks a real model, otherwise one on this machine that makes its answers up.
 */
import { GoogleGenAI } from "@google/genai";
import { LLMCache } from "@llmcache/core";
import { DiskStore } from "@llmcache/disk";
import { cachedGoogle } from "@llmcache/google";
import { startModelServer } from "@llmcache/testing/model-server";

const folder = process.argv[2] ?? ".cache";
const apiKey = process.env["GEMINI_API_KEY"];
const demo = apiKey === undefined ? await startModelServer() : undefined;
const client = new GoogleGenAI(
  demo === undefined ? { apiKey: apiKey as string } : { apiKey: "none needed", httpOptions: { baseUrl: demo.url } },
);
const store = new DiskStore({ path: folder });
const cache = new LLMCache({ store, ttl: "7d" });
// The demo's port changes from run to run; an alias keeps the identity of its answers the same.
const google = cachedGoogle(client, cache, demo === undefined ? {} : { provider: "demo" });

const question = { model: "gemini-3-flash", contents: "Name a prime number." };

/** Asks, and says how that was answered. */
async function ask(
  what: string,
  config: NonNullable<Parameters<typeof google.models.generateContent>[0]["config"]> = {},
): Promise<void> {
  const { text, sdkHttpResponse } = await google.models.generateContent({ ...question, config });
  console.log(`${what}: ${text} (${sdkHttpResponse?.headers?.["cache-status"]})`);
  await cache.settled();
}

await ask("first call");
await ask("the same again");
await ask("past the cache", { cache: false });

// A stream is answered from the same entry.
let told = "";
for await (const chunk of await google.models.generateContentStream(question)) told += chunk.text ?? "";
console.log(`as a stream: ${told}`);

// Of a list of texts only what is new is asked for.
const model = "gemini-embedding-001";
await google.models.embedContent({ model, contents: ["one", "two"] });
await cache.settled();
const { embeddings, sdkHttpResponse } = await google.models.embedContent({ model, contents: ["two", "three"] });
console.log(`embeddings: ${embeddings?.length} (${sdkHttpResponse?.headers?.["cache-status"]})`);
await cache.settled();

if (demo !== undefined) console.log(`requests to the model: ${demo.count()}`);
await cache[Symbol.asyncDispose]();
await store[Symbol.asyncDispose]();
await demo?.close();
