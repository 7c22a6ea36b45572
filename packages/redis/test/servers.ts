import { afterAll, beforeAll } from "vitest";
import {
  redisPrograms,
  startRedis,
  startRedisCluster,
  type RedisClusterServers,
  type RedisServer,
  type RedisServerOptions,
} from "../../../scripts/servers/redis.mjs";

/** A server for the tests of this file, that they may stop and start. */
export function ownRedis(options: RedisServerOptions = {}): { readonly server: RedisServer } {
  let server: RedisServer | undefined;
  beforeAll(async () => {
    server = await startRedis(options);
  });
  afterAll(() => server?.stop());
  return {
    get server() {
      if (server === undefined) throw new Error("The server is started before the first test.");
      return server;
    },
  };
}

/** A Cluster for the tests of this file. */
export function ownCluster(): { readonly cluster: RedisClusterServers } {
  let cluster: RedisClusterServers | undefined;
  beforeAll(async () => {
    cluster = await startRedisCluster();
  });
  afterAll(() => cluster?.stop());
  return {
    get cluster() {
      if (cluster === undefined) throw new Error("The Cluster is started before the first test.");
      return cluster;
    },
  };
}

/** Where the tests that only need some server find one: the one that the environment names, or one of their own. */
export function someRedis(): { readonly url: string } {
  const given = process.env["LLMCACHE_TEST_REDIS_URL"];
  if (isGiven(given)) return { url: given };
  const own = ownRedis();
  return {
    get url() {
      return own.server.url;
    },
  };
}

/** The same for a Cluster: `host:port`, with commas between. */
export function someCluster(): { readonly nodes: readonly string[] } {
  const given = process.env["LLMCACHE_TEST_REDIS_CLUSTER"];
  if (isGiven(given)) return { nodes: given.split(",") };
  const own = ownCluster();
  return {
    get nodes() {
      return own.cluster.addresses.split(",");
    },
  };
}

/** Why tests that start servers of their own are skipped: only where the environment names servers and none can be started. */
export async function ownServersProblem(): Promise<string | undefined> {
  if (!isGiven(process.env["LLMCACHE_TEST_REDIS_URL"]) || !isGiven(process.env["LLMCACHE_TEST_REDIS_CLUSTER"]))
    return undefined;
  try {
    await redisPrograms();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function isGiven(value: string | undefined): value is string {
  return value !== undefined && value !== "";
}
