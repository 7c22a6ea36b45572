import { randomBytes } from "node:crypto";
import { aesCodec, type Body, type StoreEvent } from "@llmcache/core";
import { sampleEntry } from "@llmcache/core/conformance";
import { Redis } from "ioredis";
import { describe, expect, test } from "vitest";
import { anyAbove, entryOf, keyOf, WordEmbedder } from "../../memory-semantic/test/stage.ts";
import { eventually } from "../../redis/test/polling.ts";
import { someRedis } from "../../redis/test/servers.ts";
import { redisSemanticStore, RedisSemanticStore } from "@llmcache/redis-semantic";
import { ownSearch } from "./search-server.ts";
import { keyFor, stageOn, TableEmbedder } from "./stage.ts";

const redis = someRedis();
const FRENCH = "what is the capital of France";
const FRENCH_TOO = "what is the capital city of France";
const OTHER = "how do bees make honey in winter";
const bodies = ["b", "c"].map((value) => entryOf(FRENCH, { value }).body);

describe("lookups", () => {
  const stage = stageOn(redis);

  test("ask no embedder for the request itself, and once for a similar one", async () => {
    const { store, embedder } = stage;
    await store.set(entryOf(FRENCH));
    embedder.calls = 0;
    const other = stage.open();
    expect((await other.get(keyOf(FRENCH)))?.similarity).toBeUndefined();
    expect(embedder.calls).toBe(0);
    const hit = await other.get(keyOf(FRENCH_TOO));
    expect(hit?.entry.id).toBe(keyOf(FRENCH).id);
    expect(embedder.calls).toBe(1);
    // What a lookup needed, the write after the miss needs again.
    expect(await other.get(keyOf(OTHER))).toBeUndefined();
    await other.set(entryOf(OTHER));
    expect(embedder.calls).toBe(2);
  });

  test("give the nearest that the policy serves, and nothing below the threshold", async () => {
    const embedder = new TableEmbedder(128);
    embedder.at("near", "asked", 0.9);
    embedder.at("nearer", "asked", 0.95);
    embedder.at("far", "asked", 0.5);
    const refused: string[] = [];
    const policy = {
      threshold: 0.8,
      decide: ({ stored }: { readonly stored: string }) => {
        refused.push(stored);
        return { serve: stored !== "nearer" };
      },
    };
    const store = stage.open({ embedder, policy });
    await store.setMany(["near", "nearer", "far"].map((text) => entryOf(text)));
    expect((await store.get(keyOf("asked")))?.entry.text).toBe("near");
    expect(refused).toEqual(["nearer", "near"]);
  });

  test("show the policy no more than maxCandidates", async () => {
    const { store } = stage;
    await store.setMany(Array.from({ length: 20 }, (_, index) => entryOf(`${FRENCH} ${index}`)));
    const seen: string[] = [];
    const policy = {
      threshold: 0,
      decide: ({ stored }: { readonly stored: string }) => ({ serve: seen.push(stored) < 0 }),
    };
    expect(await stage.open({ policy, maxCandidates: 3 }).get(keyOf(FRENCH))).toBeUndefined();
    expect(seen).toHaveLength(3);
  });

  test("refuse a vector that cannot be compared, and store nothing", async () => {
    const { store, embedder } = stage;
    for (const vector of [new Float32Array(64), new Float32Array(64).fill(Number.NaN), new Float32Array(7).fill(1)]) {
      embedder.instead = () => [vector];
      await expect(store.set(entryOf(FRENCH))).rejects.toMatchObject({ code: "ERR_LLMCACHE_EMBEDDER" });
      await expect(store.get(keyOf(FRENCH))).rejects.toMatchObject({ code: "ERR_LLMCACHE_EMBEDDER" });
    }
    expect(await stage.keys("entry")).toEqual([]);
  });

  test("of an embedder that fails reject; what is written meanwhile is found by its id", async () => {
    const { store, embedder } = stage;
    const events: StoreEvent[] = [];
    store.on((event) => events.push(event));
    embedder.instead = () => Promise.reject(new Error("no model"));
    await store.set(entryOf(FRENCH));
    expect((await store.get(keyOf(FRENCH)))?.entry.text).toBe(FRENCH);
    await expect(store.get(keyOf(FRENCH_TOO))).rejects.toMatchObject({ code: "ERR_LLMCACHE_EMBEDDER" });
    embedder.instead = undefined;
    expect(await store.get(keyOf(FRENCH_TOO))).toBeUndefined();
    await store.set(entryOf(FRENCH));
    expect((await store.get(keyOf(FRENCH_TOO)))?.entry.text).toBe(FRENCH);
    expect(events.map(({ type }) => type)).toEqual(["degraded", "recovered"]);
  });

  test("of a write that was overtaken while the embedder was asked find nothing", async () => {
    const { store, embedder } = stage;
    const asked = Promise.withResolvers<readonly Float32Array[]>();
    embedder.instead = () => asked.promise;
    const writing = store.set(entryOf(FRENCH));
    await store.delete(keyOf(FRENCH));
    asked.resolve([new Float32Array(64).fill(1)]);
    await writing;
    expect(await store.get({ id: keyOf(FRENCH).id })).toBeUndefined();
  });
});

