import {
  decodeEntry,
  decodeHead,
  encodeEntry,
  headOf,
  isReserved,
  LLMCacheError,
  StoreListeners,
  type CacheKey,
  type EntriesOptions,
  type Entry,
  type ListedEntry,
  type Store,
  type StoreAddOptions,
  type StoreCallOptions,
  type StoreEvent,
  type StoreHit,
} from "@llmcache/core";
import { Database } from "./database.ts";
import type { EntryRow, EntryTable, ListedRow } from "./entry-table.ts";
import { diskSettings, type DiskSettings, type DiskStoreOptions } from "./options.ts";
import { Recency } from "./recency.ts";

export type { DiskStoreOptions } from "./options.ts";

const PAGE_ROWS = 100;
const PAGE_ROWS_WITH_BODIES = 16;
/** As much of a frame as a listing without bodies reads at first. */
const HEAD_BYTES = 16 * 1024;
/** More than any frame has. */
const WHOLE_BYTES = 2 ** 31 - 1;

/**
 * Keeps entries in one SQLite file, through `node:sqlite`: they survive restarts, and several processes may share the file.
 * `add` is atomic between them. What was acknowledged survives the end of the process, however it ends; a loss of power may
 * take the last moments, never more (write-ahead log, `synchronous = NORMAL`).
 *
 * The file is opened with the first call, so that listeners hear what happens then; a call that cannot open it rejects. Calls
 * work synchronously inside. Whoever makes the store disposes it.
 *
 * Rejects with LLMCacheError `ERR_LLMCACHE_STORE` (busy, full, read-only, damaged: the message says which, `cause` is SQLite's
 * error), `ERR_LLMCACHE_UNSUPPORTED` (a database of another program or a later version), `ERR_LLMCACHE_CLOSED`.
 */
export class DiskStore implements Store {
  readonly contract = 1;
  readonly name = "disk";
  readonly match = "exact";
  readonly expiry = "swept";
  /** The database, as an absolute path. */
  readonly file: string;
  readonly #settings: DiskSettings;
  readonly #listeners: StoreListeners = new StoreListeners("disk");
  readonly #recency: Recency = new Recency();
  readonly #database: Database;

  /** @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming the option that is not what it may be. Touches no file. */
  constructor(options: DiskStoreOptions = {}) {
    this.#settings = diskSettings(options);
    this.file = this.#settings.file;
    this.#database = new Database(this.#settings, this.#recency, this.#listeners);
  }

