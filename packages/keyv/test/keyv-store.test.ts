import { Keyv } from "keyv";
import { afterEach, describe, expect, test, vi } from "vitest";
import { aesCodec, isLLMCacheError } from "@llmcache/core";
import { sampleId } from "@llmcache/core/conformance";
import { KeyvStore, type KeyvStoreOptions } from "@llmcache/keyv";
import { FormerAdapter, PlainAdapter } from "./adapters.ts";
import { entryOf, eventsOf, has, idsOf, valueOf } from "./places.ts";

const storeError = (message: string): unknown =>
  expect.toSatisfy((error) => isLLMCacheError(error, "ERR_LLMCACHE_STORE") && error.message.includes(message));

function plain(
  change: Partial<PlainAdapter> = {},
  options: KeyvStoreOptions = {},
): { readonly adapter: PlainAdapter; readonly store: KeyvStore } {
  const adapter = Object.assign(new PlainAdapter(), change);
  return { adapter, store: new KeyvStore({ adapter, ...options }) };
}

afterEach(() => {
  vi.useRealTimers();
});

describe("options", () => {
  test.each<[string, Record<string, unknown>]>([
    ["either keyv", {}],
    ["either keyv", { keyv: new Keyv(), adapter: new PlainAdapter() }],
    ["keyv must be an instance of Keyv 6", { keyv: new Map() }],
    ["keyv must be an instance of Keyv 6", { keyv: new PlainAdapter() }],
    ["keyv must be an instance of Keyv 6", { keyv: null }],
    ["adapter must be a storage adapter of Keyv 6", { adapter: new Map() }],
    ["new Keyv({ store: adapter })", { adapter: new FormerAdapter() }],
    ["prefix must be", { adapter: new PlainAdapter(), prefix: "a b" }],
    ["prefix must be", { adapter: new PlainAdapter(), prefix: 5 }],
    ["prefix must be", { adapter: new PlainAdapter(), prefix: "x".repeat(151) }],
    ['prefix "" is only for', { adapter: new PlainAdapter(), prefix: "" }],
    ['prefix "" is only for', { keyv: new Keyv(), prefix: "" }],
    ["must not begin with the namespace", { keyv: new Keyv({ namespace: "app" }), prefix: "app:cache-" }],
    ["codec must be", { adapter: new PlainAdapter(), codec: {} }],
    ["maxEntryBytes must be", { adapter: new PlainAdapter(), maxEntryBytes: 0 }],
    ["timeoutMs must be", { adapter: new PlainAdapter(), timeoutMs: 2 ** 31 }],
    ["disconnect must be", { adapter: new PlainAdapter(), disconnect: "yes" }],
  ])("%s", (message, options) => {
    expect(() => new KeyvStore(options as KeyvStoreOptions)).toThrow(
      expect.toSatisfy((error) => isLLMCacheError(error, "ERR_LLMCACHE_OPTION") && error.message.includes(message)),
    );
  });
});

