import { hash } from "node:crypto";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Body, LLMCache, type JsonObject } from "@llmcache/core";
import { DiskStore } from "@llmcache/disk";
import { MemoryStore } from "@llmcache/memory";
import { redisStore } from "@llmcache/redis";
import { Redis } from "ioredis";
import { startRedis } from "../../../../scripts/servers/redis.mjs";
import { QUICK, type Effort } from "../harness.ts";
import { answerOf, requestOf, variant, type ChatSample } from "../samples.ts";
import { times, type Table } from "../table.ts";
import { ours, OURS, PEERS, type PeerKind } from "./peers.ts";

const ENTRIES = 100_000;
const REQUEST_BYTES = 512;
const base = requestOf(REQUEST_BYTES);
const OBJECTS = "Map of objects";
/** For which answers peers are measured, too. */
const PEERS_TOO = 1024;
const MOST_BYTES = 4 * 1024 ** 3;
const NOTE =
  "Keys are SHA-256 in hex where a peer makes none; the AI SDK's middleware keeps requests as keys, which are 0.5 kB here. Text is ASCII. Heap and external memory (array buffers among it) after a forced collection.";

const asBytes: PeerKind = ours('LLMCache over MemoryStore, storage: "bytes"', (most) => {
  return new MemoryStore({ maxEntries: most, maxBytes: MOST_BYTES, storage: "bytes" });
});

/** Bytes that an entry takes, heap and what lies outside of it, after a collection: with answers of so many bytes, for so many caches. */
export async function footprint(answerBytes: number, effort: Effort): Promise<Table> {
  const entries = effort === QUICK ? 1000 : ENTRIES;
  const kinds = [mapOfObjects, ...OURS, asBytes, ...(answerBytes === PEERS_TOO ? PEERS : [])];
  const sizes = new Map<string, Sizes>();
  for (const kind of kinds) sizes.set(kind.name, await sizesOf(kind, entries, answerBytes));
  const yardstick = totalOf(sizes.get(OBJECTS)!);
  const ratio = totalOf(sizes.get(OURS[0]!.name)!) / yardstick;
  const inBytes = (value: number): string => Math.max(0, Math.round(value)).toLocaleString("en");
  return {
    title: `bytes per entry, of ${entries.toLocaleString("en")} answers of ${answerBytes / 1024} kB`,
    columns: ["", "in the heap", "outside", "together", "×"],
    rows: [
      ...[...sizes].map(([name, each]) => [
        name,
        inBytes(each.heap),
        inBytes(each.external),
        inBytes(totalOf(each)),
        times(totalOf(each) / yardstick),
      ]),
      ["LLMCache over DiskStore: the file", "", inBytes(await onDisk(entries, answerBytes)), "", ""],
      ["LLMCache over RedisStore: used_memory of the server", "", inBytes(await inRedis(entries, answerBytes)), "", ""],
    ],
    notes: [NOTE],
    verdicts: [
      {
        of: `memory of ${OURS[0]!.name} beside a ${OBJECTS}, answers of ${answerBytes / 1024} kB`,
        figure: `${times(ratio)}×`,
        target: "≤ 1.10×",
        met: ratio <= 1.1,
        whyMissed:
          "An entry has more than an answer: instants, metadata, its place in the order of use. That is the same for an answer of any length, and weighs less the longer it is.",
      },
    ],
  };
}

interface Sizes {
  readonly heap: number;
  readonly external: number;
}

function totalOf({ heap, external }: Sizes): number {
  return heap + external;
}

const mapOfObjects: PeerKind = {
  name: OBJECTS,
  kind: "shared",
  open(_, keyOf) {
    const map = new Map<string, unknown>();
    return {
      keyOf,
      async through(request, ask) {
        const value = await ask();
        map.set(keyOf(request), value);
        return value;
      },
      clear: () => map.clear(),
    };
  },
};

async function sizesOf(kind: PeerKind, entries: number, bytes: number): Promise<Sizes> {
  const peer = await kind.open(entries, (request) => hash("sha256", JSON.stringify(request), "hex"));
  await fill(10, (at) => peer.through(requestAt(at), async () => answerAt(at, bytes)));
  await peer.clear();
  const before = await afterCollection();
  await fill(entries, (at) => peer.through(requestAt(at), async () => answerAt(at, bytes)));
  const after = await afterCollection();
  await peer.clear();
  await peer.close?.();
  return {
    heap: (after.heapUsed - before.heapUsed) / entries,
    external: (after.external - before.external) / entries,
  };
}

async function fill(entries: number, put: (at: number) => Promise<unknown>): Promise<void> {
  for (let at = 0; at < entries; at++) await put(at);
}

async function afterCollection(): Promise<NodeJS.MemoryUsage> {
  for (let i = 0; i < 4; i++) {
    await new Promise((resolve) => void setImmediate(resolve));
    globalThis.gc?.();
  }
  return process.memoryUsage();
}

async function onDisk(entries: number, bytes: number): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "llmcache-bench-"));
  try {
    const store = new DiskStore({ path: join(folder, "cache.db"), maxBytes: MOST_BYTES });
    await stored(store, entries, bytes);
    await store[Symbol.asyncDispose]();
    return (await stat(join(folder, "cache.db"))).size / entries;
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function inRedis(entries: number, bytes: number): Promise<number> {
  await using server = await startRedis();
  const client = new Redis(server.url);
  const store = redisStore({ url: server.url });
  const usedMemory = async (): Promise<number> =>
    Number(/used_memory:(\d+)/u.exec(await client.info("memory"))?.[1] ?? Number.NaN);
  const before = await usedMemory();
  await stored(store, entries, bytes);
  const after = await usedMemory();
  client.disconnect();
  await store[Symbol.asyncDispose]();
  return (after - before) / entries;
}

/** Straight to the store, many at a time. */
async function stored(store: Required<Pick<DiskStore, "setMany">>, entries: number, bytes: number): Promise<void> {
  const cache = new LLMCache();
  const head = await cache.set(base, answerAt(0, bytes));
  const TOGETHER = 500;
  for (let from = 0; from < entries; from += TOGETHER) {
    const count = Math.min(TOGETHER, entries - from);
    await store.setMany(
      Array.from({ length: count }, (_, at) => ({
        ...head,
        id: cache.key(requestAt(from + at)).id,
        body: Body.json(answerAt(from + at, bytes)),
      })),
    );
  }
}

function requestAt(at: number): ChatSample {
  return variant(base, at);
}

/** As from the network: no text is shared with another answer. */
function answerAt(at: number, bytes: number): JsonObject {
  return JSON.parse(JSON.stringify({ ...answerOf(bytes, at % 1009), id: `chatcmpl-${at}` })) as JsonObject;
}
