import { redisStore } from "@llmcache/redis";
import { startRedisCluster, type RedisServer } from "../../../../scripts/servers/redis.mjs";
import type { Expected, Scenario } from "../scenario.ts";

/** The others wait for so long before they vote for the replica (`cluster-node-timeout`), and a moment more. */
const FAILOVER_MS = { full: 15_000, short: 5000 };
const EXPECTED: Pick<Expected, "hits" | "healsItself"> = { hits: true, healsItself: true };

export const REDIS_CLUSTER: readonly Scenario[] = [
  {
    group: "redis-cluster",
    name: "Redis Cluster: a master killed, its replica takes over",
    expected: {
      ...EXPECTED,
      events: ["degraded", "recovered", "get failed"],
      words: /nothing listens there|connection was lost|no master serves/,
    },
    duringMs: FAILOVER_MS,
    open: staged(
      (master) => master.kill(),
      (master) => master.start(),
    ),
  },
  {
    group: "redis-cluster",
    name: "Redis Cluster: a master frozen (SIGSTOP), its replica takes over",
    isLong: true,
    expected: { ...EXPECTED, events: ["get failed"], words: /took longer than|did not \w+ within/ },
    duringMs: FAILOVER_MS,
    open: staged(
      (master) => master.pause(),
      (master) => master.resume(),
    ),
  },
];

function staged(
  begin: (master: RedisServer) => void | Promise<void>,
  end: (master: RedisServer) => void | Promise<void>,
): Scenario["open"] {
  return async (pace) => {
    const cluster = await startRedisCluster();
    const store = redisStore({ nodes: cluster.addresses.split(","), timeoutMs: pace.timeoutMs });
    const [master] = (await cluster.masters()) as [RedisServer];
    return {
      store,
      begin: () => begin(master),
      end: () => end(master),
      async [Symbol.asyncDispose]() {
        await store[Symbol.asyncDispose]();
        await cluster.stop();
      },
    };
  };
}