describe("what is stored", () => {
  test("is the frame's text under the prefix and the id", async () => {
    const { adapter, store } = plain();
    await store.set(entryOf("a", { value: { text: "Grüße" } }));
    expect([...adapter.rows.keys()]).toEqual([`llmcache-${sampleId("a")}`]);
    expect(adapter.rows.values().next().value?.value).toMatch(/^\{"llmcache":1,.*\{"text":"Grüße"\}[0-9a-f]{8}$/s);
  });

  test("goes through the serialization, compression and encryption of a Keyv", async () => {
    const adapter = new PlainAdapter();
    const hex = {
      encrypt: (text: string) => Buffer.from(text).toString("hex"),
      decrypt: (text: string) => Buffer.from(text, "hex").toString(),
    };
    const store = new KeyvStore({ keyv: new Keyv({ store: adapter, encryption: hex }) });
    await store.setMany([entryOf("a"), entryOf("b")]);
    for (const { value } of adapter.rows.values()) expect(value).toMatch(/^[0-9a-f]+$/);
    expect(await valueOf(store, "a")).toBe("a");
    expect((await store.getMany([{ id: sampleId("b") }]))[0]?.entry.body.json()).toBe("b");
    expect(await idsOf(store)).toHaveLength(2);
  });

  test("is base64 where a codec makes bytes, and a miss without the key, with an event", async () => {
    const { adapter, store } = plain({}, { codec: aesCodec({ keys: [{ id: "1", key: "a".repeat(64) }] }) });
    await store.set(entryOf("a"));
    expect(adapter.rows.values().next().value?.value).toMatch(/^base64,[A-Za-z0-9+/]+=*$/);
    expect(await valueOf(store, "a")).toBe("a");
    const other = new KeyvStore({ adapter, codec: aesCodec({ keys: [{ id: "2", key: "b".repeat(64) }] }) });
    const events = eventsOf(other);
    expect(await has(other, "a")).toBe(false);
    expect(events).toMatchObject([{ store: "keyv", type: "unreadable", id: sampleId("a") }]);
    expect(await other.add(entryOf("a", { value: "new" }))).toBe(true);
    expect(await valueOf(other, "a")).toBe("new");
  });

  test("is dropped by an entry that is too large, which is told", async () => {
    const { adapter, store } = plain({}, { maxEntryBytes: 600 });
    const events = eventsOf(store);
    await store.setMany([entryOf("a"), entryOf("b")]);
    const large = "x".repeat(1000);
    await store.set(entryOf("a", { value: large }));
    await store.setMany([entryOf("b", { value: large }), entryOf("c")]);
    expect(await store.add(entryOf("d", { value: large }))).toBe(false);
    expect([...adapter.rows.keys()]).toEqual([`llmcache-${sampleId("c")}`]);
    expect(events.map(({ type }) => type)).toEqual(["too-large", "too-large", "too-large"]);
  });

  test("of several entries with one id in setMany, it is the last", async () => {
    const { adapter, store } = plain();
    const asked: string[][] = [];
    const { setMany } = adapter;
    adapter.setMany = (entries) => {
      asked.push(entries.map(({ key }) => key));
      return setMany.call(adapter, entries);
    };
    await store.setMany([entryOf("a", { value: 1 }), entryOf("b"), entryOf("a", { value: 2 })]);
    expect(asked).toEqual([[`llmcache-${sampleId("a")}`, `llmcache-${sampleId("b")}`]]);
    expect(await valueOf(store, "a")).toBe(2);
  });
});

describe("lifetimes", () => {
  test.each([
    [undefined, undefined],
    [1_900_000_000_000.25, 1_900_000_000_001],
    [1_900_000_000_000 + 2 ** 32, 1_900_000_000_000 + 2 ** 32],
    [Date.UTC(9998, 0), Date.UTC(9998, 0)],
    [8_640_000_000_000_000, undefined],
  ])("deleteAt %j becomes the adapter's expiry %j", async (deleteAt, expires) => {
    const { adapter, store } = plain();
    await store.set(entryOf("a", { deleteAt }));
    expect(adapter.rows.values().next().value?.expires).toBe(expires);
  });

  test("the default lifetime of a Keyv is for entries without an end of their own", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: 1000 });
    const adapter = new PlainAdapter();
    const store = new KeyvStore({ keyv: new Keyv({ store: adapter, ttl: 500 }) });
    await store.set(entryOf("a"));
    await store.set(entryOf("b", { deleteAt: 9000 }));
    expect([...adapter.rows.values()].map(({ expires }) => expires)).toEqual([1500, 9000]);
  });

  test("the adapter drops what has ended", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: 1000 });
    const store = new KeyvStore({ keyv: new Keyv() });
    await store.set(entryOf("a", { deleteAt: 2000 }));
    expect(await has(store, "a")).toBe(true);
    vi.setSystemTime(2001);
    expect(await has(store, "a")).toBe(false);
    expect(await idsOf(store)).toEqual([]);
  });

  test("an adapter of Keyv 5 is given what is left, and what has ended is not stored", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: 1000 });
    const former = new FormerAdapter();
    const store = new KeyvStore({ keyv: new Keyv({ store: former }) });
    await store.set(entryOf("a", { deleteAt: 1000 + 2 ** 33 }));
    await store.set(entryOf("b"));
    await store.set(entryOf("c", { deleteAt: 500 }));
    expect(former.lifetimes).toEqual([2 ** 33, undefined]);
  });
});

