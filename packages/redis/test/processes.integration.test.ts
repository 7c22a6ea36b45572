import { fork, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import { sampleEntry, sampleId } from "@llmcache/core/conformance";
import { redisStore, type RedisStore } from "@llmcache/redis";
import { someCluster, someRedis } from "./servers.ts";

const FULL = process.env["LLMCACHE_TEST_FULL"] === "1";
const PROCESSES = 8;
const IDS = FULL ? 2000 : 100;
const EXEC_ARGV = ["--conditions=@llmcache/source"];

const redis = someRedis();
const cluster = someCluster();
const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

for (const [where, nodes, open] of [
  ["a single server", () => [], (prefix: string) => redisStore({ url: redis.url, prefix })],
  ["a Cluster", () => cluster.nodes, (prefix: string) => redisStore({ nodes: cluster.nodes, prefix })],
] as const) {
  describe(`${PROCESSES} processes that add the same ${IDS} ids to ${where}`, () => {
    const ids = Array.from({ length: IDS }, (_, value) => sampleId(`race ${value}`));

    test("where nothing is: each has one winner, and is the winner's", () =>
      race(`race-new-${process.pid}`, undefined));

    test("over a refused entry: each has one winner, and is the winner's", () =>
      race(`race-over-${process.pid}`, sampleEntry().createdAt));

    async function race(prefix: string, over: number | undefined): Promise<void> {
      const store = open(prefix);
      try {
        if (over !== undefined) await store.setMany(ids.map((id) => sampleEntry({ id, value: "refused" })));
        const results = await raceOf(prefix, nodes(), { ids, over, createdAt: sampleEntry().createdAt + 1 });
        const winners = new Map(results.flatMap(({ name, won }) => won.map((id) => [id, name] as const)));
        expect(results.reduce((sum, { won }) => sum + won.length, 0)).toBe(IDS);
        for (const id of ids) expect((await read(store, id)) as string).toBe(winners.get(id));
      } finally {
        await store.clear();
        await store[Symbol.asyncDispose]();
      }
    }
  });
}

describe("a process that disposed its store ends by itself", () => {
  for (const [what, script] of Object.entries({
    "after use": `const s = redisStore({ url: process.env.URL, prefix: "ends" }); await s.set(e); await s.get(e); await s[Symbol.asyncDispose]();`,
    "without use": `const s = redisStore({ url: process.env.URL }); await s[Symbol.asyncDispose]();`,
    "with writes that waited": `const s = redisStore({ url: process.env.URL, prefix: "ends", flushIntervalMs: 600000 }); await s.set(e); await s[Symbol.asyncDispose]();`,
    "with a server that is not there": `const s = redisStore({ host: "127.0.0.1", port: 1 }); await s.get(e).catch(() => {}); await s[Symbol.asyncDispose]();`,
    "with a host that does not exist": `const s = redisStore({ host: "no-such-host.invalid" }); await s.get(e).catch(() => {}); await s[Symbol.asyncDispose]();`,
    "with a call under way": `const s = redisStore({ url: process.env.URL }); const p = s.get(e); await s[Symbol.asyncDispose](); await p;`,
    "with a Cluster": `const s = redisStore({ nodes: process.env.NODES.split(","), prefix: "ends" }); await s.set(e); for await (const _ of s.entries()); await s[Symbol.asyncDispose]();`,
    "with a client of its own, ended by itself": `const c = new Redis(process.env.URL); const s = new RedisStore({ client: c, prefix: "ends" }); await s.set(e);
      await s[Symbol.asyncDispose](); if (c.status !== "ready") throw new Error("closed"); if (c.eventNames().length > 0) throw new Error("listeners: " + c.eventNames().join()); c.disconnect();`,
  })) {
    test(what, async () => {
      const source = `import { redisStore, RedisStore } from "@llmcache/redis"; import { Redis } from "ioredis"; import { sampleEntry } from "@llmcache/core/conformance"; const e = sampleEntry(); ${script}`;
      await expect(outcomeOf(["--input-type=module", "--eval", source])).resolves.toEqual({ code: 0, output: "" });
    });
  }
});

test("the example of the README runs", async () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const source = /```ts\n(.*?)```/s.exec(readme)?.[1] ?? "";
  expect(source).toContain("redisStore");
  await expect(outcomeOf(["--input-type=module-typescript", "--eval", source])).resolves.toEqual({
    code: 0,
    output: "",
  });
});

interface RaceResult {
  readonly name: string;
  readonly won: readonly string[];
}

/** What a process that is left to end by itself ended with. */
async function outcomeOf(args: readonly string[]): Promise<{ readonly code: number | null; readonly output: string }> {
  const child = spawn(process.execPath, [...EXEC_ARGV, "--disable-warning=ExperimentalWarning", ...args], {
    cwd: fileURLToPath(new URL(".", import.meta.url)),
    env: { ...process.env, URL: redis.url, REDIS_URL: redis.url, NODES: cluster.nodes.join(",") },
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.push(child);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += String(chunk)));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, output };
}

async function raceOf(prefix: string, nodes: readonly string[], task: object): Promise<readonly RaceResult[]> {
  const racers = Array.from({ length: PROCESSES }, (_, index) => {
    const child = fork(fileURLToPath(new URL("racer.ts", import.meta.url)), [`racer ${index}`, prefix, ...nodes], {
      execArgv: EXEC_ARGV,
      env: { ...process.env, REDIS_URL: redis.url },
    });
    children.push(child);
    return { child, ready: once(child, "message"), exited: once(child, "exit") };
  });
  await Promise.all(racers.map(({ ready }) => ready));
  const results = racers.map(({ child }) => once(child, "message"));
  for (const { child } of racers) child.send(task);
  const messages = (await Promise.all(results)) as [RaceResult][];
  for (const [code] of (await Promise.all(racers.map(({ exited }) => exited))) as [number | null][])
    expect(code).toBe(0);
  return messages.map(([result]) => result);
}

async function read(store: RedisStore, id: string): Promise<unknown> {
  return (await store.get({ id }))?.entry.body.json();
}
