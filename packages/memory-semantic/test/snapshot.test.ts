import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { RESERVED_OPERATIONS, type StoreEvent } from "@llmcache/core";
import { assertSameEntry } from "@llmcache/core/conformance";
import { answerTo, entryOf, keyOf, storeOf, WordEmbedder, wordVector } from "./stage.ts";

const EGG = "how do I boil an egg";
const EGG_PLEASE = "how do I boil an egg please";
let folder = "";
let path = "";

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "llmcache-snapshot-"));
  path = join(folder, "cache.snapshot");
});
afterEach(() => rm(folder, { recursive: true }));

async function saved(): Promise<Buffer> {
  const { store } = storeOf();
  await store.set(entryOf(EGG, { tags: { a: "1" }, staleAt: 5, bytes: new Uint8Array([1, 2, 3]) }));
  await store.set(entryOf("rice", { model: "other" }));
  const { text: _, ...textless } = entryOf("bread");
  await store.set(textless);
  await store.rejectPair(keyOf("please rice", "other"), keyOf("rice", "other"));
  await store.rejectPair(keyOf("soup please"), keyOf("soup"));
  await store.save(path);
  return readFile(path);
}

describe("a warm start", () => {
  test("has every entry, its vector and its rejected pairs, and asks no embedder for them", async () => {
    await saved();
    const { store, embedder } = storeOf();
    expect(await store.load(path)).toEqual({ entries: 3 });
    expect(embedder.calls).toBe(0);
    expect(store.usage()).toMatchObject({ entries: 3, vectors: 2, scopes: 2 });
    const hit = await store.get(keyOf(EGG_PLEASE));
    assertSameEntry(
      hit?.entry,
      entryOf(EGG, { tags: { a: "1" }, staleAt: 5, bytes: new Uint8Array([1, 2, 3]) }),
      "loaded",
    );
    expect(hit?.similarity).toBeGreaterThan(0.6);
    expect(await answerTo(store, "please rice", "other")).toBeUndefined();
    expect(await answerTo(store, "some rice", "other")).toBe("rice");
    await store.set(entryOf("soup"));
    expect(await answerTo(store, "soup please")).toBeUndefined();
  });

  test("brings nothing back that is deleted or cleared while the file is read", async () => {
    await saved();
    const { store } = storeOf();
    const loading = store.load(path);
    await store.delete(keyOf(EGG));
    expect(await loading).toEqual({ entries: 2 });
    expect(await store.get({ id: keyOf(EGG).id })).toBeUndefined();
    const other = storeOf().store;
    const reading = other.load(path);
    await other.clear();
    expect(await reading).toEqual({ entries: 0 });
    expect(await answerTo(other, EGG)).toBeUndefined();
  });

  test("does not take the place of what is being written while the file is read", async () => {
    await saved();
    const { store, embedder } = storeOf();
    const gate = Promise.withResolvers<void>();
    embedder.instead = async (texts) => {
      await gate.promise;
      return texts.map((text) => wordVector(text));
    };
    const writing = store.set(entryOf(EGG, { value: "new", createdAt: 9 }));
    expect(await store.load(path)).toEqual({ entries: 3 });
    gate.resolve();
    await writing;
    expect((await store.get({ id: keyOf(EGG).id }))?.entry.body.json()).toBe("new");
  });

  test("keeps the order of use, takes the last used within its bounds, and drops what is over", async () => {
    const { store } = storeOf();
    for (const text of ["a", "b", "c", "d"])
      await store.set(entryOf(text, { deleteAt: text === "d" ? 50 : undefined }));
    await store.get(keyOf("a"));
    await store.save(path);
    const small = storeOf({ maxEntries: 3, clock: () => 50 }).store;
    await small.load(path);
    expect(small.usage().entries).toBe(2);
    await small.set(entryOf("e"));
    await small.set(entryOf("f"));
    expect(await answerTo(small, "b")).toBeUndefined();
    expect(await answerTo(small, "c")).toBeUndefined();
    expect(await answerTo(small, "d")).toBeUndefined();
    expect(await answerTo(small, "a")).toBe("a");
  });

  test("leaves what is there as it is", async () => {
    await saved();
    const { store } = storeOf();
    await store.set(entryOf(EGG, { value: "newer" }));
    expect(await store.load(path)).toEqual({ entries: 2 });
    expect((await store.get(keyOf(EGG)))?.entry.body.json()).toBe("newer");
  });

  test("brings no generation of a tag back", async () => {
    const { store } = storeOf();
    const tag = entryOf("generation", { metadata: { operation: RESERVED_OPERATIONS[0] as string } });
    await store.set(tag);
    await store.save(path);
    const other = storeOf().store;
    expect(await other.load(path)).toEqual({ entries: 0 });
    expect(await other.get(tag)).toBeUndefined();
  });

  test("of an empty store, and of no file, is nothing; the latter says why and tells no event", async () => {
    const { store } = storeOf();
    const events: StoreEvent[] = [];
    store.on((event) => events.push(event));
    expect(await store.load(path)).toEqual({ entries: 0, reason: "there is no such file" });
    await store.save(path);
    expect(await store.load(path)).toEqual({ entries: 0 });
    expect(events).toEqual([]);
  });

  test("of thousands is what was there", async () => {
    const { store } = storeOf();
    const texts = Array.from({ length: 3000 }, (_, at) => `question ${at}`);
    await store.setMany(texts.map((text) => entryOf(text, { value: "x".repeat(700) })));
    await store.save(path);
    const other = storeOf().store;
    expect(await other.load(path)).toEqual({ entries: 3000 });
    expect(other.usage()).toEqual(store.usage());
    expect((await other.get(keyOf("question 1234 please")))?.entry.text).toBe("question 1234");
  });
});