  async get(key: CacheKey, options?: StoreCallOptions): Promise<StoreHit | undefined> {
    this.#begin(options);
    return this.#hit(
      key.id,
      this.#database.run("read", (table) => table.frame(key.id)),
    );
  }

  async set(entry: Entry, options?: StoreCallOptions): Promise<void> {
    this.#begin(options);
    const row = this.#row(entry);
    this.#write([row], (table) => put(table, entry.id, row));
  }

  async add(entry: Entry, options?: StoreAddOptions): Promise<boolean> {
    this.#begin(options);
    const row = this.#row(entry);
    if (row === undefined) return false;
    const over = options?.over?.id === entry.id ? options.over.createdAt : undefined;
    return this.#write([row], (table) => table.add(row, over) || this.#replaceUnreadable(table, row));
  }

  async delete(key: Pick<CacheKey, "id">, options?: StoreCallOptions): Promise<void> {
    this.#begin(options);
    this.#recency.forget(key.id);
    this.#database.write("delete from", (table) => table.delete(key.id));
  }

  /** Drops everything in the file and gives the room back to the file system. */
  async clear(options?: StoreCallOptions): Promise<void> {
    this.#begin(options);
    this.#recency.clear();
    this.#database.write("clear", (table) => table.deleteAll());
    // Everything is gone already: that the file stays large while others use it is no failure.
    this.#database.runBeside((table) => table.shrink());
  }

  async getMany(keys: readonly CacheKey[], options?: StoreCallOptions): Promise<readonly (StoreHit | undefined)[]> {
    this.#begin(options);
    if (keys.length === 0) return [];
    const frames = this.#database.run("read", (table) => table.frames(keys.map((key) => key.id)));
    return keys.map((key) => this.#hit(key.id, frames.get(key.id)));
  }

  /** All or nothing, in one transaction. */
  async setMany(entries: readonly Entry[], options?: StoreCallOptions): Promise<void> {
    this.#begin(options);
    if (entries.length === 0) return;
    const rows = entries.map((entry) => this.#row(entry));
    this.#write(rows, (table) =>
      table.transaction(() => entries.forEach(({ id }, index) => put(table, id, rows[index]))),
    );
  }

  /** In the order of first storing; cursors stay good over restarts. Locks nothing between pages. */
  async *entries(options: EntriesOptions = {}): AsyncGenerator<ListedEntry> {
    const { after = "0", limit = Number.POSITIVE_INFINITY, bodies = false } = options;
    if (!/^\d{1,19}$/.test(after))
      throw new LLMCacheError(
        "ERR_LLMCACHE_OPTION",
        `after must be a cursor of a disk store, not ${JSON.stringify(after)}.`,
      );
    let [cursor, given] = [after, 0];
    while (given < limit) {
      this.#begin(options);
      const count = Math.ceil(Math.min(bodies ? PAGE_ROWS_WITH_BODIES : PAGE_ROWS, limit - given));
      const rows = this.#database.run("list", (table) => table.page(cursor, count, bodies ? WHOLE_BYTES : HEAD_BYTES));
      if (rows.length === 0) return;
      for (const row of rows) {
        cursor = row.cursor;
        const listed = this.#listed(row, bodies);
        if (listed === undefined) continue;
        given++;
        yield listed;
        this.#begin(options);
      }
    }
  }

  /** Tells `moved-aside`, `degraded` and `recovered`, `unreadable`, `too-large` and `evicted`. */
  on(listener: (event: StoreEvent) => void): () => void {
    return this.#listeners.on(listener);
  }

  /** Writes down what is pending and closes the file; the last process to do so leaves one file without a log. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#database.close();
  }

  #begin(options: { readonly signal?: AbortSignal | undefined } | undefined): void {
    this.#database.requireOpen();
    options?.signal?.throwIfAborted();
  }

  #hit(id: string, frame: unknown): StoreHit | undefined {
    if (frame === undefined) return undefined;
    const entry = this.#decode(id, frame);
    if (entry !== undefined) this.#recency.read(id, this.#settings.clock());
    return entry && { entry };
  }

  #decode(id: string, frame: unknown): Entry | undefined {
    const entry = frame instanceof Uint8Array ? decodeEntry(frame, { id, codec: this.#settings.codec }) : undefined;
    if (entry === undefined) {
      this.#listeners.tell({
        type: "unreadable",
        message: `What is stored in ${this.file} under this id cannot be read: damaged, of another format, or of another codec.`,
        id,
      });
    }
    return entry;
  }

  #listed(row: ListedRow, withBody: boolean): ListedEntry | undefined {
    const { id, cursor, size, frame } = row;
    if (typeof id !== "string") return undefined;
    if (withBody || !(frame instanceof Uint8Array) || frame.byteLength === size) {
      const entry = this.#decode(id, frame);
      return entry && { head: headOf(entry), size, cursor, ...(withBody ? { body: entry.body } : {}) };
    }
    const head = decodeHead(frame, { id, codec: this.#settings.codec });
    if (head !== undefined) return { head, size, cursor };
    // A head of more than HEAD_BYTES (or the row is gone by now).
    const whole = this.#database.run("list", (table) => table.frame(id));
    const entry = whole === undefined ? undefined : this.#decode(id, whole);
    return entry && { head: headOf(entry), size, cursor };
  }

  #row(entry: Entry): EntryRow | undefined {
    const { codec, maxEntryBytes, clock } = this.#settings;
    const frame = encodeEntry(entry, codec);
    if (frame.byteLength > maxEntryBytes) {
      this.#listeners.tell({
        type: "too-large",
        message: `An entry of ${frame.byteLength} bytes was not stored: ${maxEntryBytes} is the most for one (maxEntryBytes).`,
        id: entry.id,
      });
      return undefined;
    }
    return {
      id: entry.id,
      createdAt: entry.createdAt,
      deleteAt: entry.deleteAt,
      usedAt: clock(),
      reserved: isReserved(entry),
      frame,
    };
  }

  /** What nobody can read must not keep its id for ever. */
  #replaceUnreadable(table: EntryTable, row: EntryRow): boolean {
    const frame = table.frame(row.id);
    if (frame === undefined) return table.add(row, undefined);
    return this.#decode(row.id, frame) === undefined && table.replace(row, frame);
  }

  #write<T>(rows: readonly (EntryRow | undefined)[], work: (table: EntryTable) => T): T {
    this.#database.beforeWrite(rows.reduce((bytes, row) => bytes + (row?.frame.byteLength ?? 0), 0));
    const result = this.#database.write("write to", work);
    if (result !== false) for (const row of rows) if (row !== undefined) this.#recency.written(row.id, row.usedAt);
    return result;
  }
}

/** Without a row, what is there goes: it was to be replaced. */
function put(table: EntryTable, id: string, row: EntryRow | undefined): void {
  if (row === undefined) table.delete(id);
  else table.put(row);
}
