import { inspect } from "node:util";
import { Redis } from "ioredis";
import { afterEach, describe, expect, test, vi } from "vitest";
import { isLLMCacheError, LLMCacheError, type StoreEvent } from "@llmcache/core";
import { sampleEntry, sampleId, storeChecks, type StoreCheckContext } from "@llmcache/core/conformance";
import { redisStore, RedisStore, type RedisConnectionOptions } from "@llmcache/redis";
import { startRedis, type RedisServer } from "../../../scripts/servers/redis.mjs";
import { closing, registerChecks } from "../../core/test/register-checks.ts";
import { ownRedis, ownServersProblem } from "./servers.ts";

const problem = await ownServersProblem();
const MAX_ENTRY_BYTES = 2 * 1024 * 1024;
const SECRET = "s3cret-pässword/+";
const key = { id: sampleId("entry") };
const opened: AsyncDisposable[] = [];
afterEach(async () => {
  vi.restoreAllMocks();
  for (const one of opened.splice(0).toReversed()) await one[Symbol.asyncDispose]();
});

describe.skipIf(problem !== undefined)(`what a person is told ${problem ?? ""}`, () => {
  const locked = ownRedis({
    password: SECRET,
    acl: [
      `user reader on >${SECRET} ~app:* +get +mget +info`,
      `user writer on >${SECRET} ~app:* +get +mget +set +del +getrange +strlen +scan`,
    ],
  });
  const secure = ownRedis({ tls: true });
  const plain = ownRedis();

  test("a wrong password, a missing one, a wrong user", async () => {
    const { host, port, url } = locked.server;
    const wrong = /WRONGPASS.*|the user name or the password is wrong: check username and password/;
    await expect(messageOf({ host, port, password: `not ${SECRET}` })).resolves.toMatch(wrong);
    await expect(messageOf({ host, port, username: "nobody", password: SECRET })).resolves.toMatch(wrong);
    await expect(messageOf({ host, port })).resolves.toMatch(/it wants a password and got none: give password/);
    await expect(messageOf({ url: url.replace(/:[^:@]+@/, ":wrong@") })).resolves.toMatch(wrong);
    const client = new Redis({ host, port, password: `not ${SECRET}`, retryStrategy: () => null });
    client.on("error", () => undefined);
    opened.push({ [Symbol.asyncDispose]: async () => client.disconnect() });
    await expect(new RedisStore({ client }).get(key)).rejects.toThrow(wrong);
  });

  test("the right password, with letters that a URL must encode", async () => {
    const store = opening(redisStore({ url: locked.server.url }));
    await store.set(sampleEntry());
    expect((await store.get(key))?.entry.id).toBe(key.id);
  });

  test("a user who may not write, or not these keys", async () => {
    const { host, port } = locked.server;
    const reader = opening(redisStore({ host, port, username: "reader", password: SECRET, prefix: "app" }));
    expect(await reader.get(key)).toBeUndefined();
    await expect(reader.set(sampleEntry())).rejects.toThrow(/the user may not do this: grant it \+get .*NOPERM.*'set'/);
    const elsewhere = opening(redisStore({ host, port, username: "reader", password: SECRET, prefix: "other" }));
    await expect(elsewhere.get(key)).rejects.toThrow(/on the keys of the prefix .*NOPERM/);
  });

  test("a certificate that nobody vouches for, and one that is trusted", async () => {
    const { host, port, ca, url } = secure.server;
    await expect(messageOf({ host, port, tls: true })).resolves.toMatch(
      /its certificate is not one that this machine trusts: give its authority as tls: \{ ca \}/,
    );
    await expect(messageOf({ url })).resolves.toMatch(/tls: \{ ca \}/);
    const store = opening(redisStore({ host, port, tls: { ca } }));
    await store.set(sampleEntry());
    expect((await store.get(key))?.entry.id).toBe(key.id);
  });

  test("TLS towards a server without, and none towards one with it", async () => {
    await expect(
      messageOf({ host: plain.server.host, port: plain.server.port, tls: true, timeoutMs: 200 }),
    ).resolves.toMatch(/does not speak TLS|check host, port, tls/);
    await expect(messageOf({ host: secure.server.host, port: secure.server.port })).resolves.toMatch(
      /check whether the server wants TLS/,
    );
  });

  test("a host that does not exist, a port where nothing listens, a database that is not there", async () => {
    await expect(messageOf({ host: "no-such-host.invalid" })).resolves.toMatch(
      /^Redis at no-such-host.invalid:6379 failed to read: the host name cannot be resolved: check host/,
    );
    await expect(messageOf({ port: 1 })).resolves.toMatch(/nothing listens there: check host and port/);
    await expect(messageOf({ url: `${plain.server.url}/99` })).resolves.toMatch(/it has no such database: check db/);
    const client = new Redis({ host: "no-such-host.invalid" });
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    opened.push({ [Symbol.asyncDispose]: async () => client.disconnect() });
    await expect(new RedisStore({ client, timeoutMs: 100 }).get(key)).rejects.toThrow(
      /Redis at no-such-host.invalid:6379 did not read within 100 ms: the client is not connected/,
    );
  });

  test("a replica that takes no writes", async () => {
    const replica = await startRedis({ settings: { replicaof: `${plain.server.host} ${plain.server.port}` } });
    opened.push(replica);
    const store = opening(redisStore({ url: replica.url }));
    await expect(store.set(sampleEntry())).rejects.toThrow(/it is a replica and takes no writes/);
  });

  test("a node of a Cluster that was taken for a single server, and nodes whose addresses cannot be reached", async () => {
    const alone = await clusterOfOne({});
    const store = opening(redisStore({ url: alone.url }));
    await Promise.all(Array.from({ length: 4 }, (_, value) => store.set(sampleEntry({ id: sampleId(value) }))));
    const unreachable = await clusterOfOne({ "cluster-announce-ip": "127.0.0.2" });
    await expect(messageOf({ nodes: [`${unreachable.host}:${unreachable.port}`], timeoutMs: 500 })).resolves.toMatch(
      /check nodes, and that the addresses which the nodes announce can be reached|nothing listens there/,
    );
    const half = await clusterOfOne({}, "8191");
    const wrong = opening(redisStore({ url: half.url }));
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, (_, value) => wrong.set(sampleEntry({ id: sampleId(value) }))),
    );
    const messages = results.flatMap((result) => (result.status === "rejected" ? [String(result.reason)] : []));
    expect(messages.length).toBeGreaterThan(0);
    for (const message of messages) expect(message).toMatch(/no master serves this key at the moment/);
  });

  test("a full server that keeps everything, and one that drops what is old", async () => {
    const full = await startRedis({ maxmemory: "4mb", maxmemoryPolicy: "noeviction" });
    const evicting = await startRedis({ maxmemory: "4mb", maxmemoryPolicy: "allkeys-lru" });
    opened.push(full, evicting);
    const entries = Array.from({ length: 60 }, (_, value) =>
      sampleEntry({ id: sampleId(value), bytes: Buffer.alloc(100_000, value) }),
    );
    const keeping = opening(redisStore({ url: full.url }));
    const error = await keeping.setMany(entries).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(String(error)).toMatch(
      /failed to write \d+ of 60 entries: it is full: raise maxmemory, or let it drop what is old \(maxmemory-policy allkeys-lru\)/,
    );
    await expect(keeping.set(entries[59]!)).rejects.toThrow(/it is full/);
    await expect(keeping.add(sampleEntry({ bytes: Buffer.alloc(1_000_000) }))).rejects.toThrow(/it is full/);
    expect((await keeping.get(entries[0]!))?.entry.body.bytes()).toEqual(entries[0]!.body.bytes());
    await keeping.clear();
    await keeping.set(sampleEntry());
    const dropping = opening(redisStore({ url: evicting.url }));
    await dropping.setMany(entries);
    const hits = await dropping.getMany(entries);
    for (const [index, hit] of hits.entries())
      if (hit !== undefined) expect(hit.entry.body.bytes()).toEqual(entries[index]!.body.bytes());
    expect(hits.some((hit) => hit === undefined)).toBe(true);
    expect(hits.at(-1)).toBeDefined();
  });

  test("a password stands nowhere: not in messages, causes, events, or what is printed of the store", async () => {
    const { host, port } = locked.server;
    const wrong = `not ${SECRET}`;
    const store = opening(redisStore({ host, port, password: wrong }));
    const events: StoreEvent[] = [];
    store.on((event) => events.push(event));
    const errors = await Promise.all(
      [store.get(key), store.set(sampleEntry())].map((call) => call.catch((error: unknown) => error)),
    );
    const printed =
      inspect([store, errors, events], { depth: 20, showHidden: true, getters: true }) +
      JSON.stringify([store, errors, events]);
    expect(errors.every((error) => isLLMCacheError(error, "ERR_LLMCACHE_STORE"))).toBe(true);
    expect(events.length).toBeGreaterThan(0);
    for (const form of [SECRET, encodeURIComponent(SECRET), JSON.stringify(SECRET).slice(1, -1)])
      expect(printed).not.toContain(form);
    for (const url of [
      `redis://:${SECRET}@host:1/x`,
      `redis://:${SECRET}@[::1`,
      `http://:${SECRET}@host`,
      `redis://:%ff${SECRET}@host`,
      `redis://:${SECRET}@host?x=1`,
    ]) {
      const error = thrownBy(() => redisStore({ url }));
      expect(isLLMCacheError(error, "ERR_LLMCACHE_OPTION")).toBe(true);
      expect(inspect(error, { depth: 20, showHidden: true })).not.toContain(SECRET);
    }
  });
});

