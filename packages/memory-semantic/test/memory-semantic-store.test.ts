import { describe, expect, test, vi } from "vitest";
import { LLMCache, RESERVED_OPERATIONS, type StoreEvent } from "@llmcache/core";
import { MemorySemanticStore } from "@llmcache/memory-semantic";
import { answerTo, anyAbove, entryOf, keyOf, storeOf, WordEmbedder, wordVector } from "./stage.ts";

const EGG = "how do I boil an egg";
const EGG_PLEASE = "how do I boil an egg please";

describe("a similar text", () => {
  test("is found within its scope, with the cosine of the vectors, and the entry as it was stored", async () => {
    const { store } = storeOf();
    const entry = entryOf(EGG, { staleAt: 5, tags: { a: "1" } });
    await store.set(entry);
    const hit = await store.get(keyOf(EGG_PLEASE));
    expect(hit?.entry).toMatchObject({ id: entry.id, text: EGG, scope: entry.scope, staleAt: 5, tags: { a: "1" } });
    const [a, b] = [wordVector(EGG), wordVector(EGG_PLEASE)];
    const dot = a.reduce((sum, x, at) => sum + x * (b[at] as number), 0);
    expect(hit?.similarity).toBeCloseTo(dot / Math.hypot(...a) / Math.hypot(...b), 5);
    expect(await answerTo(store, EGG_PLEASE, "other model")).toBeUndefined();
    expect(await answerTo(store, "what is the tallest mountain")).toBeUndefined();
  });

  test("the nearest comes first; of what is refused the next", async () => {
    const { store } = storeOf({ policy: anyAbove(0.3) });
    for (const text of ["boil an egg", EGG, "how do I boil rice"]) await store.set(entryOf(text));
    const offered: [string | undefined, number][] = [];
    const accept = (hit: {
      readonly entry: { readonly text?: string | undefined };
      readonly similarity?: number | undefined;
    }) => {
      offered.push([hit.entry.text, hit.similarity ?? 0]);
      return false;
    };
    expect(await store.get(keyOf(EGG_PLEASE), { accept })).toBeUndefined();
    expect(offered[0]?.[0]).toBe(EGG);
    expect(offered).toHaveLength(3);
    const similarities = offered.map(([, similarity]) => similarity);
    expect(similarities).toEqual(similarities.toSorted((a, b) => b - a));
  });

  test("no more than maxCandidates are looked at; the request's own and rejected ones take no place", async () => {
    const asked: string[] = [];
    const decide = ({ stored }: { readonly stored: string }) => {
      asked.push(stored);
      return { serve: false, reason: "test" };
    };
    const { store } = storeOf({ policy: { decide }, maxCandidates: 2 });
    const texts = ["one egg", "two egg", "three egg", "four egg", "egg"];
    for (const text of texts) await store.set(entryOf(text));
    await store.get(keyOf("egg"), { accept: () => false });
    expect(asked).toHaveLength(2);
    expect(asked).not.toContain("egg");
    const [first] = asked;
    await store.rejectPair(keyOf("egg"), keyOf(first as string));
    asked.length = 0;
    await store.get(keyOf("egg"), { accept: () => false });
    expect(asked).toHaveLength(2);
    expect(asked).not.toContain(first);
  });

  test("is for the policy to judge, which is told both texts, the similarity and the embedder", async () => {
    const decide = vi.fn(() => ({ serve: true, reason: "test" }));
    const { store } = storeOf({ policy: { decide } });
    await store.set(entryOf(EGG));
    const hit = await store.get(keyOf(EGG_PLEASE));
    expect(decide.mock.calls).toEqual([
      [{ asked: EGG_PLEASE, stored: EGG, similarity: hit?.similarity, embedder: "words" }],
    ]);
  });

  test("at the threshold is served, below it the policy is not even asked", async () => {
    const { store } = storeOf({ policy: anyAbove(0) });
    await store.set(entryOf(EGG));
    const { similarity } = (await store.get(keyOf(EGG_PLEASE))) as { readonly similarity: number };
    for (const [threshold, asked] of [
      [similarity, 1],
      [similarity + 1e-9, 0],
    ] as const) {
      const decide = vi.fn(() => ({ serve: true, reason: "test" }));
      const other = storeOf({ policy: { threshold, decide } }).store;
      await other.set(entryOf(EGG));
      expect([(await other.get(keyOf(EGG_PLEASE))) !== undefined, decide.mock.calls.length]).toEqual([
        asked === 1,
        asked,
      ]);
    }
  });

  test("with a threshold alone the policy of @llmcache/similarity decides", async () => {
    const embedder = new WordEmbedder();
    const store = new MemorySemanticStore({ embedder, threshold: 0.6 });
    await store.set(entryOf(EGG));
    expect(await answerTo(store, "how do I boil the egg")).toBe(EGG);
    expect(await answerTo(store, "what is the tallest mountain")).toBeUndefined();
  });
});

