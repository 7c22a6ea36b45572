import { Cluster, Redis } from "ioredis";
import { afterEach, describe, expect, test } from "vitest";
import { RedisSemanticStore } from "@llmcache/redis-semantic";
import { anyAbove, entryOf, keyOf } from "../../memory-semantic/test/stage.ts";
import { eventually } from "../../redis/test/polling.ts";
import { someCluster, someRedis } from "../../redis/test/servers.ts";
import { stageOn, TableEmbedder } from "./stage.ts";

const redis = someRedis();
const cluster = someCluster();
const policy = anyAbove(0.9);
const DIMENSIONS = 64;
const texts = (what: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => `${what} ${index}`);
const entries = (some: readonly string[]) => some.map((text) => entryOf(text));

/** Texts, each with one that is similar to it alone. */
function embedderOf(live: readonly string[]): TableEmbedder {
  const embedder = new TableEmbedder(DIMENSIONS);
  for (const text of live) embedder.at(`asked ${text}`, text, 0.95);
  return embedder;
}

async function expectFound(store: RedisSemanticStore, live: readonly string[]): Promise<void> {
  for (const text of live) expect((await store.get(keyOf(`asked ${text}`)))?.entry.text).toBe(text);
}

/** A client that sends so many commands, or pipelines, and then nothing more: as that of a process that was killed. */
function cuttingClient(commands: number): { readonly client: Redis; readonly isCut: () => boolean } {
  let left = commands;
  const client = new Redis(redis.url);
  const [call, pipeline] = [client.callBuffer.bind(client), client.pipeline.bind(client)];
  const cut = (): boolean => --left < 0;
  client.callBuffer = ((command: string, ...args: never[]) =>
    cut() ? Promise.reject(new Error("cut off")) : call(command, ...args)) as typeof client.callBuffer;
  client.pipeline = () => {
    const made = pipeline();
    if (cut()) made.exec = () => Promise.reject(new Error("cut off"));
    return made;
  };
  return { client, isCut: () => left < 0 };
}

