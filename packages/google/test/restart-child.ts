import { GoogleGenAI } from "@google/genai";
import { LLMCache } from "@llmcache/core";
import { DiskStore } from "@llmcache/disk";
import { cachedGoogle } from "../src/index.ts";
import { shown, STEPS } from "./surface.ts";

/** Goes through the client's surface, as often as it is told, with a cache in a file; tells what it got each time. */
const [baseUrl, path, passes, vertexai] = process.argv.slice(2);
const store = new DiskStore({ path: path as string });
const cache = new LLMCache({ store });
const options = { apiKey: "any", vertexai: vertexai === "vertex", httpOptions: { baseUrl: baseUrl as string } };
const client = cachedGoogle(new GoogleGenAI(options), cache);
const told: Record<string, unknown>[] = [];
for (let pass = 0; pass < Number(passes); pass++) {
  const seen: Record<string, unknown> = {};
  for (const { name, run } of STEPS) {
    // Vertex's embedding models are asked by `predict`, which passes.
    if (vertexai === "vertex" && name.startsWith("embed")) continue;
    seen[name] = shown(await run(client).catch((error: unknown) => `failed: ${String(error)}`));
    await cache.settled();
  }
  told.push(seen);
}
process.stdout.write(JSON.stringify(told));
await cache[Symbol.asyncDispose]();
await store[Symbol.asyncDispose]();
