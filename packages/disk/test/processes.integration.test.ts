import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { encodeEntry } from "@llmcache/core";
import { sampleId } from "@llmcache/core/conformance";
import { DiskStore } from "@llmcache/disk";
import { commandOf, start, startCommand, type Child } from "./children/index.ts";
import { sealedEntry, unsealed } from "./children/talk.ts";
import { DAMAGES, garbage, PAGE_BYTES, scribble } from "./damage.ts";
import { freshDirectory } from "../../testing/test/fresh-directory.ts";
import { close, entryOf, has, openStore, typesOf, valueOf } from "./places.ts";

const FULL = process.env["LLMCACHE_TEST_FULL"] !== undefined;
const KILLS = FULL ? 80 : 6;
const ROUNDS = FULL ? 30 : 3;
const OPENERS = 6;
const TIMEOUT_MS = FULL ? 600_000 : 60_000;

/** Everything that processes were told was done, and what must therefore be there. */
class Ledger {
  readonly #own: Map<string, { turn: number; deleted: boolean }> = new Map();
  readonly #winners: Map<string, string> = new Map();
  readonly torn: string[] = [];
  acknowledged = 0;

  take(lines: readonly string[], who: string): void {
    for (const text of lines) {
      const [word = "", key = "", turn = ""] = text.split(" ");
      if (word === "torn") this.torn.push(text);
      if (word === "set" || word === "deleted") {
        this.acknowledged++;
        this.#own.set(key, { turn: Number(turn), deleted: word === "deleted" });
      }
      if (word === "won") {
        this.acknowledged++;
        const other = this.#winners.get(key);
        expect(other, `${key} was won by ${other} and by ${who}`).toBeUndefined();
        this.#winners.set(key, who);
      }
    }
  }

  /** What a killed process did after its last word may be there as well: later turns, never earlier ones. */
  async check(store: DiskStore): Promise<void> {
    for (const [key, { turn, deleted }] of this.#own) {
      const hit = await store.get({ id: sampleId(key) });
      if (hit === undefined) {
        // A delete of the same process, after its last word.
        if (!deleted) expect(await this.#deletedLater(key, turn), `${key} of turn ${turn} was lost`).toBe(true);
        continue;
      }
      const found = unsealed(key, hit.entry).turn;
      if (deleted) expect(found, `${key} came back`).toBeGreaterThan(turn);
      else expect(found, `${key} went back`).toBeGreaterThanOrEqual(turn);
    }
    for (const [key, who] of this.#winners) {
      const hit = await store.get({ id: sampleId(key) });
      expect(hit, `${key} was won and is lost`).toBeDefined();
      if (hit) expect(unsealed(key, hit.entry)).toBeDefined();
      expect(hit?.entry.metadata["author"], `${key} is not of its winner`).toBe(who);
    }
  }

  /** The turn after the last word may have been a delete of this key: every seventh is. */
  async #deletedLater(key: string, turn: number): Promise<boolean> {
    const number = Number(key.split("-")[1]);
    const last = Math.max(
      ...[...this.#own].filter(([other]) => other.split("-")[0] === key.split("-")[0]).map(([, one]) => one.turn),
    );
    return [last + 1, last].some((next) => next > turn && next % 7 === 0 && next % 40 === number);
  }
}

describe("two processes on one cache, one of them killed again and again", () => {
  test(
    "lose nothing that was acknowledged, never see half an entry, and never both win an add",
    { timeout: TIMEOUT_MS },
    async () => {
      const path = freshDirectory("disk");
      const ledger = new Ledger();
      const steady = start("hammer", [path, "steady", "0"]);
      let random = 12_345;
      let turn = 0;
      for (let kill = 0; kill < KILLS; kill++) {
        const victim = start("hammer", [path, "victim", String(turn)]);
        random = (Math.imul(random, 1_103_515_245) + 12_345) >>> 0;
        await victim.count(20 + (random % (FULL ? 1500 : 400)));
        victim.process.kill("SIGKILL");
        expect(await victim.ended, victim.errors()).toBe("SIGKILL");
        ledger.take(victim.lines, `victim ${victim.process.pid}`);
        turn = 1 + lastTurn(victim, turn);
        const { store } = openStore({ path });
        await ledger.check(store);
        await close(store);
      }
      steady.tell();
      expect(await steady.ended, steady.errors()).toBe(0);
      ledger.take(steady.lines, `steady ${steady.process.pid}`);
      const { store, events } = openStore({ path });
      await ledger.check(store);
      expect(ledger.torn).toEqual([]);
      expect(events).toEqual([]);
      expect(steady.lines.filter((text) => text.startsWith("event"))).toEqual([]);
      expect(ledger.acknowledged).toBeGreaterThan(KILLS * 20);
      const db = new DatabaseSync(store.file);
      expect({ ...db.prepare("PRAGMA integrity_check").get() }).toEqual({ integrity_check: "ok" });
      db.close();
    },
  );
});

function lastTurn(child: Child, from: number): number {
  return child.lines.reduce(
    (most, text) => Math.max(most, Number(/^(?:set|deleted) \S+ (\d+)$/.exec(text)?.[1] ?? 0)),
    from,
  );
}

describe("many processes that open a cache at once", () => {
  const openAtOnce = async (path: string): Promise<Child[]> => {
    const children = Array.from({ length: OPENERS }, (_, number) => start("opener", [path, `opener-${number}`]));
    for (const child of children) await child.line("ready");
    for (const child of children) child.tell();
    for (const child of children) await child.line("holding");
    return children;
  };
  const expectAllStored = async (path: string, children: readonly Child[]): Promise<void> => {
    for (const child of children) expect(child.lines, child.errors()).toContain("set done");
    const { store } = openStore({ path });
    for (let number = 0; number < OPENERS; number++)
      expect(await has(store, `opener-${number}`), `opener-${number}`).toBe(true);
    for (const child of children) child.tell();
    for (const child of children) expect(await child.ended, child.errors()).toBe(0);
    for (let number = 0; number < OPENERS; number++)
      expect(await has(store, `opener-${number}`), `opener-${number}`).toBe(true);
    await close(store);
    const { store: later } = openStore({ path });
    for (let number = 0; number < OPENERS; number++)
      expect(await has(later, `opener-${number}`), `opener-${number}`).toBe(true);
  };

  test("make one new file of it", { timeout: TIMEOUT_MS }, async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const path = freshDirectory("disk");
      const children = await openAtOnce(path);
      for (const child of children) expect(child.lines.filter((text) => text.startsWith("event"))).toEqual([]);
      await expectAllStored(path, children);
    }
  });