const search = ownSearch(redis);
const engines = [
  { name: "vector sets", open: () => redis },
  { name: "search", open: () => search },
];

describe.each(engines)("similarity with $name", ({ open }) => {
  const stage = stageOn(open());

  test("is the cosine of the vectors, whatever the engine makes of it", async () => {
    const embedder = new TableEmbedder(512);
    const store = stage.open({ embedder, policy: anyAbove(0) });
    for (const wanted of [0.05, 0.3, 0.55, 0.795, 0.8, 0.805, 0.99, 0.9999]) {
      const [text, asked] = [`stored ${wanted}`, `asked ${wanted}`];
      embedder.at(text, asked, wanted);
      const key = keyFor(text, String(wanted), "t");
      await store.set(sampleEntry({ ...key, value: text }));
      const hit = await eventually(async () => {
        const found = await store.get(keyFor(asked, String(wanted), "t"));
        expect(found?.entry.text).toBe(text);
        return found;
      });
      expect(hit?.similarity).toBeCloseTo(embedder.cosine(text, asked), 5);
    }
  });

  test("decides at the threshold by the vectors, not by what the engine rounded", async () => {
    const embedder = new TableEmbedder(24);
    const store = stage.open({ embedder, policy: anyAbove(0.8) });
    for (let index = 0; index < 40; index++) {
      const [text, asked] = [`stored ${index}`, `asked ${index}`];
      const wanted = index % 2 === 0 ? 0.8001 : 0.7999;
      embedder.at(text, asked, wanted);
      await store.set(sampleEntry({ ...keyFor(text, `model ${index}`, "t"), value: text }));
      const hit = await store.get(keyFor(asked, `model ${index}`, "t"));
      expect(hit?.entry.text, `cosine ${wanted}`).toBe(wanted >= 0.8 ? text : undefined);
    }
  });

  test("of opposite and orthogonal vectors is 0", async () => {
    const embedder = new TableEmbedder(2);
    embedder.vectors.set("x", Float32Array.of(1, 0));
    embedder.vectors.set("-x", Float32Array.of(-1, 0));
    embedder.vectors.set("y", Float32Array.of(0, 1));
    const store = stage.open({ embedder, policy: anyAbove(0) });
    await store.set(entryOf("x"));
    expect((await store.get(keyOf("-x")))?.similarity).toBe(0);
    expect((await store.get(keyOf("y")))?.similarity).toBeCloseTo(0, 6);
  });
});