describe("failures", () => {
  const broken = async (): Promise<never> => Promise.reject(new Error("connection refused"));

  test.each<[string, Partial<PlainAdapter>, (store: KeyvStore) => Promise<unknown>]>([
    ["get", { get: broken }, (store) => store.get({ id: sampleId("a") })],
    ["getMany", { get: broken }, (store) => store.getMany([{ id: sampleId("a") }])],
    ["set", { set: broken }, (store) => store.set(entryOf("a"))],
    ["setMany", { setMany: broken }, (store) => store.setMany([entryOf("a"), entryOf("b")])],
    ["add, reading", { get: broken }, (store) => store.add(entryOf("a"))],
    ["add, writing", { set: broken }, (store) => store.add(entryOf("a"))],
    ["delete", { delete: broken }, (store) => store.delete({ id: sampleId("a") })],
    [
      "entries",
      { iterator: () => ({ [Symbol.asyncIterator]: () => ({ next: broken }) }) as never },
      (store) => idsOf(store),
    ],
    [
      "clear",
      { iterator: () => ({ [Symbol.asyncIterator]: () => ({ next: broken }) }) as never },
      (store) => store.clear(),
    ],
  ])("of %s reject, and name the reason", async (_, change, call) => {
    const { adapter, store } = plain(change);
    await expect(call(store)).rejects.toThrow(storeError("connection refused"));
    const keyv = new Keyv({ store: adapter });
    keyv.on("error", () => undefined);
    await expect(call(new KeyvStore({ keyv }))).rejects.toThrow(storeError("connection refused"));
    expect(adapter.listeners.size).toBe(1);
  });

  test("that an adapter tells by false and an event reject with the event's error", async () => {
    const { adapter, store } = plain();
    const error = new Error("disk full");
    const refuse = async (): Promise<boolean> => {
      adapter.tell(error);
      return false;
    };
    Object.assign(adapter, { set: refuse, delete: refuse });
    await expect(store.set(entryOf("a"))).rejects.toThrow(
      expect.objectContaining({ code: "ERR_LLMCACHE_STORE", cause: error }),
    );
    await expect(store.add(entryOf("a"))).rejects.toThrow(storeError("disk full"));
    await expect(store.setMany([entryOf("a")])).rejects.toThrow(storeError("disk full"));
    await expect(store.delete({ id: sampleId("a") })).rejects.toThrow(storeError("disk full"));
    expect(adapter.listeners.size).toBe(0);
  });

  test("that an adapter tells by false alone reject; a delete of nothing does not", async () => {
    const { store } = plain({ set: async () => false, setMany: async () => [false] });
    await expect(store.set(entryOf("a"))).rejects.toThrow(storeError("no more than that it failed"));
    await expect(store.setMany([entryOf("a"), entryOf("b")])).rejects.toThrow(
      storeError("no more than that it failed"),
    );
    await store.delete({ id: sampleId("a") });
  });

  test("in the middle of a list are not the end of it", async () => {
    const { adapter, store } = plain();
    adapter.iterator = async function* iterator() {
      yield [`llmcache-${sampleId("a")}`, ""];
      adapter.tell(new Error("Iterator failed"));
    };
    await expect(idsOf(store)).rejects.toThrow(storeError("Iterator failed"));
    await expect(store.clear()).rejects.toThrow(storeError("Iterator failed"));
    expect(adapter.listeners.size).toBe(0);
  });

  test("without a message name what caused them", async () => {
    const { store } = plain({ get: () => Promise.reject(new AggregateError([new Error("connect ECONNREFUSED")], "")) });
    await expect(store.get({ id: sampleId("a") })).rejects.toThrow(storeError("connect ECONNREFUSED."));
  });

  test("an adapter that never answers is given up, and the next call has its turn", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { adapter, store } = plain({ set: () => new Promise(() => undefined) }, { timeoutMs: 700 });
    const calls = Promise.allSettled([store.set(entryOf("a")), store.delete({ id: sampleId("a") })]);
    await vi.advanceTimersByTimeAsync(700);
    expect(await calls).toEqual([
      { status: "rejected", reason: storeError("within 700 ms") },
      { status: "fulfilled", value: undefined },
    ]);
    expect(vi.getTimerCount()).toBe(0);
    expect(adapter.listeners.size).toBe(0);
  });
});

