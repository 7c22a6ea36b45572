import { chmodSync, existsSync, mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { LLMCacheError } from "@llmcache/core";
import { configure } from "./configuration.ts";
import { FileLock } from "./file-lock.ts";
import type { DiskSettings } from "./options.ts";
import { isSuspect, recoverAlone, type Tell } from "./recovery.ts";
import { SCHEMA_VERSION, schemaVersion } from "./schema.ts";
import { failureKind, openDatabase, type FailureKind } from "./sqlite.ts";

/** A database that is open. */
export interface OpenFile {
  readonly db: DatabaseSync;
  readonly writable: boolean;
  /** Does the path still lead to the file that is open, or did somebody remove or replace it? */
  isInPlace(): boolean;
  close(): void;
}

const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;
/** Others may be creating, migrating or checking the file. */
const TURN_WAIT_MS = 2000;
const ROUNDS = 4;
/** What keeps a file from being written but may leave it readable. */
const DEGRADING: ReadonlySet<FailureKind> = new Set<FailureKind>(["read-only", "full", "cannot-open", "io"]);

/**
 * Opens, creates, migrates or recovers the file. Where it cannot be written it is opened for reading, and that is told.
 *
 * A damaged file is moved aside, never deleted, and only by a process that is alone with it: every process holds a shared lock
 * as long as it has the file open, and moving takes the exclusive one. So nobody goes on writing to a file that was moved
 * away under him, and of two processes that find the damage at once one moves and the other finds the new file.
 */
export function openFile(settings: DiskSettings, tell: Tell): OpenFile {
  if (settings.readOnly) return openForReading(settings);
  try {
    return openForWriting(settings, tell);
  } catch (error) {
    if (!DEGRADING.has(failureKind(error))) throw error;
    const opened = orUndefined(() => openForReading(settings));
    if (opened === undefined) throw error;
    tell({ type: "degraded", message: `${settings.file} can be read, but not written: ${String(error)}`, error });
    return opened;
  }
}

function openForWriting(settings: DiskSettings, tell: Tell): OpenFile {
  mkdirSync(dirname(settings.file), { recursive: true, mode: DIRECTORY_MODE });
  let damage: unknown;
  for (let round = 0; round < ROUNDS; round++) {
    if (damage !== undefined || isSuspect(settings)) recoverAlone(settings, tell);
    try {
      return openInTurn(settings);
    } catch (error) {
      if (failureKind(error) !== "corrupt") throw error;
      damage = error;
    }
  }
  throw new LLMCacheError(
    "ERR_LLMCACHE_STORE",
    `${settings.file} is damaged and open in another process, so it was not moved aside: end that process, then open the store again.`,
    { cause: damage },
  );
}

/** One process at a time: creating a file and switching its journal are not safe beside each other. */
function openInTurn(settings: DiskSettings): OpenFile {
  const { file, busyTimeoutMs } = settings;
  const turn = lockOrThrow(file, "turn");
  let presence: FileLock | undefined;
  let db: DatabaseSync | undefined;
  try {
    presence = lockOrThrow(file, "presence");
    const isNew = !existsSync(file);
    db = openDatabase(file, false, busyTimeoutMs);
    if (isNew) chmodSync(file, FILE_MODE);
    configure(db, file);
    return openedFile(db, settings, presence);
  } catch (error) {
    db?.close();
    presence?.release();
    throw error;
  } finally {
    turn.release();
  }
}

function lockOrThrow(file: string, kind: "turn" | "presence"): FileLock {
  const lock = FileLock.take(file, kind, TURN_WAIT_MS);
  if (lock) return lock;
  throw new LLMCacheError(
    "ERR_LLMCACHE_STORE",
    `Another process has been opening, checking or recovering ${file} for ${TURN_WAIT_MS} ms: try again later.`,
  );
}

/**
 * A reader takes no lock and leaves no file. Without write permission SQLite reads a file with a log only where the log's
 * index is there already; a file without a log, closed by all writers, can be read as one that does not change.
 */
function openForReading(settings: DiskSettings): OpenFile {
  const { file, busyTimeoutMs } = settings;
  statSync(file);
  const open = (location: string | URL): OpenFile => {
    const db = openDatabase(location, true, busyTimeoutMs);
    try {
      if (schemaVersion(db, file) < SCHEMA_VERSION) {
        throw new LLMCacheError(
          "ERR_LLMCACHE_UNSUPPORTED",
          `${file} is empty or of an earlier version: open it once without readOnly.`,
        );
      }
      return openedFile(db, settings);
    } catch (error) {
      db.close();
      throw error;
    }
  };
  try {
    return open(file);
  } catch (error) {
    if (!DEGRADING.has(failureKind(error)) || existsSync(`${file}-wal`)) throw error;
    const unchanging = pathToFileURL(file);
    unchanging.search = "?immutable=1";
    return open(unchanging);
  }
}

function openedFile(db: DatabaseSync, settings: DiskSettings, presence?: FileLock): OpenFile {
  const identity = identify(settings.file);
  return {
    db,
    writable: presence !== undefined,
    isInPlace: () => identify(settings.file) === identity,
    close: () => {
      try {
        if (db.isOpen) db.close();
      } finally {
        presence?.release();
      }
    },
  };
}

function identify(file: string): string | undefined {
  const stat = orUndefined(() => statSync(file));
  return stat && `${stat.dev}:${stat.ino}`;
}

function orUndefined<T>(attempt: () => T): T | undefined {
  try {
    return attempt();
  } catch {
    return undefined;
  }
}
