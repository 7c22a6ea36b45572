import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { LLMCache, MapStore, type JsonObject, type Store } from "@llmcache/core";
import { DiskStore } from "@llmcache/disk";
import { KeyvStore } from "@llmcache/keyv";
import { MemoryStore } from "@llmcache/memory";
import { redisStore } from "@llmcache/redis";
import { s3Store } from "@llmcache/s3";
import { Redis } from "ioredis";
import { Keyv } from "keyv";
import { canonicalKey } from "./by-hand.ts";
import { QUICK, type Contender, type Effort, type Suite, type Target } from "./harness.ts";
import { clientOf, type BenchBucket } from "./s3-hits.ts";
import { answerOf, requestOf, variant } from "./samples.ts";
import { caseTable, type Case, type Table } from "./table.ts";

/** Bytes of requests, and of the answers to them. */
const SIZES = [
  { request: 512, answer: 1024 },
  { request: 4096, answer: 4096 },
  { request: 24_576, answer: 4096 },
  { request: 81_920, answer: 8192 },
] as const;
const ENTRIES = 100;
/** As many as the stores in the process keep. */
const MOST_ENTRIES = 1000;
const TTL_SECONDS = 3600;
const NOTE =
  "By hand: canonical JSON, SHA-256, the bare library, JSON text. A miss is lookup, an answer at once, and the write with the time it takes.";

/** What one would use without a cache library: answers under keys. */
interface Place {
  get(key: string): unknown;
  set(key: string, answer: JsonObject): unknown;
}

/** The store under test, and the same by hand. */
interface Stage {
  readonly store: Store;
  readonly place: Place;
  close?(): Promise<void>;
}

/** Hit, miss and store in the process, beside a Map of JSON texts. */
export function memoryStore(effort: Effort): Promise<Table> {
  const open = (): Stage => ({ store: new MemoryStore({ maxEntries: MOST_ENTRIES }), place: boundedMap() });
  return storeTable("MemoryStore", "a Map", open, effort, { atMost: 0.8 });
}

/** The same for the store that a cache has when it is given none. */
export function mapStore(effort: Effort): Promise<Table> {
  const open = (): Stage => ({ store: new MapStore({ maxEntries: MOST_ENTRIES }), place: boundedMap() });
  return storeTable("MapStore", "a Map", open, effort, { atMost: 0.8 });
}

/** The same on disk, beside SQLite used by hand. */
export function diskStore(effort: Effort): Promise<Table> {
  const open = async (): Promise<Stage> => {
    const folder = await mkdtemp(join(tmpdir(), "llmcache-bench-"));
    const raw = new DatabaseSync(join(folder, "raw.db"));
    raw.exec(
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; CREATE TABLE entries (id TEXT PRIMARY KEY, body TEXT)",
    );
    const put = raw.prepare("INSERT OR REPLACE INTO entries VALUES (?, ?)");
    const get = raw.prepare("SELECT body FROM entries WHERE id = ?");
    const store = new DiskStore({ path: join(folder, "cache.db") });
    return {
      store,
      place: {
        get: (key) => {
          const row = get.get(key) as { readonly body: string } | undefined;
          return row === undefined ? undefined : (JSON.parse(row.body) as unknown);
        },
        set: (key, answer) => put.run(key, JSON.stringify(answer)),
      },
      async close() {
        raw.close();
        await rm(folder, { recursive: true });
      },
    };
  };
  return storeTable("DiskStore", "SQLite", open, effort, { atMost: 1 });
}

/** The same in Redis, one at a time. */
export function redisStoreTable(url: string, effort: Effort): Promise<Table> {
  const open = (): Stage => {
    const raw = new Redis(url);
    return {
      store: redisStore({ url, prefix: "ours" }),
      place: {
        get: async (key) => {
          const text = await raw.get(`raw:${key}`);
          return text === null ? undefined : (JSON.parse(text) as unknown);
        },
        set: (key, answer) => raw.set(`raw:${key}`, JSON.stringify(answer), "EX", TTL_SECONDS),
      },
      async close() {
        await raw.flushdb();
        raw.disconnect();
      },
    };
  };
  return storeTable("RedisStore", "ioredis", open, effort);
}

/** The same in a bucket, one at a time. */
export function s3StoreTable(bench: BenchBucket, effort: Effort): Promise<Table> {
  let turn = 0;
  const open = (): Stage => {
    const client = clientOf(bench);
    const prefix = `table-${turn++}`;
    return {
      store: s3Store({ ...bench, prefix: `${prefix}/` }),
      place: {
        get: async (key) => {
          try {
            const found = await client.send(
              new GetObjectCommand({ Bucket: bench.bucket, Key: `raw-${prefix}/${key}` }),
            );
            return JSON.parse((await found.Body?.transformToString()) ?? "") as unknown;
          } catch (error) {
            if ((error as Error).name === "NoSuchKey") return undefined;
            throw error;
          }
        },
        set: (key, answer) =>
          client.send(
            new PutObjectCommand({ Bucket: bench.bucket, Key: `raw-${prefix}/${key}`, Body: JSON.stringify(answer) }),
          ),
      },
      close: async () => client.destroy(),
    };
  };
  return storeTable("S3Store", "the AWS SDK", open, effort);
}