describe("what is left of an entry", () => {
  const stage = stageOn(redis);

  test("hides nothing, and goes from the set when it is most of what is met", async () => {
    const { store, raw } = stage;
    const gone = Array.from({ length: 30 }, (_, index) => entryOf(`${FRENCH_TOO} ${index}`));
    await store.setMany([...gone, entryOf(FRENCH)]);
    await raw.unlink(gone.map(({ id }) => `${stage.prefix}:entry:${id}`));
    let asked = 0;
    await eventually(async () => {
      expect((await store.get(keyOf(`${FRENCH_TOO} ${asked++} indeed`)))?.entry.text).toBe(FRENCH);
      expect(await stage.elements()).toBe(1);
    });
    expect(asked).toBeLessThan(40);
  });

  test("hides nothing, however much of it is nearer", async () => {
    const embedder = new TableEmbedder(64);
    const store = stage.open({ embedder });
    // Fewer than what makes the set be looked at.
    const gone = Array.from({ length: 24 }, (_, index) => `gone ${index}`);
    for (const text of gone) embedder.at(text, "asked", 0.95);
    embedder.at("live", "asked", 0.8);
    await store.setMany([...gone, "live"].map((text) => entryOf(text)));
    await stage.raw.unlink(gone.map((text) => `${stage.prefix}:entry:${keyOf(text).id}`));
    expect((await store.get(keyOf("asked")))?.entry.text).toBe("live");
  });

  test("does not pile up where writes go on", async () => {
    const { store, raw } = stage;
    await store.set(entryOf(FRENCH));
    for (let index = 0; index < 400; index++) {
      const entry = entryOf(`text number ${index}`);
      await store.set(entry);
      await raw.unlink(`${stage.prefix}:entry:${entry.id}`);
    }
    await eventually(async () => expect(await stage.elements()).toBeLessThan(100));
    expect((await store.get(keyOf(FRENCH_TOO)))?.entry.text).toBe(FRENCH);
  });

  test("is found by its id alone, if it has no vector; by nothing, if it is cut off or another's", async () => {
    const { store, raw, prefix } = stage;
    const events: StoreEvent[] = [];
    store.on((event) => events.push(event));
    const entry = entryOf(FRENCH);
    const key = `${prefix}:entry:${entry.id}`;
    const [set, frame] = [
      async () => (await stage.keys("vectors"))[0] as string,
      async () => raw.hgetBuffer(key, "frame"),
    ];

    await store.set(entry);
    await raw.call("vrem", await set(), entry.id);
    expect((await store.get(entry))?.entry.text).toBe(FRENCH);
    expect(await store.get(keyOf(FRENCH_TOO))).toBeUndefined();

    await store.set(entry);
    const whole = (await frame()) as Buffer;
    for (const damaged of [
      whole.subarray(0, -1),
      whole.subarray(0, 20),
      Buffer.alloc(0),
      Buffer.from(whole).fill(0, 40, 44),
    ]) {
      await store.set(entry);
      await raw.hset(key, "frame", damaged);
      expect(await store.get({ id: entry.id })).toBeUndefined();
      expect(await store.get(keyOf(FRENCH_TOO))).toBeUndefined();
      expect(await store.add({ ...entry, createdAt: entry.createdAt + 1 })).toBe(true);
      expect((await store.get({ id: entry.id }))?.entry.createdAt).toBe(entry.createdAt + 1);
    }
    // A whole frame, of another entry.
    await store.set(entry);
    await store.set(entryOf(OTHER));
    await raw.hset(key, "frame", (await raw.hgetBuffer(`${prefix}:entry:${keyOf(OTHER).id}`, "frame")) as Buffer);
    expect(await store.get({ id: entry.id })).toBeUndefined();
    expect(await store.get(keyOf(FRENCH_TOO))).toBeUndefined();
    // No hash at all.
    await raw.set(key, "theirs");
    expect(await store.get({ id: entry.id })).toBeUndefined();
    expect(await store.add(entry)).toBe(true);
    expect(events.every(({ type }) => type === "unreadable")).toBe(true);
  });

  test("is replaced by one of those who find it damaged", async () => {
    const { raw, prefix } = stage;
    const stores = [stage.open(), stage.open()];
    for (let turn = 0; turn < 20; turn++) {
      const entry = entryOf(`${FRENCH} ${turn}`, { value: "a" });
      const key = `${prefix}:entry:${entry.id}`;
      await stage.store.set(entry);
      // As long as what takes its place.
      await raw.hset(key, "frame", Buffer.from((await raw.hgetBuffer(key, "frame")) as Buffer).fill(0, 40, 44));
      const added = await Promise.all(
        stores.map((store, index) => store.add({ ...entry, body: bodies[index] as Body })),
      );
      expect(added.filter(Boolean), `turn ${turn}`).toHaveLength(1);
      expect((await stage.store.get({ id: entry.id }))?.entry.body.json()).toBe(added[0] ? "b" : "c");
    }
  });

  test("is nothing after its deleteAt, for its id and for similar requests", async () => {
    const { store, raw } = stage;
    await store.set(entryOf(FRENCH, { createdAt: Date.now(), deleteAt: Date.now() + 80 }));
    expect((await store.get(keyOf(FRENCH_TOO)))?.entry.text).toBe(FRENCH);
    await eventually(async () => expect(await store.get(keyOf(FRENCH))).toBeUndefined());
    expect(await store.get(keyOf(FRENCH_TOO))).toBeUndefined();
    await eventually(async () => expect(await stage.keys("vectors")).toEqual([]));
    expect(await raw.exists(`${stage.prefix}:entry:${keyOf(FRENCH).id}`)).toBe(0);
  });
});

