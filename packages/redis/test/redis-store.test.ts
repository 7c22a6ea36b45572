import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { decodeEntry, isLLMCacheError, type Codec, type StoreEvent } from "@llmcache/core";
import { sampleEntry, sampleId } from "@llmcache/core/conformance";
import { RedisStore, type RedisStoreOptions } from "@llmcache/redis";
import { FakeClient, replyError } from "./fake-client.ts";

const entry = sampleEntry();
const key = { id: entry.id };

function opened(
  options: Partial<RedisStoreOptions> = {},
  client: FakeClient = new FakeClient(),
): { client: FakeClient; store: RedisStore; events: StoreEvent[] } {
  const store = new RedisStore({ client, ...options });
  const events: StoreEvent[] = [];
  store.on((event) => events.push(event));
  return { client, store, events };
}

describe("options", () => {
  test.each([
    [{ client: undefined }, /client must be a Redis or a Cluster/],
    [{ client: {} }, /client must be/],
    [{ prefix: 7 }, /prefix must be a text/],
    [{ prefix: "\ud800" }, /prefix must be a text of whole characters/],
    [{ timeoutMs: 0 }, /timeoutMs must be a whole number from 1 to/],
    [{ timeoutMs: Infinity }, /timeoutMs/],
    [{ maxEntryBytes: -1 }, /maxEntryBytes/],
    [{ flushSize: 0.5 }, /flushSize/],
    [{ flushIntervalMs: Number.NaN }, /flushIntervalMs/],
    [{ codec: {} }, /codec must be/],
  ])("%o is refused", (options, message) => {
    expect(() => new RedisStore({ client: new FakeClient(), ...options } as unknown as RedisStoreOptions)).toThrow(
      message,
    );
  });

  test("a client is taken by its shape, and nothing is sent or listened to until a call", () => {
    const { client } = opened();
    expect(client.sent).toEqual([]);
  });
});

describe("what is sent", () => {
  test("SET with PXAT from deleteAt, rounded up, at least 1, and none for what never ends", async () => {
    const { client, store } = opened();
    for (const deleteAt of [undefined, 1_900_000_000_000.2, -5, Number.POSITIVE_INFINITY, 2 ** 60])
      await store.set(sampleEntry({ deleteAt }));
    expect(client.sent.map(([, , , ...rest]) => rest)).toEqual([[], ["PXAT", 1_900_000_000_001], ["PXAT", 1], [], []]);
  });

  test("SET NX for an add, and no script where nothing was", async () => {
    const { client, store } = opened();
    expect(await store.add(entry)).toBe(true);
    expect(await store.add(sampleEntry({ value: "second" }))).toBe(false);
    expect(client.sent.map(([command]) => command)).toEqual(["set", "set", "get"]);
  });

  test("the script by its digest, and whole to a server that does not know it", async () => {
    const { client, store } = opened();
    await store.set(entry);
    client.answers.set("evalsha", () => {
      throw replyError("NOSCRIPT No matching script.");
    });
    client.answers.set("eval", () => 1);
    expect(await store.add(sampleEntry({ createdAt: entry.createdAt + 1 }), { over: entry })).toBe(true);
    expect(client.sent.slice(-2).map(([command]) => command)).toEqual(["evalsha", "eval"]);
    client.answers.set("evalsha", () => 0);
    expect(await store.add(sampleEntry({ createdAt: entry.createdAt + 1 }), { over: entry })).toBe(false);
  });

  test("one MGET for many keys, each of them once", async () => {
    const { client, store } = opened({ prefix: "app" });
    await store.set(entry);
    client.sent.length = 0;
    const hits = await store.getMany([key, { id: sampleId("none") }, key]);
    expect(hits.map((hit) => hit?.entry.id)).toEqual([entry.id, undefined, entry.id]);
    expect(client.sent).toEqual([["mget", `app:${entry.id}`, `app:${sampleId("none")}`]]);
  });

  test("DEL to a server or for a user that has no UNLINK", async () => {
    const { client, store } = opened();
    client.answers.set("unlink", () => {
      throw replyError("NOPERM User x has no permissions to run the 'unlink' command");
    });
    client.answers.set("del", () => 1);
    await store.delete(key);
    await store.delete(key);
    expect(client.sent.map(([command]) => command)).toEqual(["unlink", "del", "del"]);
  });

  test("SCAN only below the prefix, glob characters escaped, behind ioredis's own prefix", async () => {
    const { client, store } = opened({ prefix: "a*[b]?\\" }, new FakeClient({ keyPrefix: "own^-" }));
    client.answers.set("info", () => "run_id:abc");
    client.answers.set("scan", () => ["0", []]);
    await store.clear();
    const scan = client.sent.find(([command]) => command === "scan");
    expect(scan).toEqual(["scan", "0", "MATCH", String.raw`own\^\-a\*\[b\]\?\\:${"?".repeat(64)}`, "COUNT", 100]);
  });

  test("a store without a prefix refuses to be cleared, and sends nothing", async () => {
    const { client, store } = opened({ prefix: "" });
    await store.set(entry);
    expect(client.values.has(entry.id)).toBe(true);
    client.sent.length = 0;
    await expect(store.clear()).rejects.toSatisfy((error) => isLLMCacheError(error, "ERR_LLMCACHE_UNSUPPORTED"));
    expect(client.sent).toEqual([]);
  });

  test("a codec is applied, and what another one wrote is a miss and an event", async () => {
    const flip = (bytes: Uint8Array): Uint8Array => bytes.map((byte) => byte ^ 0xff);
    const codec: Codec = { name: "flip", readsPlain: false, encode: flip, decode: flip };
    const { client, store } = opened({ codec });
    await store.set(entry);
    expect((await store.get(key))?.entry.body.json()).toEqual(entry.body.json());
    const { store: other, events } = opened({}, client);
    expect(await other.get(key)).toBeUndefined();
    expect(events.map(({ type, id }) => [type, id])).toEqual([["unreadable", entry.id]]);
  });
});

