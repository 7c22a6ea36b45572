import { chmodSync, existsSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { LLMCacheError } from "@llmcache/core";
import { failureKind, openDatabase } from "./sqlite.ts";

/**
 * Locks between processes that end with the process, however it ends: SQLite's own, on an empty file beside the database.
 *
 * - `presence`: held as long as the database is open. Any number of processes hold it.
 * - `turn`: held while opening. One process holds it, beside any number of presences.
 * - `alone`: nobody else holds anything, so nobody else has the database open.
 *
 * (The files must never be opened by other means within a process: closing them would drop its locks.)
 */
export type LockKind = "presence" | "turn" | "alone";

const BEGIN: Readonly<Record<LockKind, string>> = {
  // Rollback mode: reading within a transaction holds the shared lock until its end.
  presence: "BEGIN; SELECT count(*) FROM sqlite_schema",
  turn: "BEGIN IMMEDIATE",
  alone: "BEGIN EXCLUSIVE",
};

export class FileLock {
  readonly #db: DatabaseSync;

  private constructor(db: DatabaseSync) {
    this.#db = db;
  }

  /** @returns `undefined` if others held it for all of `waitMs`. */
  static take(database: string, kind: LockKind, waitMs: number): FileLock | undefined {
    const path = `${database}-lock`;
    const isNew = !existsSync(path);
    const db = openDatabase(path, false, waitMs);
    try {
      if (isNew) chmodSync(path, 0o600);
      db.exec("PRAGMA journal_mode = MEMORY");
      db.exec(BEGIN[kind]);
      return new FileLock(db);
    } catch (error) {
      db.close();
      const failure = failureKind(error);
      if (failure === "busy") return undefined;
      if (failure !== "corrupt") throw error;
      throw new LLMCacheError(
        "ERR_LLMCACHE_STORE",
        `${path} is no lock file of ours: remove it while no process uses the cache.`,
        { cause: error },
      );
    }
  }

  release(): void {
    if (this.#db.isOpen) this.#db.close();
  }
}