  test(
    "move a damaged file aside once, and lose nothing that any of them stored",
    { timeout: TIMEOUT_MS },
    async () => {
      const { store } = openStore({ path: freshDirectory("disk") });
      for (let i = 0; i < 50; i++) await store.set(entryOf(i, { bytes: Buffer.alloc(5000) }));
      await close(store);
      const kinds = ["has a garbage header", "is cut in half", "has garbage in the table's root"];
      for (let round = 0; round < ROUNDS; round++) {
        const path = freshDirectory("disk");
        const file = join(path, "llmcache.db");
        copyFileSync(store.file, file);
        DAMAGES[kinds[round % kinds.length] as string]?.(file);
        const children = await openAtOnce(path);
        const told = children.flatMap((child) => child.lines).filter((text) => text.startsWith("event"));
        expect(told).toEqual(["event moved-aside"]);
        expect(readdirSync(path).filter((name) => /\.corrupt-[^-]+$/.test(name))).toHaveLength(1);
        await expectAllStored(path, children);
      }
    },
  );
});

test(
  "a file that a healthy process has open is not moved away by one that finds it damaged",
  { timeout: TIMEOUT_MS },
  async () => {
    const path = freshDirectory("disk");
    const { store: first } = openStore({ path });
    await first.setMany(Array.from({ length: 1000 }, (_, i) => entryOf(i)));
    await close(first);
    const holder = start("opener", [path, "holder"]);
    await holder.line("ready");
    holder.tell();
    await holder.line("holding");
    const inode = statSync(first.file).ino;
    // The root of the index of ids: whoever opens the file reads it, and one more entry does not write it.
    scribble(first.file, PAGE_BYTES * 2, garbage(PAGE_BYTES));
    const other = start("opener", [path, "other"]);
    await other.line("ready");
    other.tell();
    await other.line("holding");
    expect(other.lines.join("\n")).toMatch(/set failed ERR_LLMCACHE_STORE .*damaged and open in another process/);
    expect(statSync(first.file).ino).toBe(inode);
    expect(readdirSync(path).filter((name) => name.includes("corrupt"))).toEqual([]);
    for (const child of [other, holder]) {
      child.tell();
      expect(await child.ended, child.errors()).toBe(0);
    }
    const { store, events } = openStore({ path });
    await store.set(entryOf("new"));
    expect(await valueOf(store, "new")).toBe("new");
    expect(typesOf(events)).toEqual(["moved-aside"]);
  },
);

test("a process that does not close the store ends by itself, and what it stored is there", async () => {
  const path = freshDirectory("disk");
  const child = start("opener", [path, "left", "leave"]);
  expect(await child.ended, child.errors()).toBe(0);
  const { store } = openStore({ path });
  expect(await has(store, "left")).toBe(true);
});

test("nothing is written to standard error, and other warnings are not swallowed", async () => {
  const child = start("opener", [freshDirectory("disk"), "a", "leave"]);
  await child.ended;
  expect(child.errors()).toBe("");
  const script = `
    import { DiskStore } from "@llmcache/disk";
    process.emitWarning("before", "ExperimentalWarning");
    await new DiskStore({ path: process.argv[1] }).get({ id: "a" });
    process.emitWarning("after", "ExperimentalWarning");
  `;
  const [node = "", conditions = ""] = commandOf("opener");
  const warning = startCommand([node, conditions, "--input-type=module", "--eval", script, freshDirectory("disk")], {
    cwd: import.meta.dirname,
  });
  expect(await warning.ended, warning.errors()).toBe(0);
  expect(warning.errors()).toMatch(/ExperimentalWarning: before[^]*ExperimentalWarning: after/);
  expect(warning.errors()).not.toMatch(/SQLite/);
});

