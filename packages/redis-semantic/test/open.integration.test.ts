import { LLMCache, MapStore, type CacheRequest } from "@llmcache/core";
import { openStore, registerScheme } from "@llmcache/core/open";
import { expect, test } from "vitest";
import { someRedis } from "../../redis/test/servers.ts";

const redis = someRedis();
const FIRST = "write a one sentence poem about: 41";

/** Where this package and its embedder can be resolved from. */
const from = import.meta.dirname;

registerScheme("near", () => new MapStore());

let count = 0;
/** A URL on a prefix of its own. */
function urlOf(scheme: string, query: string): string {
  const { host, pathname } = new URL(redis.url);
  return `${scheme}://${host}${pathname}?prefix=by-url-${process.pid}-${++count}&embedder=use-lite&${query}`;
}

function question(prompt: string): CacheRequest {
  return { operation: "chat.completions", model: "m", prompt, shape: { turns: 1 } };
}

/** How each is answered, when the first one has been. */
async function answers(url: string, ...prompts: readonly string[]): Promise<unknown[]> {
  const store = await openStore(url, { from });
  const cache = new LLMCache({ store, ttl: "1h" });
  try {
    await cache.through(question(FIRST), async () => "the first answer");
    const found: unknown[] = [];
    for (const prompt of prompts) {
      // Answers are written, and copied nearer, in the background.
      await cache.settled();
      const { status, value, similarity } = await cache.through(question(prompt), async () => "its own answer");
      found.push([status, value, similarity !== undefined && similarity > 0.8]);
    }
    return found;
  } finally {
    await cache.settled();
    await store.clear();
    await cache[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
  }
}

const SAME = FIRST;
const PLEASE = `please ${FIRST}`;
const OTHER = "write a one sentence poem about: 7310";

test.each([
  ["redis-semantic", (): string => urlOf("redis-semantic", "threshold=0.8")],
  ["a memory before it", (): string => `near: ${urlOf("redis-semantic", "threshold=0.8")}`],
])("%s: the request itself, the same in other words, and not another number", async (_name, url) => {
  expect(await answers(url(), SAME, PLEASE, OTHER, PLEASE)).toEqual([
    ["hit", "the first answer", false],
    ["hit", "the first answer", true],
    ["miss", "its own answer", false],
    ["hit", "the first answer", true],
  ]);
});

test("without the guard the threshold alone decides", async () => {
  expect(await answers(urlOf("redis-semantic", "threshold=0.8&guard=false"), OTHER)).toEqual([
    ["hit", "the first answer", true],
  ]);
});

test("processes with the same URL share answers", async () => {
  const url = urlOf("redis-semantic", "threshold=0.8");
  const one = await openStore(url, { from });
  const other = await openStore(url, { from });
  const cache = new LLMCache({ store: one });
  await cache.through(question(FIRST), async () => "the first answer");
  await cache.settled();
  const elsewhere = new LLMCache({ store: other });
  expect((await elsewhere.through(question(PLEASE), async () => "its own answer")).value).toBe("the first answer");
  await elsewhere.settled();
  await one.clear();
  for (const each of [cache, elsewhere, one, other]) await each[Symbol.asyncDispose]();
});
