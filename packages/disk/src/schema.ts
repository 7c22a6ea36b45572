import type { DatabaseSync } from "node:sqlite";
import { LLMCacheError } from "@llmcache/core";

/** "LLMC", in the header of every file that is ours. */
const APPLICATION_ID = 0x4c4c4d43;

/**
 * Step `i` takes a file from version `i` to `i + 1`. Steps are never changed once released: a change is a further step.
 *
 * The frame holds everything (see `encodeEntry`); the columns are what lookups and upkeep go by. Instants are ms since the
 * epoch. `n` is declared, so that VACUUM keeps it and lists can go on after it.
 */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE entries (
    n          INTEGER PRIMARY KEY,
    id         TEXT    NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    delete_at  INTEGER,
    used_at    INTEGER NOT NULL,
    size       INTEGER NOT NULL,
    reserved   INTEGER NOT NULL,
    frame      BLOB    NOT NULL
  );
  CREATE INDEX entries_by_use ON entries (reserved, used_at);
  CREATE INDEX entries_by_end ON entries (delete_at) WHERE delete_at IS NOT NULL;
  CREATE VIEW answers AS
  WITH
    split AS (SELECT *, instr(frame, x'0a') AS line_end FROM entries),
    lined AS (SELECT *, CAST(substr(frame, 1, line_end - 1) AS TEXT) AS text FROM split),
    valid AS (SELECT *, CASE WHEN json_valid(text) THEN text ELSE '{}' END AS line FROM lined),
    clear AS (SELECT *, CASE WHEN line ->> '$.codec' IS NULL THEN CAST(substr(frame, line_end + 1, line ->> '$.head') AS TEXT) END AS head FROM valid),
    known AS (SELECT *, CASE WHEN json_valid(head) THEN head ELSE '{}' END AS facts FROM clear)
  SELECT
    id,
    strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000.0, 'unixepoch') AS created,
    strftime('%Y-%m-%dT%H:%M:%fZ', (line ->> '$.staleAt') / 1000.0, 'unixepoch') AS expires,
    strftime('%Y-%m-%dT%H:%M:%fZ', used_at / 1000.0, 'unixepoch') AS used,
    size,
    facts ->> '$.metadata.operation' AS operation,
    facts ->> '$.metadata.model' AS model,
    coalesce(facts ->> '$.text', facts ->> '$.request.prompt') AS prompt,
    facts -> '$.metadata' AS metadata,
    line ->> '$.codec' AS codec,
    line ->> '$.kind' AS kind,
    CASE WHEN head IS NOT NULL AND line ->> '$.kind' = 'json'
      THEN CAST(substr(frame, line_end + 1 + (line ->> '$.head'), line ->> '$.body') AS TEXT) END AS body
  FROM known
  WHERE reserved = 0;
  `,
];

/** What `PRAGMA user_version` says of a file that this code can use as it is. */
export const SCHEMA_VERSION: number = MIGRATIONS.length;

/**
 * What a file is: of our making and of which version; 0 for an empty one.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_UNSUPPORTED` for another program's database and for one of a later version: neither is touched.
 */
export function schemaVersion(db: DatabaseSync, file: string, newest: number = SCHEMA_VERSION): number {
  const version = pragma(db, "user_version");
  const applicationId = pragma(db, "application_id");
  const objects = Number(db.prepare("SELECT count(*) AS objects FROM sqlite_schema").get()?.["objects"]);
  if (applicationId !== APPLICATION_ID && (applicationId !== 0 || version !== 0 || objects > 0)) {
    throw new LLMCacheError(
      "ERR_LLMCACHE_UNSUPPORTED",
      `${file} is a database of another program and was left as it is: give the disk store another path.`,
    );
  }
  if (version > newest) {
    throw new LLMCacheError(
      "ERR_LLMCACHE_UNSUPPORTED",
      `${file} was written by a later version of @llmcache/disk (schema ${version}, this one knows ${newest}) and was left as it is: update the package or give another path.`,
    );
  }
  return version;
}

/** Brings a file to the newest version, in one transaction: all of it or nothing. */
export function migrate(db: DatabaseSync, file: string, steps: readonly string[] = MIGRATIONS): void {
  if (schemaVersion(db, file, steps.length) === steps.length) return;
  db.exec("BEGIN IMMEDIATE");
  try {
    for (let version = schemaVersion(db, file, steps.length); version < steps.length; version++)
      db.exec(steps[version] as string);
    db.exec(`PRAGMA user_version = ${steps.length}; PRAGMA application_id = ${APPLICATION_ID}; COMMIT`);
  } catch (error) {
    if (db.isTransaction) db.exec("ROLLBACK");
    throw error;
  }
}

/** A pragma that is one number. */
export function pragma(db: DatabaseSync, name: string): number {
  return Number(db.prepare(`PRAGMA ${name}`).get()?.[name]);
}
