import { describe, expect, it } from "vitest";
import {
  LLMCache,
  MapStore,
  TieredStore,
  withBreaker,
  type CacheControl,
  type CacheRequest,
  type LLMCacheOptions,
  type Outcome,
} from "../src/index.ts";
import { FaultyStore } from "../src/conformance.ts";
import { Clock, stage } from "./stage.ts";
import { WordStore } from "./similar-stage.ts";

const STORED = "How do I boil an egg";
const ASKED = "how do I boil an egg please";

function chat(prompt: CacheRequest["prompt"], more: Partial<CacheRequest> = {}): CacheRequest {
  return { operation: "chat.completions", provider: "test", model: "m", prompt, shape: { turns: 1 }, ...more };
}

function similarStage(options: LLMCacheOptions = {}) {
  const clock = new Clock();
  const words = new WordStore(clock.read);
  const own = stage({ store: words, clock: clock.read, ...options });
  let asked = 0;
  const ask = async (
    prompt: CacheRequest["prompt"],
    control: CacheControl = {},
    more: Partial<CacheRequest> = {},
  ): Promise<Outcome<string>> => {
    const outcome = await own.cache.through(chat(prompt, more), async () => `answer ${++asked}`, control);
    await own.cache.settled();
    return outcome;
  };
  return { ...own, clock, words, ask, asked: () => asked };
}

describe("a similar hit", () => {
  it("is the stored answer as it is, with its similarity and the stored text, and spares the provider", async () => {
    const { cache, clock, ask, asked, events } = similarStage({ price: () => 3 });
    const first = await ask(STORED);
    clock.pass(5000);
    const hit = await ask(ASKED);
    expect(hit).toMatchObject({ status: "hit", value: "answer 1", ageMs: 5000, saved: { cost: 3 } });
    expect(hit.similarity).toBeCloseTo(6 / 7, 5);
    expect(hit.head).toEqual(first.head);
    expect(hit.head).toMatchObject({ id: first.key.id, text: STORED });
    expect(hit.key.id).not.toBe(first.key.id);
    expect(asked()).toBe(1);
    expect(cache.stats()).toMatchObject({ hits: 1, similar: 1, misses: 1, saved: { calls: 1, cost: 3 } });
    expect(events.at(-1)).toMatchObject({ type: "hit", similarity: hit.similarity, id: hit.key.id, cacheHit: true });
  });

  it("is told apart from an exact one", async () => {
    const { cache, ask, events } = similarStage();
    await ask(STORED);
    expect((await ask(STORED)).similarity).toBeUndefined();
    expect(events.at(-1)).toMatchObject({ type: "hit", similarity: undefined });
    expect(cache.stats()).toMatchObject({ hits: 1, similar: 0 });
  });

  it("is not stored under the new request, and its life is not extended", async () => {
    const { cache, clock, words, ask } = similarStage({ ttl: "10s" });
    const first = await ask(STORED);
    clock.pass(9999);
    expect((await ask(ASKED)).status).toBe("hit");
    expect(await words.get({ id: cache.key(chat(ASKED)).id })).toBeUndefined();
    expect((await words.get({ id: first.key.id }))?.entry.deleteAt).toBe(first.head?.deleteAt);
    clock.pass(1);
    expect((await ask(ASKED)).status).toBe("miss");
  });

  it("serves a stream, and get, like any other; a lookup leaves it to through", async () => {
    const { cache, ask, words } = similarStage();
    await ask(STORED);
    const outcome = await cache.stream<string>(chat(ASKED), () => expect.unreachable(), {
      encode: (chunks) => chunks.join(""),
      decode: (body) => [body.json() as string],
    });
    const chunks: string[] = [];
    for await (const chunk of outcome.value) chunks.push(chunk);
    expect(chunks).toEqual(["answer 1"]);
    words.compared.length = 0;
    expect(await cache.lookup(chat(ASKED))).toBeUndefined();
    expect(words.compared).toEqual([]);
    expect((await cache.get(chat(ASKED)))?.similarity).toBeGreaterThan(0.8);
    expect(await cache.get({ id: cache.key(chat(ASKED)).id })).toBeUndefined();
  });

  it("reaches all who joined the call that found it", async () => {
    const { cache, words, ask, asked } = similarStage();
    await ask(STORED);
    const gate = Promise.withResolvers<void>();
    words.embedding = () => gate.promise;
    const calls = Array.from({ length: 5 }, () => ask(ASKED));
    gate.resolve();
    const outcomes = await Promise.all(calls);
    expect(outcomes.map(({ status, value }) => `${status} ${value}`)).toEqual(
      Array.from({ length: 5 }, () => "hit answer 1"),
    );
    expect(outcomes.every(({ similarity }) => similarity !== undefined)).toBe(true);
    expect(words.compared.filter((text) => text === ASKED)).toHaveLength(1);
    expect(asked()).toBe(1);
    expect(cache.inFlight).toBe(0);
  });

  it("does not reach one who joined and takes none", async () => {
    const { words, ask } = similarStage();
    await ask(STORED);
    const gate = Promise.withResolvers<void>();
    words.embedding = () => gate.promise;
    const calls = [ask(ASKED), ask(ASKED, { similar: false })];
    gate.resolve();
    const [one, other] = await Promise.all(calls);
    expect([one?.status, other?.status]).toEqual(["hit", "miss"]);
  });
});