describe("embeddings", () => {
  test("a lookup by id costs none, nor does one where nothing is behind the same wall", async () => {
    const { store, embedder } = storeOf();
    await store.get(keyOf(EGG));
    expect(embedder.calls).toBe(0);
    await store.set(entryOf(EGG));
    await store.get(keyOf(EGG));
    await store.getMany([keyOf(EGG), { id: keyOf(EGG).id }]);
    expect(embedder.asked).toEqual([EGG]);
  });

  test("a miss and the write after it cost one", async () => {
    const { store, embedder } = storeOf();
    await store.set(entryOf("what is the tallest mountain"));
    await store.get(keyOf(EGG));
    await store.set(entryOf(EGG));
    expect(embedder.asked.filter((text) => text === EGG)).toHaveLength(1);
    await store.set(entryOf(EGG, { value: "refreshed" }));
    expect(embedder.asked.filter((text) => text === EGG)).toHaveLength(1);
  });

  test("a refreshed answer keeps its vector, though its text was not asked for lately", async () => {
    const { store, embedder } = storeOf();
    await store.set(entryOf(EGG));
    for (let at = 0; at < 300; at++) await store.set(entryOf(`other ${at}`));
    await store.set(entryOf(EGG, { value: "refreshed" }));
    expect(embedder.asked.filter((text) => text === EGG)).toHaveLength(1);
    expect((await store.get(keyOf(EGG_PLEASE)))?.entry.body.json()).toBe("refreshed");
  });

  test("the same text under way is asked for once; the last who waits ends it", async () => {
    const { store, embedder } = storeOf();
    await store.set(entryOf("what is the tallest mountain"));
    const gate = Promise.withResolvers<void>();
    embedder.instead = async (texts) => {
      await gate.promise;
      return texts.map((text) => wordVector(text));
    };
    const [one, two] = [new AbortController(), new AbortController()];
    const calls = [one, two].map(({ signal }) => store.get(keyOf(EGG), { signal }));
    for (const call of calls) call.catch(() => undefined);
    await vi.waitFor(() => expect(embedder.calls).toBe(2));
    one.abort(new Error("gone"));
    await expect(calls[0]).rejects.toThrow("gone");
    expect(embedder.signals[1]?.aborted).toBe(false);
    two.abort(new Error("gone, too"));
    await expect(calls[1]).rejects.toThrow("gone, too");
    expect(embedder.signals[1]?.aborted).toBe(true);
    const again = store.get(keyOf(EGG));
    gate.resolve();
    expect(await again).toBeUndefined();
    expect(embedder.calls).toBe(3);
  });

  test("texts of one setMany go together, each once", async () => {
    const { store, embedder } = storeOf();
    await store.setMany([entryOf(EGG), entryOf("rice"), entryOf(EGG, { model: "other" })]);
    expect(embedder.calls).toBe(1);
    expect(embedder.asked).toEqual([EGG, "rice"]);
  });

  test("entries without text, and the cache's own, have none", async () => {
    const { store, embedder } = storeOf();
    const { text: _, ...textless } = entryOf(EGG);
    await store.set(textless);
    await store.set(entryOf("rice", { metadata: { operation: RESERVED_OPERATIONS[0] as string } }));
    expect(embedder.calls).toBe(0);
    expect(store.usage()).toMatchObject({ entries: 1, vectors: 0, scopes: 0 });
  });
});

