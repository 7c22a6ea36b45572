import { LLMCache } from "@llmcache/core";
import { beforeEach, describe, expect, test } from "vitest";
import { cachedFetch, type CachedFetch, type CachedFetchInit } from "../src/index.ts";
import { listFormat, saying, URL_OF_LISTS, wordsAsked } from "./list-stage.ts";
import { cacheStatus, json, Provider } from "./stage.ts";

let now: number;
let cache: LLMCache;
let provider: Provider;
let fetch: CachedFetch;

beforeEach(() => {
  now = 1_700_000_000_000;
  cache = new LLMCache({ clock: () => now });
  provider = new Provider((_number, init) => json(saying(init)));
  fetch = cachedFetch(cache, { formats: [listFormat], fetch: provider.fetch });
});

async function ask(words: readonly string[], init: RequestInit & CachedFetchInit = {}): Promise<Response> {
  const response = await fetch(URL_OF_LISTS, { method: "POST", body: JSON.stringify({ words }), ...init });
  await cache.settled();
  return response;
}

async function told(response: Response | Promise<Response>): Promise<unknown> {
  return (await response).json();
}

describe("a list", () => {
  test("of which nothing is stored gets the provider's answer as it came, with all its headers", async () => {
    provider.replies((_number, init) => json(saying(init), { headers: { etag: "x", "x-request-id": "1" } }));
    const response = await ask(["a", "b"]);
    expect([response.headers.get("etag"), response.headers.get("x-request-id")]).toEqual(["x", "1"]);
    expect(await response.text()).toBe('{"model":"m","said":[{"at":0,"text":"A"},{"at":1,"text":"B"}]}');
    expect(provider.asked[0]?.init?.body).toBe('{"words":["a","b"]}');
  });

  test("has what it took on the account of its first item, or each item's share on its own", async () => {
    const counted = (words: readonly string[]): Promise<Response> =>
      ask(words, { body: JSON.stringify({ words, counted: true }) });
    await ask(["a", "bb"]);
    expect(cache.stats()).toMatchObject({ spent: { tokens: 2 } });
    await ask(["bb"]);
    expect(cache.stats().saved.tokens).toBe(0);
    await counted(["ccc", "dddd", "ccc"]);
    expect(cache.stats().spent.tokens).toBe(9);
    await counted(["dddd"]);
    // The second "ccc" has been spared, and "dddd".
    expect(cache.stats().saved.tokens).toBe(3 + 4);
  });

  test("that is stored is put together", async () => {
    await ask(["a", "b"]);
    const response = await ask(["b", "a"]);
    expect(cacheStatus(response)).toEqual([{ cache: "llmcache", hit: true }]);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(await told(response)).toMatchObject({ merged: ["B", "A"] });
    expect(provider.count).toBe(1);
  });

  test("of which a part is stored is asked for the rest", async () => {
    await ask(["b"]);
    provider.replies((_number, init) =>
      json(saying(init), { headers: { etag: "x", "content-length": "9", "x-request-id": "2" } }),
    );
    const response = await ask(["a", "b", "c", "a"]);
    expect(wordsAsked(provider, 2)).toEqual(["a", "c"]);
    expect(cacheStatus(response)).toEqual([
      { cache: "llmcache", fwd: "partial", stored: true, detail: '"1 of 4 cached"' },
    ]);
    // What the provider says of its bytes is not true of these.
    expect(["etag", "content-length", "age", "x-request-id"].map((name) => response.headers.get(name))).toEqual([
      null,
      null,
      null,
      "2",
    ]);
    expect(await told(response)).toEqual({ merged: ["A", "B", "C", "A"], model: "m", newest: 0 });
  });

  test("in another order than that of the question is put in order, though nothing is stored", async () => {
    provider.replies((_number, init) => {
      const answer = saying(init) as { readonly said: readonly object[] };
      return json({ ...answer, said: answer.said.toReversed() } as never);
    });
    expect(await told(ask(["a", "b"]))).toMatchObject({ merged: ["A", "B"] });
  });

  test("is as old as its oldest item and lives as long as its first to go", async () => {
    await ask(["a"], { llmcache: { ttl: 100 } });
    now += 10_000;
    await ask(["b"], { llmcache: { ttl: 20 } });
    now += 5000;
    const response = await ask(["a", "b"]);
    expect([response.headers.get("age"), cacheStatus(response)[0]?.["ttl"]]).toEqual(["15", 15]);
  });

  test("tells the model of the item that was answered last", async () => {
    await ask(["a"]);
    now += 1000;
    await ask(["b"]);
    expect(await told(ask(["a", "b"]))).toMatchObject({ newest: 1 });
  });

  test("of one has its key, of several none", async () => {
    expect((await ask(["a"])).headers.get("x-llmcache-key")).toMatch(/^[0-9a-f]{64}$/);
    expect((await ask(["a", "b"])).headers.get("x-llmcache-key")).toBeNull();
  });

  test("whose items do not go together is asked for anew, all of it", async () => {
    await ask(["a", "b"]);
    provider.replies((_number, init) => json(saying(init, "n")));
    expect(await told(ask(["a", "c"]))).toMatchObject({ model: "n" });
    expect([wordsAsked(provider, 2), wordsAsked(provider, 3)]).toEqual([["c"], ["a", "c"]]);
    expect(await told(ask(["c", "a"]))).toMatchObject({ merged: ["C", "A"], model: "n" });
    // Only what was stored before is of the other model.
    const response = await ask(["a", "b"], { llmcache: { onlyIfCached: true } });
    expect([response.status, provider.count]).toEqual([504, 3]);
  });

  test("that is not to be stored is not", async () => {
    provider.replies((_number, init) => json(saying(init, "none")));
    await ask(["a"]);
    await ask(["a"]);
    expect([provider.count, cache.stats().stores]).toEqual([2, 0]);
  });
});