describe("similar requests", () => {
  it("do not share a run: each that misses asks for itself", async () => {
    const { ask, asked } = similarStage();
    const outcomes = await Promise.all([ask(STORED), ask(ASKED)]);
    expect(outcomes.map(({ status }) => status)).toEqual(["miss", "miss"]);
    expect(asked()).toBe(2);
  });

  it("are compared only where the request itself is not there: an identical one costs no embedding", async () => {
    const { words, ask } = similarStage();
    await ask(STORED);
    words.compared.length = 0;
    words.embedding = async () => expect.unreachable();
    expect((await ask(STORED)).status).toBe("hit");
    expect(words.compared).toEqual([]);
  });

  it("are those whose last text alone differs: everything else is a wall", async () => {
    const { cache, ask, words } = similarStage({ namespace: "tenant-1", version: "1" });
    const common: Partial<CacheRequest> = {
      settings: { temperature: 0 },
      context: [{ role: "system", content: "Be brief." }],
    };
    await ask(STORED, {}, common);
    expect((await ask(ASKED, {}, common)).status).toBe("hit");
    const others: readonly [CacheControl, Partial<CacheRequest>][] = [
      [{}, { operation: "responses" }],
      [{}, { provider: "other" }],
      [{}, { model: "other" }],
      [{}, { settings: { temperature: 0, tools: [] } }],
      [{}, { settings: { temperature: 1 } }],
      [{}, { context: [{ role: "system", content: "Be brief!" }] }],
      [{}, { context: undefined }],
      [{}, { namespace: "user-2" }],
      [{ namespace: "user-2" }, {}],
      [{}, { version: "2" }],
      [{ version: "2" }, {}],
    ];
    for (const [control, more] of others) {
      const outcome = await ask(ASKED, { noStore: true, ...control }, { ...common, ...more });
      expect(outcome.status, JSON.stringify([control, more])).toBe("miss");
      expect(outcome.key.text).toBe(ASKED);
    }
    cache.update({ namespace: "tenant-2" });
    expect((await ask(ASKED, {}, common)).status).toBe("miss");
    expect(words.compared.length).toBeGreaterThan(10);
  });

  it("are not served by a store that looks in the wrong scope", async () => {
    const { words, ask } = similarStage();
    words.isBehind = () => true;
    await ask(STORED);
    expect((await ask(ASKED, {}, { model: "other" })).status).toBe("miss");
  });
});