describe("a set that is made anew", () => {
  const stage = stageOn(redis);
  const live = texts("live", 40);

  /** By a store that looks no more afterwards. */
  async function write(embedder: TableEmbedder, some: readonly string[]): Promise<void> {
    const writer = stage.open({ embedder, policy });
    await writer.setMany(entries(some));
    await writer[Symbol.asyncDispose]();
  }

  /** What is left of entries that are gone: the most of a set. */
  async function litter(embedder: TableEmbedder, name: string): Promise<void> {
    const gone = texts(name, 200);
    await write(embedder, gone);
    await stage.raw.unlink(gone.map((text) => `${stage.prefix}:entry:${keyOf(text).id}`));
  }

  /** As if the time of a lock were over. */
  async function unlock(): Promise<void> {
    const sets = await stage.keys("vectors");
    const locks = (await stage.raw.keys(`${stage.prefix}:vectors:*`)).filter((key) => !sets.includes(key));
    if (locks.length > 0) await stage.raw.unlink(locks);
  }

  test("hides nothing, wherever that is cut off", async () => {
    const embedder = embedderOf(live);
    await write(embedder, live);
    const reader = stage.open({ embedder, policy });
    let [cut, isDone] = [0, false];
    for (; !isDone; cut++) {
      await litter(embedder, `gone ${cut}`);
      const { client, isCut } = cuttingClient(cut);
      const store = new RedisSemanticStore({ client, prefix: stage.prefix, embedder, policy });
      await eventually(async () => {
        // So many writes that it looks.
        await store.setMany(entries(live)).catch(() => undefined);
        if (!isCut()) expect(await stage.elements()).toBe(live.length);
      });
      isDone = !isCut();
      await store[Symbol.asyncDispose]();
      client.disconnect();
      await expectFound(reader, live);
      await unlock();
    }
    // All of it was cut: lock, mark, steps, end.
    expect(cut).toBeGreaterThan(12);
  });

  test("is gone on with by whoever looks next, and comes to an end where all processes end soon", async () => {
    const embedder = embedderOf(live);
    await write(embedder, live);
    await litter(embedder, "gone");
    let processes = 0;
    while ((await stage.elements()) > live.length) {
      expect(++processes).toBeLessThan(20);
      const short = stage.open({ embedder, policy });
      await short.setMany(entries(live));
      await short[Symbol.asyncDispose]();
    }
    // Eight at a time: then each of them ended, and none left its lock.
    expect(processes).toBeGreaterThan(2);
    expect((await stage.raw.keys(`${stage.prefix}:vectors:*`)).length).toBe(1);
    await expectFound(stage.open({ embedder, policy }), live);
  });

  test("is left to others by a store that is disposed, which waits for no more than a step", async () => {
    const embedder = embedderOf(live);
    await write(embedder, live);
    await litter(embedder, "gone");
    const sent: string[] = [];
    const monitor = await stage.raw.duplicate().monitor();
    monitor.on("monitor", (_time: string, [command = "", key = ""]: string[]) => {
      if (key.startsWith(`${stage.prefix}:vectors`)) sent.push(command.toLowerCase());
      if (key === `${stage.prefix}:last`) sent.push("last");
    });
    // A sample may say that it is not worn.
    await eventually(async () => {
      sent.length = 0;
      const short = stage.open({ embedder, policy });
      await short.setMany(entries(live));
      await short[Symbol.asyncDispose]();
      await stage.raw.get(`${stage.prefix}:last`);
      await eventually(() => expect(sent).toContain("last"));
      expect(sent).toContain("set");
    });
    expect(sent.filter((command) => command === "vadd").length).toBeLessThanOrEqual(9);
    // The lock is its own last word.
    expect(sent.slice(-2)).toEqual(["unlink", "last"]);
    monitor.disconnect();
  });

  test("is cleared, both of it, however far that came", async () => {
    const embedder = embedderOf(live);
    const store = stage.open({ embedder, policy });
    await write(embedder, live);
    await litter(embedder, "gone");
    const vectorKeys = (): Promise<string[]> => stage.raw.keys(`${stage.prefix}:vectors:*`);
    // Until both sets and the lock are there.
    for (let cut = 6; (await vectorKeys()).length < 3; cut++) {
      expect(cut).toBeLessThan(60);
      await unlock();
      const { client, isCut } = cuttingClient(cut);
      const cutOff = new RedisSemanticStore({ client, prefix: stage.prefix, embedder, policy });
      await eventually(async () => {
        await cutOff.setMany(entries(live)).catch(() => undefined);
        expect(isCut()).toBe(true);
      });
      await cutOff[Symbol.asyncDispose]();
      client.disconnect();
    }
    await store.clear();
    expect(await stage.raw.keys(`${stage.prefix}:*`)).toEqual([]);
    await store.setMany(entries(live));
    await expectFound(store, live);
  });
});

const opened: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).toReversed()) await close();
});
const clients = [
  { name: "a single server", make: () => new Redis(redis.url) },
  { name: "a Cluster", make: () => new Cluster([...cluster.nodes]) },
];

describe.each(clients)("on $name, writes and lookups while sets are made anew", ({ name, make }) => {
  test("are complete: what was written is found, by all", async () => {
    const live = texts("live", 150);
    const embedder = embedderOf(live);
    const prefix = `anew-${process.pid}-${name.length}`;
    const open = () => {
      const client = make();
      const store = new RedisSemanticStore({ client, prefix, embedder, policy });
      opened.push(
        () => client.disconnect(),
        () => store[Symbol.asyncDispose](),
      );
      return { client, store };
    };
    const [writer, reader, third] = [open(), open(), open()];
    opened.push(() => writer.store.clear());
    for (const [index, text] of live.entries()) {
      const gone = texts(`gone ${index}`, 6);
      const { store } = index % 2 === 0 ? writer : third;
      await Promise.all([
        store.setMany(entries([text, ...gone])),
        expectFound(reader.store, live.slice(Math.max(0, index - 5), index)),
      ]);
      await Promise.all(gone.map((one) => reader.store.delete(keyOf(one))));
    }
    await expectFound(reader.store, live);
    const { client } = writer;
    const nodes = client instanceof Cluster ? client.nodes("master") : [client];
    await eventually(async () => {
      const keys = (await Promise.all(nodes.map((node) => node.keys(`${prefix}:vectors:*`)))).flat();
      const sizes = await Promise.all(keys.map((key) => client.call("vcard", key).catch(() => 0)));
      // Of 1050.
      expect(sizes.reduce<number>((sum, size) => sum + Number(size), 0)).toBeLessThan(700);
    });
  });
});