describe("sets", () => {
  const stage = stageOn(redis);

  test("are never told to take an element out, nor to add one that is there, which can crash Redis", async () => {
    const { store, raw } = stage;
    const monitor = await raw.duplicate().monitor();
    const sent: string[] = [];
    monitor.on("monitor", (_time: string, [command = "", ...args]: string[]) => {
      if (/^v(?:add|rem)$/i.test(command) && args[0]?.startsWith(stage.prefix)) sent.push(`${command} ${args[3]}`);
    });
    for (let turn = 0; turn < 3; turn++) {
      await Promise.all([store.set(entryOf(FRENCH)), stage.open().set(entryOf(FRENCH))]);
      await store.get(keyOf(FRENCH_TOO));
      await store.delete(keyOf(FRENCH));
      expect(await store.get(keyOf(FRENCH_TOO))).toBeUndefined();
      await store.add(entryOf(FRENCH));
    }
    expect((await store.get(keyOf(FRENCH_TOO)))?.entry.text).toBe(FRENCH);
    await store.set(entryOf(OTHER));
    await eventually(() => expect(sent).toHaveLength(2));
    expect(sent).toEqual([`VADD ${keyOf(FRENCH).id}`, `VADD ${keyOf(OTHER).id}`]);
    monitor.disconnect();
  });

  test.each(["hexists", "hmget"])("are kept where it cannot be told what is gone, without %s", async (command) => {
    const { raw, prefix } = stage;
    const user = `u${process.pid}-${command}`;
    await raw.acl("SETUSER", user, "on", ">secret", "~*", "&*", "+@all", `-${command}`);
    const { hostname, port } = new URL(redis.url);
    const client = new Redis({ host: hostname, port: Number(port), username: user, password: "secret" });
    const refused: string[] = [];
    const pipeline = client.pipeline.bind(client);
    client.pipeline = () => {
      const made = pipeline();
      const callBuffer = made.callBuffer.bind(made);
      made.callBuffer = ((name: string, ...args: never[]) => {
        refused.push(name);
        return callBuffer(name, ...args);
      }) as typeof made.callBuffer;
      return made;
    };
    const store = new RedisSemanticStore({ client, prefix, embedder: new WordEmbedder(), policy: anyAbove(0.6) });
    const entries = Array.from({ length: 40 }, (_, index) => entryOf(`text ${index}`));
    const writer = stage.open();
    await writer.setMany([...entries, entryOf(FRENCH)]);
    await writer[Symbol.asyncDispose]();
    await raw.unlink(entries.map(({ id }) => `${prefix}:entry:${id}`));
    await eventually(async () => {
      for (let index = 0; index < 32; index++) await store.set(entryOf(FRENCH));
      expect(refused).toContain(command);
    });
    await store[Symbol.asyncDispose]();
    expect(await stage.elements()).toBeGreaterThanOrEqual(41);
    expect((await stage.store.get(keyOf(FRENCH_TOO)))?.entry.text).toBe(FRENCH);
    client.disconnect();
    await raw.acl("DELUSER", user);
  });

  test("do not pile up where every process writes little", async () => {
    const { raw, prefix } = stage;
    await stage.store.set(entryOf(FRENCH));
    for (let process = 0; process < 80; process++) {
      await using store = stage.open();
      const entries = Array.from({ length: 10 }, (_, index) => entryOf(`text ${process} ${index}`));
      await store.setMany(entries);
      await raw.unlink(entries.map(({ id }) => `${prefix}:entry:${id}`));
      expect((await store.get(keyOf(FRENCH_TOO)))?.entry.text).toBe(FRENCH);
    }
    expect(await stage.elements()).toBeLessThan(500);
    // Nothing goes on after the stores were disposed, and nobody is kept from going on.
    expect(await raw.keys(`${prefix}:*`)).toEqual(expect.arrayContaining(await stage.keys("vectors")));
    expect((await raw.keys(`${prefix}:vectors:*`)).toSorted()).toEqual((await stage.keys("vectors")).toSorted());
  });

  test("that are made anew keep what is there, and its end", async () => {
    const { store, raw, prefix } = stage;
    const end = Date.now() + 500_000;
    await store.set(entryOf(FRENCH, { deleteAt: end }));
    const gone = Array.from({ length: 64 }, (_, index) => entryOf(`gone ${index}`, { deleteAt: end + 1000 }));
    await store.setMany(gone.slice(0, 40));
    await raw.unlink(gone.map(({ id }) => `${prefix}:entry:${id}`));
    await store.setMany(gone.slice(40));
    await raw.unlink(gone.map(({ id }) => `${prefix}:entry:${id}`));
    await eventually(async () => {
      await store.set(entryOf("trigger", { deleteAt: end }));
      expect(await stage.elements()).toBeLessThan(10);
      expect(await stage.keys("vectors")).toHaveLength(1);
    });
    expect((await store.get(keyOf(FRENCH_TOO)))?.entry.text).toBe(FRENCH);
    const [set = ""] = await stage.keys("vectors");
    expect(await raw.pexpiretime(set)).toBe(end);
  });

  test("end with their longest entry", async () => {
    const { store, raw } = stage;
    const now = Date.now();
    const expiry = async (): Promise<number> => raw.pexpiretime((await stage.keys("vectors"))[0] as string);
    await store.set(entryOf("one", { deleteAt: now + 100_000 }));
    expect(await expiry()).toBe(now + 100_000);
    await store.set(entryOf("two", { deleteAt: now + 500_000 }));
    await store.set(entryOf("three", { deleteAt: now + 300_000 }));
    expect(await expiry()).toBe(now + 500_000);
    await store.set(entryOf("endless"));
    await store.set(entryOf("four", { deleteAt: now + 600_000 }));
    expect(await expiry()).toBeGreaterThan(Date.UTC(9999, 0));
  });

  test("are beside those of another embedder, and of another length: nothing is met, nothing is destroyed", async () => {
    const first = stage.open({ embedder: new WordEmbedder("a") });
    const second = stage.open({ embedder: new WordEmbedder("b") });
    const third = stage.open({ embedder: new TableEmbedder(32, "a") });
    await first.set(entryOf(FRENCH));
    expect(await second.get(keyOf(FRENCH_TOO))).toBeUndefined();
    expect(await third.get(keyOf(FRENCH_TOO))).toBeUndefined();
    await second.set(entryOf(FRENCH));
    await third.set(entryOf(FRENCH));
    expect(await stage.keys("vectors")).toHaveLength(3);
    // The same answer, with a vector of each of them.
    for (const store of [first, second]) expect((await store.get(keyOf(FRENCH_TOO)))?.entry.text).toBe(FRENCH);
    // Of another text only the writer's vector is that of the text.
    const { id } = keyOf(FRENCH);
    await second.set({ ...entryOf(OTHER), id });
    expect(await first.get(keyOf(FRENCH_TOO))).toBeUndefined();
    expect(await first.get(keyOf(`${OTHER} too`))).toBeUndefined();
    // An id stands for its text: what has another one now is found by its id alone.
    expect(await second.get(keyOf(FRENCH_TOO))).toBeUndefined();
    expect((await second.get({ id }))?.entry.text).toBe(OTHER);
  });
});

