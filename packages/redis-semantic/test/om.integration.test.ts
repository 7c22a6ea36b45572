import { EntityId, EntityKeyName, Repository } from "redis-om";
import { createClient } from "redis";
import { afterEach, describe, expect, test } from "vitest";
import { semanticRepository, semanticSchema, type RedisOmConnection } from "@llmcache/redis-semantic/om";
import { entryOf, keyOf } from "../../memory-semantic/test/stage.ts";
import { eventually } from "../../redis/test/polling.ts";
import { someRedis } from "../../redis/test/servers.ts";
import { ownSearch } from "./search-server.ts";
import { stageOn } from "./stage.ts";

const redis = someRedis();
const stage = stageOn(redis);
const FRENCH = "what is the capital of France";
const FRENCH_TOO = "what is the capital city of France";
const NOW = Date.UTC(2026, 5, 1, 12, 0, 0, 250);
const entry = entryOf(FRENCH, {
  createdAt: NOW,
  deleteAt: Date.now() + 600_000,
  metadata: { operation: "chat.completions", provider: "p", model: "m", namespace: "n", tokens: 12, cost: 0.25 },
  tags: { "prompt:v3": "g1", customer: "g2" },
});
const opened: RedisOmConnection[] = [];
afterEach(async () => {
  for (const one of opened.splice(0)) await one.quit();
});

async function connection(url = redis.url): Promise<RedisOmConnection> {
  const client = createClient({ url });
  await client.connect();
  opened.push(client);
  return client;
}

describe("entries as entities of redis-om", () => {
  test("are fetched by their ids, with what describes them", async () => {
    await stage.store.set(entry);
    const entity = await semanticRepository(await connection(), { prefix: stage.prefix }).fetch(entry.id);
    expect(entity).toEqual({
      [EntityId]: entry.id,
      [EntityKeyName]: `${stage.prefix}:entry:${entry.id}`,
      operation: "chat.completions",
      provider: "p",
      model: "m",
      namespace: "n",
      tokens: 12,
      cost: 0.25,
      tags: ["prompt:v3", "customer"],
      createdAt: new Date(NOW),
      deleteAt: new Date(entry.deleteAt as number),
      scope: entry.scope,
      text: FRENCH,
    });
  });

  test("are saved without harm to the answer, its vectors and its end", async () => {
    const { store, raw, prefix } = stage;
    await store.set(entry);
    await store.rejectPair(keyOf("rejected"), entry);
    const key = `${prefix}:entry:${entry.id}`;
    const [frame, ends] = [await raw.hgetBuffer(key, "frame"), await raw.pexpiretime(key)];
    const repository = semanticRepository(await connection(), { prefix });
    const entity = await repository.fetch(entry.id);
    const { tokens: _, ...rest } = entity;
    await repository.save({ ...rest, model: "renamed", note: "checked", createdAt: new Date(0), text: "forged" });
    expect(await raw.hgetBuffer(key, "frame")).toEqual(frame);
    expect(await raw.pexpiretime(key)).toBe(ends);
    expect(await repository.fetch(entry.id)).toMatchObject({
      model: "renamed",
      note: "checked",
      createdAt: new Date(NOW),
      text: FRENCH,
    });
    expect(await raw.hexists(key, "tokens")).toBe(0);
    expect(await raw.hget(key, "rejected")).toContain(keyOf("rejected").id);
    expect((await store.get(keyOf(FRENCH_TOO)))?.entry.metadata.model).toBe("m");
    expect(await store.add({ ...entry, createdAt: NOW + 1 }, { over: entry })).toBe(true);
  });

  test("that are not there cannot be saved", async () => {
    const repository = semanticRepository(await connection(), { prefix: stage.prefix });
    const says = { code: "ERR_LLMCACHE_UNSUPPORTED", message: expect.stringContaining("through the cache") as unknown };
    await expect(repository.save({ model: "m" })).rejects.toMatchObject(says);
    await expect(repository.save(entry.id, { model: "m" })).rejects.toMatchObject(says);
    expect(await stage.keys("entry")).toEqual([]);
  });

  test("that are removed, or expire, are misses", async () => {
    const { store, prefix } = stage;
    const repository = semanticRepository(await connection(), { prefix });
    await store.set(entry);
    await repository.remove(entry.id);
    expect(await store.get(entry)).toBeUndefined();
    expect(await store.get(keyOf(FRENCH_TOO))).toBeUndefined();
    await store.set(entry);
    await repository.expireAt(entry.id, new Date(Date.now() + 1200));
    await eventually(async () => expect(await store.get(keyOf(FRENCH_TOO))).toBeUndefined());
  });

  test("that redis-om itself has written as text, which they are not, are misses", async () => {
    const { store, prefix } = stage;
    await store.set(entryOf(FRENCH, { bytes: Buffer.from([0xff, 0xfe, 0x80]) }));
    const plain = new Repository(semanticSchema({ prefix }), await connection());
    await plain.save(await plain.fetch(entry.id));
    expect(await store.get({ id: entry.id })).toBeUndefined();
    expect(await store.get(keyOf(FRENCH_TOO))).toBeUndefined();
    expect(await store.add(entry)).toBe(true);
    expect((await store.get(keyOf(FRENCH_TOO)))?.entry.text).toBe(FRENCH);
  });
});

describe("where the server has search", () => {
  const search = ownSearch(redis);

  test("entities are found by model, namespace, operation, tag and date", async () => {
    const repository = semanticRepository(await connection(search.url), { prefix: "app" });
    await repository.createIndex();
    const found = await repository
      .search()
      .where("model")
      .eq("m")
      .and("namespace")
      .eq("n")
      .and("operation")
      .eq("o")
      .and("tags")
      .contains("customer")
      .and("createdAt")
      .after(new Date(1_700_000_000_000))
      .return.all();
    expect(found).toEqual([]);
    const [create, query] = search.server.commands;
    expect(create?.join(" ")).toMatch(
      /^ft\.create app:entry:index ON HASH PREFIX 1 app:entry: SCHEMA operation AS operation TAG .*tags AS tags TAG SEPARATOR \| .*createdAt AS createdAt NUMERIC SORTABLE/,
    );
    expect(create?.join(" ")).not.toMatch(/TEXT|frame|v_/);
    expect(query?.[2]).toContain("(@model:{m})");
    expect(query?.[2]).toContain("(@tags:{customer})");
    expect(query?.[2]).toContain("(@createdAt:[(1700000000 +inf])");
  });
});