/** The same in a Keyv on a Map, whose own JSON stands for the text by hand. */
export function keyvStore(effort: Effort): Promise<Table> {
  const open = (): Stage => {
    const raw = new Keyv();
    return {
      store: new KeyvStore({ keyv: new Keyv() }),
      place: {
        get: (key) => raw.get(key),
        set: (key, answer) => raw.set(key, answer, TTL_SECONDS * 1000),
      },
    };
  };
  return storeTable("KeyvStore", "Keyv", open, effort);
}

function boundedMap(): Place {
  const texts = new Map<string, string>();
  return {
    get: (key) => {
      const text = texts.get(key);
      return text === undefined ? undefined : (JSON.parse(text) as unknown);
    },
    set: (key, answer) => {
      texts.set(key, JSON.stringify(answer));
      for (const oldest of texts.keys()) {
        if (texts.size <= MOST_ENTRIES) break;
        texts.delete(oldest);
      }
    },
  };
}

function storeTable(
  name: string,
  bare: string,
  open: () => Stage | Promise<Stage>,
  effort: Effort,
  target?: Target,
): Promise<Table> {
  const cases = (["hit", "miss", "store"] as const).flatMap((operation) =>
    SIZES.map(({ request, answer }): Case => {
      const isAimedAt = operation === "hit" && request === 4096 && target !== undefined;
      return {
        name: `${operation}, ${inKilobytes(request)} in, ${inKilobytes(answer)} out`,
        open: async () => {
          const suite = await suiteOf(await open(), operation, request, answer, effort === QUICK ? 10 : ENTRIES);
          return isAimedAt ? { ...suite, targets: { LLMCache: target } } : suite;
        },
      };
    }),
  );
  return caseTable(`LLMCache over ${name}, beside ${bare} by hand`, cases, effort, [NOTE]);
}

type Operation = "hit" | "miss" | "store";

async function suiteOf(
  stage: Stage,
  operation: Operation,
  bytes: number,
  answerBytes: number,
  entries: number,
): Promise<Suite> {
  const { store, place } = stage;
  const cache = new LLMCache({ store, ttl: TTL_SECONDS });
  const requests = Array.from({ length: entries }, (_, seed) => requestOf(bytes, seed));
  const answers = Array.from({ length: entries }, (_, seed) => answerOf(answerBytes, seed));
  for (const [at, request] of requests.entries()) {
    await cache.set(request, answers[at]!);
    await place.set(canonicalKey(request), answers[at]!);
  }
  return {
    title: operation,
    contenders: contendersOf[operation](cache, place, requests, answers),
    async close() {
      await cache[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
      await stage.close?.();
    },
  };
}

type Requests = readonly ReturnType<typeof requestOf>[];
type Contenders = (
  cache: LLMCache,
  place: Place,
  requests: Requests,
  answers: readonly JsonObject[],
) => readonly Contender[];

const contendersOf: Readonly<Record<Operation, Contenders>> = {
  hit: (cache, place, requests) => {
    const never = (): Promise<never> => Promise.reject(new Error("a hit was expected"));
    const read = (value: unknown): void => {
      if (value === undefined) throw new Error("a hit was expected");
    };
    return [
      repeated("by hand", (i) => next(place.get(canonicalKey(requests[i % requests.length]!)), read)),
      repeated("LLMCache", (i) => cache.through(requests[i % requests.length]!, never)),
    ];
  },
  miss: (cache, place, requests, answers) => {
    let [raw, own] = [0, 0];
    return [
      repeated("by hand", (i) => {
        const key = canonicalKey(variant(requests[i % requests.length]!, raw++));
        return next(place.get(key), async (value) => {
          if (value !== undefined) throw new Error("a miss was expected");
          await place.set(key, await Promise.resolve(answers[i % answers.length]!));
        });
      }),
      repeated(
        "LLMCache",
        (i) => cache.through(variant(requests[i % requests.length]!, own++), async () => answers[i % answers.length]!),
        () => cache.settled(),
      ),
    ];
  },
  store: (cache, place, requests, answers) => [
    repeated("by hand", (i) => place.set(canonicalKey(requests[i % requests.length]!), answers[i % answers.length]!)),
    repeated("LLMCache", (i) => cache.set(requests[i % requests.length]!, answers[i % answers.length]!)),
  ],
};

/** Nobody waits for what is there at once. */
function next(value: unknown, then: (value: unknown) => unknown): unknown {
  return value instanceof Promise ? value.then(then) : then(value);
}

function repeated(name: string, work: (i: number) => unknown, settled?: () => Promise<void>): Contender {
  return {
    name,
    async run(times) {
      for (let i = 0; i < times; i++) {
        const done = work(i);
        if (done instanceof Promise) await done;
      }
      await settled?.();
    },
  };
}

function inKilobytes(bytes: number): string {
  return `${bytes / 1024} kB`;
}
