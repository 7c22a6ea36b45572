import { readFileSync } from "node:fs";
import { redisSemanticStore } from "@llmcache/redis-semantic";
import { Redis } from "ioredis";
import { describe, expect, test } from "vitest";
import { anyAbove, entryOf, keyOf, WordEmbedder } from "../../memory-semantic/test/stage.ts";
import { eventually } from "../../redis/test/polling.ts";
import { ownRedis, ownServersProblem } from "../../redis/test/servers.ts";

const FRENCH = "what is the capital of France";
const OTHER = "how do bees make honey in winter";
const FRENCH_TOO = "what is the capital city of France";
const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
/** Those that the README names for vector sets. */
const rights = [...(/\*\*Rights\.\*\*([^]*?)with search/.exec(readme)?.[1] ?? "").matchAll(/\+[a-z|]+/g)].join(" ");
const problem = await ownServersProblem();

describe.skipIf(problem !== undefined)(`rights ${problem ?? ""}`, () => {
  const redis = ownRedis({ acl: [`user app on >secret ~app:* ${rights}`, "user other on >secret ~app:* +get"] });

  test("those that the README names are enough", async () => {
    const { host, port } = redis.server;
    const login = { host, port, username: "app", password: "secret" };
    await using store = redisSemanticStore({
      ...login,
      prefix: "app",
      embedder: new WordEmbedder(),
      policy: anyAbove(0.6),
    });
    await store.set(entryOf(FRENCH, { deleteAt: Date.now() + 60_000 }));
    expect((await store.get(keyOf(FRENCH_TOO)))?.entry.text).toBe(FRENCH);
    await store.rejectPair(keyOf("other"), keyOf(FRENCH));
    expect(await store.add(entryOf(FRENCH))).toBe(false);
    await store.setMany(Array.from({ length: 40 }, (_, index) => entryOf(`question ${index}`)));
    let listed = 0;
    for await (const _ of store.entries()) listed++;
    expect(listed).toBe(41);
    await store.delete(keyOf(FRENCH));
    // A set is made anew, too.
    for (let index = 0; index < 40; index++) await store.delete(keyOf(`question ${index}`));
    const raw = new Redis(redis.server.url);
    await eventually(async () => {
      for (let index = 0; index < 32; index++) await store.set(entryOf(OTHER));
      const sets = await raw.keys("app:vectors:*");
      expect(await Promise.all(sets.map((key) => raw.call("vcard", key)))).toEqual([1]);
    });
    raw.disconnect();
    await store.clear();
    expect(await store.get(keyOf(FRENCH_TOO))).toBeUndefined();
  });

  test("too few are an error that says so", async () => {
    const { host, port } = redis.server;
    const login = { host, port, username: "other", password: "secret", options: { enableReadyCheck: false } };
    await using store = redisSemanticStore({ ...login, prefix: "app", embedder: new WordEmbedder(), threshold: 0.8 });
    await expect(store.get(keyOf(FRENCH))).rejects.toThrow(/may not do this/);
  });
});
