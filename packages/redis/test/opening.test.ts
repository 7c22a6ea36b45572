import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { isLLMCacheError } from "@llmcache/core";
import { openStore } from "@llmcache/core/open";
import { redisStore, type RedisConnectionOptions } from "@llmcache/redis";
import { open, schemes } from "@llmcache/redis/open";

const made = vi.hoisted(() => ({ clients: [] as { kind: string; args: unknown[] }[] }));

vi.mock("ioredis", () => {
  class Fake {
    status = "wait";
    constructor(...args: unknown[]) {
      made.clients.push({ kind: this.constructor.name, args });
    }
    call(): void {}
    callBuffer(): void {}
    pipeline(): void {}
    on(): this {
      return this;
    }
    disconnect(): void {}
  }
  return { Redis: class Redis extends Fake {}, Cluster: class Cluster extends Fake {} };
});

beforeEach(() => {
  for (const name of ["URL", "HOST", "PORT", "USERNAME", "PASSWORD"]) vi.stubEnv(`REDIS_${name}`, "");
});
afterEach(() => {
  vi.unstubAllEnvs();
  made.clients.length = 0;
});

function connection(options?: RedisConnectionOptions): Record<string, unknown> {
  redisStore(options);
  return made.clients.at(-1)?.args.at(-1) as Record<string, unknown>;
}

describe("redisStore", () => {
  test("a URL is taken apart", () => {
    expect(connection({ url: "rediss://us%40er:p%2Fw@[::1]:7000/3" })).toMatchObject({
      host: "::1",
      port: 7000,
      username: "us@er",
      password: "p/w",
      db: 3,
      tls: {},
    });
    expect(connection({ url: "redis://host" })).toMatchObject({ host: "host" });
    expect(connection({ url: "redis://host" })).not.toHaveProperty("tls");
    expect(connection({ url: "redis://:pw@host/" })).toMatchObject({ password: "pw" });
  });

  test("options beside the URL go before what it says", () => {
    expect(connection({ url: "redis://a:b@host/1", password: "other", db: 2, tls: { servername: "x" } })).toMatchObject(
      { username: "a", password: "other", db: 2, tls: { servername: "x" } },
    );
  });

  test("options reach ioredis as they are, over the store's own", () => {
    const retryStrategy = (): number => 1;
    expect(
      connection({ host: "h", options: { retryStrategy, maxRetriesPerRequest: null, keyPrefix: "k:", host: "other" } }),
    ).toMatchObject({ retryStrategy, maxRetriesPerRequest: null, keyPrefix: "k:", host: "other" });
    const cluster = connection({
      nodes: ["a:1"],
      password: "pw",
      tls: true,
      options: { scaleReads: "slave", redisOptions: { connectTimeout: 5 } },
    });
    expect(cluster).toMatchObject({
      scaleReads: "slave",
      redisOptions: { connectTimeout: 5, password: "pw", tls: {} },
    });
  });

  test("nodes and sentinels are lists of addresses", () => {
    redisStore({ nodes: ["a:1", "b", "[::1]:3", { host: "d" }] });
    expect(made.clients.at(-1)).toMatchObject({
      kind: "Cluster",
      args: [
        [
          { host: "a", port: 1 },
          { host: "b", port: 6379 },
          { host: "::1", port: 3 },
          { host: "d", port: 6379 },
        ],
        {},
      ],
    });
    const sentinel = connection({ sentinels: ["s:1", "t"], masterName: "m" });
    expect(sentinel).toMatchObject({
      name: "m",
      sentinels: [
        { host: "s", port: 1 },
        { host: "t", port: 26_379 },
      ],
    });
    const { reconnectOnError } = sentinel as { reconnectOnError: (error: Error) => boolean };
    expect([reconnectOnError(new Error("READONLY You can't")), reconnectOnError(new Error("OOM"))]).toEqual([
      true,
      false,
    ]);
  });

  test("the environment is asked only when nothing is given", () => {
    vi.stubEnv("REDIS_HOST", "env-host");
    vi.stubEnv("REDIS_PORT", "7001");
    vi.stubEnv("REDIS_USERNAME", "env-user");
    vi.stubEnv("REDIS_PASSWORD", "env-password");
    expect(connection()).toMatchObject({
      host: "env-host",
      port: 7001,
      username: "env-user",
      password: "env-password",
    });
    expect(connection({ prefix: "p", db: 4 })).toMatchObject({ host: "env-host", db: 4 });
    for (const given of [
      { host: "h" },
      { port: 1 },
      { url: "redis://h" },
      { password: "pw" },
      { nodes: ["h"] },
      { sentinels: ["h"] },
      { options: { path: "/socket" } },
    ]) {
      expect(inspect(connection(given), { depth: 5 })).not.toContain("env-");
    }
    vi.stubEnv("REDIS_URL", "redis://url-host");
    expect(connection()).toMatchObject({ host: "url-host" });
    expect(connection()).not.toHaveProperty("password");
  });

  test.each([
    [{ url: "nonsense secret" }],
    [{ url: "http://:secret@host" }],
    [{ url: "redis://:secret@host/db" }],
    [{ url: "redis://:secret@host?x=1" }],
    [{ url: "redis://:secret%@host" }],
    [{ url: "redis://:secret@host", host: "h" }],
    [{ url: "redis://:secret@host", nodes: ["a"] }],
    [{ nodes: ["a"], sentinels: ["b"] }],
    [{ nodes: [] }],
    [{ nodes: ["user:secret@host:1"] }],
    [{ nodes: "a:1" }],
    [{ sentinels: [{ port: 1 }] }],
    [{ port: 65_536 }],
    [{ port: Number.NaN }],
    [{ host: "" }],
    [{ db: -1 }],
    [{ host: "h", timeoutMs: 0 }],
  ])("%o is refused, without repeating a secret", (options) => {
    let error: unknown;
    try {
      redisStore(options as RedisConnectionOptions);
    } catch (thrown) {
      error = thrown;
    }
    expect(isLLMCacheError(error, "ERR_LLMCACHE_OPTION")).toBe(true);
    expect(inspect(error, { depth: 5, showHidden: true })).not.toContain("secret");
  });
});

