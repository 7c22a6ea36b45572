import {
  GetBucketLifecycleConfigurationCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutBucketLifecycleConfigurationCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { afterEach, describe, expect, test } from "vitest";
import { LLMCache, type StoreEvent } from "@llmcache/core";
import { sampleEntry, sampleId } from "@llmcache/core/conformance";
import { lifecycleRule, s3Store, S3Store, type S3ConnectionOptions } from "@llmcache/s3";
import { open } from "@llmcache/s3/open";
import { hasOwnDays, someS3 } from "./servers.ts";

const FULL = process.env["LLMCACHE_TEST_FULL"] === "1";
/** More than a page of S3 holds. */
const MANY = FULL ? 10_000 : 1100;
const MUTANTS = FULL ? 100_000 : 2000;
const AT_ONCE = 100;

const s3 = someS3();
const opened: S3Store[] = [];
afterEach(async () => {
  for (const store of opened.splice(0)) {
    await store.clear();
    await store[Symbol.asyncDispose]();
  }
});

let count = 0;
const fresh = (): string => `objects-${process.pid}-${count++}/`;
const openStore = (options: Partial<S3ConnectionOptions> = {}): S3Store => {
  const store = s3Store({ ...s3.place, prefix: fresh(), ...options });
  opened.push(store);
  return store;
};
const keyOf = ({ prefix }: S3Store, id: string): string => `${prefix}${id.slice(0, 2)}/${id}`;
const entryOf = (name: string | number, value: unknown = name): ReturnType<typeof sampleEntry> =>
  sampleEntry({ id: sampleId(name), value });
const idsOf = async (store: S3Store): Promise<string[]> => {
  const ids: string[] = [];
  for await (const { head } of store.entries()) ids.push(head.id);
  return ids;
};

test("an object can be read by people and tools", async () => {
  const store = openStore();
  const staleAt = Math.ceil(Date.now() / 1000) * 1000 + 3_600_000;
  const entry = sampleEntry({
    staleAt,
    deleteAt: staleAt,
    metadata: { operation: "chat.completions", model: "größe 1" },
  });
  for (const write of [() => store.set(entry), () => store.delete(entry).then(() => store.add(entry))]) {
    await write();
    expect(await s3.keys(store.prefix)).toEqual([keyOf(store, entry.id)]);
    const head = await s3.client.send(new HeadObjectCommand({ Bucket: s3.place.bucket, Key: keyOf(store, entry.id) }));
    expect(head).toMatchObject({
      ContentType: "application/vnd.llmcache.entry",
      CacheControl: expect.stringMatching(/^max-age=3[56]\d\d$/),
      Metadata: { operation: "chat.completions", model: "gr%C3%B6%C3%9Fe%201", createdat: "2026-01-01T00:00:00.000Z" },
    });
    expect(new Date(head.ExpiresString ?? "").getTime()).toBe(staleAt);
  }
  const { Body } = await s3.client.send(new GetObjectCommand({ Bucket: s3.place.bucket, Key: keyOf(store, entry.id) }));
  expect(await Body?.transformToString()).toContain(`"id":"${entry.id}"`);
});

test("one entry serves a cache, through a store that was opened by URL", async () => {
  const { endpoint, bucket, region, credentials } = s3.place;
  const variables = { AWS_ACCESS_KEY_ID: credentials.accessKeyId, AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey };
  const before = { ...process.env };
  Object.assign(process.env, variables);
  try {
    const store = (await open(
      `s3://${bucket}/${fresh()}?region=${region}&endpoint=${encodeURIComponent(endpoint)}`,
      {},
    )) as S3Store;
    opened.push(store);
    const cache = new LLMCache({ store, ttl: "1h" });
    const request = { operation: "chat.completions", model: "m", prompt: "What is six times seven?" };
    expect(await cache.through(request, async () => "42")).toMatchObject({ status: "miss", value: "42" });
    await cache.settled();
    expect(await cache.through(request, async () => "43")).toMatchObject({ status: "hit", value: "42" });
    await cache.delete(request);
    expect(await store.get(cache.key(request))).toBeUndefined();
    await cache.settled();
  } finally {
    for (const name of Object.keys(variables)) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  }
});

test("a client of one's own is used as it is, and left open", async () => {
  const client = new S3Client({ ...s3.place, forcePathStyle: true });
  const store = new S3Store({ client, bucket: s3.place.bucket, prefix: fresh() });
  await store.set(entryOf("a"));
  expect(await store.add(entryOf("a"))).toBe(false);
  await store.clear();
  await store[Symbol.asyncDispose]();
  await expect(store.get(entryOf("a"))).rejects.toMatchObject({ code: "ERR_LLMCACHE_CLOSED" });
  await client
    .send(new HeadObjectCommand({ Bucket: s3.place.bucket, Key: "none" }))
    .catch((error: Error) => expect(error.name).toBe("NotFound"));
  client.destroy();
});

describe(`${MANY} entries`, () => {
  test("are listed in pages in the order of keys, and cleared, without a warning", { timeout: 600_000 }, async () => {
    const warnings: Error[] = [];
    const warned = (warning: Error): void => void warnings.push(warning);
    process.on("warning", warned);
    const store = openStore();
    const entries = Array.from({ length: MANY }, (_, value) => entryOf(value));
    await store.setMany(entries, { signal: new AbortController().signal });
    const ids = entries.map(({ id }) => id).toSorted();
    expect(await idsOf(store)).toEqual(ids);
    const paged: string[] = [];
    let [after, before]: (string | undefined)[] = [];
    do {
      before = after;
      for await (const { head, cursor } of store.entries({ limit: 300, after: before })) {
        paged.push(head.id);
        after = cursor;
      }
    } while (after !== before);
    expect(paged).toEqual(ids);
    const hits = await store.getMany(entries.slice(0, 300), { signal: new AbortController().signal });
    expect(hits.map((hit) => hit?.entry.body.json())).toEqual(entries.slice(0, 300).map((_, value) => value));
    await store.clear();
    expect(await s3.keys(store.prefix)).toEqual([]);
    process.off("warning", warned);
    expect(warnings).toEqual([]);
  });
});

test("prefixes that begin with each other are apart, and what others keep below one stays", async () => {
  const base = fresh().slice(0, -1);
  const stores = [base, `${base}2`, `${base}/`, `${base}/ab/`, `${base}ab/`].map((prefix) => openStore({ prefix }));
  for (const [index, store] of stores.entries()) await store.set(entryOf("a", index));
  const others = [`${base}/notes.txt`, `${base}notes & "quotes"/ü+%41\u0001`];
  for (const key of others) await s3.put(key, "theirs");
  for (const [index, store] of stores.entries()) {
    expect((await store.get(entryOf("a")))?.entry.body.json()).toBe(index);
    expect(await idsOf(store)).toEqual([sampleId("a")]);
  }
  for (const [index, store] of stores.entries()) {
    await store.clear();
    expect(await store.get(entryOf("a"))).toBeUndefined();
    for (const rest of stores.slice(index + 1)) expect(await idsOf(rest)).toEqual([sampleId("a")]);
  }
  expect(await s3.keys(base)).toHaveLength(others.length);
});

describe("hostile objects", () => {
  test(`${MUTANTS} mutated frames are misses or the right value`, { timeout: 1_800_000 }, async () => {
    const store = openStore();
    const events: StoreEvent[] = [];
    store.on((event) => events.push(event));
    const original = sampleEntry({
      metadata: { operation: "chat.completions", model: "m" },
      tags: { tag: "1" },
      text: "text",
      deleteAt: Date.now() + 3_600_000,
    });
    await store.set(original);
    const { Body } = await s3.client.send(
      new GetObjectCommand({ Bucket: s3.place.bucket, Key: keyOf(store, original.id) }),
    );
    const frame = Buffer.from((await Body?.transformToByteArray()) ?? []);
    const random = sequence();
    for (let done = 0; done < MUTANTS; done += AT_ONCE) {
      // Each under a prefix of its own, so that each is asked for by its id.
      const stores = Array.from({ length: AT_ONCE }, (_, index) => openAt(`${store.prefix}m${index}/`));
      await Promise.all(
        stores.map(async (one) => {
          await s3.put(keyOf(one, original.id), mutated(frame, random));
          const hit = await one.get(original);
          if (hit !== undefined)
            expect(hit.entry).toMatchObject({
              id: original.id,
              createdAt: original.createdAt,
              metadata: original.metadata,
            });
          if (hit !== undefined) expect(hit.entry.body.json()).toEqual(original.body.json());
        }),
      );
    }
    for (let index = 0; index < AT_ONCE; index++) {
      const one = openAt(`${store.prefix}m${index}/`);
      for await (const { head } of one.entries({ bodies: index % 2 === 0 })) expect(head.id).toBe(original.id);
      await one.clear();
    }
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });

  test("of any content are misses, and add takes their place", async () => {
    const store = openStore();
    await store.set(entryOf("other"));
    const { Body } = await s3.client.send(
      new GetObjectCommand({ Bucket: s3.place.bucket, Key: keyOf(store, sampleId("other")) }),
    );
    const frame = (await Body?.transformToByteArray()) ?? new Uint8Array();
    for (const content of [
      "",
      "\n",
      "x".repeat(1_000_000),
      `${"{".repeat(100_000)}\n`,
      `{"llmcache":1,"__proto__":{"polluted":true}}\n`,
      frame,
    ]) {
      await s3.put(keyOf(store, sampleId("a")), content);
      expect(await store.get(entryOf("a"))).toBeUndefined();
      expect(await idsOf(store)).toEqual([sampleId("other")]);
      expect(await store.add(entryOf("a"))).toBe(true);
      expect(await store.get(entryOf("a"))).toBeDefined();
    }
  });

  function openAt(prefix: string): S3Store {
    return new S3Store({ client: s3.client, bucket: s3.place.bucket, prefix });
  }
});

test.skipIf(!hasOwnDays)(
  "a lifecycle rule is taken by the server, and drops what is old below the prefix only",
  { timeout: 120_000 },
  async () => {
    const prefix = fresh();
    const [store, other] = [openStore({ prefix }), openStore({ prefix: `${prefix.slice(0, -1)}2/` })];
    await other.set(entryOf("stays"));
    await store.set(entryOf("goes"));
    const Bucket = s3.place.bucket;
    const Rules = [lifecycleRule({ keep: "1d", prefix })];
    await s3.client.send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules } }));
    expect((await s3.client.send(new GetBucketLifecycleConfigurationCommand({ Bucket }))).Rules).toMatchObject([
      { ID: `llmcache ${prefix}`, Status: "Enabled", Expiration: { Days: 1 } },
    ]);
    // The one test that waits for native expiry.
    while ((await store.get(entryOf("goes"))) !== undefined) {
      await new Promise((resolve) => void setTimeout(resolve, 50));
    }
    expect(await other.get(entryOf("stays"))).toBeDefined();
  },
);

/** One to three bytes changed, cut off, put in or doubled. */
function mutated(frame: Buffer, random: () => number): Buffer {
  let bytes = Buffer.from(frame);
  for (let changes = 1 + Math.floor(random() * 3); changes > 0; changes--) {
    const at = Math.floor(random() * bytes.byteLength);
    const kind = random();
    if (kind < 0.5) bytes[at] = Math.floor(random() * 256);
    else if (kind < 0.65) bytes = Buffer.from(bytes.subarray(0, at));
    else if (kind < 0.8)
      bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from([Math.floor(random() * 256)]), bytes.subarray(at)]);
    else if (kind < 0.9)
      bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from('"__proto__":{"polluted":1},'), bytes.subarray(at)]);
    else bytes = Buffer.concat([bytes, bytes.subarray(at)]);
  }
  return bytes;
}

/** The same numbers in every run, from 0 to 1. */
function sequence(): () => number {
  let state = 7;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
