/**
 * An experiment that others can repeat: it estimates how often a model says "heads", ships the samples it used as one file, and replays
 * them where there is no model.
 *
 *     node --conditions=@llmcache/source examples/replicate-a-paper.ts [folder]
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { MapStore } from "@llmcache/core";
import { DiskStore } from "@llmcache/disk";
import { openAISampler } from "@llmcache/openai/sampler";
import { exportSlice, importSlice, independent, persistent, take, type Sampler } from "@llmcache/sampling";
import { startModelServer } from "@llmcache/testing/model-server";
import OpenAI from "openai";

const folder = process.argv[2] ?? ".paper";
await mkdir(folder, { recursive: true });
const server = await startModelServer();
let tosses = 0;
server.reply(({ body }) => {
  const count = (JSON.parse(body.toString()) as { n: number }).n;
  return { choices: Array.from({ length: count }, () => ({ content: ++tosses % 3 === 0 ? "tails" : "heads" })) };
});
const client = new OpenAI({ apiKey: "none needed", baseURL: server.baseURL });
const model = openAISampler({ client, model: "gpt-4o-mini", temperature: 1, maxBatch: 10 });

async function experiment(sampler: Sampler): Promise<string> {
  const answers = await take(independent(sampler).sample("Toss a coin.", { batch: 30 }), 30);
  return `${answers.filter((answer) => answer === "heads").length} of ${answers.length} heads`;
}

// The laboratory: one store for everything that was ever sampled, and a slice of what this experiment takes from it.
const all = new DiskStore({ path: folder });
const slice = new MapStore();
const sampler = persistent(persistent(model, all), slice);
console.log(`the experiment: ${await experiment(sampler)}`);
const { samples, digest } = await exportSlice(slice, join(folder, "paper.jsonl"));
console.log(`shipped: ${samples} samples, ${digest}`);
console.log(`requests to the model: ${server.count()}`);
await all[Symbol.asyncDispose]();
await server.close();

// A reader, without the model: what is not in the file is an error, never a request.
const shelf = new MapStore();
console.log(`imported: ${(await importSlice(join(folder, "paper.jsonl"), shelf)).added} samples`);
const replica = persistent(model, shelf, { replication: true });
console.log(`the replica: ${await experiment(replica)}`);
const beyond = await replica
  .sample("Roll a die.")
  .next()
  .catch((error: unknown) => error);
console.log(`beyond the paper: ${(beyond as { code?: string }).code ?? "answered?"}`);