describe("failures", () => {
  test("an error of one command in a pipeline is noticed, and the others are stored", async () => {
    const { client, store } = opened();
    client.answers.set("set", ([name, value]) => {
      if (String(name).endsWith(sampleId(1)))
        throw replyError("OOM command not allowed when used memory > 'maxmemory'.");
      client.values.set(String(name), value as Buffer);
      return "OK";
    });
    const entries = [0, 1, 2].map((value) => sampleEntry({ id: sampleId(value), value }));
    await expect(store.setMany(entries)).rejects.toThrow(/Redis at fake:1 failed to write 1 of 3 entries: it is full/);
    expect(client.values.size).toBe(2);
  });

  test.each([
    ["LOADING Redis is loading the dataset in memory", /still loading its data/],
    ["READONLY You can't write against a read only replica.", /a replica and takes no writes/],
    ["MOVED 1234 10.0.0.9:6379", /a node of a Redis Cluster: give nodes/],
    ["MISCONF Redis is configured to save RDB snapshots", /cannot save its data/],
    ["ERR syntax error", /Redis 6.2 or later/],
    ["CLUSTERDOWN Hash slot not served", /no master serves this key/],
    ["NOAUTH Authentication required.", /wants a password and got none/],
    ["ERR something new", /failed to read: ERR something new\.$/],
  ])("%s", async (words, message) => {
    const { client, store } = opened();
    client.answers.set("get", () => {
      throw replyError(words);
    });
    await expect(store.get(key)).rejects.toThrow(message);
  });

  test("what ioredis hangs on its errors, and servers repeat, is not passed on", async () => {
    const { client, store } = opened();
    const secret = "hunter2-hunter2";
    client.answers.set("get", () => {
      throw replyError(`ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'default' '${secret}'`, {
        name: "auth",
        args: [secret],
      });
    });
    const error: unknown = await store.get(key).catch((reason: unknown) => reason);
    expect(isLLMCacheError(error, "ERR_LLMCACHE_STORE")).toBe(true);
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(secret);
    expect(inspect(store, { depth: 9, showHidden: true })).not.toContain("fake");
  });

  test("too large an entry is told, not stored, and takes the former one with it", async () => {
    const { client, store, events } = opened({ maxEntryBytes: 1000 });
    await store.set(entry);
    const large = sampleEntry({ bytes: Buffer.alloc(2000) });
    expect(await store.add(large)).toBe(false);
    await store.set(large);
    expect(client.values.size).toBe(0);
    expect(events.map(({ type, id }) => [type, id])).toEqual([
      ["too-large", entry.id],
      ["too-large", entry.id],
    ]);
  });

  test("a cursor that is none is refused", async () => {
    const { store } = opened();
    await expect(store.entries({ after: "x" }).next()).rejects.toThrow(/after must be a cursor of a Redis store/);
  });
});

