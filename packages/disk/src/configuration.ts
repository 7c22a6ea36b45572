import { existsSync, statSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { migrate, schemaVersion } from "./schema.ts";

/** A write-ahead log that grew beyond it is cut after the next checkpoint. */
const LOG_BYTES = 16 * 1024 ** 2;
const LEAST_DATABASE_BYTES = 512;
/** SQLITE_NOTADB */
const NOT_A_DATABASE = 26;

/**
 * Makes a connection ready for writing: what the file is, how it is journalled, its schema, and a look at its edges.
 *
 * @throws SQLite's errors where it is damaged; LLMCacheError where it is not ours (see `schemaVersion`), untouched.
 */
export function configure(db: DatabaseSync, file: string): void {
  refuseFragment(file);
  schemaVersion(db, file);
  db.exec(`
    PRAGMA trusted_schema = OFF;
    PRAGMA cell_size_check = ON;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    PRAGMA journal_size_limit = ${LOG_BYTES};
  `);
  migrate(db, file);
  probe(db);
}

/** SQLite takes a file that is shorter than any database for an empty one, and would write over it. */
function refuseFragment(file: string): void {
  const { size } = statSync(file);
  if (size === 0 || size >= LEAST_DATABASE_BYTES || existsSync(`${file}-journal`)) return;
  throw Object.assign(new Error("file is not a database"), { code: "ERR_SQLITE_ERROR", errcode: NOT_A_DATABASE });
}

/** Goes down both edges of every tree: cheap, and finds most damage. */
function probe(db: DatabaseSync): void {
  for (const order of ["ASC", "DESC"]) {
    db.prepare(`SELECT n FROM entries ORDER BY n ${order} LIMIT 1`).get();
    db.prepare(`SELECT id FROM entries ORDER BY id ${order} LIMIT 1`).get();
    db.prepare(`SELECT used_at FROM entries ORDER BY reserved ${order}, used_at ${order} LIMIT 1`).get();
    db.prepare(`SELECT delete_at FROM entries WHERE delete_at IS NOT NULL ORDER BY delete_at ${order} LIMIT 1`).get();
  }
}
