/**
 * How many bytes an entry takes in each store: the figures of docs/billion-entries.md. By hand:
 *
 *     node --expose-gc --conditions=@llmcache/source examples/test/bytes-per-entry.ts
 */
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeEntry, LLMCache, type Store } from "@llmcache/core";
import { DiskStore } from "@llmcache/disk";
import { redisSemanticStore } from "@llmcache/redis-semantic";
import { MemoryStore } from "../../packages/memory/src/index.ts";
import { redisStore } from "../../packages/redis/src/index.ts";
import { startRedis, type RedisServer } from "../../scripts/servers/redis.mjs";

const ENTRIES = 20_000;
const VECTORS = 5000;
const AT_ONCE = 250;
const PATIENCE_MS = 60_000;
const ROOMY_BYTES = 4 * 2 ** 30;

/** A chat completion of so many bytes as JSON, parsed as a client would have it; its text is its own. */
function answer(bytes: number, index: number): unknown {
  const whole = (content: string): string =>
    JSON.stringify({
      id: `chatcmpl-${index}`,
      object: "chat.completion",
      created: 1_700_000_000,
      model: "gpt-4o-mini-2024-07-18",
      choices: [
        { index: 0, message: { role: "assistant", content, refusal: null }, logprobs: null, finish_reason: "stop" },
      ],
      usage: { prompt_tokens: 100, completion_tokens: 500, total_tokens: 600 },
      system_fingerprint: "fp_1",
    });
  const length = bytes - whole("").length;
  const words = Array.from({ length: Math.ceil(length / 4) }, (_, at) => (index * 7919 + at * 104_729).toString(36));
  return JSON.parse(whole(words.join(" ").slice(0, length)));
}

function request(index: number): { operation: string; provider: string; model: string; prompt: string; shape: object } {
  return {
    operation: "chat.completions",
    provider: "https://api.openai.com/v1",
    model: "gpt-4o-mini",
    prompt: `${index}: a question of about seventy-five characters, as people do ask them`,
    shape: { turns: 1 },
  };
}

/** @returns the bytes of a frame. */
async function fill(store: Store, bytes: number, entries: number): Promise<number> {
  await using cache = new LLMCache({ store, ttl: "30d", storeTimeoutMs: PATIENCE_MS });
  for (let from = 0; from < entries; from += AT_ONCE) {
    const some = Array.from({ length: AT_ONCE }, (_, index) => from + index);
    await Promise.all(some.map((index) => cache.set(request(index), answer(bytes, index) as { id: string })));
  }
  const hit = await store.get(cache.key(request(7)));
  if (hit === undefined) throw new Error("What was written is not there.");
  return encodeEntry(hit.entry).byteLength;
}

function heap(): number {
  for (let times = 0; times < 4; times++) globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

async function inMemory(bytes: number, storage: "values" | "bytes"): Promise<number> {
  const before = heap();
  await using store = new MemoryStore({ maxEntries: ENTRIES, maxBytes: ROOMY_BYTES, storage });
  await fill(store, bytes, ENTRIES);
  return (heap() - before) / ENTRIES;
}

async function onDisk(bytes: number): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "llmcache-bytes-"));
  const store = new DiskStore({ path: folder, maxBytes: ROOMY_BYTES });
  await fill(store, bytes, ENTRIES);
  await store[Symbol.asyncDispose]();
  const { size } = await stat(store.file);
  await rm(folder, { recursive: true });
  return size / ENTRIES;
}

async function inRedis(server: RedisServer, entries: number, fillIt: () => Promise<unknown>): Promise<number> {
  const used = async (): Promise<number> =>
    Number(/used_memory:(\d+)/.exec(await server.command("INFO", "memory"))?.[1]);
  await server.command("FLUSHALL");
  const before = await used();
  await fillIt();
  return ((await used()) - before) / entries;
}

/** Vectors of random directions: no two are near. */
function embedder(dimensions: number): {
  id: string;
  dimensions: number;
  embed(texts: readonly string[]): Promise<Float32Array[]>;
} {
  return {
    id: `random-${dimensions}`,
    dimensions,
    embed: async (texts) => texts.map(() => Float32Array.from({ length: dimensions }, () => Math.random() - 0.5)),
  };
}

if (globalThis.gc === undefined) throw new Error("Run it with --expose-gc.");
await using server = await startRedis();
for (const bytes of [1000, 2500, 4500]) {
  let frame = 0;
  const redis = await inRedis(server, ENTRIES, async () => {
    await using store = redisStore({ url: server.url });
    frame = await fill(store, bytes, ENTRIES);
  });
  const row = {
    answer: bytes,
    frame,
    values: await inMemory(bytes, "values"),
    bytes: await inMemory(bytes, "bytes"),
    disk: await onDisk(bytes),
    redis,
  };
  console.log(
    Object.entries(row)
      .map(([name, value]) => `${name} ${Math.round(value)}`)
      .join(", "),
  );
}
for (const dimensions of [384, 1536]) {
  const each = await inRedis(server, VECTORS, async () => {
    const options = { url: server.url, embedder: embedder(dimensions), threshold: 0.9, timeoutMs: PATIENCE_MS };
    await using store = redisSemanticStore(options);
    await fill(store, 2500, VECTORS);
  });
  console.log(`redis-semantic, answer 2500, ${dimensions} dimensions: ${Math.round(each)}`);
}