describe("which requests are compared", () => {
  const compared = async (
    prompt: CacheRequest["prompt"],
    more: Partial<CacheRequest> = {},
    control: CacheControl = {},
  ): Promise<boolean> => {
    const { cache } = similarStage();
    const { scope, text } = cache.key(chat(prompt, more), control);
    expect(scope === undefined).toBe(text === undefined);
    return text !== undefined;
  };

  it("by default: one turn, no tools, no attachments, up to 1000 characters", async () => {
    expect(await compared("q")).toBe(true);
    expect(await compared("q".repeat(1000))).toBe(true);
    expect(await compared("q".repeat(1001))).toBe(false);
    expect(await compared(" \n ")).toBe(false);
    expect(await compared(["q"])).toBe(false);
    expect(await compared("q", { shape: { turns: 2 } })).toBe(false);
    expect(await compared("q", { shape: { turns: 1, tools: true } })).toBe(false);
    expect(await compared("q", { shape: { turns: 1, attachments: true } })).toBe(false);
    expect(await compared("q", { shape: { turns: 1, temperature: 2 } })).toBe(true);
    expect(await compared("q", { sample: 1 })).toBe(false);
  });

  it("not those of which nobody says what they hold", async () => {
    expect(await compared("q", { shape: undefined })).toBe(false);
    expect(await compared("q", { shape: {} })).toBe(false);
    expect(await compared("q", { shape: { turns: Number.NaN } })).toBe(false);
  });

  it("as the control says, the call's before that of `run` before the cache's", async () => {
    expect(await compared("q", { shape: { turns: 3 } }, { similar: { maxTurns: 3 } })).toBe(true);
    expect(await compared("q".repeat(11), {}, { similar: { maxChars: 10 } })).toBe(false);
    const cold = { similar: { maxTemperature: 0.3 } };
    expect(await compared("q", { shape: { turns: 1, temperature: 0.3 } }, cold)).toBe(true);
    expect(await compared("q", { shape: { turns: 1, temperature: 0.4 } }, cold)).toBe(false);
    expect(await compared("q", {}, cold)).toBe(false);
    const { cache } = similarStage({ similar: false });
    const hasText = (control: CacheControl = {}): boolean => cache.key(chat("q"), control).text !== undefined;
    expect(hasText()).toBe(false);
    expect(cache.run({ similar: {} }, () => hasText())).toBe(true);
    expect(cache.run({ similar: {} }, () => cache.run({ similar: false }, () => hasText()))).toBe(false);
    expect(cache.run({ similar: {} }, () => hasText({ similar: false }))).toBe(false);
    cache.update({ similar: { maxTurns: 1 } });
    expect(hasText()).toBe(true);
  });

  it("none where the store compares no texts, whatever a call allows; a cache that is told to compare is an error", async () => {
    const { cache } = stage({ store: new MapStore() });
    expect(cache.key(chat("q"), { similar: {} })).toEqual({ id: cache.key(chat("q")).id });
    expect(() => new LLMCache({ similar: {} })).toThrow(/similar.*map store/);
    expect(() => new LLMCache({ control: { similar: {} } })).toThrow(/similar/);
    expect(() => new LLMCache({ store: new WordStore(), similar: {}, control: { similar: false } })).toThrow(/twice/);
    expect(new LLMCache({ similar: false })).toBeInstanceOf(LLMCache);
  });

  it("has the same id whether it is compared or not", async () => {
    const { cache } = similarStage();
    expect(cache.key(chat("q"), { similar: false }).id).toBe(cache.key(chat("q")).id);
  });

  it("switched off, a request neither finds similar answers nor is found as one", async () => {
    const { ask } = similarStage();
    await ask(STORED, { similar: false });
    expect((await ask(ASKED, { noStore: true })).status).toBe("miss");
    await ask(STORED, { noCache: true });
    expect((await ask(ASKED, { similar: false, noStore: true })).status).toBe("miss");
    expect((await ask(ASKED)).status).toBe("hit");
  });

  it("no items of lists", async () => {
    const { cache, ask, words } = similarStage();
    await ask(STORED);
    words.compared.length = 0;
    const [outcome] = await cache.throughMany([chat(ASKED)], async () => ["asked"]);
    expect(outcome).toMatchObject({ status: "miss", value: "asked" });
    expect(words.compared).toEqual([]);
  });
});