describe("an embedder in trouble", () => {
  test("that fails: a lookup rejects, what is written is found by its id, and that is told once", async () => {
    const { store, embedder } = storeOf();
    const events: StoreEvent[] = [];
    store.on((event) => events.push(event));
    await store.set(entryOf(EGG));
    embedder.instead = () => {
      throw new Error("no quota");
    };
    await expect(store.get(keyOf(EGG_PLEASE))).rejects.toMatchObject({
      code: "ERR_LLMCACHE_EMBEDDER",
      message: expect.stringContaining("no quota"),
    });
    await store.set(entryOf("rice"));
    await store.setMany([entryOf("pasta"), entryOf("bread")]);
    expect(await store.add(entryOf("soup"))).toBe(true);
    for (const text of ["rice", "pasta", "bread", "soup", EGG]) expect(await answerTo(store, text)).toBe(text);
    expect(events).toMatchObject([{ type: "degraded", message: expect.stringMatching(/words.*no quota.*id alone/) }]);
    embedder.instead = undefined;
    await store.set(entryOf("rice"));
    expect(events.map(({ type }) => type)).toEqual(["degraded", "recovered"]);
    expect(await answerTo(store, "some rice")).toBe("rice");
  });

  test("that hangs: a write in time's end keeps the entry for its id", async () => {
    const { store, embedder } = storeOf();
    embedder.instead = () => new Promise(() => undefined);
    const controller = new AbortController();
    const writing = store.set(entryOf(EGG), { signal: controller.signal });
    controller.abort(new Error("too late"));
    await expect(writing).rejects.toThrow("too late");
    expect(await answerTo(store, EGG)).toBe(EGG);
    expect(store.usage().vectors).toBe(0);
  });

  const wrong: readonly [string, unknown, RegExp][] = [
    ["NaN", [Float32Array.of(...Array.from({ length: 63 }, () => 0), Number.NaN)], /no finite/],
    ["an infinity", [new Float32Array(64).fill(Number.POSITIVE_INFINITY)], /no finite/],
    ["zeros", [new Float32Array(64)], /zeros/],
    ["another length", [new Float32Array(65).fill(1)], /65 dimensions instead of 64/],
    ["nothing in it", [new Float32Array(0)], /0 dimensions instead of 64/],
    ["plain numbers", [Array.from({ length: 64 }, () => 1)], /no Float32Array/],
    ["too many of them", [wordVector("a"), wordVector("b")], /2 vectors for 1/],
    ["none", [], /0 vectors for 1/],
    ["no list", "vectors", /no vectors for 1/],
  ];
  test.each(wrong)("that gives %s: nothing is written or compared", async (_, vectors, message) => {
    const { store, embedder } = storeOf();
    await store.set(entryOf("rice"));
    embedder.instead = () => vectors;
    const error = { code: "ERR_LLMCACHE_EMBEDDER", message: expect.stringMatching(message) };
    await expect(store.set(entryOf(EGG))).rejects.toMatchObject(error);
    await expect(store.add(entryOf(EGG))).rejects.toMatchObject(error);
    await expect(store.get(keyOf("some rice"))).rejects.toMatchObject(error);
    expect(await store.get({ id: keyOf(EGG).id })).toBeUndefined();
    expect(store.usage()).toMatchObject({ entries: 1, vectors: 1 });
  });

  test("whose dimensions nobody stated: the first vector says them", async () => {
    const embedder = new WordEmbedder("words", 0);
    const { store } = storeOf({ embedder });
    embedder.instead = () => [new Float32Array(3).fill(1), new Float32Array(4).fill(1)];
    await expect(store.setMany([entryOf("a"), entryOf("b")])).rejects.toThrow(/4 dimensions instead of 3/);
    embedder.instead = undefined;
    await store.set(entryOf(EGG));
    embedder.instead = () => [new Float32Array(3).fill(1)];
    await expect(store.set(entryOf("b"))).rejects.toThrow(/3 dimensions instead of 64/);
  });

  test("vectors that are not of unit length, and texts that are opposite", async () => {
    const { store, embedder } = storeOf({ policy: anyAbove(0) });
    const vectors: Record<string, number> = { up: 1e-18, higher: 3e18, down: -7 };
    embedder.instead = (texts) => texts.map((text) => new Float32Array(64).fill(vectors[text] as number));
    await store.set(entryOf("up"));
    expect((await store.get(keyOf("higher")))?.similarity).toBeCloseTo(1, 6);
    expect((await store.get(keyOf("higher")))?.similarity).toBeLessThanOrEqual(1);
    expect((await store.get(keyOf("down")))?.similarity).toBe(0);
  });
});