describe("tenants, models and embedders in one Redis", () => {
  const stage = stageOn(redis);

  test("never meet, with 64 writing at the same time", async () => {
    const texts = Array.from({ length: 12 }, (_, index) => `${FRENCH} number ${index}`);
    const parties = ["t1", "t2"].flatMap((tenant) =>
      ["m1", "m2"].flatMap((model) => ["e1", "e2"].map((embedder) => ({ tenant, model, embedder }))),
    );
    const stores = new Map(
      ["e1", "e2"].map((id) => [id, stage.open({ embedder: new WordEmbedder(id), policy: anyAbove(0.3) })] as const),
    );
    const said = (party: object): string => JSON.stringify(party);
    const write = async (worker: number): Promise<void> => {
      const party = parties[worker % parties.length] as (typeof parties)[number];
      const store = stores.get(party.embedder) as RedisSemanticStore;
      // Embedders are apart from each other only by similarity: an answer is an answer, whoever embeds its question.
      const tenant = `${party.tenant} ${party.embedder}`;
      for (let turn = 0; turn < texts.length; turn++) {
        const text = texts[(turn + worker) % texts.length] as string;
        await store.set(sampleEntry({ ...keyFor(text, party.model, tenant), value: said(party) }));
        const asked = `${text} ${worker}`;
        const hit = await store.get(keyFor(asked, party.model, tenant));
        if (hit !== undefined) expect(hit.entry.body.json()).toBe(said(party));
      }
    };
    await Promise.all(Array.from({ length: 64 }, (_, worker) => write(worker)));
    for (const party of parties) {
      const store = stores.get(party.embedder) as RedisSemanticStore;
      const tenant = `${party.tenant} ${party.embedder}`;
      const hit = await store.get(keyFor(`${FRENCH} please`, party.model, tenant));
      expect(hit?.entry.body.json()).toBe(said(party));
      const foreign = stores.get(party.embedder === "e1" ? "e2" : "e1") as RedisSemanticStore;
      expect(await foreign.get(keyFor(`${FRENCH} please`, party.model, tenant))).toBeUndefined();
    }
  });
});

