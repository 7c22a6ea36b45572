import { LLMCache } from "@llmcache/core";
import { DiskStore } from "@llmcache/disk";
import type { AzureOpenAI } from "openai";
import type * as sdk from "openai";
import { cachedFetch, cachedOpenAI } from "../src/index.ts";
import { STEPS, typed, type Clients } from "./surface.ts";

/** Goes through the SDK's whole surface, so many times, with a cache in a file; tells what it got. */
const [origin, path, way, passes, specifier = "openai"] = process.argv.slice(2);
// Up to 4, forms are what `fetch` takes only with this.
if (specifier !== "openai") await import(specifier.replace("index.mjs", "shims/web.mjs")).catch(() => undefined);
const { OpenAI, AzureOpenAI: Azure, toFile } = (await import(specifier)) as typeof sdk;
const version = specifier === "openai" ? "openai/version" : specifier.replace("index.mjs", "version.mjs");
const { VERSION } = (await import(version)) as { readonly VERSION: string };
const major = Number.parseInt(VERSION, 10);

const store = new DiskStore({ path: path as string });
const cache = new LLMCache({ store });
const common = { apiKey: "any", maxRetries: 0 };
const through = (by: string | undefined): object => (by === "fetch" ? { fetch: cachedFetch(cache) } : {});
/** Before 7, Azure's clients cannot make others of themselves. */
const azureWay = major < 7 ? "fetch" : way;
const client = new OpenAI({ ...common, ...through(way), baseURL: `${origin}/v1` });
const azure = new Azure({
  ...common,
  ...through(azureWay),
  apiVersion: "2025-04-01-preview",
  baseURL: `${origin}/openai`,
});
const clients: Clients = {
  client: way === "fetch" ? client : cachedOpenAI(client, cache),
  azure: azureWay === "fetch" ? azure : (cachedOpenAI(azure, cache) as AzureOpenAI),
  toFile,
};

const told: unknown[] = [];
for (let pass = 0; pass < Number(passes); pass++) {
  const seen: Record<string, unknown> = {};
  for (const { name, since = 0, run } of STEPS) {
    if (major < since) continue;
    try {
      seen[name] = typed(await run(clients, name));
    } catch (error) {
      seen[name] = `failed: ${String(error)}`;
    }
    await cache.settled();
  }
  told.push(seen);
}
process.stdout.write(JSON.stringify({ version: VERSION, told }));
await cache[Symbol.asyncDispose]();
await store[Symbol.asyncDispose]();
