import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import { pragma } from "./schema.ts";

/** A row to write. Instants are ms since the epoch. */
export interface EntryRow {
  readonly id: string;
  readonly createdAt: number;
  readonly deleteAt: number | undefined;
  readonly usedAt: number;
  readonly reserved: boolean;
  readonly frame: Uint8Array;
}

/** A row of a listing: its frame, or the beginning of it. What is in a file need not be of the type it should be of. */
export interface ListedRow {
  readonly id: unknown;
  readonly cursor: string;
  readonly size: number;
  readonly frame: unknown;
}

const INSERT = `
  INSERT INTO entries (id, created_at, delete_at, used_at, size, reserved, frame) VALUES (?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (id) DO UPDATE SET created_at = excluded.created_at, delete_at = excluded.delete_at, used_at = excluded.used_at,
    size = excluded.size, reserved = excluded.reserved, frame = excluded.frame`;

type Statements = Readonly<Record<keyof typeof SQL, StatementSync>>;

/** The rows of an open file and the SQL that goes with them. Throws SQLite's errors. */
export class EntryTable {
  readonly #db: DatabaseSync;
  readonly #pageBytes: number;
  readonly #statements: Statements;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#pageBytes = pragma(db, "page_size");
    const prepared = Object.entries(SQL).map(([name, sql]) => {
      const statement = db.prepare(sql);
      // In a strange file there may be numbers that JavaScript does not have; a write reports that of the last row.
      statement.setReadBigInts(true);
      return [name, statement] as const;
    });
    this.#statements = Object.fromEntries(prepared) as unknown as Statements;
  }

  frame(id: string): unknown {
    return this.#statements.frame.get(id)?.["frame"];
  }

  /** What is there, by id; one query however many are asked for. */
  frames(ids: readonly string[]): Map<unknown, unknown> {
    return new Map(this.#statements.frames.all(JSON.stringify(ids)).map((row) => [row["id"], row["frame"]]));
  }

  put(row: EntryRow): void {
    this.#statements.put.run(...values(row));
  }

  /**
   * The rule of `Store.add` in one statement, which is what makes it atomic between processes: over nothing, over what died
   * before the new entry was made, over what was made at `over`.
   */
  add(row: EntryRow, over: number | undefined): boolean {
    return this.#statements.add.run(...values(row), over ?? null).changes > 0;
  }

  /** Stores if what is there still is `frame`. */
  replace(row: EntryRow, frame: unknown): boolean {
    return this.#statements.replace.run(...values(row), row.id, frame as SQLInputValue).changes > 0;
  }

  delete(id: string): void {
    this.#statements.delete.run(id);
  }

  deleteAll(): void {
    this.#db.exec("DELETE FROM entries");
  }

  /** In the order of `n`, which an entry keeps when it is replaced. Of longer frames only the first `bytes`. */
  page(after: string, limit: number, bytes: number): readonly ListedRow[] {
    return this.#statements.page
      .all(bytes, after, limit)
      .map(({ id, cursor, size, frame }) => ({ id, cursor: String(cursor), size: Number(size), frame }));
  }

  used(id: string, usedAt: number): void {
    this.#statements.used.run(usedAt, id, usedAt);
  }

  /** @returns how many rows went. */
  dropDead(now: number, limit: number): number {
    return Number(this.#statements.dropDead.run(now, limit).changes);
  }

  /**
   * The longest unused go, as many as make up `bytes` but at most `limit`; the cache's own only when nothing else is left.
   *
   * @returns how many rows went.
   */
  dropUnused(bytes: number, limit: number): number {
    const dropped = Number(this.#statements.dropUnused.run(0, limit, bytes).changes);
    return dropped > 0 ? dropped : Number(this.#statements.dropUnused.run(1, limit, bytes).changes);
  }

  /** Bytes of the file that hold something; the rest is used again before the file grows. */
  usedBytes(): number {
    const pages =
      Number(this.#statements.pages.get()?.["page_count"]) -
      Number(this.#statements.freePages.get()?.["freelist_count"]);
    return pages * this.#pageBytes;
  }

  /** All of `work` or nothing of it. */
  transaction<T>(work: () => T): T {
    this.#db.exec("BEGIN IMMEDIATE");
    try {
      const result = work();
      this.#db.exec("COMMIT");
      return result;
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      throw error;
    }
  }

  /** Gives free pages back to the file system. */
  shrink(): void {
    this.#db.exec("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)");
  }
}

const SQL = {
  frame: "SELECT frame FROM entries WHERE id = ?",
  frames: "SELECT id, frame FROM entries WHERE id IN (SELECT value FROM json_each(?))",
  put: INSERT,
  add: `${INSERT} WHERE delete_at <= excluded.created_at OR created_at = ?`,
  replace:
    "UPDATE entries SET id = ?, created_at = ?, delete_at = ?, used_at = ?, size = ?, reserved = ?, frame = ? WHERE id = ? AND frame = ?",
  delete: "DELETE FROM entries WHERE id = ?",
  // The plus keeps SQLite from going by the index of use and sorting.
  page: "SELECT id, CAST(n AS TEXT) AS cursor, length(frame) AS size, substr(frame, 1, ?) AS frame FROM entries WHERE +reserved = 0 AND n > CAST(? AS INTEGER) ORDER BY n LIMIT ?",
  used: "UPDATE entries SET used_at = ? WHERE id = ? AND used_at < ?",
  dropDead: "DELETE FROM entries WHERE n IN (SELECT n FROM entries WHERE delete_at <= ? ORDER BY delete_at LIMIT ?)",
  dropUnused: `DELETE FROM entries WHERE n IN (
    SELECT n FROM (
      SELECT n, sum(size) OVER (ORDER BY used_at, n ROWS UNBOUNDED PRECEDING) - size AS before
      FROM (SELECT n, used_at, size FROM entries WHERE reserved = ? ORDER BY used_at LIMIT ?)
    ) WHERE before < ?)`,
  pages: "PRAGMA page_count",
  freePages: "PRAGMA freelist_count",
} as const;

function values(row: EntryRow): [string, number, number | null, number, number, number, Uint8Array] {
  const { id, createdAt, deleteAt, usedAt, reserved, frame } = row;
  return [id, createdAt, deleteAt ?? null, usedAt, frame.byteLength, reserved ? 1 : 0, frame];
}