describe("rejected pairs", () => {
  const stage = stageOn(redis);

  test("stay rejected for every process, after a delete and a new answer, too", async () => {
    const { store } = stage;
    await store.set(entryOf(FRENCH));
    await store.rejectPair(keyOf(FRENCH_TOO), keyOf(FRENCH));
    const other = stage.open();
    expect(await other.get(keyOf(FRENCH_TOO))).toBeUndefined();
    await other.delete(keyOf(FRENCH));
    expect(await other.add(entryOf(FRENCH, { value: "new" }))).toBe(true);
    expect(await other.get(keyOf(FRENCH_TOO))).toBeUndefined();
    expect((await other.get(keyOf(`${FRENCH} please`)))?.entry.text).toBe(FRENCH);
  });

  test("of an answer that is rejected again and again end with its being offered to nobody", async () => {
    const { store } = stage;
    await store.set(entryOf(FRENCH));
    for (let index = 0; index < 100; index++) await store.rejectPair(keyOf(`q ${index}`), keyOf(FRENCH));
    expect(await store.get(keyOf(FRENCH_TOO))).toBeUndefined();
    expect((await store.get(keyOf(FRENCH)))?.entry.text).toBe(FRENCH);
  });

  test("of an entry that never comes are forgotten, and listed nowhere", async () => {
    const { store, raw } = stage;
    await store.rejectPair(keyOf(FRENCH_TOO), keyOf(FRENCH));
    const key = `${stage.prefix}:entry:${keyOf(FRENCH).id}`;
    expect(await raw.pttl(key)).toBeGreaterThan(0);
    expect(await store.get(keyOf(FRENCH))).toBeUndefined();
    for await (const _ of store.entries()) expect.unreachable("nothing is stored");
    await store.set(entryOf(FRENCH));
    expect(await raw.pttl(key)).toBe(-1);
  });
});

describe("a codec that encrypts", () => {
  const codec = aesCodec({ keys: [{ id: "k", key: randomBytes(32) }] });
  const stage = stageOn(redis, { codec });

  test("leaves nothing of the head in clear, and similar entries are found", async () => {
    const { store, raw } = stage;
    await store.set(
      entryOf(FRENCH, { metadata: { operation: "o", model: "secret model", namespace: "n" }, tags: { t: "1" } }),
    );
    expect((await store.get(keyOf(FRENCH_TOO)))?.entry.metadata.model).toBe("secret model");
    const fields = await raw.hgetall(`${stage.prefix}:entry:${keyOf(FRENCH).id}`);
    expect(
      Object.keys(fields)
        .filter((name) => !name.startsWith("v_"))
        .sort(),
    ).toEqual(["compared", "createdAt", "frame", "scope"]);
    expect(JSON.stringify(fields)).not.toMatch(/secret|capital/);
  });
});

