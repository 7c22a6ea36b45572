import { chmodSync, closeSync, mkdtempSync, openSync, rmSync, statSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { LLMCache } from "@llmcache/core";
import { DiskStore } from "@llmcache/disk";
import type { Scenario } from "../scenario.ts";

/** The folder and the stores of one scenario. */
interface DiskPlace {
  readonly folder: string;
  /** The file of the cache. */
  readonly file: string;
  /** What stands for another process that writes: to SQLite another connection is one. */
  readonly locks: DatabaseSync[];
  /** The process ends, something happens, another one is started. */
  restart(cache: LLMCache, meanwhile: () => void): Promise<void>;
}

interface DiskFault {
  begin(place: DiskPlace, cache: LLMCache): void | Promise<void>;
  end(place: DiskPlace): void;
}

/** A disk store tries again after so long; the short form does not wait for it. */
const RETRY_MS = 10_000;
const BALLAST = "ballast";
const PIECE = Buffer.alloc(4096);

export const DISK: readonly Scenario[] = [
  {
    group: "disk",
    name: "Disk full",
    expected: { events: ["set failed"], words: /the disk is full: free some space/, hits: true },
    place: "small-disk",
    open: staged({
      begin: ({ folder }) => fill(join(folder, BALLAST)),
      end: ({ folder }) => rmSync(join(folder, BALLAST)),
    }),
  },
  {
    group: "disk",
    name: "Disk: a process is started while file and directory are read-only",
    expected: { events: ["degraded", "recovered", "set failed"], words: /may not be written/, hits: true },
    place: "nobody",
    open: staged({
      begin: ({ folder, file, ...place }, cache) =>
        place.restart(cache, () => {
          chmodSync(file, 0o400);
          chmodSync(folder, 0o500);
        }),
      end({ folder, file }) {
        chmodSync(folder, 0o700);
        chmodSync(file, 0o600);
      },
    }),
  },
  {
    group: "disk",
    name: "Disk: another process keeps the file locked",
    expected: { events: ["set failed"], words: /another process held the file/, isCheap: true },
    open: staged({
      begin({ file, locks }) {
        const other = new DatabaseSync(file);
        other.exec("BEGIN IMMEDIATE");
        locks.push(other);
      },
      end: ({ locks }) => locks.pop()?.close(),
    }),
  },
  {
    group: "disk",
    name: "Disk: the file deleted underneath",
    expected: { events: ["degraded", "recovered"], words: /was removed or replaced/, hits: true },
    open: staged({
      begin: ({ folder }) => rmSync(folder, { recursive: true, force: true }),
      end: () => undefined,
    }),
  },
  {
    group: "disk",
    name: "Disk: the file overwritten with garbage",
    expected: { events: ["degraded", "moved-aside", "recovered", "get failed"], words: /damaged/ },
    open: staged({
      begin({ file }) {
        for (const one of [file, `${file}-wal`, `${file}-shm`]) scribble(one);
      },
      end: () => undefined,
    }),
  },
];

function staged(fault: DiskFault): Scenario["open"] {
  return async (pace) => {
    const folder = mkdtempSync(join(tmpdir(), "llmcache-chaos-"));
    let skippedMs = 0;
    const make = (): DiskStore =>
      new DiskStore({ path: folder, busyTimeoutMs: pace.timeoutMs, clock: () => Date.now() + skippedMs });
    const stores = [make()];
    const [store] = stores as [DiskStore];
    const place: DiskPlace = {
      folder,
      file: store.file,
      locks: [],
      async restart(cache, meanwhile) {
        const next = make();
        stores.push(next);
        const closed = store[Symbol.asyncDispose]();
        meanwhile();
        cache.update({ store: next });
        await closed;
      },
    };
    return {
      store,
      begin: (cache) => fault.begin(place, cache),
      end() {
        fault.end(place);
        if (pace.name === "short") skippedMs += RETRY_MS;
      },
      async [Symbol.asyncDispose]() {
        for (const one of stores) await one[Symbol.asyncDispose]();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  };
}

/** Over all that is there, in place, as a program does that writes to the wrong file. */
function scribble(file: string): void {
  const descriptor = openSync(file, "r+");
  writeSync(descriptor, Buffer.alloc(statSync(file).size, "No database at all. "));
  closeSync(descriptor);
}

/** Writes until there is no room for a single page. */
function fill(file: string): void {
  for (;;) {
    try {
      writeFileSync(file, PIECE, { flag: "a" });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOSPC") return;
      throw error;
    }
  }
}
