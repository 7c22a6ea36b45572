import { LLMCache, MapStore, type CacheControl } from "@llmcache/core";
import { FaultyStore } from "@llmcache/core/conformance";
import { beforeEach, describe, expect, test } from "vitest";
import { cachedFetch } from "../src/index.ts";
import {
  asker,
  cachedWith,
  cacheStatus,
  events,
  handFed,
  json,
  Provider,
  streamed,
  URL_OF_MODEL,
  wantsStream,
  wordFormat,
  type Asker,
} from "./stage.ts";

let now: number;
let store: MapStore;
let cache: LLMCache;
let provider: Provider;
let ask: Asker;

beforeEach(() => {
  now = 1_700_000_000_000;
  store = new MapStore();
  cache = new LLMCache({ store, clock: () => now });
  provider = new Provider();
  ask = cachedWith(cache, provider);
});

const HELLO = { q: "hello" };
const STREAM = { q: "hello", stream: true };

/** One after the other, each after the last one was stored. */
async function texts(...calls: readonly (() => Promise<Response>)[]): Promise<string[]> {
  const read = [];
  for (const call of calls) {
    read.push(await (await call()).text());
    await cache.settled();
  }
  return read;
}

async function storedText(): Promise<string> {
  const kept: string[] = [];
  for await (const { head, body } of store.entries({ bodies: true })) {
    kept.push(JSON.stringify(head), Buffer.from(body?.bytes() ?? []).toString("latin1"));
  }
  return kept.join("\n");
}

describe("which cache", () => {
  test("none in force: it is the plain fetch", async () => {
    const response = json({});
    provider.replies(() => response);
    const init = { method: "POST", body: "{}" };
    expect(await cachedFetch(undefined, { formats: [wordFormat], fetch: provider.fetch })(URL_OF_MODEL, init)).toBe(
      response,
    );
    expect(provider.asked[0]?.init).toBe(init);
  });

  test("the one in force by run, the innermost one, and none when that has ended", async () => {
    const free = cachedWith(undefined, provider);
    const inner = new LLMCache();
    const status = async (): Promise<unknown> => cacheStatus(await free(HELLO))[0];
    await cache.run(async () => {
      expect(await status()).toMatchObject({ fwd: "miss" });
      await cache.settled();
      await inner.run(async () => {
        expect(await status()).toMatchObject({ fwd: "miss" });
      });
      expect(await status()).toMatchObject({ hit: true });
    });
    expect(await status()).toBeUndefined();
    expect([cache.stats().misses, inner.stats().misses, provider.count]).toEqual([1, 1, 3]);
  });

  test("the adapter's own, whatever is in force", async () => {
    const other = new LLMCache();
    await other.run(() => ask(HELLO));
    expect([cache.stats().misses, other.stats().misses]).toEqual([1, 0]);
  });

  test("the one that a call names", async () => {
    const other = new LLMCache();
    await ask(HELLO, { llmcache: other });
    expect([cache.stats().misses, other.stats().misses]).toEqual([0, 1]);
  });

  test("the controls of run hold", async () => {
    await cache.run({ noStore: true }, () => ask(HELLO));
    await cache.settled();
    expect(cache.stats().stores).toBe(0);
  });
});

