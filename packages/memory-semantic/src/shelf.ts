import type { StoredRecord } from "./record.ts";

/** Records in the order of use, bounded by number and by bytes; the longest unused go first. */
export class Shelf {
  readonly maxBytes: number;
  readonly #maxEntries: number;
  readonly #onEvict: (record: StoredRecord) => void;
  readonly #byId: Map<string, StoredRecord> = new Map<string, StoredRecord>();
  #oldest: StoredRecord | undefined;
  #newest: StoredRecord | undefined;
  #bytes = 0;

  constructor(maxEntries: number, maxBytes: number, onEvict: (record: StoredRecord) => void) {
    this.#maxEntries = maxEntries;
    this.maxBytes = maxBytes;
    this.#onEvict = onEvict;
  }

  get size(): number {
    return this.#byId.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Does not count as a use. */
  peek(id: string): StoredRecord | undefined {
    return this.#byId.get(id);
  }

  /** A use. */
  touch(record: StoredRecord): void {
    if (record === this.#newest || this.#byId.get(record.entry.id) !== record) return;
    this.#unlink(record);
    this.#link(record);
  }

  /** In the place of what has the same id. */
  put(record: StoredRecord): void {
    this.delete(record.entry.id);
    this.#byId.set(record.entry.id, record);
    this.#link(record);
    this.#bytes += record.bytes;
    this.#evict();
  }

  /** It takes more memory now, or less. */
  resize(record: StoredRecord, bytes: number): void {
    if (this.#byId.get(record.entry.id) !== record) return;
    this.#bytes += bytes - record.bytes;
    record.bytes = bytes;
    this.#evict();
  }

  /** @returns what was there. */
  delete(id: string): StoredRecord | undefined {
    const record = this.#byId.get(id);
    if (record === undefined) return undefined;
    this.#byId.delete(id);
    this.#unlink(record);
    this.#bytes -= record.bytes;
    return record;
  }

  clear(): void {
    this.#byId.clear();
    this.#oldest = undefined;
    this.#newest = undefined;
    this.#bytes = 0;
  }

  ids(): string[] {
    return [...this.#byId.keys()];
  }

  /** From the longest unused to the last used. */
  inOrder(): StoredRecord[] {
    const records: StoredRecord[] = [];
    for (let record = this.#oldest; record !== undefined; record = record.newer) records.push(record);
    return records;
  }

  #evict(): void {
    while (this.#oldest !== undefined && (this.#byId.size > this.#maxEntries || this.#bytes > this.maxBytes)) {
      const record = this.#oldest;
      this.delete(record.entry.id);
      this.#onEvict(record);
    }
  }

  #link(record: StoredRecord): void {
    record.older = this.#newest;
    record.newer = undefined;
    if (this.#newest === undefined) this.#oldest = record;
    else this.#newest.newer = record;
    this.#newest = record;
  }

  #unlink(record: StoredRecord): void {
    const { older, newer } = record;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    record.older = undefined;
    record.newer = undefined;
  }
}