describe("writes that wait for the embedder", () => {
  const held = async () => {
    const { store, embedder } = storeOf();
    const gates: PromiseWithResolvers<void>[] = [];
    embedder.instead = async (texts) => {
      const gate = Promise.withResolvers<void>();
      gates.push(gate);
      await gate.promise;
      return texts.map((text) => wordVector(text));
    };
    return { store, embedder, gates };
  };
  const entry = (value: string, createdAt = 1) => entryOf(EGG, { value, createdAt });

  test("what is deleted meanwhile does not come back, nor what is cleared", async () => {
    for (const forget of [
      (store: MemorySemanticStore) => store.delete(keyOf(EGG)),
      (store: MemorySemanticStore) => store.clear(),
    ]) {
      const { store, gates } = await held();
      const writes = [store.set(entry("set")), store.add(entry("added"))];
      await vi.waitFor(() => expect(gates).toHaveLength(1));
      await forget(store);
      gates[0]?.resolve();
      await Promise.all(writes);
      expect(await store.get(keyOf(EGG))).toBeUndefined();
      expect(store.usage()).toMatchObject({ entries: 0, vectors: 0, bytes: 0 });
    }
  });

  test("the one that began last stands", async () => {
    const { store, embedder, gates } = await held();
    const first = store.set(entry("first"));
    await vi.waitFor(() => expect(gates).toHaveLength(1));
    embedder.instead = undefined;
    const { text: _, ...textless } = entry("second", 2);
    await store.set(textless);
    gates[0]?.resolve();
    await first;
    expect((await store.get(keyOf(EGG)))?.entry.body.json()).toBe("second");
  });

  test("of two adds one stores", async () => {
    const { store, gates } = await held();
    const adds = [store.add(entry("one")), store.add(entry("two"))];
    await vi.waitFor(() => expect(gates).toHaveLength(1));
    gates[0]?.resolve();
    expect((await Promise.all(adds)).filter(Boolean)).toHaveLength(1);
    expect((await store.get(keyOf(EGG)))?.entry.body.json()).toBe("one");
  });

  test("one that is refused anyway costs no embedding", async () => {
    const { store, embedder } = storeOf();
    await store.set(entryOf(EGG));
    for (let at = 0; at < 300; at++) await store.set(entryOf(`other ${at}`));
    const { calls } = embedder;
    expect(await store.add(entryOf(EGG))).toBe(false);
    expect(embedder.calls).toBe(calls);
  });

  test("a store that is closed meanwhile takes nothing", async () => {
    const { store, gates } = await held();
    const writing = store.set(entry("late"));
    await vi.waitFor(() => expect(gates).toHaveLength(1));
    await store[Symbol.asyncDispose]();
    gates[0]?.resolve();
    await expect(writing).rejects.toMatchObject({ code: "ERR_LLMCACHE_CLOSED" });
    expect(store.usage().entries).toBe(0);
  });
});