describe("the controls in headers", () => {
  const controlled = (value: string) => () => ask(HELLO, { headers: { "cache-control": value } });
  const bare = (): Promise<Response> => ask(HELLO);

  test("no-cache asks anew and stores", async () => {
    expect(await texts(bare, controlled("no-cache"), bare)).toEqual([
      `{"a":"answer 1"}`,
      `{"a":"answer 2"}`,
      `{"a":"answer 2"}`,
    ]);
  });

  test("no-store reads, and stores nothing", async () => {
    expect(await texts(controlled("no-store"), bare, controlled("no-store"))).toEqual([
      `{"a":"answer 1"}`,
      `{"a":"answer 2"}`,
      `{"a":"answer 2"}`,
    ]);
  });

  test.each(["max-age=10", "s-maxage=10", "max-age=99, s-maxage=10"])("%s takes no older answer", async (value) => {
    await texts(bare);
    now += 10_000;
    expect(cacheStatus(await controlled(value)())[0]).toMatchObject({ hit: true });
    now += 1;
    expect(await texts(controlled(value))).toEqual([`{"a":"answer 2"}`]);
  });

  test("ttl= is the lifetime of what is stored", async () => {
    await texts(controlled("ttl=10"));
    now += 9_999;
    const hit = await bare();
    expect([cacheStatus(hit)[0], hit.headers.get("age")]).toEqual([{ cache: "llmcache", hit: true, ttl: 0 }, "9"]);
    now += 1;
    expect(cacheStatus(await bare())[0]).toMatchObject({ fwd: "miss" });
  });

  test("only-if-cached is 504 on a miss, the provider not being asked, and the answer on a hit", async () => {
    const missing = await controlled("only-if-cached")();
    expect([missing.status, missing.headers.get("x-should-retry"), provider.count]).toEqual([504, "false", 0]);
    expect(await missing.json()).toEqual({
      error: {
        message: expect.stringContaining("onlyIfCached"),
        type: "llmcache",
        code: "ERR_LLMCACHE_MISS",
        param: null,
      },
    });
    await texts(bare);
    expect(await texts(controlled("only-if-cached"))).toEqual([`{"a":"answer 1"}`]);
  });

  test("only-if-cached asks the provider as little for a request that cannot be read", async () => {
    const headers = { "cache-control": "only-if-cached" };
    const unread = [
      ask({ other: 1 }, { headers }),
      ask(HELLO, { headers, body: new FormData() }),
      ask({ other: 1 }, { llmcache: { onlyIfCached: true } }),
    ];
    expect((await Promise.all(unread)).map(({ status }) => status)).toEqual([504, 504, 504]);
    expect(provider.count).toBe(0);
  });

  test.each(["max-age=soon", "ttl=-1", ";;;", "max-age"])("nonsense goes past the cache: %s", async (value) => {
    await texts(bare);
    const response = await controlled(value)();
    expect([await response.text(), cacheStatus(response)]).toEqual([
      `{"a":"answer 2"}`,
      [{ cache: "llmcache", fwd: "bypass" }],
    ]);
    await cache.settled();
    expect(await texts(bare)).toEqual([`{"a":"answer 1"}`]);
  });

  test("x-llmcache-namespace and -version keep answers apart and do not go on", async () => {
    const named = (headers: Record<string, string>) => () => ask(HELLO, { headers: { ...headers, "x-other": "y" } });
    const a = { "x-llmcache-namespace": "a" };
    const b = { "x-llmcache-version": "a" };
    expect(
      new Set(await texts(bare, named(a), named({ "x-llmcache-namespace": "b" }), named(b), named(a), named(b))),
    ).toHaveProperty("size", 4);
    expect(provider.count).toBe(4);
    for (const { init } of provider.asked.slice(1)) {
      const headers = new Headers(init?.headers);
      expect([...headers.keys()].filter((name) => name.startsWith("x-"))).toEqual(["x-other"]);
    }
  });

  test("are taken out also where nothing is cached", async () => {
    await ask({ other: 1 }, { headers: { "x-llmcache-namespace": "a" } });
    await cachedWith(undefined, provider)(HELLO, { headers: { "x-llmcache-version": "a" } });
    expect(provider.asked.map(({ init }) => [...new Headers(init?.headers).keys()])).toEqual([[], []]);
  });
});

