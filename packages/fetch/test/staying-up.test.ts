import { LLMCache, type JsonObject } from "@llmcache/core";
import { beforeEach, describe, expect, test } from "vitest";
import { cachedWith, events, json, Provider, streamed, type Asker } from "./stage.ts";

let now: number;
let cache: LLMCache;
let provider: Provider;
let ask: Asker;
beforeEach(() => {
  now = 1_800_000_000_000;
  cache = new LLMCache({ ttl: 60, clock: () => now });
  provider = new Provider();
  ask = cachedWith(cache, provider);
});

const WHOLE = { q: "hello" };
const STREAM = { q: "hello", stream: true };
const control = (value: string) => ({ headers: { "cache-control": value } });

async function stored(question: JsonObject, cacheControl: string): Promise<string> {
  const text = await (await ask(question, control(cacheControl))).text();
  await cache.settled();
  now += 70_000;
  return text;
}

describe("stale-if-error", () => {
  for (const status of [429, 500, 503, 529]) {
    test(`serves an expired answer in the place of a ${status}, streamed or not`, async () => {
      const before = await stored(WHOLE, "stale-if-error=600");
      provider.replies(() => json({ error: "down" }, { status }));
      const whole = await ask(WHOLE, control("stale-if-error=600"));
      expect([whole.status, await whole.text()]).toEqual([200, before]);
      const stream = await ask(STREAM, control("stale-if-error=600"));
      expect(stream.status).toBe(200);
      expect(await stream.text()).toContain("answer");
      expect(provider.count).toBe(3);
    });
  }

  test("is not for what the request itself did wrong, nor where nothing is stored", async () => {
    await stored(WHOLE, "stale-if-error=600");
    provider.replies(() => json({ error: "wrong" }, { status: 400 }));
    expect((await ask(WHOLE, control("stale-if-error=600"))).status).toBe(400);
    provider.replies(() => json({ error: "down" }, { status: 503 }));
    expect((await ask({ q: "new" }, control("stale-if-error=600"))).status).toBe(503);
    expect((await ask({ q: "new", stream: true }, control("stale-if-error=600"))).status).toBe(503);
  });

  test("serves a stored stream where the connection fails before the answer begins", async () => {
    provider.replies(() => streamed([events("one", "two", "end")]));
    const before = await stored(STREAM, "stale-if-error=600");
    provider.replies(() => Promise.reject(new TypeError("fetch failed")));
    expect(await (await ask(STREAM, control("stale-if-error=600"))).text()).toBe(before);
    await expect(ask(STREAM)).rejects.toThrow("fetch failed");
  });
});

test("stale-while-revalidate serves an expired answer at once, says so, and asks again in the background", async () => {
  const before = await stored(WHOLE, "stale-while-revalidate=600");
  const stale = await ask(WHOLE, control("stale-while-revalidate=600"));
  expect(await stale.text()).toBe(before);
  expect(stale.headers.get("cache-status")).toMatch(/hit; ttl=-10/);
  await cache.settled();
  expect(provider.count).toBe(2);
  expect(await (await ask(WHOLE)).json()).toEqual({ a: "answer 2" });
});

test("x-llmcache-tags says what an answer can be invalidated by, and does not go on", async () => {
  const tagged = (tags: string) => ({ headers: { "x-llmcache-tags": tags } });
  await ask(WHOLE, tagged("docs, v1,,"));
  await cache.settled();
  expect(new Headers(provider.asked[0]?.init?.headers).has("x-llmcache-tags")).toBe(false);
  await ask(WHOLE);
  expect(provider.count).toBe(1);
  await cache.invalidate({ tags: ["v1"] });
  await ask(WHOLE, { ...tagged("a"), llmcache: { tags: ["b"] } });
  expect(provider.count).toBe(2);
  await cache.settled();
  await cache.invalidate({ tags: ["a"] });
  await ask(WHOLE, { ...tagged("a"), llmcache: { tags: ["b"] } });
  await cache.settled();
  await cache.invalidate({ tags: ["b"] });
  await ask(WHOLE);
  expect(provider.count).toBe(4);
});
