import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { someRedis } from "../../packages/redis/test/servers.ts";

const redis = someRedis();
const run = promisify(execFile);

test("LiteLLM's example: a plain threshold mixes numbers up, the guard does not, in both stores", async () => {
  const script = join(import.meta.dirname, "../semantic-redis.ts");
  const { stdout } = await run(process.execPath, ["--conditions=@llmcache/source", script, redis.url], {
    cwd: join(import.meta.dirname, ".."),
  });
  const plain = ["  the same number, asked differently: the same answer", "  another number: the same answer"];
  const guarded = ["  the same number, asked differently: the same answer", "  another number: an answer of its own"];
  expect(stdout.trim().split("\n")).toEqual([
    "redis-semantic, guard: false:",
    ...plain,
    "redis-semantic:",
    ...guarded,
    "dual-semantic, guard: false:",
    ...plain,
    "dual-semantic:",
    ...guarded,
  ]);
});
