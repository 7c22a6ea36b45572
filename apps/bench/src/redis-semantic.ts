import type { Embedder, Entry, Store } from "@llmcache/core";
import { sampleEntry, sampleId } from "@llmcache/core/conformance";
import { DualSemanticStore } from "@llmcache/dual-semantic";
import { RedisSemanticStore } from "@llmcache/redis-semantic";
import { Redis } from "ioredis";
import type { Contender, Suite } from "./harness.ts";

const DIMENSIONS = 384;
const QUERIES = 200;
/** Texts lie in clusters, as those of people do. */
const PER_CLUSTER = 50;
const SPREAD = 0.6;
const SCOPE = sampleId("scope");
const ANSWER = "x".repeat(2000);
const FILLED_TOGETHER = 100;
/** Of a question and its own entry about 0.89, of others of the cluster 0.65. */
const policy = { threshold: 0.75, decide: () => ({ serve: true }) };

/** One Redis with so many entries in one scope, and what asks it. */
interface Stage {
  readonly client: Redis;
  readonly prefix: string;
  readonly embedder: CountingEmbedder;
  readonly store: RedisSemanticStore;
  /** Key of the vector set. */
  readonly set: string;
}

const stages = new Map<number, Promise<Stage>>();

/**
 * Similar hits among so many entries of one scope, 384 dimensions, answers of 2 kB: dual-semantic and redis-semantic beside a bare VSIM. Embedding is not
 * in it: texts were asked for before. The title says how often the embedder was asked.
 */
export async function redisSemanticHits(url: string, entries: number): Promise<Suite> {
  const { client, prefix, embedder, store, set } = await stageOf(url, entries);
  const common = { client, prefix, policy, bus: false } as const;
  const near = new DualSemanticStore({ ...common, embedder });
  // What it keeps in the process is never what is asked for.
  const far = new DualSemanticStore({ ...common, embedder, near: { maxEntries: 1 } });
  const counted = new CountingEmbedder(entries);
  const counting = new DualSemanticStore({ ...common, embedder: counted });
  for (let at = 0; at < QUERIES; at++) await ask(counting, at);
  const similar = counted.asked;
  await counting.settled();
  for (let at = 0; at < QUERIES; at++) await counting.get(keyOf(`entry ${Math.floor((at * entries) / QUERIES)}`));
  const queries = Array.from({ length: QUERIES }, (_, at) => bytesOf(queryOf(at, entries)));
  for (const one of [near, store]) for (let at = 0; at < QUERIES; at++) await ask(one, at);
  await near.settled();
  return {
    title: `similar hit among ${entries.toLocaleString("en")} in Redis, ${DIMENSIONS} dimensions; embedded for ${QUERIES} lookups: ${similar}, for as many repeats of what is stored: ${counted.asked - similar}`,
    contenders: [
      {
        name: "bare VSIM",
        async run(times) {
          for (let i = 0; i < times; i++) {
            const query = queries[i % QUERIES] as Buffer;
            const reply = await client.callBuffer("vsim", set, "FP32", query, "WITHSCORES", "COUNT", 9);
            if ((reply as unknown[]).length === 0) throw new Error("a hit was expected");
          }
        },
      },
      asked("RedisSemanticStore", store),
      asked("DualSemanticStore, from Redis", far),
      asked("DualSemanticStore, from the process", near),
    ],
    async close() {
      for (const one of [near, far, counting]) await one[Symbol.asyncDispose]();
    },
  };
}

/** Similar hits among ever more entries, each in a set of its own. */
export async function redisSemanticGrowth(url: string, sizes: readonly number[]): Promise<Suite> {
  const contenders: Contender[] = [];
  for (const size of sizes) contenders.push(asked(size.toLocaleString("en"), (await stageOf(url, size)).store));
  return { title: "growth: similar hit among so many in Redis, RedisSemanticStore", contenders };
}

