import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { beforeAll, describe, expect, test } from "vitest";
import { isLLMCacheError, type LLMCacheError } from "@llmcache/core";
import { sampleId } from "@llmcache/core/conformance";
import { migrate, SCHEMA_VERSION } from "../src/schema.ts";
import { DAMAGES, garbage, PAGE_BYTES, pagesOf, scribble } from "./damage.ts";
import { freshDirectory } from "../../testing/test/fresh-directory.ts";
import { close, entryOf, has, openStore, typesOf, valueOf } from "./places.ts";

const COUNT = 120;
const NOW = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
const clock = (): number => NOW;

let intact = "";
beforeAll(async () => {
  const { store } = openStore({ path: freshDirectory("disk") });
  for (let i = 0; i < COUNT; i++) await store.set(entryOf(i, { value: { i, filler: `${i} `.repeat(2500) } }));
  await close(store);
  intact = store.file;
});

/** A closed copy of a good file, then damaged. */
function damagedCopy(damage: (file: string) => void): string {
  const file = join(freshDirectory("disk"), "llmcache.db");
  copyFileSync(intact, file);
  damage(file);
  return file;
}

const asideOf = (file: string): string[] => readdirSync(dirname(file)).filter((name) => name.includes(".corrupt-"));

describe.each(Object.entries(DAMAGES))("a file that %s when it is opened", (_, damage) => {
  test("is moved aside as it is, told once, and a new one begun", async () => {
    const file = damagedCopy(damage);
    const before = readFileSync(file);
    const { store, events } = openStore({ path: file, clock });
    expect(await has(store, 1)).toBe(false);
    await store.set(entryOf("new"));
    expect(await valueOf(store, "new")).toBe("new");
    const aside = join(dirname(file), "llmcache.db.corrupt-20260102T030405678Z");
    expect(readFileSync(aside).equals(before)).toBe(true);
    expect(typesOf(events)).toEqual(["moved-aside"]);
    expect(events[0]?.message).toContain(aside);
    await close(store);
    const again = openStore({ path: file, clock });
    expect(await valueOf(again.store, "new")).toBe("new");
    expect(again.events).toEqual([]);
  });
});

test("an empty file is a new one", async () => {
  const file = join(freshDirectory("disk"), "llmcache.db");
  writeFileSync(file, "");
  const { store, events } = openStore({ path: file });
  await store.set(entryOf("a"));
  expect(await valueOf(store, "a")).toBe("a");
  expect(events).toEqual([]);
});

test("two files damaged at the same instant are both kept", async () => {
  const file = damagedCopy(DAMAGES["is text"] as (file: string) => void);
  const first = openStore({ path: file, clock });
  await has(first.store, 1);
  await close(first.store);
  (DAMAGES["has a garbage header"] as (file: string) => void)(file);
  await has(openStore({ path: file, clock }).store, 1);
  expect(
    asideOf(file)
      .filter((name) => !/-(wal|shm)$/.test(name))
      .toSorted(),
  ).toEqual(["llmcache.db.corrupt-20260102T030405678Z", "llmcache.db.corrupt-20260102T030405678Z-2"]);
});

test("the log goes with the file it belongs to", async () => {
  const file = damagedCopy(() => undefined);
  const { store } = openStore({ path: file });
  await store.set(entryOf("only in the log"));
  const copy = join(freshDirectory("disk"), "llmcache.db");
  for (const suffix of ["", "-wal"]) copyFileSync(file + suffix, copy + suffix);
  scribble(copy, 0, garbage(100));
  scribble(`${copy}-wal`, 32 + 24, garbage(100));
  const next = openStore({ path: copy, clock });
  await next.store.set(entryOf("new"));
  const aside = asideOf(copy);
  if (aside.length > 0) expect(aside.toSorted().slice(0, 1)).toEqual(["llmcache.db.corrupt-20260102T030405678Z"]);
  expect(await valueOf(next.store, "new")).toBe("new");
});

