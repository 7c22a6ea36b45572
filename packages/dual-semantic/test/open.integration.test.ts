import type { DualSemanticStore } from "@llmcache/dual-semantic";
import { openStore } from "@llmcache/core/open";
import { expect, test } from "vitest";
import { entryOf, keyOf } from "../../memory-semantic/test/stage.ts";
import { someRedis } from "../../redis/test/servers.ts";

const redis = someRedis();
const FIRST = "write a one sentence poem about: 41";

test("what one process asked is found by another, and then in its memory; another number is not", async () => {
  const { host, pathname } = new URL(redis.url);
  // No message of the first one is under way when the other one copies.
  const url = `dual-semantic://${host}${pathname}?prefix=by-url-${process.pid}-dual&embedder=use-lite&threshold=0.8&bus=false`;
  const from = import.meta.dirname;
  await using one = await openStore(url, { from });
  await using other = await openStore(url, { from });
  await one.set(entryOf(FIRST));
  expect(await other.get(keyOf(`please ${FIRST}`))).toMatchObject({ tier: "redis-semantic" });
  await (other as DualSemanticStore).settled();
  const near = await other.get(keyOf(`please ${FIRST}`));
  expect(near).toMatchObject({ tier: "memory-semantic", entry: { id: keyOf(FIRST).id } });
  expect(near?.similarity).toBeGreaterThan(0.8);
  expect(await other.get(keyOf("write a one sentence poem about: 7310"))).toBeUndefined();
  await one.clear();
});
