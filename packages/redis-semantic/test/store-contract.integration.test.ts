import { Cluster, Redis } from "ioredis";
import { afterAll, describe } from "vitest";
import { storeChecks, type StoreCheckContext } from "@llmcache/core/conformance";
import { redisSemanticStore, RedisSemanticStore } from "@llmcache/redis-semantic";
import { closing, registerChecks } from "../../core/test/register-checks.ts";
import { anyAbove, WordEmbedder } from "../../memory-semantic/test/stage.ts";
import { someCluster, someRedis } from "../../redis/test/servers.ts";
import { someSearch } from "./search-server.ts";

const redis = someRedis();
const cluster = someCluster();
const search = someSearch(redis);
const maxEntryBytes = 1024 * 1024;
const common = { policy: anyAbove(0.9), maxEntryBytes };

function register(make: (context: StoreCheckContext) => RedisSemanticStore): void {
  const open = (_: unknown, context: StoreCheckContext): RedisSemanticStore => make(context);
  registerChecks(storeChecks(make, { reopen: closing(open), sibling: open, maxEntryBytes, similar: true }));
}

describe("vector sets on a single server, through redisSemanticStore", () => {
  register(({ label }) =>
    redisSemanticStore({ ...common, url: redis.url, prefix: label, embedder: new WordEmbedder() }),
  );
});

describe("vector sets, through a client with a keyPrefix, and a prefix with glob characters", () => {
  let client: Redis | undefined;
  afterAll(() => client?.disconnect());
  register(({ label }) => {
    client ??= new Redis(redis.url, { keyPrefix: "a*b[c]?\\" });
    return new RedisSemanticStore({ ...common, client, prefix: `*?[a-z]\\^{${label}`, embedder: new WordEmbedder() });
  });
});

describe("vector sets on a Cluster", () => {
  register(({ label }) =>
    redisSemanticStore({ ...common, nodes: cluster.nodes, prefix: label, embedder: new WordEmbedder() }),
  );
});

describe("vector sets on a Cluster, all keys in one slot, through a client of the user's", () => {
  let client: Cluster | undefined;
  afterAll(() => client?.disconnect());
  register(({ label }) => {
    client ??= new Cluster([...cluster.nodes]);
    return new RedisSemanticStore({ ...common, client, prefix: `{${label}}`, embedder: new WordEmbedder() });
  });
});

describe.each(search)("search, on $name", ({ open }) => {
  const url = open();
  register(({ label }) =>
    redisSemanticStore({ ...common, url: url.url, prefix: label, embedder: new WordEmbedder(), engine: "search" }),
  );
});
