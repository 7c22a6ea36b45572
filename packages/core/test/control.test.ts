import { describe, expect, it } from "vitest";
import {
  durationMs,
  LLMCache,
  MapStore,
  parseCacheControl,
  registerOperation,
  staleness,
  type CacheControl,
  type EntryHead,
  type LLMCacheOptions,
} from "../src/index.ts";
import { lifetime } from "../src/freshness.ts";
import { answering, request, stage } from "./stage.ts";

const refused = (message: string | RegExp): object =>
  expect.objectContaining({
    code: "ERR_LLMCACHE_OPTION",
    message: typeof message === "string" ? expect.stringContaining(message) : expect.stringMatching(message),
  });

describe("durations", () => {
  it.each([
    [0, 0],
    [-0, 0],
    ["0s", 0],
    [1, 1000],
    [1.1, 1100],
    [0.3, 300],
    [0.0001, 1],
    ["500ms", 500],
    ["90s", 90_000],
    ["15m", 900_000],
    ["24h", 86_400_000],
    ["7d", 604_800_000],
    ["2w", 1_209_600_000],
    ["1h30m", 5_400_000],
    [" 1h 30m ", 5_400_000],
    ["1.5h", 5_400_000],
    [2 ** 31, 2 ** 31 * 1000],
    [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
  ] as const)("%j is %d ms", (value, ms) => expect(durationMs(value, "ttl")).toBe(ms));

  it.each([
    -1,
    Number.NaN,
    Number.NEGATIVE_INFINITY,
    "",
    " ",
    "5",
    "h",
    "-5s",
    "5 parsecs",
    "1h and more",
    "1e3s",
    "s5",
    null,
    {},
    [],
    true,
    5n,
    Symbol("s"),
  ])("%o is refused, naming the field", (value) =>
    expect(() => durationMs(value as never, "sMaxAge")).toThrow(refused("sMaxAge")),
  );
});

describe("a Cache-Control header", () => {
  it.each<[string, CacheControl]>([
    ["", {}],
    ["no-cache", { noCache: true }],
    ["no-store", { noStore: true }],
    ["only-if-cached", { onlyIfCached: true }],
    ["max-age=60", { sMaxAge: 60 }],
    ["s-maxage=5, max-age=60", { sMaxAge: 5 }],
    ["max-age=5, s-maxage=60", { sMaxAge: 5 }],
    ["max-age=0", { sMaxAge: 0 }],
    ["ttl=3600", { ttl: 3600 }],
    ["No-Cache , TTL = 10", { noCache: true, ttl: 10 }],
    ['max-age="60"', { sMaxAge: 60 }],
    ['max-age="6\\0"', { sMaxAge: 60 }],
    ['no-cache="x, y", no-store', { noCache: true, noStore: true }],
    [", ,no-cache,, ,no-store,", { noCache: true, noStore: true }],
    ['max-stale=5, min-fresh, private, foo=bar, baz="a,b\\"c"', {}],
    ["stale-while-revalidate=60, stale-if-error=9", { staleWhileRevalidate: 60, staleIfError: 9 }],
    ["no-transform,no-cache", { noCache: true }],
    ["\tno-cache\t", { noCache: true }],
    ["max-age=99999999999999999999", { sMaxAge: 1e20 }],
    [",,,", {}],
  ])("%j", (header, control) => expect(parseCacheControl(header)).toEqual(control));

  it.each(["max-age", "max-age=", "max-age=-1", "max-age=1.5", "max-age=1h", "ttl=x", 'ttl=""', "s-maxage=0x10"])(
    "%j is refused, naming the directive",
    (header) => expect(() => parseCacheControl(header)).toThrow(refused(/max-age|s-maxage|ttl|list of directives/)),
  );

  it.each(["no cache", "=5", 'x="unended', "no-cache; no-store", "{}", "no-cache no-store", "é"])(
    "%j is no list of directives",
    (header) => expect(() => parseCacheControl(header)).toThrow(refused("Cache-Control")),
  );

  it("takes time in proportion to its length, whatever is in it", () => {
    for (const header of [
      `a${" ".repeat(200_000)}b`,
      ",".repeat(200_000),
      `x="${"\\".repeat(200_001)}`,
      "a=".repeat(100_000),
    ]) {
      expect(() => {
        try {
          parseCacheControl(header);
        } catch (error) {
          if ((error as { code?: string }).code !== "ERR_LLMCACHE_OPTION") throw error;
        }
      }).not.toThrow();
    }
  });
});

describe("precedence", () => {
  const ttlOf = async (
    cacheTtl: CacheControl["ttl"],
    runs: CacheControl[],
    call: CacheControl,
  ): Promise<number | undefined> => {
    const own = stage({ ttl: cacheTtl });
    const asked = async (): Promise<unknown> => own.cache.through(request(), answering(), call);
    const nested = runs.reduceRight<() => Promise<unknown>>(
      (inner, control) => () => own.cache.run(control, inner),
      asked,
    );
    await nested();
    await own.cache.settled();
    const staleAt = (await own.cache.get(request()))?.head?.staleAt;
    return staleAt === undefined ? undefined : staleAt - own.clock.now;
  };

  it("is: the call's, then the innermost run's, then the cache's", async () => {
    expect(await ttlOf(undefined, [], {})).toBeUndefined();
    expect(await ttlOf(10, [], {})).toBe(10_000);
    expect(await ttlOf(10, [{ ttl: 20 }], {})).toBe(20_000);
    expect(await ttlOf(10, [{ ttl: 20 }, { ttl: 30 }], {})).toBe(30_000);
    expect(await ttlOf(10, [{ ttl: 20 }, { noStore: false }], {})).toBe(20_000);
    expect(await ttlOf(10, [{ ttl: 20 }], { ttl: 40 })).toBe(40_000);
    expect(await ttlOf(10, [{ ttl: 20 }], { ttl: undefined })).toBe(20_000);
    expect(await ttlOf(10, [], { ttl: Number.POSITIVE_INFINITY })).toBeUndefined();
  });

  it("lets a call take back what a run forbids", async () => {
    const { cache } = stage({ control: { noCache: true } });
    await cache.set(request(), "x");
    expect((await cache.through(request(), answering())).status).toBe("miss");
    expect((await cache.run({ noCache: false }, () => cache.through(request(), answering()))).status).toBe("hit");
    expect((await cache.through(request(), answering(), { noCache: false, onlyIfCached: true })).status).toBe("hit");
  });

  it("refuses what contradicts itself, where it is given and where it comes together", async () => {
    const both = { noCache: true, onlyIfCached: true };
    expect(() => new LLMCache({ control: both })).toThrow(refused("exclude each other"));
    const { cache } = stage();
    expect(() => cache.run(both, () => 1)).toThrow(refused("exclude each other"));
    await cache.run({ noCache: true }, () =>
      expect(cache.through(request(), answering(), { onlyIfCached: true })).rejects.toThrow("exclude each other"),
    );
  });
});

describe("freshness", () => {
  const now = 1_800_000_000_000;
  const head = (more: Partial<EntryHead> = {}): EntryHead => ({ id: "x", createdAt: now, metadata: {}, ...more });
  const check = (entry: EntryHead, at: number, sMaxAgeMs?: number): unknown => staleness(entry, { sMaxAgeMs }, at);

  it("ends at staleAt, not after it; without one, never", () => {
    expect(check(head({ staleAt: now + 10 }), now + 9)).toBeUndefined();
    expect(check(head({ staleAt: now + 10 }), now + 10)).toBe("expired");
    expect(check(head({ deleteAt: now + 10 }), now + 10)).toBe("expired");
    expect(check(head(), now + 1e15)).toBeUndefined();
  });

  it("sMaxAge admits an age up to it; 0 admits none", () => {
    expect(check(head(), now + 1000, 1000)).toBeUndefined();
    expect(check(head(), now + 1001, 1000)).toBe("too-old");
    expect(check(head(), now, 0)).toBe("too-old");
    expect(check(head(), now + 1e12, Number.POSITIVE_INFINITY)).toBeUndefined();
  });

  it("a clock set back neither makes entries immortal nor breaks anything", () => {
    const limited = head({ staleAt: now + 60_000 });
    expect(check(limited, now - 30_000)).toBeUndefined();
    expect(check(limited, now - 3_600_000)).toBe("from-the-future");
    expect(check(head(), now - 3_600_000)).toBeUndefined();
    expect(check(head(), now - 3_600_000, 1000)).toBe("from-the-future");
  });

  it("an entry without a usable time, and a clock that gives none, is a miss", () => {
    for (const odd of [Number.NaN, Number.POSITIVE_INFINITY, undefined, "2026", null]) {
      expect(check(head({ createdAt: odd as never }), now)).toBe("no-time");
      if (odd !== undefined) expect(check(head({ staleAt: odd as never }), now)).toBe("no-time");
    }
    expect(check(head({ staleAt: now + 10 }), Number.NaN)).toBe("no-time");
  });

  it("lifetimes: none for ttl 0, no end beyond what a Date can say, exact in between", () => {
    const lived = (ttlMs: number, keepStaleMs: number, stale: { whileRevalidate?: number; ifError?: number } = {}) =>
      lifetime(
        { ttlMs, staleWhileRevalidateMs: stale.whileRevalidate ?? 0, staleIfErrorMs: stale.ifError ?? 0 },
        keepStaleMs,
        now,
      );
    expect(lived(0, 0)).toBeUndefined();
    expect(lived(Number.POSITIVE_INFINITY, 0)).toEqual({});
    expect(lived(1e16, 0)).toEqual({});
    expect(lived(2 ** 33, 500)).toEqual({ staleAt: now + 2 ** 33, deleteAt: now + 2 ** 33 + 500 });
    expect(lived(1, Number.POSITIVE_INFINITY)).toEqual({ staleAt: now + 1 });
    expect(lived(1, 5, { whileRevalidate: 7, ifError: 3 })?.deleteAt).toBe(now + 8);
    expect(lived(1, 5, { whileRevalidate: 7, ifError: 30 })?.deleteAt).toBe(now + 31);
    expect(lived(1, 50, { whileRevalidate: 7, ifError: 30 })?.deleteAt).toBe(now + 51);
  });

  it("an expired entry is asked for anew, and the new one takes its place", async () => {
    const own = stage({ ttl: 1, keepStale: "1h" });
    const produce = answering();
    await own.cache.through(request(), produce);
    await own.cache.settled();
    own.clock.pass(1000);
    expect(await own.cache.through(request(), produce)).toMatchObject({ status: "miss", value: 2 });
    expect(own.events.findLast(({ type }) => type === "miss")).toMatchObject({ reason: "expired" });
    await own.cache.settled();
    expect((await own.cache.get(request()))?.head).toMatchObject({
      staleAt: own.clock.now + 1000,
      deleteAt: own.clock.now + 3_601_000,
    });
  });
});

describe("operations", () => {
  const answersTwice = async (options: LLMCacheOptions, operation: string): Promise<unknown> => {
    const { cache } = stage(options);
    await cache.through(request("q", { operation }), answering());
    await cache.settled();
    return (await cache.through(request("q", { operation }), answering())).status;
  };

  it("are all cached by default, those named otherwise, and none for an empty list", async () => {
    expect(await answersTwice({}, "anything at all")).toBe("hit");
    expect(await answersTwice({ operations: ["embeddings"] }, "embeddings")).toBe("hit");
    expect(await answersTwice({ operations: ["embeddings"] }, "chat.completions")).toBe("bypass");
    expect(await answersTwice({ operations: [] }, "chat.completions")).toBe("bypass");
    expect(await answersTwice({ operations: ["function:*"] }, "function:f")).toBe("hit");
    expect(await answersTwice({ operations: ["function:*"] }, "tool:f")).toBe("bypass");
    expect(await answersTwice({ operations: ["function:f", "tool:*"] }, "function:g")).toBe("bypass");
    expect(await answersTwice({ operations: ["function:f", "tool:*"] }, "function:f")).toBe("hit");
  });

  it("that are not known are refused, naming them and what is known; formats register theirs", () => {
    for (const operations of [["chat"], ["function:"], ["embedings"], [7], "embeddings"]) {
      expect(() => new LLMCache({ operations: operations as string[] })).toThrow(refused("operations"));
    }
    expect(() => new LLMCache({ operations: ["test.only"] })).toThrow(refused("test.only"));
    registerOperation("test.only");
    expect(() => new LLMCache({ operations: ["test.only"] })).not.toThrow();
    const all = [
      "chat.completions",
      "responses",
      "completions",
      "embeddings",
      "audio.transcriptions",
      "audio.translations",
      "moderations",
      "images",
      "messages",
      "generateContent",
      "function:*",
      "tool:*",
    ];
    expect(() => new LLMCache({ operations: all })).not.toThrow();
  });
});

describe("options", () => {
  it.each([
    [{ tl: 5 }, "tl"],
    [{ ttl: -1 }, "ttl"],
    [{ ttl: "soon" }, "ttl"],
    [{ keepStale: Number.NaN }, "keepStale"],
    [{ ttl: 1, control: { ttl: 1 } }, "ttl"],
    [{ namespace: "a", control: { namespace: "b" } }, "namespace"],
    [{ namespace: 7 }, "namespace"],
    [{ control: { tll: 3 } }, "tll"],
    [{ mode: "off" }, "mode"],
    [{ onStoreFailure: "ignore" }, "onStoreFailure"],
    [{ storeTimeoutMs: 0 }, "storeTimeoutMs"],
    [{ storeTimeoutMs: "1s" }, "storeTimeoutMs"],
    [{ maxStreamBytes: -1 }, "maxStreamBytes"],
    [{ readerTimeoutMs: Number.NaN }, "readerTimeoutMs"],
    [{ clock: 5 }, "clock"],
    [{ price: 5 }, "price"],
    [{ key: "k" }, "key"],
    [{ secret: "" }, "secret"],
    [{ secret: 7 }, "secret"],
    [{ keepRequests: "yes" }, "keepRequests"],
    [{ store: {} }, "store"],
    [{ store: null }, "store"],
    [{ store: Object.assign(new MapStore(), { contract: 2 }) }, "contract"],
  ])("%o is refused, naming %s", (options, name) =>
    expect(() => new LLMCache(options as never)).toThrow(refused(name)),
  );

  it("storeTimeoutMs may be as long as you like", () => {
    expect(() => new LLMCache({ storeTimeoutMs: Number.POSITIVE_INFINITY })).not.toThrow();
  });

  it("change by update: what is not given stays, what is wrong changes nothing", async () => {
    const own = stage({ ttl: 10, namespace: "n" });
    const ttl = async (): Promise<number | undefined> => {
      const { staleAt } = await own.cache.set(request(), "x");
      return staleAt === undefined ? undefined : staleAt - own.clock.now;
    };
    const before = own.cache.key(request()).id;
    own.cache.update({ onStoreFailure: "throw" });
    expect(await ttl()).toBe(10_000);
    own.cache.update({ ttl: 20, store: undefined, namespace: undefined });
    expect(own.cache.store).toBe(own.store);
    expect(await ttl()).toBe(20_000);
    own.cache.update({ control: { ttl: 30 } });
    expect(await ttl()).toBe(30_000);
    own.cache.update({ ttl: 40 });
    expect(await ttl()).toBe(40_000);
    expect(() => own.cache.update({ ttl: 50, mode: "sometimes" as never })).toThrow(refused("mode"));
    expect(await ttl()).toBe(40_000);
    expect(own.cache.key(request()).id).toBe(before);
    own.cache.update({ namespace: "other" });
    expect(own.cache.key(request()).id).not.toBe(before);
  });
});