describe("the order of calls", () => {
  test("writes of one id happen in the order in which they were asked for", async () => {
    const { adapter, store } = plain();
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const { set } = adapter;
    let count = 0;
    adapter.set = async (...given) => {
      await gates[count++]?.promise;
      return set.apply(adapter, given);
    };
    const writes = [
      store.set(entryOf("a", { value: 1 })),
      store.set(entryOf("a", { value: 2 })),
      store.set(entryOf("b")),
    ];
    gates[1]?.resolve();
    await writes[2];
    expect(await has(store, "a")).toBe(false);
    gates[0]?.resolve();
    await Promise.all(writes);
    expect(await valueOf(store, "a")).toBe(2);
    const [added] = await Promise.all([store.add(entryOf("a", { value: 3 })), store.delete({ id: sampleId("a") })]);
    expect([added, await has(store, "a")]).toEqual([false, false]);
  });

  test("what is asked for after a clear happens after it", async () => {
    const { adapter, store } = plain();
    const gate = Promise.withResolvers<void>();
    const { delete: remove } = adapter;
    adapter.delete = async (key) => {
      await gate.promise;
      return remove.call(adapter, key);
    };
    await store.set(entryOf("a"));
    const calls = [store.set(entryOf("b")), store.clear(), store.set(entryOf("a", { value: "later" }))];
    gate.resolve();
    await Promise.all(calls);
    expect([await valueOf(store, "a"), await has(store, "b")]).toEqual(["later", false]);
  });

  test("two stores on one Map add one after the other", async () => {
    const map = new Map();
    const stores = [1, 2].map(() => new KeyvStore({ keyv: new Keyv({ store: map }) }));
    const events = stores.flatMap(eventsOf);
    const answers = await Promise.all(
      stores.flatMap((store) => [1, 2, 3].map((value) => store.add(entryOf("a", { value })))),
    );
    expect(answers.filter(Boolean)).toHaveLength(1);
    expect(events).toEqual([]);
  });

  test("that add is not atomic between processes is told once", async () => {
    const { store } = plain();
    const events = eventsOf(store);
    await store.set(entryOf("a"));
    expect(events).toEqual([]);
    await store.add(entryOf("a"));
    await store.add(entryOf("b"));
    expect(events).toMatchObject([{ type: "not-atomic" }]);
  });

  test("an aborted call rejects at once with the signal's reason; what waits for its turn does not begin", async () => {
    const [gate, begun] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let reads = 0;
    const { adapter, store } = plain({
      get: () => {
        if (++reads === 2) begun.resolve();
        return gate.promise;
      },
    });
    const controller = new AbortController();
    const { signal } = controller;
    const [read, ...writes] = [
      store.get({ id: sampleId("a") }, { signal }),
      store.add(entryOf("a", { value: "added" }), { signal }),
      store.set(entryOf("a", { value: "set" }), { signal }),
      store.clear({ signal }),
    ];
    await begun.promise;
    controller.abort(new Error("enough"));
    for (const call of [read, ...writes]) await expect(call).rejects.toThrow("enough");
    gate.resolve();
    await store[Symbol.asyncDispose]();
    // The add was under way.
    expect(adapter.rows.values().next().value?.value).toContain("added");
  });
});

