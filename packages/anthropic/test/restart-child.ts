import Anthropic from "@anthropic-ai/sdk";
import { LLMCache } from "@llmcache/core";
import { DiskStore } from "@llmcache/disk";
import { cachedAnthropic } from "../src/index.ts";
import { STEPS, shown } from "./surface.ts";

/** Goes through the client's surface, as often as it is told, with a cache in a file; tells what it got each time. */
const [baseURL, path, passes] = process.argv.slice(2);
const store = new DiskStore({ path: path as string });
const cache = new LLMCache({ store });
const client = cachedAnthropic(new Anthropic({ apiKey: "any", baseURL, maxRetries: 0 }), cache);
const told: Record<string, unknown>[] = [];
for (let pass = 0; pass < Number(passes); pass++) {
  const seen: Record<string, unknown> = {};
  for (const { name, run } of STEPS) {
    seen[name] = shown(await run(client).catch((error: unknown) => `failed: ${String(error)}`));
    await cache.settled();
  }
  told.push(seen);
}
process.stdout.write(JSON.stringify(told));
await cache[Symbol.asyncDispose]();
await store[Symbol.asyncDispose]();
