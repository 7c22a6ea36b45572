import { LLMCacheError, type StoreListeners } from "@llmcache/core";
import { EntryTable } from "./entry-table.ts";
import { openFile, type OpenFile } from "./opening.ts";
import type { DiskSettings } from "./options.ts";
import type { Recency } from "./recency.ts";
import { markSuspect } from "./recovery.ts";
import { failureKind, isSqliteError, storeError } from "./sqlite.ts";
import { Upkeep } from "./upkeep.ts";

/**
 * A file that could not be opened is tried again after so long. One that was opened for reading only is opened anew: it may
 * be writable by now, or be another one.
 */
const RETRY_MS = 10_000;

interface Session {
  readonly file: OpenFile;
  readonly table: EntryTable;
  /** Only where the file can be written. */
  readonly upkeep: Upkeep | undefined;
  /** Opened only for reading: since when. */
  readonly readingSince: number | undefined;
}

/**
 * The database behind a store: opened when it is first needed, tried again where that failed, given up where it is damaged.
 * SQLite's errors become errors for callers here, and events.
 */
export class Database {
  readonly #settings: DiskSettings;
  readonly #recency: Recency;
  readonly #listeners: StoreListeners;
  #session: Session | undefined;
  #refused: { readonly error: LLMCacheError; readonly at: number } | undefined;
  #damaged: LLMCacheError | undefined;
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
    this.#opened().upkeep?.beforeWrite(bytes);
  }

  close(): void {
    this.#closed = true;
    this.#leave(true);
  }

  #opened(): Session {
    this.requireOpen();
    if (this.#damaged) throw this.#damaged;
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
      if (file.writable) this.#recover();
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
    if (!file.writable) return { file, table, upkeep: undefined, readingSince: now };
    const upkeep = new Upkeep(file, table, this.#recency, this.#settings, {
      done: () => this.#recover(),
      failed: (error) => this.#failedBeside(error),
      evicted: (count) =>
        this.#listeners.tell({
          type: "evicted",
          message: `${count} of the least recently used entries made room: maxBytes is ${this.#settings.maxBytes}.`,
        }),
      replaced: () => this.#leave(false),
    });
    return { file, table, upkeep, readingSince: undefined };
  }

  #leave(flush: boolean): void {
    const session = this.#session;
    if (session === undefined) return;
    session.upkeep?.close(flush);
    this.#session = undefined;
    session.file.close();
  }

  /** The file is given up until the store is opened again, and closed, so that whoever opens it can recover it. */
  #damage(operation: string, error: unknown): LLMCacheError {
    const wasWritable = this.#session?.file.writable === true;
    this.#damaged = storeError(operation, this.#settings.file, error);
    this.#leave(false);
    if (wasWritable) markSuspect(this.#settings);
    this.#listeners.tell({ type: "degraded", message: this.#damaged.message, error: this.#damaged });
    return this.#damaged;
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
    this.#listeners.tell({ type: "recovered", message: `${this.#settings.file} can be written again.` });
  }
}