describe("where the disk gives out", () => {
  const expectReadable = async (child: Child, reason: RegExp): Promise<void> => {
    expect(await child.ended, child.errors()).toBe(0);
    expect(Number((await child.line("stored")).split(" ")[1])).toBeGreaterThan(10);
    expect(await child.line("failure")).toMatch(reason);
    expect(await child.line("lost")).toBe("lost 0");
    expect(child.lines).toContain("closed");
  };

  test.runIf(process.platform !== "win32")(
    "a limit on the size of files: writes reject, reads go on",
    { timeout: TIMEOUT_MS },
    async () => {
      const path = freshDirectory("disk");
      // `ulimit -f` counts blocks of 512 bytes in some shells and of 1024 in others.
      const child = startCommand([
        "sh",
        "-c",
        `trap "" XFSZ; ulimit -f 1200; exec "$@"`,
        "sh",
        ...commandOf("filler"),
        path,
      ]);
      await expectReadable(child, /^failure ERR_LLMCACHE_STORE .*could not write to/);
      const { store } = openStore({ path });
      await store.set(entryOf("later"));
      expect(await has(store, "key-1")).toBe(true);
    },
  );

  const unshare = spawnSync("unshare", ["-rm", "sh", "-c", "mount -t tmpfs -o size=64k none /mnt"]).status === 0;
  test.runIf(unshare)(
    "a file system that is full: writes reject and say so, reads go on",
    { timeout: TIMEOUT_MS },
    async () => {
      const path = freshDirectory("disk");
      const child = startCommand([
        "unshare",
        "-rm",
        "sh",
        "-c",
        `mount -t tmpfs -o size=3m none "$1"; shift; exec "$@"`,
        "sh",
        path,
        ...commandOf("filler"),
        join(path, "cache"),
      ]);
      await expectReadable(child, /^failure ERR_LLMCACHE_STORE .*the disk is full/);
    },
  );
});

test.runIf(process.platform !== "win32")(
  "a directory that may not be written gives reads, one event, and recovery",
  async () => {
    // Permissions do not bind root: the child is somebody else then.
    const isRoot = process.getuid?.() === 0;
    const path = mkdtempSync(join(tmpdir(), "llmcache-disk-"));
    chmodSync(path, 0o777);
    try {
      const child = start("permissions", [join(path, "ä %20?x#y")], isRoot ? { uid: 65_534, gid: 65_534 } : {});
      expect(await child.ended, child.errors()).toBe(0);
      expect(child.lines).toEqual([
        "event degraded",
        "read found",
        expect.stringMatching(/^write failed ERR_LLMCACHE_STORE .*may not be written/),
        expect.stringMatching(/^write failed ERR_LLMCACHE_STORE .*may not be written/),
        "read found",
        "event recovered",
        "write done",
        "read found",
      ]);
    } finally {
      rmSync(path, { recursive: true, force: true });
    }
  },
);

test.runIf(FULL)("a million entries open as quickly as few", { timeout: TIMEOUT_MS }, async () => {
  const { store } = openStore({ path: freshDirectory("disk") });
  await store.set(entryOf("first"));
  await close(store);
  const db = new DatabaseSync(store.file);
  const insert = db.prepare(
    "INSERT INTO entries (id, created_at, delete_at, used_at, size, reserved, frame) VALUES (?, 1, ?, ?, ?, 0, ?)",
  );
  db.exec("BEGIN");
  for (let i = 0; i < 1_000_000; i++) {
    const frame = encodeEntry(sealedEntry(`row-${i}`, 0, "x"));
    insert.run(sampleId(`row-${i}`), i % 3 === 0 ? 9e12 : null, i, frame.byteLength, frame);
  }
  db.exec("COMMIT");
  const scanning = performance.now();
  db.prepare("SELECT sum(length(frame)) FROM entries").get();
  const scanned = performance.now() - scanning;
  db.close();
  const opening = performance.now();
  const { store: again } = openStore({ path: store.file });
  expect(await has(again, "row-999999")).toBe(true);
  // Not a matter of speed: whoever looks at all rows takes as long as a scan.
  expect(performance.now() - opening).toBeLessThan(scanned / 4);
  await again.set(entryOf("new"));
});

test("a store in a directory with many levels and odd characters works", async () => {
  const path = join(freshDirectory("disk"), "ä b%20?x#y", "'quoted' \"twice\"");
  mkdirSync(path, { recursive: true });
  const { store } = openStore({ path });
  await store.set(entryOf("a"));
  await close(store);
  expect(await valueOf(openStore({ path, readOnly: true }).store, "a")).toBe("a");
});