describe("deadlines", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("each command has its own, whenever it was sent", async () => {
    const { client, store } = opened({ timeoutMs: 100 });
    client.answers.set("get", () => new Promise(() => undefined));
    const first = store.get(key).catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(60);
    let second: unknown;
    void store.get(key).catch((error: unknown) => (second = error));
    await vi.advanceTimersByTimeAsync(40);
    expect(String(await first)).toMatch(/did not read within 100 ms: it may be overloaded or frozen/);
    expect(second).toBeUndefined();
    await vi.advanceTimersByTimeAsync(60);
    expect(String(second)).toMatch(/did not read within 100 ms/);
  });

  test("an aborted call rejects at once with the signal's reason, and leaves no listener", async () => {
    const { client, store } = opened({ timeoutMs: 100 });
    client.answers.set("get", () => new Promise(() => undefined));
    const controller = new AbortController();
    const call = store.get(key, { signal: controller.signal });
    controller.abort(new Error("enough"));
    await expect(call).rejects.toThrow("enough");
    const removed = vi.spyOn(AbortSignal.prototype, "removeEventListener");
    await opened().store.get(key, { signal: new AbortController().signal });
    expect(removed).toHaveBeenCalledOnce();
  });

  test("after silence one command at a time is tried, until one is answered", async () => {
    const { client, store, events } = opened({ timeoutMs: 100 });
    client.answers.set("get", () => new Promise(() => undefined));
    const late = store.get(key).catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(100);
    await late;
    client.sent.length = 0;
    const tries = [store.get(key), store.get(key), store.get(key)].map((call) => call.catch((error: unknown) => error));
    await turn();
    expect(client.sent).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(100);
    await Promise.all(tries);
    client.answers.delete("get");
    expect(await store.get(key)).toBeUndefined();
    expect(await Promise.all([store.get(key), store.get(key)])).toEqual([undefined, undefined]);
    expect(events.map(({ type }) => type)).toEqual(["degraded", "recovered"]);
  });

  test("a Cluster of which one node is away is degraded once, and recovered when nothing fails any more", async () => {
    const client = Object.assign(new FakeClient(), { nodes: () => [] });
    const { store, events } = opened({}, client);
    const lost = key.id;
    client.answers.set("get", ([name]) => {
      if (String(name).includes(lost)) throw new Error("connect ECONNREFUSED");
      return null;
    });
    for (let i = 0; i < 3; i++) {
      await expect(store.get(key)).rejects.toThrow(/nothing listens there/);
      expect(await store.get({ id: sampleId("other") })).toBeUndefined();
      await vi.advanceTimersByTimeAsync(900);
    }
    expect(events.map(({ type }) => type)).toEqual(["degraded"]);
    client.answers.delete("get");
    expect(await store.get(key)).toBeUndefined();
    await vi.advanceTimersByTimeAsync(100);
    expect(await store.get(key)).toBeUndefined();
    expect(events.map(({ type }) => type)).toEqual(["degraded", "recovered"]);
  });

  test("a client that lost its connection is given nothing to pile up", async () => {
    const { client, store } = opened({ timeoutMs: 100 });
    client.status = "reconnecting";
    client.answers.set("get", () => new Promise(() => undefined));
    const first = store.get(key).catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(100);
    expect(String(await first)).toMatch(/the client is not connected \(its status is "reconnecting"\)/);
    client.sent.length = 0;
    await expect(store.get(key)).rejects.toThrow(/not connected/);
    expect(client.sent).toEqual([]);
    client.status = "ready";
    client.answers.delete("get");
    expect(await store.get(key)).toBeUndefined();
  });
});

describe("gets that begin together", () => {
  const ids = [0, 1, 2].map((value) => sampleId(value));

  test("are one MGET, each with its own answer; one alone is a GET", async () => {
    const { client, store } = opened({ prefix: "p" });
    for (const id of ids) await store.set(sampleEntry({ id, value: id }));
    client.sent.length = 0;
    const hits = await Promise.all([...ids, sampleId("none"), ids[0]!].map((id) => store.get({ id })));
    expect(hits.map((hit) => hit?.entry.body.json())).toEqual([...ids, undefined, ids[0]]);
    expect(client.sent.map(([command, ...keys]) => [command, keys.length])).toEqual([["mget", 5]]);
    await store.get({ id: ids[0]! });
    expect(client.sent.at(-1)).toEqual(["get", `p:${ids[0]}`]);
  });

  test("are no more than 32 in one", async () => {
    const { client, store } = opened();
    await Promise.all(Array.from({ length: 65 }, (_, value) => store.get({ id: sampleId(value) })));
    expect(client.sent.map(([command, ...keys]) => [command, keys.length])).toEqual([
      ["mget", 32],
      ["mget", 32],
      ["get", 1],
    ]);
  });

  test("fail together, and each is aborted alone", async () => {
    const { client, store } = opened();
    client.answers.set("mget", () => {
      throw replyError("LOADING Redis is loading the dataset in memory");
    });
    const results = await Promise.allSettled(ids.map((id) => store.get({ id })));
    for (const result of results) expect(String((result as PromiseRejectedResult).reason)).toMatch(/still loading/);
    client.answers.delete("mget");
    const controller = new AbortController();
    const calls = [store.get({ id: ids[0]! }, { signal: controller.signal }), store.get({ id: ids[1]! })];
    controller.abort(new Error("enough"));
    await expect(calls[0]).rejects.toThrow("enough");
    expect(await calls[1]).toBeUndefined();
  });

  test.each([
    "NOPERM User x has no permissions to run the 'mget' command",
    "CROSSSLOT Keys in request don't hash to the same slot",
  ])("go on alone after %s", async (words) => {
    const { client, store } = opened();
    for (const id of ids) await store.set(sampleEntry({ id, value: id }));
    client.answers.set("mget", () => {
      throw replyError(words);
    });
    client.sent.length = 0;
    for (let times = 0; times < 2; times++) {
      const hits = await Promise.all(ids.map((id) => store.get({ id })));
      expect(hits.map((hit) => hit?.entry.body.json())).toEqual(ids);
    }
    expect(client.sent.map(([command]) => command)).toEqual(["mget", "get", "get", "get", "get", "get", "get"]);
  });
});