describe("what is not the store's own", () => {
  test("is spared by clear and not listed, whatever its keys look like", async () => {
    const { adapter, store } = plain();
    const others = [
      "llmcache-",
      "llmcache-x",
      `llmcache-2${sampleId("a")}`,
      `llmcache-${sampleId("a")}0`,
      `llmcache-${sampleId("a").toUpperCase()}`,
      sampleId("a"),
      "",
      "llmcache-__proto__",
    ];
    for (const key of others) adapter.rows.set(key, { value: "theirs", expires: undefined });
    await store.set(entryOf("a"));
    expect(await idsOf(store)).toEqual([sampleId("a")]);
    await store.clear();
    expect([...adapter.rows.keys()]).toEqual(others);
  });

  test("is spared by refusing to clear where the adapter cannot list", async () => {
    const store = new KeyvStore({ keyv: new Keyv({ store: new FormerAdapter(), namespace: "app" }), prefix: "" });
    expect(store.entries).toBeUndefined();
    await store.set(entryOf("a"));
    await expect(store.clear()).rejects.toMatchObject({ code: "ERR_LLMCACHE_UNSUPPORTED" });
    expect(await has(store, "a")).toBe(true);
    const { store: bare } = plain({ iterator: undefined } as never);
    await expect(bare.clear()).rejects.toMatchObject({ code: "ERR_LLMCACHE_UNSUPPORTED" });
  });

  test("a namespace of its own is cleared at once, by the adapter", async () => {
    const { adapter, store } = plain({ namespace: "app", iterator: undefined } as never, { prefix: "" });
    await store.set(entryOf("a"));
    await store.clear();
    expect(adapter.rows.size).toBe(0);
  });

  test("an adapter that another Keyv has moved to its namespace is refused", async () => {
    const adapter = new PlainAdapter();
    const store = new KeyvStore({ keyv: new Keyv({ store: adapter, namespace: "one" }), prefix: "" });
    await store.set(entryOf("a"));
    const other = new KeyvStore({ keyv: new Keyv({ store: adapter, namespace: "two" }), prefix: "" });
    for (const call of [
      () => store.get({ id: sampleId("a") }),
      () => store.clear(),
      () => store.set(entryOf("a")),
      () => idsOf(store),
    ]) {
      await expect(call()).rejects.toThrow(storeError("give each Keyv an adapter of its own"));
    }
    await other.clear();
  });
});

describe("closing", () => {
  test("leaves the adapter to its owner, or disconnects it once", async () => {
    for (const [disconnect, times] of [
      [undefined, 0],
      [true, 1],
    ] as const) {
      const { adapter, store } = plain({}, { disconnect });
      await Promise.all([store[Symbol.asyncDispose](), store[Symbol.asyncDispose]()]);
      expect(adapter.disconnects).toBe(times);
      await expect(store.get({ id: sampleId("a") })).rejects.toMatchObject({ code: "ERR_LLMCACHE_CLOSED" });
    }
  });

  test("waits for writes under way", async () => {
    const { adapter, store } = plain({}, { disconnect: true });
    const written = store.set(entryOf("a"));
    await store[Symbol.asyncDispose]();
    expect(adapter.rows.size).toBe(1);
    await written;
  });

  test("no call leaves a listener on the Keyv or its adapter", async () => {
    const keyv = new Keyv();
    const count = (): number => [keyv, keyv.store].reduce((sum, emitter) => sum + emitter.listeners("error").length, 0);
    const before = count();
    const store = new KeyvStore({ keyv });
    await store.set(entryOf("a"));
    await store.setMany([entryOf("b")]);
    await store.add(entryOf("c"));
    await idsOf(store);
    await store.delete({ id: sampleId("a") });
    await store.clear();
    expect(count()).toBe(before);
  });
});

test("what a page of a listing holds is in the order of the ids", async () => {
  const store = new KeyvStore({ keyv: new Keyv() });
  for (let name = 0; name < 250; name++) await store.set(entryOf(name));
  const ids = await idsOf(store);
  expect(ids).toEqual(ids.toSorted());
  expect(ids).toHaveLength(250);
  expect(await idsOf(store, { after: ids[99], limit: 3 })).toEqual(ids.slice(100, 103));
});