describe("the llmcache option of a call", () => {
  const optioned =
    (llmcache: CacheControl | boolean, headers: Record<string, string> = {}) =>
    () =>
      ask(HELLO, { llmcache, headers });

  test("is not handed on, and does what it says", async () => {
    expect(await texts(optioned(false), optioned({ noStore: true }), optioned({ ttl: 5 }), optioned(true))).toEqual([
      `{"a":"answer 1"}`,
      `{"a":"answer 2"}`,
      `{"a":"answer 3"}`,
      `{"a":"answer 3"}`,
    ]);
    expect(provider.asked.every(({ init }) => !("llmcache" in (init as object)))).toBe(true);
  });

  test("is stronger than the headers", async () => {
    await texts(optioned({ ttl: 100 }, { "cache-control": "ttl=1" }));
    now += 50_000;
    expect(cacheStatus(await ask(HELLO))[0]).toMatchObject({ hit: true, ttl: 50 });
  });

  test("with members that are undefined is no stronger", async () => {
    await texts(optioned({ noStore: undefined }, { "cache-control": "no-store" }));
    expect(cache.stats().stores).toBe(0);
  });

  test("does not lead out of the namespace and version that the headers name", async () => {
    const one = { "x-llmcache-namespace": "one", "x-llmcache-version": "one" };
    const two = { "x-llmcache-namespace": "two", "x-llmcache-version": "one" };
    const three = { "x-llmcache-namespace": "one", "x-llmcache-version": "three" };
    const calls = [one, two, three].map((headers) => optioned({ namespace: "x", version: "x" }, headers));
    expect(new Set(await texts(...calls, ...calls)).size).toBe(3);
  });

  test("that is wrong is 400, naming what is", async () => {
    const response = await optioned({ ttl: -1 })();
    expect([response.status, ((await response.json()) as { error: { code: string; message: string } }).error]).toEqual([
      400,
      expect.objectContaining({ code: "ERR_LLMCACHE_OPTION", message: expect.stringContaining("ttl") }),
    ]);
    expect(provider.count).toBe(0);
  });
});

describe("how it was answered", () => {
  test("is told by Cache-Status, Age and x-llmcache-key", async () => {
    const gate = Promise.withResolvers<void>();
    provider.replies(async () => {
      await gate.promise;
      return json({ a: "b" });
    });
    const [miss, joined] = [ask(HELLO), ask(HELLO)];
    gate.resolve();
    const [first, second] = await Promise.all([miss, joined]);
    await cache.settled();
    now += 5_999;
    const hit = await ask(HELLO);
    const bypass = await ask(HELLO, { llmcache: false });
    const forced = await ask(HELLO, { llmcache: { noCache: true, noStore: true } });
    expect([first, second, hit, bypass, forced].map((response) => cacheStatus(response))).toEqual([
      [{ cache: "llmcache", fwd: "miss", stored: true }],
      [{ cache: "llmcache", fwd: "miss", collapsed: true }],
      [{ cache: "llmcache", hit: true }],
      [{ cache: "llmcache", fwd: "bypass" }],
      [{ cache: "llmcache", fwd: "request" }],
    ]);
    expect([first, second, hit, bypass, forced].map((response) => response.headers.get("age"))).toEqual([
      null,
      null,
      "5",
      null,
      null,
    ]);
    const keys = [first, second, hit, forced].map((response) => response.headers.get("x-llmcache-key"));
    expect(new Set(keys).size).toBe(1);
    expect(keys[0]).toMatch(/^[0-9a-f]{64}$/);
    expect(bypass.headers.get("x-llmcache-key")).toBeNull();
  });

  test("is appended to what caches nearer to the provider have said", async () => {
    provider.replies(() => json({ a: "b" }, { headers: { "cache-status": "edge; hit; ttl=5", age: "7" } }));
    const response = await ask(HELLO);
    expect(cacheStatus(response).map(({ cache }) => cache)).toEqual(["edge", "llmcache"]);
    expect(response.headers.get("age")).toBe("7");
    await cache.settled();
    const hit = await ask(HELLO);
    expect([cacheStatus(hit).map(({ cache }) => cache), hit.headers.get("age")]).toEqual([["llmcache"], "0"]);
  });
});