describe("an expired list", () => {
  test("is served while it is refreshed, all at once and as far as it has expired", async () => {
    await ask(["a", "b"], { llmcache: { staleWhileRevalidate: 60, ttl: 10 } });
    await ask(["c"]);
    now += 20_000;
    const gate = Promise.withResolvers<void>();
    provider.replies(async (_number, init) => {
      await gate.promise;
      return json(saying(init));
    });
    const init = { method: "POST", body: JSON.stringify({ words: ["a", "b", "c"] }) };
    const response = await fetch(URL_OF_LISTS, { ...init, llmcache: { staleWhileRevalidate: 60, ttl: 10 } });
    expect(await told(response)).toMatchObject({ merged: ["A", "B", "C"] });
    gate.resolve();
    await cache.settled();
    expect(wordsAsked(provider, 3)).toEqual(["a", "b"]);
    expect(cacheStatus(await ask(["a", "b", "c"]))[0]).toMatchObject({ hit: true, ttl: 10 });
  });

  test("is served as it is stored, also where the refresh is at once", async () => {
    await ask(["a", "b"], { llmcache: { staleWhileRevalidate: 60, ttl: 10 } });
    now += 20_000;
    const response = await ask(["a", "b"], { llmcache: { staleWhileRevalidate: 60, ttl: 10 } });
    expect(await told(response)).toMatchObject({ merged: ["A", "B"] });
    expect(provider.count).toBe(2);
  });

  test("is served where the provider fails, unless a part of it was never stored", async () => {
    await ask(["a", "b"], { llmcache: { ttl: 10, staleIfError: 60 } });
    now += 20_000;
    provider.replies(() => json({ error: "no" }, { status: 503 }));
    const response = await ask(["b", "a"], { llmcache: { staleIfError: 60 } });
    expect(await told(response)).toMatchObject({ merged: ["B", "A"] });
    expect(response.headers.get("age")).toBe("20");
    const part = await ask(["a", "c"], { llmcache: { staleIfError: 60 } });
    expect([part.status, await part.text()]).toEqual([503, '{"error":"no"}']);
  });
});

