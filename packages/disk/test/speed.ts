/**
 * How long calls take, beside plain SQLite with the same rows. By hand:
 *
 *     node --conditions=@llmcache/source packages/disk/test/speed.ts
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { encodeEntry, type Entry } from "@llmcache/core";
import { sampleEntry, sampleId } from "@llmcache/core/conformance";
import { DiskStore } from "@llmcache/disk";

const ENTRIES = 20_000;
const ANSWER_CHARACTERS = 4000;
/** Visits everything once, in no order that a disk would like. */
const STRIDE = 7919;

const directory = mkdtempSync(join(tmpdir(), "llmcache-speed-"));
const entries: readonly Entry[] = Array.from({ length: ENTRIES }, (_, index) => {
  const content = `${index} `.padEnd(ANSWER_CHARACTERS, "lorem ipsum ");
  return sampleEntry({
    id: sampleId(index),
    createdAt: 1e12,
    ...(index % 2 === 0 ? {} : { deleteAt: 9e12 }),
    value: { choices: [{ message: { role: "assistant", content } }] },
  });
});
const at = (count: number): Entry => entries[(count * STRIDE) % ENTRIES] as Entry;

async function measure(name: string, run: (count: number) => unknown): Promise<void> {
  const durations: number[] = [];
  for (let count = 0; count < ENTRIES; count++) {
    const begin = performance.now();
    await run(count);
    durations.push((performance.now() - begin) * 1000);
  }
  const mean = durations.reduce((sum, one) => sum + one, 0) / ENTRIES;
  const [median, late] = [0.5, 0.99].map((part) => durations.sort((a, b) => a - b)[Math.floor(ENTRIES * part)] ?? 0);
  process.stdout.write(
    `${name.padEnd(24)} mean ${mean.toFixed(1)} µs, median ${median?.toFixed(1)} µs, 99 % ${late?.toFixed(0)} µs\n`,
  );
}

const plain = new DatabaseSync(join(directory, "plain.db"));
plain.exec(
  "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; CREATE TABLE entries (id TEXT PRIMARY KEY, frame BLOB)",
);
const insert = plain.prepare("INSERT OR REPLACE INTO entries VALUES (?, ?)");
const select = plain.prepare("SELECT frame FROM entries WHERE id = ?");
const frames = entries.map((entry) => encodeEntry(entry));
await measure("plain SQLite, put", (count) => insert.run(entries[count]?.id ?? "", frames[count] ?? null));
await measure("plain SQLite, get", (count) => select.get(at(count).id));
plain.close();

const store = new DiskStore({ path: directory });
await measure("set, new", (count) => store.set(entries[count] as Entry));
await measure("get", (count) => store.get({ id: at(count).id }));
await measure("get and json()", async (count) => (await store.get({ id: at(count).id }))?.entry.body.json());
await measure("set, replacing", (count) => store.set(at(count)));
await measure("add, refused", (count) => store.add(at(count)));
await store[Symbol.asyncDispose]();
rmSync(directory, { recursive: true, force: true });