const SECRETS = [
  ["authorization", "secret-1"],
  ["set-cookie", "secret-2=1; HttpOnly"],
  ["set-cookie", "secret-3=1"],
  ["x-request-id", "secret-4"],
  ["openai-organization", "secret-5"],
  ["x-ratelimit-remaining-requests", "secret-6"],
  ["x-anything-else", "secret-7"],
] as const;

describe("who asked first gets exactly what the provider sent", () => {
  test("in one piece: bytes, headers, status text, URL", async () => {
    const bytes = Buffer.from(`{ "a" :\t"\\u00fc ü" }\n`);
    const sent = new Response(bytes, {
      status: 200,
      statusText: "Fine",
      headers: [["content-type", "application/json"], ["content-encoding", "identity"], ...SECRETS] as [
        string,
        string,
      ][],
    });
    Object.defineProperties(sent, { url: { value: "https://elsewhere.test/ask" }, redirected: { value: true } });
    const headers = [...sent.headers];
    provider.replies(() => sent);
    const got = await ask(HELLO);
    expect([got.status, got.statusText, got.ok, got.url, got.redirected]).toEqual([
      200,
      "Fine",
      true,
      "https://elsewhere.test/ask",
      true,
    ]);
    const ours = new Set(["cache-status", "x-llmcache-key"]);
    expect([...got.headers].filter(([name]) => !ours.has(name))).toEqual(headers);
    expect(got.headers.getSetCookie()).toEqual(["secret-2=1; HttpOnly", "secret-3=1"]);
    expect(Buffer.from(await got.arrayBuffer())).toEqual(bytes);
  });

  test("but for a reason phrase that no Response may have", async () => {
    for (const question of [HELLO, STREAM]) {
      const sent = json({ a: "b" }, { status: 429 });
      Object.defineProperty(sent, "statusText", { value: "Zu viele … Anfragen" });
      provider.replies(() => sent);
      const got = await ask(question);
      expect([got.status, got.statusText, await got.json()]).toEqual([429, "", { a: "b" }]);
    }
  });

  test("as a stream", async () => {
    const pieces = [": hi\n", "data: Gr\u00fc", "\u00dfe\r\n\r", "\ndata: end\n\n"];
    provider.replies(() => streamed(pieces, { "x-request-id": "1" }));
    const got = await ask(STREAM);
    expect(got.headers.get("x-request-id")).toBe("1");
    expect(await got.text()).toBe(pieces.join(""));
  });

  test("and a later one gets the same bytes without the headers of that exchange", async () => {
    const bytes = `{ "a" :\t"\\u00fc" }\n`;
    provider.replies(
      () =>
        new Response(bytes, {
          headers: [["content-type", "application/json; charset=utf-8"], ...SECRETS] as [string, string][],
        }),
    );
    await ask(HELLO);
    await cache.settled();
    const hit = await ask(HELLO);
    expect(await hit.text()).toBe(bytes);
    expect([...hit.headers.keys()].sort()).toEqual(["age", "cache-status", "content-type", "x-llmcache-key"]);
    expect(hit.headers.get("content-type")).toBe("application/json; charset=utf-8");
    expect(await storedText()).not.toContain("secret");
    expect(await storedText()).toContain("\\u00fc");
  });

  test("no secret of a stream is stored either, nor is one of the request", async () => {
    provider.replies(() => streamed([events("a", "end")], Object.fromEntries(SECRETS)));
    await texts(() =>
      ask(STREAM, { headers: { authorization: "Bearer secret-8", "api-key": "secret-9", cookie: "secret" } }),
    );
    expect(cache.stats().stores).toBe(1);
    expect(await storedText()).not.toContain("secret");
  });
});

