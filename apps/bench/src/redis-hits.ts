import { LLMCache } from "@llmcache/core";
import { redisStore, type RedisStore } from "@llmcache/redis";
import { Redis } from "ioredis";
import { canonicalKey } from "./by-hand.ts";
import type { Contender, Suite, Target } from "./harness.ts";
import { answerOf, requestOf } from "./samples.ts";

const BYTES = 4096;
const ENTRIES = 256;
const BATCH = 10;
const requests = Array.from({ length: ENTRIES }, (_, seed) => requestOf(BYTES, seed));
/** Share of the time by hand, by the number of hits under way at a time. */
const TARGETS: Readonly<Record<number, Target>> = {
  1: {
    atMost: 0.85,
    whyMissed:
      "One at a time, half of the time is waiting for the server and an eighth is the socket (profile), for both alike; what a cheaper key and body spare is of the size of what deadline, single flight and statistics cost.",
  },
  32: { atMost: 1 },
  256: { atMost: 1 },
};

const GET_MANY: Target = {
  atMost: 0.7,
  whyMissed:
    "One command spares nine replies, not the bytes: two fifths are the socket and JSON.parse (profile), which both pay; ten frames are checked, each with its head.",
};

/** Hits of 4 kB for requests of 4 kB in the Redis at `url`, so many under way at a time, beside a key, a GET and JSON.parse by hand. */
export async function redisHits(url: string, concurrency: number): Promise<Suite> {
  const prefix = `bench-${process.pid}`;
  const raw = await rawClient(url, prefix);
  const store = redisStore({ url, prefix });
  const cache = new LLMCache({ store, ttl: "1h" });
  for (const [seed, request] of requests.entries()) await cache.set(request, answerOf(BYTES, seed));
  const never = (): Promise<never> => Promise.reject(new Error("a hit was expected"));
  return {
    title: `hit in Redis, 4 kB in, 4 kB out, ${concurrency} at a time`,
    contenders: [
      contender("canonical JSON, SHA-256, GET, JSON.parse", concurrency, async (request) => {
        const text = await raw.get(`${prefix}:raw:${canonicalKey(request)}`);
        if (text === null || JSON.parse(text) === undefined) throw new Error("a hit was expected");
      }),
      contender("LLMCache over RedisStore", concurrency, (request) => cache.through(request, never)),
    ],
    targets: { "LLMCache over RedisStore": TARGETS[concurrency] ?? { atMost: 1 } },
    close: () => closeAll(raw, prefix, store),
  };
}

/** `getMany` of ten entries on a single server, beside ten GETs in a pipeline. */
export async function redisBatches(url: string): Promise<Suite> {
  const prefix = `bench-${process.pid}`;
  const raw = await rawClient(url, prefix);
  const store = redisStore({ url, prefix });
  const cache = new LLMCache({ store, ttl: "1h" });
  const ids: string[] = [];
  for (const [seed, request] of requests.entries()) ids.push((await cache.set(request, answerOf(BYTES, seed))).id);
  const rawKeys = requests.map((request) => `${prefix}:raw:${canonicalKey(request)}`);
  let at = 0;
  const next = <T>(list: readonly T[]): readonly T[] => {
    at = (at + BATCH) % (ENTRIES - BATCH);
    return list.slice(at, at + BATCH);
  };
  return {
    title: `${BATCH} entries of 4 kB from Redis`,
    contenders: [
      {
        name: `${BATCH} GETs in a pipeline, JSON.parse`,
        async run(times) {
          for (let i = 0; i < times; i++) {
            const pipeline = raw.pipeline();
            for (const key of next(rawKeys)) pipeline.get(key);
            for (const [error, text] of (await pipeline.exec()) ?? [])
              if (error || JSON.parse(text as string) === undefined) throw error ?? new Error("a hit was expected");
          }
        },
      },
      {
        name: "getMany, json()",
        async run(times) {
          for (let i = 0; i < times; i++) {
            for (const hit of await store.getMany(next(ids).map((id) => ({ id }))))
              if (hit?.entry.body.json() === undefined) throw new Error("a hit was expected");
          }
        },
      },
    ],
    targets: { "getMany, json()": GET_MANY },
    close: () => closeAll(raw, prefix, store),
  };
}

async function rawClient(url: string, prefix: string): Promise<Redis> {
  const raw = new Redis(url);
  for (const [seed, request] of requests.entries())
    await raw.set(`${prefix}:raw:${canonicalKey(request)}`, JSON.stringify(answerOf(BYTES, seed)), "EX", 3600);
  return raw;
}

/** `times` pieces of work by `concurrency` workers. */
function contender(
  name: string,
  concurrency: number,
  work: (request: (typeof requests)[number]) => Promise<unknown>,
): Contender {
  return {
    name,
    async run(times) {
      let started = 0;
      const worker = async (): Promise<void> => {
        while (started < times) await work(requests[started++ % ENTRIES]!);
      };
      await Promise.all(Array.from({ length: concurrency }, worker));
    },
  };
}

async function closeAll(raw: Redis, prefix: string, store: RedisStore): Promise<void> {
  await raw.unlink(requests.map((request) => `${prefix}:raw:${canonicalKey(request)}`));
  raw.disconnect();
  await store.clear();
  await store[Symbol.asyncDispose]();
}