/** Writes of new entries beside so many, with their vectors at hand. */
export async function redisSemanticWrites(url: string, entries: number): Promise<Suite> {
  const { client, prefix, store, set } = await stageOf(url, entries);
  let next = entries;
  const write = async (): Promise<void> => store.set(entryOf(next++));
  return {
    title: `write beside ${entries.toLocaleString("en")} in Redis, ${DIMENSIONS} dimensions, 2 kB`,
    contenders: [
      {
        name: "SET and VADD by hand",
        async run(times) {
          for (let i = 0; i < times; i++) {
            const at = next++;
            await client.set(`${prefix}:raw:${at}`, ANSWER);
            await client.callBuffer("vadd", set, "FP32", bytesOf(vectorOf(at)), `raw ${at}`);
          }
        },
      },
      {
        name: "RedisSemanticStore",
        async run(times) {
          for (let i = 0; i < times; i++) await write();
        },
      },
      {
        name: "RedisSemanticStore, 32 at a time",
        async run(times) {
          for (let i = 0; i < times; i += 32) await Promise.all(Array.from({ length: Math.min(32, times - i) }, write));
        },
      },
    ],
    async close() {
      const raw = await client.keys(`${prefix}:raw:*`);
      if (raw.length > 0) await client.unlink(raw);
      await store.clear();
      await store[Symbol.asyncDispose]();
      client.disconnect();
      stages.delete(entries);
    },
  };
}

function stageOf(url: string, entries: number): Promise<Stage> {
  let stage = stages.get(entries);
  if (stage === undefined) {
    stage = filled(url, entries);
    stages.set(entries, stage);
  }
  return stage;
}

async function filled(url: string, entries: number): Promise<Stage> {
  const client = new Redis(url);
  const prefix = `bench-semantic-${process.pid}-${entries}`;
  const embedder = new CountingEmbedder(entries);
  const store = new RedisSemanticStore({ client, prefix, embedder, policy, timeoutMs: 60_000 });
  for (let at = 0; at < entries; at += FILLED_TOGETHER) {
    const count = Math.min(FILLED_TOGETHER, entries - at);
    await store.setMany(Array.from({ length: count }, (_, index) => entryOf(at + index)));
  }
  const [set = ""] = await client.keys(`${prefix}:vectors:*`);
  return { client, prefix, embedder, store, set };
}

function asked(name: string, store: Store): Contender {
  return {
    name,
    async run(times) {
      for (let i = 0; i < times; i++) await ask(store, i % QUERIES);
    },
  };
}

async function ask(store: Store, at: number): Promise<void> {
  if ((await store.get(keyOf(`query ${at}`))) === undefined) throw new Error("a hit was expected");
}

function keyOf(text: string): { readonly id: string; readonly scope: string; readonly text: string } {
  return { id: sampleId(text), scope: SCOPE, text };
}

function entryOf(at: number): Entry {
  return sampleEntry({ ...keyOf(`entry ${at}`), value: ANSWER });
}

/** Vectors of numbered texts, made when they are asked for. */
class CountingEmbedder implements Embedder {
  readonly id = "numbers";
  readonly dimensions = DIMENSIONS;
  readonly #entries: number;
  asked = 0;

  constructor(entries: number) {
    this.#entries = entries;
  }

  async embed(texts: readonly string[]): Promise<readonly Float32Array[]> {
    this.asked += texts.length;
    return texts.map((text) => {
      const [kind, at] = text.split(" ");
      return kind === "entry" ? vectorOf(Number(at)) : queryOf(Number(at), this.#entries);
    });
  }
}

function vectorOf(at: number): Float32Array {
  return beside(random(Math.floor(at / PER_CLUSTER) + 0.25), at + 0.5);
}

function queryOf(at: number, entries: number): Float32Array {
  return beside(vectorOf(Math.floor((at * entries) / QUERIES)), -at - 1);
}

function beside(vector: Float32Array, seed: number): Float32Array {
  const noise = random(seed);
  return vector.map((number, index) => number + SPREAD * (noise[index] as number));
}

/** Numbers from -1 to 1, the same for the same seed. */
function random(seed: number): Float32Array {
  let state = Math.imul(Math.round(seed * 4) + 1, 0x9e3779b1);
  return Float32Array.from({ length: DIMENSIONS }, () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 31 - 1;
  });
}

function bytesOf(vector: Float32Array): Buffer {
  return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength);
}