describe("engines", () => {
  const none = ownSearch(redis, { name: "none", isValkey: false, hasNone: true });
  const withSearch = ownSearch(redis);

  test("are chosen by what the server has", async () => {
    await using store = redisSemanticStore({
      url: withSearch.url,
      prefix: `chosen-${process.pid}`,
      embedder: new WordEmbedder(),
      policy: anyAbove(0.6),
    });
    await store.set(entryOf(FRENCH));
    expect((await store.get(keyOf(FRENCH_TOO)))?.entry.text).toBe(FRENCH);
    expect(withSearch.server.commands.map(([name]) => name)).toEqual(["ft.create", "ft.search"]);
    // An index that somebody dropped is made anew.
    withSearch.server.indexes.clear();
    expect((await store.get(keyOf(FRENCH_TOO)))?.entry.text).toBe(FRENCH);
    await store.clear();
  });

  test("with search are found by each of those who share a server and differ in keyPrefix", async () => {
    const { hostname, port } = new URL(withSearch.url);
    for (const keyPrefix of ["one:", "two:"]) {
      const client = new Redis({ host: hostname, port: Number(port), keyPrefix });
      const options = { client, prefix: `shared-${process.pid}`, engine: "search", policy: anyAbove(0.6) } as const;
      const store = new RedisSemanticStore({ ...options, embedder: new WordEmbedder() });
      expect(await store.get(keyOf(FRENCH_TOO))).toBeUndefined();
      await store.set(entryOf(FRENCH));
      expect((await store.get(keyOf(FRENCH_TOO)))?.entry.text).toBe(FRENCH);
      client.disconnect();
    }
    const raw = new Redis(redis.url);
    await raw.unlink(await raw.keys(`*:shared-${process.pid}:*`));
    raw.disconnect();
  });

  test("that a server lacks are an error that says what to run, before anything is written; exact lookups work", async () => {
    await using store = redisSemanticStore({
      url: none.url,
      prefix: `none-${process.pid}`,
      embedder: new WordEmbedder(),
      threshold: 0.8,
    });
    const says = { code: "ERR_LLMCACHE_UNSUPPORTED", message: expect.stringContaining("Redis 8") as unknown };
    await expect(store.set(entryOf(FRENCH))).rejects.toMatchObject(says);
    await expect(store.get(keyOf(FRENCH))).rejects.toMatchObject(says);
    expect(await store.get({ id: keyOf(FRENCH).id })).toBeUndefined();
    const raw = new Redis(redis.url);
    expect(await raw.keys(`none-${process.pid}*`)).toEqual([]);
    raw.disconnect();
  });
});

describe("options", () => {
  test.each([
    [{ embedder: undefined }, "embedder must be"],
    [{ threshold: 2 }, "threshold must be"],
    [{ threshold: undefined }, "threshold must be"],
    [{ policy: { decide: () => ({ serve: true }) } }, "give either them or policy"],
    [{ maxCandidates: 0 }, "maxCandidates must be"],
    [{ prefix: "" }, "prefix must be"],
    [{ engine: "faiss" }, "engine must be"],
    [{ timeoutMs: 0 }, "timeoutMs must be"],
    [{ similarity_threshold: 0.8 }, "similarity_threshold is no option"],
  ])("%j are refused", (given, message) => {
    const options = { client: {}, embedder: new WordEmbedder(), threshold: 0.8, ...given };
    const make = (): unknown => redisSemanticStore({ ...options, url: redis.url } as never);
    const client = new Redis({ lazyConnect: true });
    expect(() => new RedisSemanticStore({ ...options, client } as never)).toThrow(message);
    client.disconnect();
    delete (options as { client?: unknown }).client;
    expect(make).toThrow(message);
  });
});
