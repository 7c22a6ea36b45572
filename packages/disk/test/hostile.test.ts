import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeEntry, type Entry } from "@llmcache/core";
import { assertSameEntry, sampleId } from "@llmcache/core/conformance";
import type { DiskStore } from "@llmcache/disk";
import { freshDirectory } from "../../testing/test/fresh-directory.ts";
import { entryOf, openStore, valueOf } from "./places.ts";

const FULL = process.env["LLMCACHE_TEST_FULL"] !== undefined;
const MUTATIONS = FULL ? 100_000 : 5000;
const TIMEOUT_MS = FULL ? 600_000 : 60_000;

/** Writes what nobody should into the file of an open store. */
function put(file: string, change: (db: DatabaseSync) => void): void {
  const db = new DatabaseSync(file);
  change(db);
  db.close();
}

async function readEverything(store: DiskStore, names: readonly string[]): Promise<(Entry | undefined)[]> {
  const read: (Entry | undefined)[] = [];
  for (const name of names) read.push((await store.get({ id: sampleId(name) }))?.entry);
  read.push(...(await store.getMany(names.map((name) => ({ id: sampleId(name) })))).map((hit) => hit?.entry));
  for (const bodies of [false, true])
    for await (const listed of store.entries({ bodies })) expect(typeof listed.head.id).toBe("string");
  return read;
}

test(
  "a mutated frame is a miss or the right value, never an exception and never another answer",
  { timeout: TIMEOUT_MS },
  async () => {
    const { store, events } = openStore({ path: freshDirectory("disk") });
    const entry = entryOf("a", {
      value: { answer: "forty-two", list: [1, 2, 3] },
      text: "text",
      tags: { t: "1" },
      deleteAt: 2e12,
    });
    const other = entryOf("b", { value: { answer: "something else" } });
    await store.set(entry);
    const frame = Buffer.from(encodeEntry(entry));
    const db = new DatabaseSync(store.file);
    db.exec("PRAGMA synchronous = OFF");
    const write = db.prepare("UPDATE entries SET frame = ?");
    const mutation = fc.oneof(
      fc.tuple(fc.nat(frame.length - 1), fc.nat(255)).map(([at, byte]) => {
        const copy = Buffer.from(frame);
        copy[at] = byte;
        return copy;
      }),
      fc.nat(frame.length).map((length) => frame.subarray(0, length)),
      fc
        .tuple(fc.nat(frame.length), fc.uint8Array({ minLength: 1, maxLength: 20 }))
        .map(([at, bytes]) => Buffer.concat([frame.subarray(0, at), bytes, frame.subarray(at)])),
      fc
        .tuple(fc.nat(frame.length), fc.nat(frame.length))
        .map(([from, to]) => Buffer.concat([frame.subarray(0, from), frame.subarray(to)])),
      fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      fc.constant(Buffer.from(encodeEntry(other))),
    );
    await fc.assert(
      fc.asyncProperty(mutation, async (bytes) => {
        write.run(bytes);
        const read = (await store.get({ id: entry.id }))?.entry;
        if (read !== undefined) assertSameEntry(read, entry);
        else expect(events.pop()?.type).toBe("unreadable");
      }),
      { numRuns: MUTATIONS },
    );
    db.close();
  },
);

describe("a row with", () => {
  const strange: readonly (readonly [string, string, SQLInputValue])[] = [
    ["a frame of text", "frame", "text"],
    ["a frame that is a number", "frame", 5],
    ["a frame that is a number beyond what JavaScript counts", "frame", 2n ** 62n],
    ["an id that is such a number", "id", 2n ** 62n],
    ["an empty frame", "frame", new Uint8Array()],
    ["an id that is bytes", "id", Buffer.from("bytes")],
    ["an end that is text", "delete_at", "tomorrow"],
    ["an end beyond what JavaScript counts", "delete_at", 2n ** 62n],
    ["a beginning that is text", "created_at", "yesterday"],
    ["a use in the far future", "used_at", 2n ** 62n],
    ["a size that is text", "size", "large"],
    ["a number of row at the end of all numbers", "n", 2n ** 63n - 1n],
    ["a number of row below zero", "n", -5],
    ["a mark that is neither", "reserved", "maybe"],
  ];

  test.each(strange)("%s does not disturb the others, and can be replaced", async (_, column, value) => {
    const { store } = openStore({ path: freshDirectory("disk"), maxBytes: 256 * 1024 });
    await store.setMany([entryOf("strange"), entryOf("plain")]);
    put(store.file, (db) =>
      db.prepare(`UPDATE entries SET ${column} = ? WHERE id = ?`).run(value, sampleId("strange")),
    );
    const read = await readEverything(store, ["strange", "plain"]);
    assertSameEntry(read[1], entryOf("plain"));
    if (read[0] !== undefined) assertSameEntry(read[0], entryOf("strange"));
    await store.set(entryOf("strange", { value: "replaced" }));
    expect(await valueOf(store, "strange")).toBe("replaced");
    expect(await store.add(entryOf("strange"))).toBe(false);
    await store.set(entryOf("new"));
    for (let i = 0; i < 60; i++) await store.set(entryOf(i, { bytes: Buffer.alloc(8000) }));
    expect(await valueOf(store, "absent")).toBeUndefined();
    await store.clear();
    expect(await valueOf(store, "plain")).toBeUndefined();
  });
});

test("an unreadable row does not keep its id: set and add take its place", async () => {
  const { store, events } = openStore({ path: freshDirectory("disk") });
  await store.setMany([entryOf("a"), entryOf("b")]);
  put(store.file, (db) => db.exec("UPDATE entries SET frame = x'00'"));
  expect(await valueOf(store, "a")).toBeUndefined();
  await store.set(entryOf("a", { value: "again" }));
  expect(await store.add(entryOf("b", { value: "again" }))).toBe(true);
  expect([await valueOf(store, "a"), await valueOf(store, "b")]).toEqual(["again", "again"]);
  expect(events.map((event) => [event.type, event.id])).toEqual([
    ["unreadable", sampleId("a")],
    ["unreadable", sampleId("b")],
  ]);
});

test("an entry moved to another id is not served there", async () => {
  const { store } = openStore({ path: freshDirectory("disk") });
  await store.set(entryOf("a"));
  put(store.file, (db) => db.prepare("UPDATE entries SET id = ?").run(sampleId("b")));
  expect(await valueOf(store, "b")).toBeUndefined();
});
