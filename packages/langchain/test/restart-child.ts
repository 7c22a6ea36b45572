import { tool } from "@langchain/core/tools";
import { ChatOpenAI, OpenAIEmbeddings } from "@langchain/openai";
import { LLMCache } from "@llmcache/core";
import { DiskStore } from "@llmcache/disk";
import { z } from "zod";
import { CachedEmbeddings, withCache } from "../src/index.ts";

/** Asks the same things as any other process of this kind, of a cache in a file; tells what it got. */
const [baseURL, path] = process.argv.slice(2);
const store = new DiskStore({ path: path as string });
const cache = new LLMCache({ store });
const configuration = { baseURL };
const model = withCache(new ChatOpenAI({ model: "gpt-4o-mini", apiKey: "any", configuration }), cache, {
  provider: "server",
});
const search = tool(async () => "found", { name: "search", description: "d", schema: z.object({ q: z.string() }) });
const told: unknown[] = [];

const message = await model.invoke("hello");
told.push(message.content, message.usage_metadata, message.response_metadata, message.id);
for await (const chunk of await model.stream("hello")) told.push(chunk.content);
told.push((await model.bindTools([search]).invoke("hello")).content);
const inner = new OpenAIEmbeddings({ model: "text-embedding-3-small", apiKey: "any", configuration });
told.push(await new CachedEmbeddings(inner, cache, { identity: "text-embedding-3-small" }).embedDocuments(["a", "b"]));

await cache[Symbol.asyncDispose]();
await store[Symbol.asyncDispose]();
process.stdout.write(JSON.stringify(told));