describe("what is sent for a part", () => {
  test("keeps the headers but those about the body and those for the cache", async () => {
    await ask(["a"], { headers: { "x-llmcache-namespace": "n" } });
    await ask(["a", "b"], {
      headers: { authorization: "Bearer x", "content-length": "19", "x-llmcache-namespace": "n" },
    });
    const headers = new Headers(provider.asked[1]?.init?.headers);
    expect([...headers]).toEqual([["authorization", "Bearer x"]]);
    expect(wordsAsked(provider, 2)).toEqual(["b"]);
  });

  test("goes where a Request would go", async () => {
    await ask(["a"]);
    const body = JSON.stringify({ words: ["a", "b"] });
    await fetch(new Request(URL_OF_LISTS, { method: "POST", body, headers: { authorization: "Bearer x" } }));
    const { input, init } = provider.asked[1] as { input: Request; init: RequestInit };
    const sent = new Request(input, init);
    expect([sent.method, sent.url, sent.headers.get("authorization"), await sent.text()]).toEqual([
      "POST",
      URL_OF_LISTS,
      "Bearer x",
      '{"words":["b"]}',
    ]);
  });

  test.each([
    ["authorization", "AWS4-HMAC-SHA256 Credential=x"],
    ["content-digest", "sha-256=:x:"],
    ["x-amz-content-sha256", "x"],
  ])("is never another body than was signed: %s", async (name, value) => {
    await ask(["a"]);
    const response = await ask(["a", "b"], { headers: { [name]: value } });
    expect(cacheStatus(response)[0]).toMatchObject({ fwd: "miss" });
    expect(wordsAsked(provider, 2)).toEqual(["a", "b"]);
    expect(cacheStatus(await ask(["a", "b"], { headers: { [name]: value } }))[0]).toMatchObject({ hit: true });
  });
});

describe("a request that the format does not take for a list", () => {
  test("is one answer", async () => {
    const init = { body: '{"words":["a","b"],"whole":true}' };
    await ask([], init);
    expect(cacheStatus(await ask([], init))[0]).toMatchObject({ hit: true });
    await ask(["a"]);
    expect(provider.count).toBe(2);
  });

  test("passes untouched where the format fails", async () => {
    const init = { body: '{"words":["a"],"fail":true}' };
    const response = await ask([], init);
    expect(response.headers.has("cache-status")).toBe(false);
  });
});