describe("the response", () => {
  test.each(["a miss", "a hit"])("of %s can be cloned, read in every way, and knows its place", async (which) => {
    if (which === "a hit") await texts(() => ask(HELLO));
    const fetch = cachedFetch(cache, { formats: [wordFormat], fetch: provider.fetch });
    const got = await fetch(`${URL_OF_MODEL}#part`, { method: "POST", body: JSON.stringify(HELLO) });
    const copy = got.clone();
    expect([got.url, copy.url, copy.clone().url]).toEqual([URL_OF_MODEL, URL_OF_MODEL, URL_OF_MODEL]);
    expect([got.type, got.redirected, got instanceof Response, got.bodyUsed]).toEqual(["basic", false, true, false]);
    expect(await got.json()).toEqual({ a: "answer 1" });
    expect([got.bodyUsed, copy.bodyUsed]).toEqual([true, false]);
    expect(await (await copy.blob()).text()).toBe(`{"a":"answer 1"}`);
    await expect(got.text()).rejects.toThrow(TypeError);
  });

  test.each([204, 205, 304])("of status %i has no body", async (status) => {
    provider.replies(() => new Response(null, { status }));
    const got = await ask(HELLO);
    expect([got.status, got.body]).toEqual([status, null]);
    const streaming = await ask(STREAM);
    expect([streaming.status, streaming.body]).toEqual([status, null]);
    await cache.settled();
    expect(cache.stats().stores).toBe(0);
  });

  test("gives plain chunks whose memory is their own, on a miss and on a hit", async () => {
    provider.replies(() => streamed([events("a", "b"), events("c", "end")]));
    for (const _ of [1, 2]) {
      const response = await ask(STREAM);
      for await (const chunk of response.body ?? []) {
        expect(Object.getPrototypeOf(chunk)).toBe(Uint8Array.prototype);
        expect(chunk.byteLength).toBe(chunk.buffer.byteLength);
      }
      await cache.settled();
    }
    expect(provider.count).toBe(1);
  });
});