describe.skipIf(problem !== undefined)("a user who may not run scripts", () => {
  const redis = ownRedis({ acl: [`user writer on >${SECRET} ~check-* +@all -@scripting -unlink -info`] });
  const reason = "without scripts, replacing is not atomic";
  const open = (_: unknown, { label }: StoreCheckContext): RedisStore => {
    const { host, port } = redis.server;
    return redisStore({
      host,
      port,
      username: "writer",
      password: SECRET,
      prefix: label,
      maxEntryBytes: MAX_ENTRY_BYTES,
      options: { enableReadyCheck: false },
    });
  };
  const checks = storeChecks((context) => open(undefined, context), {
    reopen: closing(open),
    sibling: open,
    maxEntryBytes: MAX_ENTRY_BYTES,
    skip: {
      "lets exactly one of 32 racing adds over a dead entry win": reason,
      "lets exactly one of 32 racing adds over the refused entry win": reason,
    },
  });
  registerChecks(checks);

  test("is told once that replacing is not atomic", async () => {
    const { host, port } = redis.server;
    const store = opening(
      redisStore({
        host,
        port,
        username: "writer",
        password: SECRET,
        prefix: "check-told",
        options: { enableReadyCheck: false },
      }),
    );
    const events: StoreEvent[] = [];
    store.on((event) => events.push(event));
    const first = sampleEntry();
    expect(await store.add(first)).toBe(true);
    expect(events).toEqual([]);
    const second = sampleEntry({ value: "second", createdAt: first.createdAt + 1 });
    expect(await store.add(second, { over: first })).toBe(true);
    expect(await store.add(sampleEntry({ value: "third", createdAt: first.createdAt + 2 }), { over: second })).toBe(
      true,
    );
    expect(await store.add(sampleEntry({ value: "fourth" }), { over: second })).toBe(false);
    expect(events.map(({ type }) => type)).toEqual(["not-atomic"]);
    expect((await store.get(key))?.entry.body.json()).toBe("third");
  });
});

function opening(store: RedisStore): RedisStore {
  opened.push(store);
  return store;
}

/** What a get rejects with, and a second one too. */
async function messageOf(options: RedisConnectionOptions): Promise<string> {
  const store = opening(redisStore({ timeoutMs: 3000, ...options }));
  const first = await store.get(key).catch((error: unknown) => error);
  const second = await store.get(key).catch((error: unknown) => error);
  for (const error of [first, second]) {
    expect(error).toSatisfy((one) => isLLMCacheError(one, "ERR_LLMCACHE_STORE"));
    expect(inspect(error, { depth: 20 })).not.toContain(SECRET);
  }
  return (first as LLMCacheError).message;
}

async function clusterOfOne(settings: Record<string, string>, lastSlot = "16383"): Promise<RedisServer> {
  const node = await startRedis({ settings: { "cluster-enabled": "yes", ...settings } });
  opened.push(node);
  await node.command("cluster", "addslotsrange", "0", lastSlot);
  await vi.waitFor(
    async () =>
      expect(await node.command("cluster", "info")).toMatch(
        lastSlot === "16383" ? "cluster_state:ok" : /cluster_slots_ok:8192/,
      ),
    { timeout: 20_000 },
  );
  return node;
}

function thrownBy(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}
