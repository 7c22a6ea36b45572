import { LLMCacheError, type StoreListeners } from "@llmcache/core";
import { EntryTable } from "./entry-table.ts";
import { openFile, type OpenFile } from "./opening.ts";
import type { DiskSettings } from "./options.ts";
import type { Recency } from "./recency.ts";
import { markSuspect } from "./recovery.ts";
import { failureKind, isSqliteError, storeError } from "./sqlite.ts";
import { Upkeep } from "./upkeep.ts";

/**
 * A file that could not be opened, or turned out to be damaged, is tried again after so long. One that was opened for reading only
 * is opened anew: it may be writable by now, or be another one.
 */
const RETRY_MS = 10_000;
/** Whether the path still leads to the file is looked at with the first write after so long, not with each. */
const LOOK_MS = 1000;

interface Session {
  readonly file: OpenFile;
  readonly table: EntryTable;
  /** Only where the file can be written. */
  readonly upkeep: Upkeep | undefined;
  /** Opened only for reading: since when. */
  readonly readingSince: number | undefined;
  /** When it was last seen that the path leads to the file. */
  lookedAt: number;
  /** Does a write wait while another process writes? */
  waits: boolean;
}

/**
 * The database behind a store: opened when it is first needed, tried again where that failed, closed for a while where it is damaged.
 * SQLite's errors become errors for callers here, and events.
 */
export class Database {
  readonly #settings: DiskSettings;
  readonly #recency: Recency;
  readonly #listeners: StoreListeners;
  #session: Session | undefined;
  #refused: { readonly error: LLMCacheError; readonly at: number } | undefined;
  #degraded = false;
  #closed = false;

  constructor(settings: DiskSettings, recency: Recency, listeners: StoreListeners) {
    this.#settings = settings;
    this.#recency = recency;
    this.#listeners = listeners;
  }

  /** @throws LLMCacheError `ERR_LLMCACHE_CLOSED` once it was closed. */
  requireOpen(): void {
    if (!this.#closed) return;
    throw new LLMCacheError(
      "ERR_LLMCACHE_CLOSED",
      `The disk store of ${this.#settings.file} was closed: use it before it is disposed.`,
    );
  }

  /** Does something with the rows; `operation` is for the message, should it fail. */
  run<T>(operation: string, work: (table: EntryTable) => T): T {
    const { table, file } = this.#opened();
    try {
      return work(table);
    } catch (error) {
      if (failureKind(error) === "corrupt") throw this.#damage(operation, error);
      if (failureKind(error) === "read-only" && !file.isInPlace()) this.#leave(false);
      throw isSqliteError(error) ? storeError(operation, this.#settings.file, error) : error;
    }
  }

  /**
   * The same for what writes. When another process has held the file for all of `busyTimeoutMs`, writes are tried without waiting until
   * one succeeds: waiting blocks the whole process, and would do so again and again.
   */
  write<T>(operation: string, work: (table: EntryTable) => T): T {
    const session = this.#opened();
    try {
      const result = this.run(operation, work);
      if (!session.waits) this.#wait(session, true);
      return result;
    } catch (error) {
      if (session.waits && error instanceof LLMCacheError && failureKind(error.cause) === "busy")
        this.#wait(session, false);
      throw error;
    }
  }

  /** Work that nobody waits for: its failure is no failure of the call. */
  runBeside(work: (table: EntryTable) => void): void {
    if (this.#session === undefined) return;
    try {
      work(this.#session.table);
    } catch (error) {
      this.#failedBeside(error);
    }
  }

  /** To be called before so much is written. */
  beforeWrite(bytes: number): void {
    const session = this.#opened();
    const now = this.#settings.clock();
    if (Math.abs(now - session.lookedAt) >= LOOK_MS) {
      session.lookedAt = now;
      // What is written to a file that has no name any more is lost.
      if (!session.file.isInPlace()) this.#replaced();
    }
    this.#opened().upkeep?.beforeWrite(bytes);
  }

  close(): void {
    this.#closed = true;
    this.#leave(true);
  }

  #opened(): Session {
    this.requireOpen();
    const now = this.#settings.clock();
    if (this.#session) {
      const { readingSince } = this.#session;
      if (readingSince === undefined || Math.abs(now - readingSince) < RETRY_MS) return this.#session;
      this.#leave(false);
    }
    if (this.#refused && Math.abs(now - this.#refused.at) < RETRY_MS) throw this.#refused.error;
    try {
      const file = openFile(this.#settings, (event) =>
        event.type === "degraded" ? this.#degrade(event.message, event.error) : this.#listeners.tell(event),
      );
      this.#session = this.#begun(file, now);
      this.#refused = undefined;
      if (file.writable || this.#settings.readOnly) this.#recover();
      return this.#session;
    } catch (error) {
      this.#refused = {
        error: error instanceof LLMCacheError ? error : storeError("open", this.#settings.file, error),
        at: now,
      };
      throw this.#refused.error;
    }
  }

  #begun(file: OpenFile, now: number): Session {
    const table = new EntryTable(file.db);
    if (!file.writable) return { file, table, upkeep: undefined, readingSince: now, lookedAt: now, waits: true };
    const upkeep = new Upkeep(file, table, this.#recency, this.#settings, {
      done: () => this.#recover(),
      failed: (error) => this.#failedBeside(error),
      evicted: (count) =>
        this.#listeners.tell({
          type: "evicted",
          message: `${count} of the least recently used entries made room: maxBytes is ${this.#settings.maxBytes}.`,
        }),
      replaced: () => this.#replaced(),
    });
    return { file, table, upkeep, readingSince: undefined, lookedAt: now, waits: true };
  }

  #wait(session: Session, waits: boolean): void {
    session.waits = waits;
    session.file.db.exec(`PRAGMA busy_timeout = ${waits ? this.#settings.busyTimeoutMs : 0}`);
  }

  #leave(flush: boolean): void {
    const session = this.#session;
    if (session === undefined) return;
    session.upkeep?.close(flush);
    this.#session = undefined;
    session.file.close();
  }

  /** Somebody removed the file, or put another one in its place: the next call opens what is there, or begins a new one. */
  #replaced(): void {
    const { file } = this.#settings;
    this.#leave(false);
    this.#degrade(`${file} was removed or replaced while it was open: what was stored in it is gone.`, undefined);
  }

  /** The file is closed, so that whoever opens it next can recover it: another process, or this one after a while. */
  #damage(operation: string, error: unknown): LLMCacheError {
    const wasWritable = this.#session?.file.writable === true;
    const damage = storeError(operation, this.#settings.file, error);
    this.#leave(false);
    if (wasWritable) markSuspect(this.#settings);
    this.#refused = { error: damage, at: this.#settings.clock() };
    this.#degraded = true;
    this.#listeners.tell({ type: "degraded", message: damage.message, error: damage });
    return damage;
  }

  #failedBeside(error: unknown): void {
    const kind = failureKind(error);
    if (kind === "busy") return;
    if (kind === "corrupt") this.#damage("tidy", error);
    else this.#degrade(storeError("tidy", this.#settings.file, error).message, error);
  }

  #degrade(message: string, error: unknown): void {
    if (this.#degraded) return;
    this.#degraded = true;
    this.#listeners.tell({ type: "degraded", message, error });
  }

  #recover(): void {
    if (!this.#degraded) return;
    this.#degraded = false;
    this.#listeners.tell({ type: "recovered", message: `${this.#settings.file} can be used again.` });
  }
}