describe("damage in the middle of a file", () => {
  /** Reads everything: a value is the right one or missing, or the store says that the file is damaged. */
  const readAll = async (
    file: string,
  ): Promise<{ readonly failure: LLMCacheError | undefined; readonly missing: number; readonly told: string[] }> => {
    const { store, events } = openStore({ path: file, clock });
    let missing = 0;
    let failure: LLMCacheError | undefined;
    for (let i = 0; i < COUNT && failure === undefined; i++) {
      try {
        const value = (await valueOf(store, i)) as { i: number; filler: string } | undefined;
        if (value === undefined) missing++;
        else expect(value).toEqual({ i, filler: `${i} `.repeat(2500) });
      } catch (error) {
        if (!isLLMCacheError(error, "ERR_LLMCACHE_STORE")) throw error;
        failure = error;
      }
    }
    if (failure !== undefined) {
      for (const call of [
        () => store.get({ id: sampleId(0) }),
        () => store.set(entryOf(0)),
        () => store.add(entryOf(0)),
        () => store.clear(),
      ]) {
        await expect(call()).rejects.toBe(failure);
      }
    }
    await close(store);
    return { failure, missing, told: typesOf(events) };
  };

  test(
    "gives right answers, misses or an error, never a wrong answer; after an error the file is checked and moved aside",
    { timeout: 60_000 },
    async () => {
      const outcomes = { unharmed: 0, missing: 0, onOpening: 0, whileRunning: 0 };
      const pages = pagesOf(intact);
      for (let page = 3; page < pages; page += 7) {
        const file = damagedCopy((copy) => scribble(copy, page * PAGE_BYTES, garbage(PAGE_BYTES, page)));
        const { failure, missing, told } = await readAll(file);
        if (failure !== undefined) {
          outcomes.whileRunning++;
          expect(told.filter((type) => type === "degraded")).toHaveLength(1);
          expect(failure.message).toMatch(/damaged/);
          expect(existsSync(`${file}-suspect`)).toBe(true);
          const again = openStore({ path: file, clock });
          await again.store.set(entryOf("new"));
          expect(await valueOf(again.store, "new")).toBe("new");
          expect(typesOf(again.events)).toEqual(["moved-aside"]);
          expect(existsSync(`${file}-suspect`)).toBe(false);
        } else if (told.includes("moved-aside")) outcomes.onOpening++;
        else if (missing > 0) {
          outcomes.missing++;
          expect(told).toEqual(Array.from({ length: missing }, () => "unreadable"));
        } else outcomes.unharmed++;
      }
      expect(outcomes.missing).toBeGreaterThan(0);
      expect(outcomes.whileRunning + outcomes.onOpening).toBeGreaterThan(0);
    },
  );

  test("a store that met damage goes on by itself with a new file after ten seconds, and tells the story", async () => {
    let now = NOW;
    const file = damagedCopy(() => undefined);
    const { store, events } = openStore({ path: file, clock: () => now });
    expect(await has(store, 1)).toBe(true);
    // All of it, as a program does that writes to the wrong file: what SQLite keeps in memory is no longer good either.
    for (const one of [file, `${file}-wal`, `${file}-shm`]) scribble(one, 0, garbage(statSync(one).size));
    const failure: unknown = await store.get({ id: sampleId(2) }).catch((error: unknown) => error);
    expect(failure).toSatisfy((error) => isLLMCacheError(error, "ERR_LLMCACHE_STORE"));
    now += 9999;
    await expect(store.set(entryOf("new"))).rejects.toBe(failure);
    expect(asideOf(file)).toEqual([]);
    now += 1;
    await store.set(entryOf("new"));
    expect(await valueOf(store, "new")).toBe("new");
    expect(asideOf(file).length).toBeGreaterThan(0);
    expect(typesOf(events)).toEqual(["degraded", "moved-aside", "recovered"]);
  });

  test("a file that was suspected without need stays where it is", async () => {
    const file = damagedCopy((copy) => writeFileSync(`${copy}-suspect`, ""));
    const { store, events } = openStore({ path: file });
    expect(await has(store, 1)).toBe(true);
    expect(events).toEqual([]);
    expect(existsSync(`${file}-suspect`)).toBe(false);
  });
});

describe("a file that somebody has open", () => {
  test("is not moved away under them, and is once they have closed it", async () => {
    const file = damagedCopy(() => undefined);
    const holder = openStore({ path: file });
    await holder.store.set(entryOf("acknowledged"));
    scribble(file, 0, garbage(100));
    // Without its log, so that what is opened is the damaged file.
    let now = NOW;
    const other = openStore({ path: file, clock: () => now });
    const outcome = await other.store.get({ id: sampleId(1) }).then(
      () => "reads",
      (error: unknown) => error,
    );
    if (outcome !== "reads") {
      expect(outcome).toSatisfy((error) => isLLMCacheError(error, "ERR_LLMCACHE_STORE"));
      await expect(other.store.get({ id: sampleId(1) })).rejects.toBe(outcome);
    }
    expect(asideOf(file)).toEqual([]);
    await close(holder.store);
    await close(other.store);
    now += 60_000;
    const later = openStore({ path: file, clock: () => now });
    await later.store.set(entryOf("new"));
    expect(await valueOf(later.store, "new")).toBe("new");
  });

  test("a suspect file is not checked while others use it, and is used meanwhile", async () => {
    const file = damagedCopy(() => undefined);
    const holder = openStore({ path: file });
    await holder.store.set(entryOf("a"));
    writeFileSync(`${file}-suspect`, "");
    const other = openStore({ path: file });
    expect(await has(other.store, "a")).toBe(true);
    expect(existsSync(`${file}-suspect`)).toBe(true);
  });
});

