import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { LLMCache, MapStore, type Store } from "@llmcache/core";
import { DiskStore } from "@llmcache/disk";
import { MemoryStore } from "@llmcache/memory";
import { canonicalKey } from "./by-hand.ts";
import type { Contender, Suite } from "./harness.ts";
import { answerOf, requestOf } from "./samples.ts";

const BYTES = 4096;
const ENTRIES = 100;
const requests = Array.from({ length: ENTRIES }, (_, seed) => requestOf(BYTES, seed));

/** Hits of 4 kB for requests of 4 kB in memory, beside a Map of JSON texts. */
export async function memoryHits(): Promise<Suite> {
  const texts = new Map(
    requests.map((request, seed) => [canonicalKey(request), JSON.stringify(answerOf(BYTES, seed))]),
  );
  const byHand: Contender = {
    name: "canonical JSON, SHA-256, Map, JSON.parse",
    run(times) {
      for (let i = 0; i < times; i++) read(texts.get(canonicalKey(requests[i % ENTRIES])));
    },
  };
  return {
    title: "hit in memory, 4 kB in, 4 kB out",
    contenders: [
      byHand,
      await hits("LLMCache over MemoryStore", new MemoryStore()),
      await hits("LLMCache over MapStore", new MapStore()),
    ],
    targets: { "LLMCache over MemoryStore": 0.8, "LLMCache over MapStore": 0.8 },
  };
}

/** The same on disk, beside SQLite used by hand. */
export async function diskHits(): Promise<Suite> {
  const folder = await mkdtemp(join(tmpdir(), "llmcache-bench-"));
  const raw = new DatabaseSync(join(folder, "raw.db"));
  raw.exec("PRAGMA journal_mode = WAL; CREATE TABLE entries (id TEXT PRIMARY KEY, body TEXT)");
  const put = raw.prepare("INSERT INTO entries VALUES (?, ?)");
  for (const [seed, request] of requests.entries())
    put.run(canonicalKey(request), JSON.stringify(answerOf(BYTES, seed)));
  const get = raw.prepare("SELECT body FROM entries WHERE id = ?");
  const byHand: Contender = {
    name: "canonical JSON, SHA-256, SQLite, JSON.parse",
    run(times) {
      for (let i = 0; i < times; i++) read((get.get(canonicalKey(requests[i % ENTRIES])) as { body: string }).body);
    },
  };
  const store = new DiskStore({ path: join(folder, "cache.db") });
  return {
    title: "hit on disk, 4 kB in, 4 kB out",
    contenders: [byHand, await hits("LLMCache over DiskStore", store)],
    targets: { "LLMCache over DiskStore": 1 },
    async close() {
      raw.close();
      await store[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}

async function hits(name: string, store: Store): Promise<Contender> {
  const cache = new LLMCache({ store, ttl: "1h" });
  for (const [seed, request] of requests.entries()) await cache.set(request, answerOf(BYTES, seed));
  const never = (): Promise<never> => Promise.reject(new Error("a hit was expected"));
  return {
    name,
    async run(times) {
      for (let i = 0; i < times; i++) await cache.through(requests[i % ENTRIES]!, never);
    },
  };
}

function read(text: string | undefined): void {
  if (text === undefined || JSON.parse(text) === undefined) throw new Error("a hit was expected");
}
