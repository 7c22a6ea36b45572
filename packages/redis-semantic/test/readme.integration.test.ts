import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { someRedis } from "../../redis/test/servers.ts";

const redis = someRedis();

test.each(["redis-semantic", "dual-semantic"])("the example in the README of %s runs", (name) => {
  const folder = new URL(`../../${name}/`, import.meta.url);
  const code = /```ts\n([^]*?)```/.exec(readFileSync(new URL("README.md", folder), "utf8"))?.[1];
  const run = spawnSync(
    process.execPath,
    ["--conditions=@llmcache/source", "--input-type=module-typescript", "--eval", code ?? ""],
    { cwd: folder, encoding: "utf8", env: { ...process.env, REDIS_URL: redis.url } },
  );
  expect({ status: run.status, errors: run.stderr, output: run.stdout }).toEqual({ status: 0, errors: "", output: "" });
});
