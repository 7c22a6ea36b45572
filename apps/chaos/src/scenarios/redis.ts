import type { Store } from "@llmcache/core";
import { redisStore } from "@llmcache/redis";
import { guarded } from "../guarded.ts";
import { nearAndFar } from "../near-and-far.ts";
import { startRedis, type RedisServer, type RedisServerOptions } from "../../../../scripts/servers/redis.mjs";
import type { Pace } from "../pace.ts";
import type { Scenario, Stage } from "../scenario.ts";

interface RedisFault {
  readonly server?: RedisServerOptions;
  readonly password?: string;
  begin(server: RedisServer): void | Promise<void>;
  end(server: RedisServer): void | Promise<void>;
}

const KILLED: Pick<RedisFault, "begin" | "end"> = { begin: (server) => server.kill(), end: (server) => server.start() };
const FROZEN: Pick<RedisFault, "begin" | "end"> = {
  begin: (server) => server.pause(),
  end: (server) => server.resume(),
};
/** Longer than anything waits for a server that says nothing, so that connections are given up, too. */
const LONG_FREEZE = { full: 15_000, short: 1200 };
const PASSWORD = "first";
const NEW_PASSWORD = "second";
/** Longer than any run: entries are lost for other reasons. */
const LONG_TTL_MS = 600_000;

export const REDIS: readonly Scenario[] = [
  {
    group: "redis",
    name: "Redis killed, started again empty",
    expected: { events: ["degraded", "recovered", "get failed"], words: /nothing listens there|connection was lost/ },
    open: staged(KILLED),
  },
  {
    group: "redis",
    name: "Redis killed, started again with its append-only file",
    expected: {
      events: ["degraded", "recovered", "get failed"],
      words: /nothing listens there|connection was lost/,
      keeps: true,
    },
    ttlMs: LONG_TTL_MS,
    open: staged({ ...KILLED, server: { appendonly: true } }),
  },
  {
    group: "redis",
    name: "Redis frozen (SIGSTOP), sockets hang",
    expected: { events: ["degraded", "recovered", "get failed"], words: /did not \w+ within|took longer than/ },
    duringMs: LONG_FREEZE,
    open: staged(FROZEN),
  },
  {
    group: "redis",
    name: "Redis frozen, `withBreaker`",
    expected: { events: ["degraded", "recovered", "get failed"], words: /calls in a row failed/, isCheap: true },
    duringMs: LONG_FREEZE,
    open: staged(FROZEN, guarded),
  },
  {
    group: "redis",
    name: "Redis frozen, memory in front (`TieredStore`)",
    expected: { events: ["degraded", "write-failed", "recovered"], words: /The tier redis cannot be read/, hits: true },
    duringMs: LONG_FREEZE,
    open: staged(FROZEN, nearAndFar),
  },
  {
    group: "redis",
    name: "Redis frozen, with leases (`leaseMs`)",
    expected: { events: ["degraded", "recovered", "get failed"], words: /did not \w+ within|took longer than/ },
    duringMs: LONG_FREEZE,
    options: { leaseMs: 5000 },
    storeCalls: 3,
    open: staged(FROZEN),
  },
  {
    group: "redis",
    name: "Redis full, `noeviction`",
    expected: { events: ["set failed"], words: /it is full: raise maxmemory/, hits: true },
    open: staged({
      begin: (server) => configure(server, "maxmemory", "1"),
      end: (server) => configure(server, "maxmemory", "0"),
    }),
  },
  {
    group: "redis",
    name: "Redis full, `allkeys-lru`",
    expected: { events: [], hits: true },
    questions: 400,
    ttlMs: LONG_TTL_MS,
    open: staged({
      server: { maxmemoryPolicy: "allkeys-lru" },
      begin: async (server) =>
        configure(server, "maxmemory", String(Math.floor((await usedBytes(server)) - EVICTED_BYTES))),
      end: (server) => configure(server, "maxmemory", "0"),
    }),
  },
  {
    group: "redis",
    name: "Redis: password changed",
    expected: { events: ["degraded", "recovered", "get failed"], words: /the password is wrong|wants a password/ },
    open: staged({
      server: { password: PASSWORD },
      begin: (server) => changePassword(server, PASSWORD, NEW_PASSWORD),
      end: (server) => changePassword(server, NEW_PASSWORD, PASSWORD),
    }),
  },
];

/** About half of what the load stores. */
const EVICTED_BYTES = 300_000;

function staged(fault: RedisFault, wrap: (store: Store, pace: Pace) => Store = (store) => store): Scenario["open"] {
  return async (pace): Promise<Stage> => {
    const server = await startRedis(fault.server);
    const redis = redisStore({ url: server.url, timeoutMs: pace.timeoutMs });
    return {
      store: wrap(redis, pace),
      begin: () => fault.begin(server),
      end: () => fault.end(server),
      async [Symbol.asyncDispose]() {
        await redis[Symbol.asyncDispose]();
        await server.stop();
      },
    };
  };
}

async function configure(server: RedisServer, name: string, value: string): Promise<void> {
  await server.command("config", "set", name, value);
}

async function usedBytes(server: RedisServer): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await server.command("info", "memory"))?.[1]);
}

/** Those who are connected are thrown out, as after a rotation of secrets. */
async function changePassword(server: RedisServer, from: string, to: string): Promise<void> {
  await server.command("--pass", from, "config", "set", "requirepass", to);
  await server.command("--pass", to, "client", "kill", "type", "normal", "skipme", "yes");
}