describe("failures", () => {
  test.each([400, 401, 403, 404, 408, 409, 422, 429, 500, 502, 503, 529])(
    "%i reaches all who wait and is never stored",
    async (status) => {
      for (const asked of [HELLO, STREAM]) {
        const gate = Promise.withResolvers<void>();
        const body = JSON.stringify({ error: { message: "no", status } });
        provider = new Provider(async () => {
          await gate.promise;
          return new Response(body, {
            status,
            statusText: "No",
            headers: { "content-type": "application/json", "retry-after": "7", "x-request-id": "r" },
          });
        });
        ask = cachedWith(cache, provider);
        const calls = [ask(asked), ask(asked), ask(asked)];
        gate.resolve();
        const responses = await Promise.all(calls);
        expect(responses.map((response) => [response.status, response.headers.get("retry-after")])).toEqual(
          Array.from({ length: 3 }, () => [status, "7"]),
        );
        expect(await Promise.all(responses.map((response) => response.text()))).toEqual([body, body, body]);
        expect([responses[0]?.headers.get("x-request-id"), responses[0]?.statusText]).toEqual(["r", "No"]);
        await cache.settled();
        expect([provider.count, cache.stats().stores, cache.inFlight]).toEqual([1, 0, 0]);
      }
    },
  );

  test.each([200, 201, 202, 206])(
    "an answer that is none is handed over and not stored, with status %i",
    async (status) => {
      provider.replies(() => json(status === 200 ? { b: 1 } : { a: "b" }, { status }));
      await texts(
        () => ask(HELLO),
        () => ask(HELLO),
      );
      expect([provider.count, cache.stats().stores]).toEqual([2, 0]);
    },
  );

  test.each([201, 500])("a whole stream with status %i is handed over and not stored", async (status) => {
    provider.replies(
      () => new Response(Buffer.from(events("a", "end")), { status, headers: { "content-type": "text/event-stream" } }),
    );
    const sent = Buffer.from(events("a", "end")).toString();
    expect(
      await texts(
        () => ask(STREAM),
        () => ask(HELLO),
        () => ask(STREAM),
      ),
    ).toEqual([sent, sent, sent]);
    expect([provider.count, cache.stats().stores]).toEqual([3, 0]);
  });

  test.each([
    ["no JSON", "oops", "application/json"],
    ["HTML", "<html>", "text/html"],
    ["nothing", "", "application/json"],
  ])("%s is handed over and not stored", async (_name, body, type) => {
    provider.replies(() => new Response(body, { headers: { "content-type": type } }));
    expect(
      await texts(
        () => ask(HELLO),
        () => ask(STREAM),
      ),
    ).toEqual([body, body]);
    expect(cache.stats().stores).toBe(0);
  });

  test.each([HELLO, STREAM])(
    "of the network reject like fetch, for all who wait, and are not stored: %j",
    async (asked) => {
      const error = new TypeError("fetch failed", { cause: new Error("ECONNRESET") });
      provider.replies(() => Promise.reject(error));
      const results = await Promise.allSettled([ask(asked), ask(asked)]);
      expect(results.map((result) => result.status === "rejected" && result.reason === error)).toEqual([true, true]);
      expect([provider.count, cache.inFlight]).toEqual([1, 0]);
      provider.replies(() => (asked === HELLO ? json({ a: "b" }) : streamed([events("end")])));
      expect((await ask(asked)).status).toBe(200);
    },
  );

  test("a network error as a response rejects", async () => {
    provider.replies(() => Response.error());
    await expect(ask(HELLO)).rejects.toThrow(TypeError);
    await expect(ask(STREAM)).rejects.toThrow(TypeError);
  });

  test.each([
    ["between events", [events("a"), new Error("cut")]],
    ["inside an event", ["data: a\n\nda", new Error("cut")]],
  ])("a stream that breaks off %s fails for its readers and is not stored", async (_name, pieces) => {
    provider.replies((number) => streamed(number === 1 ? pieces : [events("whole", "end")]));
    const [one, two] = await Promise.all([ask(STREAM), ask(STREAM)]);
    await expect(one.text()).rejects.toThrow("cut");
    await expect(two.text()).rejects.toThrow("cut");
    await cache.settled();
    expect(await texts(() => ask(STREAM))).toEqual([Buffer.from(events("whole", "end")).toString()]);
    expect(provider.count).toBe(2);
  });

  test.each([
    ["without its closing event", [events("a", "b")]],
    ["inside an event", [events("a"), "data: b"]],
    ["inside its closing event", [events("a"), "data: en"]],
    ["before anything", []],
  ])("a stream that just ends %s is handed over and not stored", async (_name, pieces) => {
    provider.replies(() => streamed(pieces));
    const sent = pieces.map((piece) => Buffer.from(piece as Uint8Array).toString()).join("");
    expect(
      await texts(
        () => ask(STREAM),
        () => ask(STREAM),
      ),
    ).toEqual([sent, sent]);
    expect([provider.count, cache.stats().stores]).toEqual([2, 0]);
  });

  test.each(["data: end", "data: end\n", "data: end\r\n"])(
    "a stream whose closing event lacks only its empty line is stored: %j",
    async (end) => {
      provider.replies(() => streamed([events("a"), end]));
      const [first, second] = await texts(
        () => ask(STREAM),
        () => ask(STREAM),
      );
      expect([second, provider.count]).toEqual([first, 1]);
    },
  );

  test("a stream is over with its closing event, though the connection stays open", async () => {
    const source = handFed();
    provider.replies(() => source.response);
    const response = await ask(STREAM);
    source.push("a", "end");
    expect(await response.text()).toBe(Buffer.from(events("a", "end")).toString());
    await source.cancelled;
    expect((await texts(() => ask(STREAM)))[0]).toContain("end");
    expect(provider.count).toBe(1);
  });

  test("JSON where a stream was asked for is handed over as it is and stored as what it is", async () => {
    provider.replies(() => json({ a: "b c" }));
    const [first, second, third] = await texts(
      () => ask(STREAM),
      () => ask(HELLO),
      () => ask(STREAM),
    );
    expect([first, second, third]).toEqual([
      `{"a":"b c"}`,
      `{"a":"b c"}`,
      Buffer.from(events("b", "c", "end")).toString(),
    ]);
    expect(provider.count).toBe(1);
  });
});

