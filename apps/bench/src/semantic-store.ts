import type { Embedder, Entry } from "@llmcache/core";
import { sampleEntry, sampleId } from "@llmcache/core/conformance";
import { MemorySemanticStore } from "@llmcache/memory-semantic";
import { Index, MetricKind, ScalarKind } from "usearch";
import type { Contender, Suite } from "./harness.ts";

const DIMENSIONS = 384;
const QUERIES = 200;
/** Texts lie in clusters, as those of people do. */
const PER_CLUSTER = 50;
const SPREAD = 0.6;
const SCOPE = sampleId("scope");
const ONE_THREAD = 1;

type Nearest = (query: Float32Array) => number;

/**
 * The nearest of so many entries of one scope, 384 dimensions: what the store takes beside the bare search. Embedding is not in it: texts
 * were asked for before. The title says how often the index finds what the scan finds.
 */
export async function semanticSearch(entries: number): Promise<Suite> {
  const vectors = Array.from({ length: entries }, (_, at) => vectorOf(at));
  const queries = Array.from({ length: QUERIES }, (_, at) => queryOf(at, entries));
  const scan = scanByHand(vectors);
  const index = rawIndex(vectors);
  const scanned = await filled(entries, "scan");
  const indexed = await indexedOf(entries);
  const found = await Promise.all(queries.map((_, at) => ask(indexed, at)));
  const same = queries.filter((query, at) => found[at] === `entry ${scan(query)}`).length;
  return {
    title: `nearest of ${entries.toLocaleString("en")} in memory, ${DIMENSIONS} dimensions; recall@1 of the store with usearch ${(same / QUERIES).toFixed(3)}`,
    contenders: [
      bare("scan of a Float32Array by hand", queries, scan),
      asked("MemorySemanticStore, scan", scanned),
      bare("usearch by hand", queries, index),
      asked("MemorySemanticStore, usearch", indexed),
    ],
    close: () => scanned[Symbol.asyncDispose](),
  };
}

/** The store with usearch among ever more entries: for the last time, they are closed. */
export async function semanticGrowth(sizes: readonly number[]): Promise<Suite> {
  const contenders: Contender[] = [];
  for (const size of sizes) contenders.push(asked(size.toLocaleString("en"), await indexedOf(size)));
  return {
    title: "growth: nearest of so many in memory, MemorySemanticStore with usearch",
    contenders,
    async close() {
      for (const store of stages.values()) await (await store)[Symbol.asyncDispose]();
      stages.clear();
    },
  };
}

/** By the number of entries: filling takes minutes, and is done once. */
const stages = new Map<number, Promise<MemorySemanticStore>>();

function indexedOf(entries: number): Promise<MemorySemanticStore> {
  const stage = stages.get(entries) ?? filled(entries, "usearch");
  stages.set(entries, stage);
  return stage;
}

function bare(name: string, queries: readonly Float32Array[], nearest: Nearest): Contender {
  return {
    name,
    run(times) {
      for (let i = 0; i < times; i++) if (nearest(queries[i % QUERIES] as Float32Array) < 0) throw new Error("nothing");
    },
  };
}

function asked(name: string, store: MemorySemanticStore): Contender {
  return {
    name,
    async run(times) {
      for (let i = 0; i < times; i++) if ((await ask(store, i % QUERIES)) === undefined) throw new Error("nothing");
    },
  };
}

async function ask(store: MemorySemanticStore, at: number): Promise<string | undefined> {
  const hit = await store.get({ id: sampleId(`query ${at}`), scope: SCOPE, text: `query ${at}` });
  return hit?.entry.text;
}

/** With entries of so many characters, and with their vectors. */
export async function filled(
  entries: number,
  index: "scan" | "usearch",
  value: (at: number) => unknown = () => "answer",
): Promise<MemorySemanticStore> {
  const store = new MemorySemanticStore({
    embedder: new NumberEmbedder(entries),
    policy: { decide: () => ({ serve: true }) },
    maxEntries: Number.POSITIVE_INFINITY,
    maxBytes: 4 * 1024 ** 3,
    index,
    indexAbove: 1,
  });
  for (let at = 0; at < entries; at++) await store.set(entryOf(at, value(at)));
  const toIndex = index === "usearch" ? entries : 0;
  while (store.usage().indexed < toIndex) await new Promise((resolve) => void setImmediate(resolve));
  return store;
}

function entryOf(at: number, value: unknown): Entry {
  return sampleEntry({ id: sampleId(`entry ${at}`), scope: SCOPE, text: `entry ${at}`, value });
}

/** Vectors of numbered texts, made when they are asked for. */
class NumberEmbedder implements Embedder {
  readonly id = "numbers";
  readonly dimensions = DIMENSIONS;
  readonly #entries: number;

  constructor(entries: number) {
    this.#entries = entries;
  }

  async embed(texts: readonly string[]): Promise<readonly Float32Array[]> {
    return texts.map((text) => {
      const [kind, at] = text.split(" ");
      return kind === "entry" ? vectorOf(Number(at)) : queryOf(Number(at), this.#entries);
    });
  }
}

function scanByHand(vectors: readonly Float32Array[]): Nearest {
  const all = new Float32Array(vectors.length * DIMENSIONS);
  for (const [at, vector] of vectors.entries()) all.set(vector, at * DIMENSIONS);
  return (query) => {
    let best = -1;
    let nearest = -1;
    for (let row = 0; row < vectors.length; row++) {
      let sum = 0;
      const from = row * DIMENSIONS;
      for (let at = 0; at < DIMENSIONS; at++) sum += (all[from + at] as number) * (query[at] as number);
      if (sum > best) {
        best = sum;
        nearest = row;
      }
    }
    return nearest;
  };
}

function rawIndex(vectors: readonly Float32Array[]): Nearest {
  const index = new Index({
    dimensions: DIMENSIONS,
    metric: MetricKind.IP,
    quantization: ScalarKind.F16,
    connectivity: 0,
    expansion_add: 0,
    expansion_search: 0,
    multi: false,
  });
  for (const [at, vector] of vectors.entries()) index.add(BigInt(at), vector, ONE_THREAD);
  return (query) => Number(index.search(query, 1, ONE_THREAD).keys[0] ?? -1);
}

/** Of unit length. */
function vectorOf(at: number): Float32Array {
  return near(randomUnit(Math.floor(at / PER_CLUSTER)), at + 0.5);
}

function queryOf(at: number, entries: number): Float32Array {
  return near(vectorOf(Math.floor((at * entries) / QUERIES)), -at - 1);
}

function near(centre: Float32Array, seed: number): Float32Array {
  const noise = randomUnit(seed);
  return unit(centre.map((value, at) => value + SPREAD * (noise[at] as number)));
}

function randomUnit(seed: number): Float32Array {
  let state = Math.imul(Math.round(seed * 2) ^ 0x9e3779b9, 0x85ebca6b);
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  // A sum of some is normal enough.
  return unit(Float32Array.from({ length: DIMENSIONS }, () => next() + next() + next() - 1.5));
}

function unit(vector: Float32Array): Float32Array {
  const norm = Math.hypot(...vector);
  return vector.map((value) => value / norm);
}