describe("a database that is not ours to touch", () => {
  const refused = async (file: string, pattern: RegExp): Promise<void> => {
    const before = readFileSync(file);
    const { store, events } = openStore({ path: file });
    await expect(store.get({ id: sampleId("a") })).rejects.toSatisfy(
      (error) => isLLMCacheError(error, "ERR_LLMCACHE_UNSUPPORTED") && pattern.test(error.message),
    );
    await expect(store.set(entryOf("a"))).rejects.toThrow(pattern);
    await close(store);
    expect(readFileSync(file).equals(before)).toBe(true);
    expect(readdirSync(dirname(file)).filter((name) => name !== basename(file) && !name.endsWith("-lock"))).toEqual([]);
    expect(events).toEqual([]);
  };

  test("of another program: refused, and left as it is", async () => {
    const file = join(freshDirectory("disk"), "contacts.db");
    const db = new DatabaseSync(file);
    db.exec("CREATE TABLE contacts (name TEXT); INSERT INTO contacts VALUES ('Ada')");
    db.close();
    await refused(file, /another program/);
  });

  test("with another program's mark: refused, though it is empty", async () => {
    const file = join(freshDirectory("disk"), "other.db");
    const db = new DatabaseSync(file);
    db.exec("PRAGMA application_id = 12345");
    db.close();
    await refused(file, /another program/);
  });

  test("of a later schema: refused, and left as it is", async () => {
    const file = damagedCopy(() => undefined);
    const db = new DatabaseSync(file);
    db.exec(`PRAGMA user_version = ${SCHEMA_VERSION + 1}`);
    db.close();
    await refused(file, /later version of @llmcache\/disk \(schema 2, this one knows 1\)/);
    expect(readFileSync(file).byteLength).toBeGreaterThan(100_000);
  });
});

describe("migration", () => {
  test("goes step by step from any earlier version, keeping what is there", () => {
    const file = join(freshDirectory("disk"), "old.db");
    const db = new DatabaseSync(file);
    migrate(db, file, ["CREATE TABLE entries (id TEXT)"]);
    db.exec("INSERT INTO entries VALUES ('kept')");
    migrate(db, file, [
      "CREATE TABLE entries (id TEXT)",
      "ALTER TABLE entries ADD COLUMN two INTEGER DEFAULT 2",
      "ALTER TABLE entries ADD COLUMN three INTEGER DEFAULT 3",
    ]);
    expect({ ...db.prepare("SELECT * FROM entries").get() }).toEqual({ id: "kept", two: 2, three: 3 });
    expect({ ...db.prepare("PRAGMA user_version").get() }).toEqual({ user_version: 3 });
    db.close();
  });

  test("that fails changes nothing", () => {
    const file = join(freshDirectory("disk"), "old.db");
    const db = new DatabaseSync(file);
    migrate(db, file, ["CREATE TABLE entries (id TEXT)"]);
    expect(() =>
      migrate(db, file, [
        "CREATE TABLE entries (id TEXT)",
        "ALTER TABLE entries ADD COLUMN two INTEGER; INSERT INTO nowhere VALUES (1)",
      ]),
    ).toThrow(/nowhere/);
    expect(db.isTransaction).toBe(false);
    expect({ ...db.prepare("PRAGMA user_version").get() }).toEqual({ user_version: 1 });
    expect(db.prepare("SELECT * FROM pragma_table_info('entries')").all()).toHaveLength(1);
    db.close();
  });
});

test("a lock file that is none is named in the error, and the cache is left alone", async () => {
  const file = damagedCopy((copy) =>
    writeFileSync(`${copy}-lock`, "not a lock file, but text of some length ".repeat(100)),
  );
  const { store } = openStore({ path: file });
  await expect(store.get({ id: sampleId(1) })).rejects.toThrow(/-lock is no lock file of ours/);
  expect(asideOf(file)).toEqual([]);
  rmSync(`${file}-lock`);
});