describe("the store", () => {
  test("may fail, lose or damage what it likes: the call works", async () => {
    for (const harm of [
      (faulty: FaultyStore) => faulty.fail(),
      (faulty: FaultyStore) => faulty.lose(),
      (faulty: FaultyStore) => faulty.corrupt(),
    ]) {
      const faulty = new FaultyStore(new MapStore());
      cache = new LLMCache({ store: faulty });
      ask = cachedWith(
        cache,
        (provider = new Provider((_number, init) =>
          wantsStream(init) ? streamed([events("x", "end")]) : json({ a: "x" }),
        )),
      );
      harm(faulty);
      const calls = [
        () => ask(HELLO),
        () => ask(HELLO),
        () => ask({ q: "s", stream: true }),
        () => ask({ q: "s", stream: true }),
      ];
      const stream = Buffer.from(events("x", "end")).toString();
      expect(await texts(...calls)).toEqual([`{"a":"x"}`, `{"a":"x"}`, stream, stream]);
      expect(provider.count).toBe(4);
    }
  });

  test("may hang: the call waits no longer than it is told to", async () => {
    const faulty = new FaultyStore(new MapStore());
    faulty.hang();
    cache = new LLMCache({ store: faulty, storeTimeoutMs: 1 });
    ask = cachedWith(cache, provider);
    expect(await (await ask(HELLO)).text()).toBe(`{"a":"answer 1"}`);
    await cache.settled();
  });

  test("that fails is 503 where that may not be passed over", async () => {
    const faulty = new FaultyStore(new MapStore());
    faulty.fail();
    ask = cachedWith(new LLMCache({ store: faulty, onStoreFailure: "throw" }), provider);
    const [strict, strictStream, only] = [
      await ask(HELLO),
      await ask(STREAM),
      await cachedWith(new LLMCache({ store: faulty }), provider)(HELLO, { llmcache: { onlyIfCached: true } }),
    ];
    expect([strict.status, strictStream.status, only.status, provider.count]).toEqual([503, 503, 503, 0]);
    expect(await only.json()).toMatchObject({ error: { code: "ERR_LLMCACHE_STORE" } });
  });
});

describe("caches on the way of one request", () => {
  test("the same one twice asks once and does not wait for itself", async () => {
    const twice = asker(
      cachedFetch(cache, {
        formats: [wordFormat],
        fetch: cachedFetch(cache, { formats: [wordFormat], fetch: provider.fetch }),
      }),
    );
    provider.replies((_number, init) => (wantsStream(init) ? streamed([events("x", "end")]) : json({ a: "x" })));
    await texts(
      () => twice(HELLO),
      () => twice({ q: "s", stream: true }),
      () => twice(HELLO),
    );
    expect([provider.count, cache.stats().misses, cache.stats().hits]).toEqual([2, 2, 1]);
  });

  test("two of them are both asked, and both told what the call wants", async () => {
    const outer = new LLMCache();
    const both = asker(
      cachedFetch(outer, {
        formats: [wordFormat],
        fetch: cachedFetch(cache, { formats: [wordFormat], fetch: provider.fetch }),
      }),
    );
    const run = async (...inits: Parameters<Asker>[1][]): Promise<string[]> =>
      texts(
        ...inits.map((init) => async () => {
          const response = await both(HELLO, init);
          await outer.settled();
          return response;
        }),
      );
    const [plain, one, two, anew] = await run(
      {},
      { headers: { "x-llmcache-namespace": "1" } },
      { llmcache: { namespace: "2" } },
      { llmcache: { noCache: true } },
    );
    expect(new Set([plain, one, two, anew]).size).toBe(4);
    await outer.clear();
    expect(await run({ headers: { "x-llmcache-namespace": "1" } }, { llmcache: { namespace: "2" } }, {})).toEqual([
      one,
      two,
      anew,
    ]);
    expect(provider.count).toBe(4);
  });
});