describe("bounds", () => {
  test("the least recently used go first, of whichever scope; a similar hit is a use", async () => {
    const { store } = storeOf({ maxEntries: 3 });
    await store.set(entryOf(EGG));
    await store.set(entryOf("rice", { model: "other" }));
    await store.set(entryOf("bread"));
    await store.get(keyOf(EGG_PLEASE));
    await store.set(entryOf("soup"));
    expect(await answerTo(store, EGG)).toBe(EGG);
    expect(await answerTo(store, "rice", "other")).toBeUndefined();
    expect(store.usage()).toMatchObject({ entries: 3, vectors: 3, scopes: 1 });
  });

  test("bytes count vectors, texts and bodies", async () => {
    const { store } = storeOf();
    const sizeOf = async (entry: ReturnType<typeof entryOf>): Promise<number> => {
      const before = store.usage().bytes;
      await store.set(entry);
      return store.usage().bytes - before;
    };
    const { text: _, ...textless } = entryOf("aaaa", { value: "" });
    const bare = await sizeOf(textless);
    await store.clear();
    expect(await sizeOf(entryOf("aaaa", { value: "" }))).toBe(bare + 4 + 64 * 4);
    expect(await sizeOf(entryOf("bbbb", { value: "x".repeat(1000) }))).toBeGreaterThanOrEqual(bare + 4 + 64 * 4 + 1000);
    await store.delete(keyOf("aaaa"));
    await store.delete(keyOf("bbbb"));
    expect(store.usage().bytes).toBe(0);
  });

  test("as many as maxBytes takes, and no vector of what has gone", async () => {
    const { store } = storeOf({ maxBytes: 200_000 });
    for (let at = 0; at < 500; at++) await store.set(entryOf(`question ${at}`, { value: "x".repeat(1000) }));
    const { entries, vectors, bytes } = store.usage();
    expect(bytes).toBeLessThanOrEqual(200_000);
    expect(bytes).toBeGreaterThan(190_000);
    expect(vectors).toBe(entries);
    expect(entries).toBeLessThan(110);
  });

  test("an entry past its deleteAt is never served; the scope is rid of it when it is searched", async () => {
    let now = 0;
    const { store } = storeOf({ clock: () => now });
    await store.set(entryOf(EGG, { deleteAt: 100 }));
    await store.set(entryOf("how do I boil an egg slowly", { deleteAt: 200 }));
    await store.set(entryOf("rice"));
    now = 99;
    expect(await answerTo(store, EGG_PLEASE)).toBe(EGG);
    now = 100;
    expect(await answerTo(store, EGG_PLEASE)).toBe("how do I boil an egg slowly");
    expect(store.usage()).toMatchObject({ entries: 2, vectors: 2 });
    now = 200;
    expect(await answerTo(store, EGG_PLEASE)).toBeUndefined();
    expect(store.usage()).toMatchObject({ entries: 1, vectors: 1 });
    expect(await answerTo(store, "some rice")).toBe("rice");
  });

  test("a thousand tenants with one question each cost little more than that", async () => {
    const { store } = storeOf();
    for (let at = 0; at < 1000; at++) await store.set(entryOf(EGG, { scope: `tenant ${at}`, id: `${at}` }));
    expect(store.usage()).toMatchObject({ scopes: 1000, vectors: 1000 });
    await store.clear();
    expect(store.usage()).toEqual({ entries: 0, bytes: 0, scopes: 0, vectors: 0, indexed: 0 });
  });
});