describe("open", () => {
  test("says which schemes it takes", () => {
    expect(schemes).toEqual(["redis", "rediss"]);
  });

  test("takes settings from the query, and does not ask the environment", async () => {
    vi.stubEnv("REDIS_PASSWORD", "env-password");
    const store = await open(
      "redis://host:7000/2?prefix=app%3Ax&timeout=100ms&maxEntryBytes=5kB&flushSize=2&flushInterval=3s",
      {},
    );
    expect(store.name).toBe("redis");
    expect(made.clients.at(-1)?.args.at(-1)).toMatchObject({ host: "host", port: 7000, db: 2 });
    await open("redis:", {});
    expect(made.clients.at(-1)?.args.at(-1)).toMatchObject({ host: "localhost" });
    expect(made.clients.at(-1)?.args.at(-1)).not.toHaveProperty("password");
    await open("rediss://host?rejectUnauthorized=false", {});
    expect(made.clients.at(-1)?.args.at(-1)).toMatchObject({ tls: { rejectUnauthorized: false } });
  });

  test("opens a Cluster from one of its nodes", async () => {
    await open("rediss://user:pw@host:7000?cluster=true", {});
    expect(made.clients.at(-1)).toMatchObject({
      kind: "Cluster",
      args: [[{ host: "host", port: 7000 }], { redisOptions: { username: "user", password: "pw", tls: {} } }],
    });
    await open("redis://host?cluster=false", {});
    expect(made.clients.at(-1)?.kind).toBe("Redis");
  });

  test("is found by the scheme of a URL", async () => {
    expect((await openStore("redis://host?prefix=a", { from: import.meta.dirname })).name).toBe("redis");
  });

  test.each([
    "redis://:secret@h?prefx=a",
    "redis://:secret@h?prefix=a&prefix=b",
    "redis://:secret@h?timeout=0",
    "redis://:secret@h?timeout=soon",
    "redis://:secret@h?flushSize=",
    "redis://:secret@h?cluster=maybe",
    "redis://:secret@h/2?cluster=true",
    "redis://:secret@h?rejectUnauthorized=false",
    "redis://:secret@h?__proto__=1",
    "redis://:secret@h#x",
    "redis://:secret@h:port",
  ])("%s is refused", async (url) => {
    const error: unknown = await (async () => open(url, {}))().catch((reason: unknown) => reason);
    expect(isLLMCacheError(error, "ERR_LLMCACHE_OPTION")).toBe(true);
    expect(inspect(error, { depth: 5, showHidden: true })).not.toContain("secret");
  });
});