describe("a similar candidate is judged like any hit", () => {
  it("is not read under noCache, and not looked for", async () => {
    const { ask, words } = similarStage();
    await ask(STORED);
    words.compared.length = 0;
    expect((await ask(ASKED, { noCache: true })).status).toBe("miss");
    expect(words.compared).toEqual([]);
  });

  it("may be read under noStore; what is asked for is not stored", async () => {
    const { ask, words } = similarStage();
    await ask(STORED);
    expect((await ask(ASKED, { noStore: true })).status).toBe("hit");
    const other = await ask("something else", { noStore: true });
    expect(await words.get({ id: other.key.id })).toBeUndefined();
  });

  it("answers onlyIfCached, or nothing does", async () => {
    const { ask } = similarStage();
    await expect(ask(ASKED, { onlyIfCached: true })).rejects.toMatchObject({ code: "ERR_LLMCACHE_MISS" });
    await ask(STORED);
    expect((await ask(ASKED, { onlyIfCached: true })).status).toBe("hit");
  });

  it("obeys sMaxAge: of the candidates the next one may be young enough", async () => {
    const { ask, clock } = similarStage();
    await ask(STORED);
    clock.pass(10_000);
    expect((await ask(ASKED, { sMaxAge: 5, noStore: true })).status).toBe("miss");
    await ask("please tell me how do I boil an egg", { noCache: true });
    const hit = await ask(ASKED, { sMaxAge: 5 });
    expect(hit).toMatchObject({ status: "hit", value: "answer 3" });
    expect((await ask(ASKED)).value).toBe("answer 1");
  });

  it("is a miss once one of its tags is invalidated", async () => {
    const { cache, ask } = similarStage();
    await ask(STORED, { tags: ["eggs"] });
    expect((await ask(ASKED)).status).toBe("hit");
    await cache.invalidate({ tags: ["eggs"] });
    expect((await ask(ASKED)).status).toBe("miss");
  });

  it("is a miss where the call cannot decode it", async () => {
    const { cache, ask } = similarStage();
    await ask(STORED);
    const outcome = await cache.through(chat(ASKED), async () => "own", {
      decode: (body) => (body.json() === "own" ? "own" : undefined),
    });
    expect(outcome.status).toBe("miss");
  });

  it("is served expired where the call takes that, and refreshed under the request's own key", async () => {
    const { cache, clock, ask } = similarStage({ ttl: "10s", control: { staleWhileRevalidate: "60s" } });
    const first = await ask(STORED);
    clock.pass(10_000);
    const stale = await ask(ASKED);
    expect(stale).toMatchObject({ status: "stale", value: "answer 1" });
    expect(stale.similarity).toBeGreaterThan(0.8);
    expect(cache.stats()).toMatchObject({ stale: 1, similar: 1 });
    expect(await ask(ASKED)).toMatchObject({ status: "hit", value: "answer 2", similarity: undefined });
    expect((await cache.get({ id: first.key.id }))?.status).not.toBe("hit");
  });

  it("gives way to the request's own expired answer, though that is older", async () => {
    const { clock, ask } = similarStage({ ttl: "10s", control: { staleWhileRevalidate: "60s" } });
    await ask(ASKED);
    clock.pass(1000);
    await ask(STORED, { noCache: true });
    clock.pass(10_000);
    expect(await ask(ASKED)).toMatchObject({ status: "stale", value: "answer 1", similarity: undefined });
  });
});

describe("store trouble", () => {
  it("an embedder that fails is a miss and an event; under onlyIfCached an error of its own", async () => {
    const { ask, words, events } = similarStage();
    await ask(STORED);
    const error = new Error("the embedder is down");
    words.embedding = async () => {
      throw error;
    };
    expect((await ask(ASKED)).status).toBe("miss");
    expect(events.filter(({ type }) => type === "failure")).toMatchObject([{ during: "get", error }]);
    await expect(ask("how do I boil an egg then", { onlyIfCached: true })).rejects.toMatchObject({
      code: "ERR_LLMCACHE_STORE",
    });
    // What is there exactly needs none.
    expect((await ask(STORED)).status).toBe("hit");
  });

  it("an embedder that is slow is a miss within the deadline, and is told to stop", async () => {
    const { ask, words, events } = similarStage({ storeTimeoutMs: 20 });
    await ask(STORED);
    let signal: AbortSignal | undefined;
    words.embedding = (given) => {
      signal = given;
      return new Promise(() => undefined);
    };
    expect((await ask(ASKED)).status).toBe("miss");
    expect(signal?.aborted).toBe(true);
    expect(events.filter(({ type }) => type === "failure")).toMatchObject([{ during: "get" }]);
  });
});

