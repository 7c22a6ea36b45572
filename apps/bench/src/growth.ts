import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Body, LLMCache, requestKey, type Entry, type Store } from "@llmcache/core";
import { DiskStore } from "@llmcache/disk";
import { MemoryStore } from "@llmcache/memory";
import { redisStore } from "@llmcache/redis";
import { startRedis } from "../../../scripts/servers/redis.mjs";
import { QUICK, type Contender, type Effort, type Suite, type Target } from "./harness.ts";
import { requestOf, variant } from "./samples.ts";
import { seeded } from "./semantic/random.ts";
import { caseTable, type Case, type Table } from "./table.ts";

const SEED = 11;
const REQUEST_BYTES = 4096;
/** A million of them have to fit in the process. */
const ANSWER = { role: "assistant", content: "Forty-two. ".repeat(10) };
const FILLED_TOGETHER = 1000;
const MOST_BYTES = 16 * 1024 ** 3;
const base = requestOf(REQUEST_BYTES);

/** Beside the smallest of them. */
const TARGET = 1.3;

/** What holds entries, and is removed with all of them. */
interface Stage {
  readonly store: Store & Required<Pick<Store, "setMany">>;
  close?(): Promise<void>;
}

/** What a hit costs among ever more entries; every one is as likely to be asked for as any other. */
export function exactGrowth(effort: Effort): Promise<Table> {
  const sizes = effort === QUICK ? [1000, 3000] : [1000, 10_000, 100_000, 1_000_000];
  const memory = async (): Promise<Stage> => ({
    store: new MemoryStore({ maxEntries: Number.POSITIVE_INFINITY, maxBytes: MOST_BYTES }),
  });
  const cases: readonly Case[] = [
    caseOf("LLMCache over MemoryStore", memory, sizes, {
      atMost: TARGET,
      whyMissed:
        "A million entries do not fit the processor's caches: every hit waits for main memory at each object of its entry. No step of a hit depends on how many there are; a Map by hand, which has fewer objects, grows too.",
    }),
    caseOf("LLMCache over DiskStore", disk, sizes, {
      atMost: TARGET,
      whyMissed:
        "A profile has all of the difference in SQLite's own read (5 µs among 1,000, 22 µs among a million): the pages fit neither its cache nor the processor's, and are checked when they are read. See what is by hand below. A page cache of 256 MiB gains 3 µs of it, mapped memory nothing.",
    }),
    caseOf("LLMCache over RedisStore", redis, sizes, { atMost: TARGET }),
    byHandCase("a Map of JSON texts by hand", mapByHand, sizes),
    byHandCase("SQLite by hand", sqliteByHand, sizes),
  ];
  return caseTable("growth: hit among so many entries, 4 kB in", cases, effort, [
    "Answers of 0.15 kB, so that a million fit; hits are spread evenly over all entries. All sizes are there at once, and take turns; each Redis has a server of its own. What is by hand has the same keys, and shows what of the growth is the machine's.",
  ]);
}

async function disk(): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), "llmcache-bench-"));
  return {
    store: new DiskStore({ path: join(folder, "cache.db"), maxBytes: MOST_BYTES }),
    close: () => rm(folder, { recursive: true }),
  };
}

async function redis(): Promise<Stage> {
  const server = await startRedis();
  return { store: redisStore({ url: server.url }), close: () => server.stop() };
}

function caseOf(name: string, open: () => Promise<Stage>, sizes: readonly number[], target: Target): Case {
  return {
    name,
    async open(): Promise<Suite> {
      const stages: Stage[] = [];
      const contenders: Contender[] = [];
      for (const size of sizes) {
        const stage = await open();
        stages.push(stage);
        contenders.push(await hitsAmong(size, stage.store));
      }
      return {
        title: name,
        contenders,
        targets: { [contenders.at(-1)!.name]: target },
        async close() {
          for (const stage of stages) {
            await stage.store[Symbol.asyncDispose]();
            await stage.close?.();
          }
        },
      };
    },
  };
}

async function hitsAmong(size: number, store: Stage["store"]): Promise<Contender> {
  const cache = new LLMCache({ store, ttl: "24h" });
  const head = await cache.set(base, ANSWER);
  for (let from = 0; from < size; from += FILLED_TOGETHER) {
    const count = Math.min(FILLED_TOGETHER, size - from);
    await store.setMany(
      Array.from({ length: count }, (_, at): Entry => ({
        ...head,
        id: cache.key(variant(base, from + at)).id,
        body: Body.json({ ...ANSWER, number: from + at }),
      })),
    );
  }
  const random = seeded(SEED);
  const never = (): Promise<never> => Promise.reject(new Error("a hit was expected"));
  return {
    name: size.toLocaleString("en"),
    async run(times) {
      for (let i = 0; i < times; i++) await cache.through(variant(base, Math.floor(random() * size)), never);
    },
  };
}

/** A container without a cache around it. */
interface ByHand {
  fill(entries: Iterable<readonly [id: string, text: string]>): void;
  get(id: string): string | undefined;
  close(): Promise<void>;
}

function byHandCase(name: string, open: () => Promise<ByHand>, sizes: readonly number[]): Case {
  return {
    name,
    async open(): Promise<Suite> {
      const stages: ByHand[] = [];
      const contenders: Contender[] = [];
      for (const size of sizes) {
        const stage = await open();
        stages.push(stage);
        stage.fill(textsOf(size));
        const random = seeded(SEED);
        contenders.push({
          name: size.toLocaleString("en"),
          run(times) {
            for (let i = 0; i < times; i++) {
              const text = stage.get(requestKey(variant(base, Math.floor(random() * size))).id);
              if (text === undefined || JSON.parse(text) === undefined) throw new Error("a hit was expected");
            }
          },
        });
      }
      return {
        title: name,
        contenders,
        async close() {
          for (const stage of stages) await stage.close();
        },
      };
    },
  };
}

function* textsOf(size: number): Generator<readonly [string, string]> {
  for (let number = 0; number < size; number++)
    yield [requestKey(variant(base, number)).id, JSON.stringify({ ...ANSWER, number })];
}

async function mapByHand(): Promise<ByHand> {
  const texts = new Map<string, string>();
  return {
    fill(entries) {
      for (const [id, text] of entries) texts.set(id, text);
    },
    get: (id) => texts.get(id),
    close: async () => texts.clear(),
  };
}

async function sqliteByHand(): Promise<ByHand> {
  const folder = await mkdtemp(join(tmpdir(), "llmcache-bench-"));
  const db = new DatabaseSync(join(folder, "raw.db"));
  db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL");
  db.exec("CREATE TABLE entries (id TEXT PRIMARY KEY, body TEXT)");
  const put = db.prepare("INSERT INTO entries VALUES (?, ?)");
  const get = db.prepare("SELECT body FROM entries WHERE id = ?");
  return {
    fill(entries) {
      db.exec("BEGIN");
      for (const [id, text] of entries) put.run(id, text);
      db.exec("COMMIT");
    },
    get: (id) => (get.get(id) as { readonly body: string } | undefined)?.body,
    async close() {
      db.close();
      await rm(folder, { recursive: true });
    },
  };
}
