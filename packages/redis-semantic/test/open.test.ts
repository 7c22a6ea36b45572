import { inspect } from "node:util";
import { isLLMCacheError, zstdCodec } from "@llmcache/core";
import { openStore } from "@llmcache/core/open";
import { open, schemes } from "@llmcache/redis-semantic/open";
import { beforeEach, expect, test, vi } from "vitest";
import { WordEmbedder } from "../../memory-semantic/test/stage.ts";

const made = vi.hoisted(() => ({
  clients: [] as { kind: string; args: unknown[]; isClosed: boolean }[],
  options: [] as unknown[],
}));

vi.mock("ioredis", () => {
  class Fake {
    status = "wait";
    readonly #made: { kind: string; args: unknown[]; isClosed: boolean };
    constructor(...args: unknown[]) {
      this.#made = { kind: this.constructor.name, args, isClosed: false };
      made.clients.push(this.#made);
    }
    call(): void {}
    callBuffer(): void {}
    pipeline(): void {}
    on(): this {
      return this;
    }
    off(): this {
      return this;
    }
    disconnect(): void {
      this.#made.isClosed = true;
    }
  }
  return { Redis: class Redis extends Fake {}, Cluster: class Cluster extends Fake {} };
});

vi.mock("../src/factory.ts", async (original) => {
  const module = await original<typeof import("../src/factory.ts")>();
  const redisSemanticStore: typeof module.redisSemanticStore = (options) => {
    made.options.push(options);
    return module.redisSemanticStore(options);
  };
  return { ...module, redisSemanticStore };
});

let disposed = 0;
const embedder = (name: string): WordEmbedder & AsyncDisposable =>
  Object.assign(new WordEmbedder(name), {
    async [Symbol.asyncDispose]() {
      disposed++;
    },
  });
const client = (): unknown => made.clients.at(-1)?.args.at(-1);

beforeEach(() => {
  made.clients.length = 0;
  disposed = 0;
  vi.stubEnv("REDIS_HOST", "env-host");
  vi.stubEnv("REDIS_PASSWORD", "env-password");
  return () => vi.unstubAllEnvs();
});

test("says which schemes it takes", () => {
  expect(schemes).toEqual(["redis-semantic", "rediss-semantic"]);
});

test("the server stands in the URL as in those of redis:, and nowhere else", async () => {
  const store = await open("redis-semantic://us%40er:p%2Fw@host:7000/2?embedder=words&threshold=0.8", { embedder });
  expect(store).toMatchObject({ name: "redis-semantic", match: "similar" });
  expect(client()).toMatchObject({ host: "host", port: 7000, db: 2, username: "us@er", password: "p/w" });
  expect(client()).not.toHaveProperty("tls");
  await open("redis-semantic:?embedder=words&threshold=0.8", { embedder });
  expect(client()).toMatchObject({ host: "localhost" });
  expect(client()).not.toHaveProperty("password");
  await open("rediss-semantic://host?embedder=words&threshold=0.8", { embedder });
  expect(client()).toMatchObject({ tls: {} });
  await open("rediss-semantic://host?embedder=words&threshold=0.8&rejectUnauthorized=false", { embedder });
  expect(client()).toMatchObject({ tls: { rejectUnauthorized: false } });
  await open("redis-semantic://:pw@host:7000?embedder=words&threshold=0.8&cluster=true", { embedder });
  expect(made.clients.at(-1)).toMatchObject({
    kind: "Cluster",
    args: [[{ host: "host", port: 7000 }], { redisOptions: { password: "pw" } }],
  });
});

test("is found by the scheme of a URL; its parameters are options; disposing it closes all", async () => {
  const query = "prefix=app&timeout=1s&engine=search&maxEntryBytes=5kB&maxCandidates=2&guard=true";
  const url = `redis-semantic://host?embedder=words&threshold=0.8&${query}`;
  const codec = zstdCodec();
  const store = await openStore(url, { from: import.meta.dirname, embedder, codec });
  expect(made.options.at(-1)).toMatchObject({
    embedder: { id: "words" },
    threshold: 0.8,
    guard: true,
    maxCandidates: 2,
    maxEntryBytes: 5000,
    prefix: "app",
    timeoutMs: 1000,
    engine: "search",
    codec,
  });
  await store[Symbol.asyncDispose]();
  expect(made.clients.map(({ isClosed }) => isClosed)).toEqual([true]);
  expect(disposed).toBe(1);
});

test.each([
  ["redis-semantic://:secret@h?threshold=1", "embedder is missing"],
  ["redis-semantic://:secret@h?embedder=words", "threshold is missing"],
  ["redis-semantic://:secret@h?embedder=words&threshold=1&prefx=a", "prefx is no parameter"],
  ["redis-semantic://:secret@h?embedder=words&threshold=1&prefix=", "prefix must be"],
  ["redis-semantic://:secret@h?embedder=words&threshold=1&engine=fast", "engine must be"],
  ["redis-semantic://:secret@h?embedder=words&threshold=1&timeout=0", "timeoutMs must be"],
  ["redis-semantic://:secret@h?embedder=words&threshold=1&rejectUnauthorized=false", "without TLS"],
  ["redis-semantic://:secret@h/2?embedder=words&threshold=1&cluster=true", "only database 0"],
  ["redis-semantic://:secret@h/db?embedder=words&threshold=1", "as in redis://"],
  ["redis-semantic://:secret@h:port?embedder=words&threshold=1", "as in redis://"],
  ["redis-semantic://:secret@h?embedder=words&threshold=1&apiKey=secret", "OPENAI_API_KEY"],
  ["redis-semantic://:secret@h?embedder=words&threshold=1&password=secret", "password is no parameter"],
])("%s is refused, and leaves nothing open", async (url, message) => {
  let embedders = 0;
  const counted = (name: string): ReturnType<typeof embedder> => {
    embedders++;
    return embedder(name);
  };
  const error: unknown = await open(url, { embedder: counted }).catch((reason: unknown) => reason);
  expect(isLLMCacheError(error, "ERR_LLMCACHE_OPTION")).toBe(true);
  expect((error as Error).message).toContain(message);
  expect(inspect(error, { depth: 5, showHidden: true })).not.toContain("secret");
  expect(made.clients.every(({ isClosed }) => isClosed)).toBe(true);
  expect(disposed).toBe(embedders);
});