describe("write-behind", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("sends after the interval, each entry with its own lifetime, the last one of an id", async () => {
    const { client, store } = opened({ flushIntervalMs: 50 });
    await store.set(sampleEntry({ value: "former" }));
    await store.set(sampleEntry({ value: "latter", deleteAt: 1_900_000_000_000 }));
    await store.set(sampleEntry({ id: sampleId("other"), deleteAt: 1_900_000_000_001 }));
    expect(client.sent).toEqual([]);
    expect((await store.get(key))?.entry.body.json()).toBe("latter");
    expect((await store.getMany([key]))[0]?.entry.body.json()).toBe("latter");
    client.sent.length = 0;
    await vi.advanceTimersByTimeAsync(50);
    expect(client.sent.map(([command, name, , ...rest]) => [command, name, ...rest])).toEqual([
      ["set", `llmcache:${entry.id}`, "PXAT", 1_900_000_000_000],
      ["set", `llmcache:${sampleId("other")}`, "PXAT", 1_900_000_000_001],
    ]);
    await vi.advanceTimersByTimeAsync(500);
    expect(client.sent).toHaveLength(2);
  });

  test("sends at the size, and on close", async () => {
    const { client, store } = opened({ flushSize: 2, flushIntervalMs: 1_000_000 });
    for (let value = 0; value < 5; value++) await store.set(sampleEntry({ id: sampleId(value), value }));
    await vi.advanceTimersByTimeAsync(0);
    expect(client.values.size).toBe(4);
    await store[Symbol.asyncDispose]();
    expect(client.values.size).toBe(5);
    expect(vi.getTimerCount()).toBe(0);
    expect(client.disconnected).toBe(0);
  });

  test("delete and clear reach what waits, and add sees it", async () => {
    const { client, store } = opened({ flushIntervalMs: 1_000_000 });
    await store.set(entry);
    await store.delete(key);
    expect(await store.get(key)).toBeUndefined();
    await store.set(entry);
    expect(await store.add(sampleEntry({ value: "second" }))).toBe(false);
    expect(decodeEntry(client.values.get(`llmcache:${entry.id}`)!)?.body.json()).toEqual(entry.body.json());
    await store.set(sampleEntry({ id: sampleId("other") }));
    client.answers.set("info", () => "");
    client.answers.set("scan", () => ["0", [`llmcache:${entry.id}`]]);
    await store.clear();
    await vi.advanceTimersByTimeAsync(2_000_000);
    expect(client.values.size).toBe(0);
  });

  test("what is sent while others are read is not lost to the reader", async () => {
    const { client, store } = opened({ flushIntervalMs: 50 });
    await store.set(entry);
    client.answers.set("mget", async (args) => {
      await vi.advanceTimersByTimeAsync(50);
      return args.map(() => null);
    });
    expect((await store.getMany([key, { id: sampleId("none") }])).map((hit) => hit?.entry.id)).toEqual([
      entry.id,
      undefined,
    ]);
  });

  test("what could not be written is told", async () => {
    const { client, store, events } = opened({ flushSize: 1 });
    client.answers.set("set", () => {
      throw replyError("OOM command not allowed");
    });
    await store.set(entry);
    await vi.advanceTimersByTimeAsync(0);
    expect(events.map(({ type, id }) => [type, id])).toEqual([["write-failed", entry.id]]);
  });
});

/** What a call sends is sent at its end. */
async function turn(): Promise<void> {
  await new Promise<void>((resolve) => {
    process.nextTick(resolve);
  });
}
