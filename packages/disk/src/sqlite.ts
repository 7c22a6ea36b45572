import type { DatabaseSync } from "node:sqlite";
import { LLMCacheError } from "@llmcache/core";

type Sqlite = typeof import("node:sqlite");

/** What went wrong, as far as it decides what to do. */
export type FailureKind = "busy" | "full" | "read-only" | "corrupt" | "cannot-open" | "io" | "other";

/** SQLite's primary result codes (https://www.sqlite.org/rescode.html). */
const KINDS: Readonly<Record<number, FailureKind>> = {
  5: "busy", // SQLITE_BUSY
  6: "busy", // SQLITE_LOCKED
  8: "read-only", // SQLITE_READONLY
  10: "io", // SQLITE_IOERR
  11: "corrupt", // SQLITE_CORRUPT
  13: "full", // SQLITE_FULL
  14: "cannot-open", // SQLITE_CANTOPEN
  15: "busy", // SQLITE_PROTOCOL: another process took part in a lock at the same moment, too often
  26: "corrupt", // SQLITE_NOTADB
};
const SYSTEM_KINDS: Readonly<Record<string, FailureKind>> = {
  EACCES: "read-only",
  EPERM: "read-only",
  EROFS: "read-only",
  ENOSPC: "full",
  EDQUOT: "full",
  EIO: "io",
  EEXIST: "cannot-open",
  ENOTDIR: "cannot-open",
  ENOENT: "cannot-open",
  EISDIR: "cannot-open",
};

const ADVICE: Readonly<Record<FailureKind, string>> = {
  busy: "another process held the file for longer than busyTimeoutMs",
  full: "the disk is full: free some space, or lower maxBytes",
  "read-only": "the file or its directory may not be written: check owner, permissions and mount",
  corrupt:
    "the file is damaged: it will be checked, and moved aside if need be, when it is opened again and no other process has it open",
  "cannot-open": "the file cannot be opened: check that its directory exists and may be entered, and that it is a file",
  io: "the disk gave an error",
  other: "SQLite refused",
};

let loaded: Sqlite | undefined;

/**
 * A database of `node:sqlite`. The module is loaded on first use and without the ExperimentalWarning that Node 22 has for it;
 * all other warnings go their way.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_UNSUPPORTED` where Node was built or started without it.
 */
export function openDatabase(path: string | URL, readOnly: boolean, busyTimeoutMs: number): DatabaseSync {
  loaded ??= load();
  const db = new loaded.DatabaseSync(path, { readOnly });
  try {
    db.exec(`PRAGMA busy_timeout = ${busyTimeoutMs}`);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function load(): Sqlite {
  const emitWarning = Reflect.get(process, "emitWarning") as (...given: unknown[]) => void;
  process.emitWarning = (...given: unknown[]) => {
    if (!given.includes("ExperimentalWarning") || !String(given[0]).startsWith("SQLite"))
      Reflect.apply(emitWarning, process, given);
  };
  try {
    const module = process.getBuiltinModule("node:sqlite") as Sqlite | undefined;
    if (module !== undefined) return module;
  } finally {
    process.emitWarning = emitWarning;
  }
  throw new LLMCacheError(
    "ERR_LLMCACHE_UNSUPPORTED",
    "The disk store needs node:sqlite: use Node 22.19 or later, not started with --no-experimental-sqlite.",
  );
}

/** Told apart by SQLite's result code or the system's error code, never by the text. */
export function failureKind(error: unknown): FailureKind {
  const { errcode, code } = (error ?? {}) as { readonly errcode?: unknown; readonly code?: unknown };
  if (typeof errcode === "number") return KINDS[errcode & 0xff] ?? "other";
  return (typeof code === "string" ? SYSTEM_KINDS[code] : undefined) ?? "other";
}

export function isSqliteError(error: unknown): boolean {
  return (error as { readonly code?: unknown } | undefined)?.code === "ERR_SQLITE_ERROR";
}

/** An error for callers: names the operation, the file and what to do. */
export function storeError(operation: string, file: string, error: unknown): LLMCacheError {
  const reason = error instanceof Error ? error.message : String(error);
  const advice = ADVICE[failureKind(error)];
  return new LLMCacheError(
    "ERR_LLMCACHE_STORE",
    `The disk store could not ${operation} ${file}: ${advice} (${reason}).`,
    { cause: error },
  );
}