describe("rejected pairs", () => {
  test("are remembered when the entry is evicted, deleted, or yet to come", async () => {
    const { store } = storeOf({ maxEntries: 1 });
    await store.rejectPair(keyOf("rice please"), keyOf("rice"));
    await store.set(entryOf("rice"));
    expect(await answerTo(store, "rice please")).toBeUndefined();
    await store.set(entryOf(EGG));
    await store.rejectPair(keyOf(EGG_PLEASE), keyOf(EGG));
    await store.set(entryOf("rice"));
    expect(await answerTo(store, "rice please")).toBeUndefined();
    expect(await answerTo(store, "rice thanks")).toBe("rice");
    await store.set(entryOf(EGG));
    expect(await answerTo(store, EGG_PLEASE)).toBeUndefined();
    await store.delete(keyOf(EGG));
    await store.set(entryOf(EGG));
    expect(await answerTo(store, EGG_PLEASE)).toBeUndefined();
    await store.clear();
    await store.set(entryOf(EGG));
    expect(await answerTo(store, EGG_PLEASE)).toBe(EGG);
  });

  test("an answer that is rejected a hundred times is found by its id alone", async () => {
    const { store } = storeOf();
    await store.set(entryOf(EGG));
    for (let at = 0; at < 99; at++) await store.rejectPair({ id: `${at}` }, keyOf(EGG));
    expect(await answerTo(store, EGG_PLEASE)).toBe(EGG);
    await store.rejectPair({ id: "99" }, keyOf(EGG));
    expect(await answerTo(store, EGG_PLEASE)).toBeUndefined();
    await store.set(entryOf(EGG));
    expect(await answerTo(store, EGG_PLEASE)).toBeUndefined();
    expect(await answerTo(store, EGG)).toBe(EGG);
  });
});

describe("options", () => {
  const embedder = new WordEmbedder();
  const policy = anyAbove(0.9);
  test.each([
    [{ embedder }, /calibrate/],
    [{ embedder, threshold: 1.5 }, /threshold/],
    [{ embedder, policy, threshold: 0.9 }, /either/],
    [{ embedder, policy: {} }, /policy/],
    [{ policy }, /embedder/],
    [{ policy, embedder: { id: "", embed: () => undefined } }, /embedder/],
    [{ policy, embedder: { id: "a", dimensions: 0, embed: () => undefined } }, /embedder.dimensions/],
    [{ embedder, policy, maxEntries: 0 }, /maxEntries/],
    [{ embedder, policy, maxBytes: "1GB" }, /maxBytes/],
    [{ embedder, policy, maxCandidates: 0 }, /maxCandidates/],
    [{ embedder, policy, index: "hnsw" }, /index/],
    [{ embedder, policy, indexAbove: -1 }, /indexAbove/],
    [{ embedder, policy, clock: 5 }, /clock/],
    [{ embedder, policy, treshold: 1 }, /treshold/],
  ])("%# are refused by name", (options, message) => {
    const make = () => new MemorySemanticStore(options as never);
    expect(make).toThrow(expect.objectContaining({ code: "ERR_LLMCACHE_OPTION" }));
    expect(make).toThrow(message);
  });
});

test("under a cache, many at once: every caller has the answer to his own question, or to a similar one", async () => {
  const { store, embedder } = storeOf({ maxEntries: 40 });
  const cache = new LLMCache({ store, storeTimeoutMs: 10_000 });
  const words = ["egg", "rice", "bread", "soup", "pasta", "fish"];
  const texts = words.flatMap((word) =>
    Array.from({ length: 10 }, (_, at) => `how do I cook ${word} for ${"x".repeat(at)}`),
  );
  let asked = 0;
  const ask = async (prompt: string): Promise<void> => {
    const outcome = await cache.through({ operation: "chat.completions", prompt, shape: { turns: 1 } }, async () => {
      asked++;
      await new Promise((resolve) => void setImmediate(resolve));
      return prompt;
    });
    if (outcome.similarity === undefined) expect(outcome.value).toBe(prompt);
    else expect(outcome.value).toBe(outcome.head?.text);
  };
  await Promise.all(Array.from({ length: 600 }, (_, at) => ask(texts[(at * 7) % texts.length] as string)));
  await cache.settled();
  expect(asked).toBeGreaterThan(0);
  expect(cache.stats()).toMatchObject({ failures: 0 });
  expect(cache.inFlight).toBe(0);
  expect(store.usage().vectors).toBe(store.usage().entries);
  expect(embedder.asked.length).toBeLessThan(200);
  await cache[Symbol.asyncDispose]();
});