describe("a snapshot that cannot be used brings nothing, and says why", () => {
  const refused = async (bytes: Uint8Array | string, options = {}): Promise<string | undefined> => {
    await writeFile(path, bytes);
    const { store } = storeOf(options);
    const events: StoreEvent[] = [];
    store.on((event) => events.push(event));
    const { entries, reason } = await store.load(path);
    expect([entries, store.usage().entries, await store.get(keyOf(EGG))]).toEqual([0, 0, undefined]);
    expect(events).toMatchObject([{ type: "unreadable", message: expect.stringContaining(reason as string) }]);
    return reason;
  };
  /** With a right checksum: what is wrong is in the bytes. */
  const sealed = (bytes: Buffer): Buffer => {
    const end = bytes.byteLength - 4;
    bytes.writeUInt32LE(crc32(bytes.subarray(0, end)), end);
    return bytes;
  };

  test("of another embedder, other dimensions, another version, another kind", async () => {
    const bytes = await saved();
    expect(await refused(bytes, { embedder: new WordEmbedder("others") })).toMatch(/of "words", not of "others"/);
    expect(await refused(bytes, { embedder: new WordEmbedder("words", 32) })).toMatch(/64 dimensions instead of 32/);
    const text = bytes.toString("latin1");
    const changed = (from: string, to: string): Buffer => sealed(Buffer.from(text.replace(from, to), "latin1"));
    expect(await refused(changed('"version":1', '"version":2'))).toMatch(/version 2/);
    expect(await refused(changed("memory-semantic", "memory-romantic"))).toMatch(/no snapshot/);
    expect(await refused(changed('"dimensions":64', '"dimensions":-4'))).toMatch(/dimensions/);
    for (const other of ["", "\n", "{}\n", "null\n", "not JSON\n", "x".repeat(10_000), '["a"]\n'])
      expect(await refused(other)).toBeTypeOf("string");
  });

  test("that ends anywhere, goes on, or has one byte changed", async () => {
    const bytes = await saved();
    for (let length = 0; length < bytes.byteLength; length += 7)
      expect(await refused(bytes.subarray(0, length)), `${length} bytes`).toBeTypeOf("string");
    expect(await refused(Buffer.concat([bytes, Buffer.alloc(1)]))).toMatch(/checksum/);
    for (let at = 0; at < bytes.byteLength; at += 5) {
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] as number) ^ 0x11;
      expect(await refused(damaged), `byte ${at}`).toBeTypeOf("string");
    }
  });

  test("that announces more than there is is not believed", async () => {
    const bytes = await saved();
    const at = bytes.indexOf(0x0a) + 2;
    for (const length of [0xffffffff, 0x7fffffff, 0]) {
      const lying = Buffer.from(bytes);
      lying.writeUInt32LE(length, at);
      expect(await refused(sealed(lying))).toMatch(/damaged/);
    }
  });

  test("whose vectors are none, though its checksum is right", async () => {
    const bytes = await saved();
    const frame = bytes.indexOf(0x0a) + 1;
    const vectorAt = frame + 13 + bytes.readUInt32LE(frame + 1);
    for (const number of [Number.NaN, 1e30, 5]) {
      const wrong = Buffer.from(bytes);
      wrong.writeFloatLE(number, vectorAt);
      expect(await refused(sealed(wrong))).toMatch(/unit length/);
    }
  });
});

describe("saving", () => {
  test("is atomic: a failure leaves the file as it was, and nothing beside it", async () => {
    const before = await saved();
    const { store } = storeOf();
    await expect(store.save(join(folder, "no such folder", "cache.snapshot"))).rejects.toMatchObject({
      code: "ENOENT",
    });
    await expect(store.save(folder)).rejects.toThrow();
    expect(await readdir(folder)).toEqual(["cache.snapshot"]);
    expect(await readFile(path)).toEqual(before);
  });

  test("goes on while entries come and go, several at once", async () => {
    const { store } = storeOf();
    await store.setMany(
      Array.from({ length: 2000 }, (_, at) => entryOf(`question ${at}`, { value: "x".repeat(2000) })),
    );
    const saves = Promise.all([store.save(path), store.save(path)]);
    for (let at = 0; at < 2000; at += 2) await store.delete(keyOf(`question ${at}`));
    await saves;
    expect(await readdir(folder)).toEqual(["cache.snapshot"]);
    const other = storeOf().store;
    const { entries, reason } = await other.load(path);
    expect(reason).toBeUndefined();
    expect(entries).toBeGreaterThanOrEqual(1000);
    for (let at = 1; at < 2000; at += 200) expect(await answerTo(other, `question ${at}`)).toBe(`question ${at}`);
  });

  test("and loading are refused once it is closed", async () => {
    const { store } = storeOf();
    await store[Symbol.asyncDispose]();
    await expect(store.save(path)).rejects.toMatchObject({ code: "ERR_LLMCACHE_CLOSED" });
    await expect(store.load(path)).rejects.toMatchObject({ code: "ERR_LLMCACHE_CLOSED" });
  });
});