describe("tiers", () => {
  const tiered = (clock: Clock) => {
    const near = new WordStore(clock.read, "near");
    const far = new WordStore(clock.read, "far");
    return { near, far, store: new TieredStore([new MapStore(), near, far], { clock: clock.read }) };
  };

  it("all are asked exactly before any is asked for something similar", async () => {
    const clock = new Clock();
    const { near, far, store } = tiered(clock);
    const { ask, cache } = similarStage({ store, clock: clock.read });
    await ask(STORED);
    const own = await ask(ASKED, { noCache: true });
    await near.delete({ id: own.key.id });
    await cache.settled();
    near.compared.length = 0;
    far.compared.length = 0;
    expect(await ask(ASKED)).toMatchObject({ status: "hit", value: "answer 2", similarity: undefined });
    expect([near.compared, far.compared]).toEqual([[], []]);
  });

  it("a similar hit says its tier, and is brought nearer under its own key and with its own instants", async () => {
    const clock = new Clock();
    const { near, far, store } = tiered(clock);
    const { ask } = similarStage({ store, clock: clock.read, ttl: "60s" });
    const first = await ask(STORED);
    await near.clear();
    clock.pass(1000);
    const hit = await ask(ASKED);
    expect(hit).toMatchObject({ status: "hit", tier: "far", ageMs: 1000 });
    const [copy, original] = [await near.get({ id: first.key.id }), await far.get({ id: first.key.id })];
    expect(copy?.entry).toMatchObject({ text: STORED, createdAt: first.head?.createdAt, staleAt: first.head?.staleAt });
    expect(copy?.entry.deleteAt).toBe(original?.entry.deleteAt);
    expect(await ask(ASKED)).toMatchObject({ status: "hit", tier: "near" });
    expect(await near.get({ id: hit.key.id })).toBeUndefined();
  });

  it("a rejected pair is rejected in all of them; one that cannot be told is an error", async () => {
    const clock = new Clock();
    const { near, far, store } = tiered(clock);
    const { ask } = similarStage({ store, clock: clock.read });
    await ask(STORED);
    await (await ask(ASKED)).reject({ pair: true });
    expect([near.rejected.size, far.rejected.size]).toEqual([1, 1]);
    expect((await ask(ASKED, { noStore: true })).status).toBe("miss");
    const readOnly = new TieredStore([near, { store: far, write: false }]);
    await expect(readOnly.rejectPair?.({ id: "a" }, { id: "b" })).rejects.toThrow(/far.*only read/);
    expect(near.rejected).toContain("a b");
    expect(new TieredStore([new MapStore()]).rejectPair).toBeUndefined();
  });
});

describe("reject", () => {
  it("with pair: the two never match again, and the entry stays for all others", async () => {
    const { cache, ask, events, asked } = similarStage();
    await ask(STORED);
    const hit = await ask(ASKED);
    await hit.reject({ pair: true });
    expect(events.at(-1)).toMatchObject({ type: "rejected", pair: true, id: hit.key.id });
    expect(cache.stats().rejected).toBe(1);
    expect((await ask(STORED)).status).toBe("hit");
    expect((await ask("how do I boil an egg thanks")).status).toBe("hit");
    const again = await ask(ASKED);
    expect(again).toMatchObject({ status: "miss", value: "answer 2" });
    expect(asked()).toBe(2);
    expect(await ask(ASKED)).toMatchObject({ value: "answer 2", similarity: undefined });
  });

  it("with pair, the next one may serve", async () => {
    const { ask } = similarStage();
    await ask(STORED);
    await ask("please how do I boil eggs", { noCache: true });
    const hit = await ask(ASKED);
    expect(hit.value).toBe("answer 1");
    await hit.reject({ pair: true });
    expect(await ask(ASKED)).toMatchObject({ status: "hit", value: "answer 2" });
  });

  it("without it, removes the stored entry", async () => {
    const { ask, words } = similarStage();
    const first = await ask(STORED);
    await (await ask(ASKED)).reject();
    expect(await words.get({ id: first.key.id })).toBeUndefined();
    expect((await ask(ASKED)).status).toBe("miss");
  });

  it("with pair is an error where the answer is the request's own, and where the store cannot remember", async () => {
    const { ask, words } = similarStage();
    const first = await ask(STORED);
    for (const outcome of [first, await ask(STORED)])
      await expect(outcome.reject({ pair: true })).rejects.toMatchObject({ code: "ERR_LLMCACHE_OPTION" });
    const hit = await ask(ASKED);
    Object.assign(words, { rejectPair: undefined });
    await expect(hit.reject({ pair: true })).rejects.toMatchObject({ code: "ERR_LLMCACHE_UNSUPPORTED" });
  });

  it("with pair rejects if the store fails, also behind a breaker", async () => {
    const clock = new Clock();
    const faulty = new FaultyStore(new WordStore(clock.read));
    const { ask } = similarStage({ store: withBreaker(faulty, { failures: 1, clock: clock.read }), clock: clock.read });
    await ask(STORED);
    const hit = await ask(ASKED);
    faulty.fail("rejectPair");
    await expect(hit.reject({ pair: true })).rejects.toMatchObject({ code: "ERR_LLMCACHE_STORE" });
    await expect(hit.reject({ pair: true })).rejects.toMatchObject({ code: "ERR_LLMCACHE_PAUSED" });
    expect(faulty.calls.rejectPair).toBe(1);
  });
});