describe("failures", () => {
  test.each([400, 404, 429, 500, 503])("status %i is handed on as it is, and nothing is stored", async (status) => {
    await ask(["a"]);
    provider.replies(() => json({ error: "no" }, { status, statusText: "No", headers: { "retry-after": "7" } }));
    const response = await ask(["a", "b"]);
    expect([response.status, response.statusText, response.headers.get("retry-after"), await response.text()]).toEqual([
      status,
      "No",
      "7",
      '{"error":"no"}',
    ]);
    expect(cache.stats().stores).toBe(1);
  });

  test("of the network reach the caller", async () => {
    const failure = new TypeError("fetch failed");
    provider.replies(() => Promise.reject(failure));
    await expect(ask(["a", "b"])).rejects.toBe(failure);
  });

  /** Two lists that have an item in common, asked for at once; the first one is answered when both are under way. */
  async function both(status: number): Promise<readonly [Response, Response]> {
    const gate = Promise.withResolvers<void>();
    provider.replies(async (number, init) => {
      if (number > 1) return json(saying(init));
      await gate.promise;
      return json({ error: "no" }, { status, headers: { "retry-after": "7", "x-request-id": "1" } });
    });
    const first = ask(["a", "b"]);
    const second = ask(["b"]);
    gate.resolve();
    return Promise.all([first, second]);
  }

  test("of the provider reach all who wait for an item", async () => {
    const [first, second] = await both(429);
    expect([first.status, second.status, provider.count]).toEqual([429, 429, 1]);
    expect(["retry-after", "x-request-id"].map((name) => second.headers.get(name))).toEqual(["7", null]);
    expect(await second.text()).toBe('{"error":"no"}');
  });

  test("that may be about another item are nobody else's", async () => {
    const [first, second] = await both(400);
    expect([first.status, second.status]).toEqual([400, 200]);
    expect(wordsAsked(provider, 2)).toEqual(["b"]);
  });

  test("a wrong answer to all is handed on; to a part it is 502; neither is stored", async () => {
    provider.replies(() => json({ model: "m", said: [] }));
    expect(await told(ask(["a", "b"]))).toEqual({ model: "m", said: [] });
    provider.replies((_number, init) => json(saying(init)));
    await ask(["a"]);
    provider.replies(() => json({ model: "m", said: [] }));
    const response = await ask(["a", "b", "c"]);
    expect([response.status, response.headers.get("x-should-retry")]).toEqual([502, "false"]);
    expect(await told(response)).toMatchObject({ error: { code: "ERR_LLMCACHE_COUNT" } });
    expect(cache.stats().stores).toBe(1);
  });

  test("another number of items is 502 also where all was asked for, where that is counted; past the cache it is handed on", async () => {
    provider.replies(() => json({ model: "m", said: [{ at: 0, text: "A" }] }));
    const counted = (init: RequestInit & CachedFetchInit = {}): Promise<Response> =>
      ask(["a", "b"], { body: JSON.stringify({ words: ["a", "b"], counted: true }), ...init });
    const response = await counted();
    expect([response.status, response.headers.get("x-should-retry")]).toEqual([502, "false"]);
    expect(await told(response)).toMatchObject({ error: { code: "ERR_LLMCACHE_COUNT" } });
    expect(cache.stats().stores).toBe(0);
    expect((await counted({ llmcache: false })).status).toBe(200);
    provider.replies(() => json({ model: "m" }));
    expect(await told(counted())).toEqual({ model: "m" });
  });

  test.each<[string, () => Response]>([
    ["no JSON", () => new Response("hello", { headers: { "content-type": "application/json" } })],
    ["a stream", () => new Response("data: {}\n\n", { headers: { "content-type": "text/event-stream" } })],
  ])("%s is handed on and not stored", async (_name, reply) => {
    provider.replies(reply);
    expect(await (await ask(["a"])).text()).toBe(await reply().text());
    expect(cache.stats().stores).toBe(0);
  });
});

describe("controls", () => {
  test("past the cache the answer is the provider's, whatever it is", async () => {
    provider.replies(() => json({ model: "m", said: [] }));
    const response = await ask(["a", "b"], { llmcache: false });
    expect(cacheStatus(response)).toEqual([{ cache: "llmcache", fwd: "bypass" }]);
    expect(await told(response)).toEqual({ model: "m", said: [] });
  });

  test("no-cache asks for all, and only-if-cached for nothing", async () => {
    await ask(["a", "b"]);
    const anew = await ask(["a", "b"], { headers: { "cache-control": "no-cache" } });
    expect(cacheStatus(anew)[0]).toMatchObject({ fwd: "request" });
    const part = await ask(["a", "c"], { headers: { "cache-control": "only-if-cached" } });
    expect([part.status, provider.count]).toEqual([504, 2]);
  });

  test("two caches on the way are both asked", async () => {
    const outer = new LLMCache();
    const twice = cachedFetch(outer, { formats: [listFormat], fetch });
    await ask(["a"]);
    const init = { method: "POST", body: JSON.stringify({ words: ["a", "b"] }) };
    const response = await twice(URL_OF_LISTS, init);
    expect(cacheStatus(response).map(({ fwd }) => fwd)).toEqual(["partial", "miss"]);
    expect(wordsAsked(provider, 2)).toEqual(["b"]);
    await Promise.all([cache.settled(), outer.settled()]);
    // The inner one has put it together in words of its own, which the outer one cannot take apart: it is not kept there.
    expect(outer.stats().stores).toBe(0);
  });
});
