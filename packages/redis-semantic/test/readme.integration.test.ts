import { test } from "vitest";
import { someRedis } from "../../redis/test/servers.ts";
import { expectReadmeToRun } from "../../testing/test/readme-example.ts";

const redis = someRedis();

test.each(["redis-semantic", "dual-semantic"])("the example in the README of %s runs", (name) => {
  expectReadmeToRun(new URL(`../../${name}/`, import.meta.url), { ...process.env, REDIS_URL: redis.url });
});
