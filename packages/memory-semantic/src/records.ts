import { isReserved, LLMCacheError, type Entry, type StoreListeners } from "@llmcache/core";
import { entrySize } from "./entry-size.ts";
import type { SemanticSettings } from "./options.ts";
import { Partition, type Indexing } from "./partition.ts";
import { StoredRecord } from "./record.ts";
import { RejectedPairs } from "./rejected-pairs.ts";
import { Shelf } from "./shelf.ts";
import { loadUsearch } from "./usearch-index.ts";

/** Beside `maxBytes`, the cache's own entries (generations of tags, leases) have a shelf of their own, bounded by this. */
const RESERVED_BYTES = 4 * 1024 * 1024;
/** An answer that was rejected for so many requests is not offered to any but its own. */
const MAX_REJECTED = 100;

/** What a store holds. */
export interface Usage {
  readonly entries: number;
  /** As estimated. */
  readonly bytes: number;
  readonly scopes: number;
  /** Entries that can be found by similarity. */
  readonly vectors: number;
  /** Of them, those in an index. */
  readonly indexed: number;
}

/** Where entries are: on a shelf in the order of use, with their vectors in the partition of their scope, and what they were rejected for. */
export class Records {
  readonly #settings: SemanticSettings;
  readonly #listeners: StoreListeners;
  readonly #indexing: Indexing;
  readonly #answers: Shelf;
  readonly #reserved: Shelf;
  readonly #partitions: Map<string, Partition> = new Map<string, Partition>();
  readonly #rejected: RejectedPairs = new RejectedPairs();
  #loadingIndex: Promise<void> | undefined;

  constructor(settings: SemanticSettings, listeners: StoreListeners) {
    const { maxEntries, maxBytes, indexAbove } = settings;
    this.#settings = settings;
    this.#listeners = listeners;
    this.#answers = new Shelf(maxEntries, maxBytes, (record) => this.#left(record));
    this.#reserved = new Shelf(Number.POSITIVE_INFINITY, Math.min(RESERVED_BYTES, maxBytes), () => undefined);
    this.#indexing = {
      make: undefined,
      above: indexAbove,
      onBytes: (record, more) => this.#answers.resize(record, record.bytes + more),
      onFailure: (error) =>
        listeners.tell({ type: "degraded", message: "An index failed: its scope is scanned.", error }),
    };
  }

  /** Does not count as a use. */
  peek(id: string): StoredRecord | undefined {
    return this.#answers.peek(id) ?? this.#reserved.peek(id);
  }

  /** The same, but for the cache's own entries. */
  peekAnswer(id: string): StoredRecord | undefined {
    return this.#answers.peek(id);
  }

  /** A use. */
  touch(record: StoredRecord): void {
    const shelf = this.#answers.peek(record.entry.id) === record ? this.#answers : this.#reserved;
    shelf.touch(record);
  }

  /** What has a vector behind one wall, if there is any. */
  partition(scope: string): Partition | undefined {
    return this.#partitions.get(scope);
  }

  /** In the place of what has the same id. @returns whether it was stored; what is too large is told. */
  put(own: Entry, vector: Float32Array | undefined): boolean {
    this.drop(own.id);
    const size = entrySize(own, vector?.length ?? 0);
    const shelf = isReserved(own) ? this.#reserved : this.#answers;
    const most = Math.min(this.#settings.maxEntryBytes, shelf.maxBytes);
    if (size > most) {
      const message = `An entry of about ${size} bytes was not stored: ${most} is the most for one (maxEntryBytes).`;
      this.#listeners.tell({ type: "too-large", message, id: own.id });
      return false;
    }
    const record = new StoredRecord(own, size);
    if (shelf === this.#answers) record.rejected = this.#rejected.take(own.id);
    shelf.put(record);
    const isOffered = record.rejected === undefined || record.rejected.size < MAX_REJECTED;
    if (vector !== undefined && own.scope !== undefined && isOffered) this.#place(record, own.scope, vector);
    return true;
  }

  drop(id: string): void {
    this.#reserved.delete(id);
    const record = this.#answers.delete(id);
    if (record !== undefined) this.#left(record);
  }

  /** The answer with the id `stored` is not offered to the request with the id `asked` any more, be it there or yet to come. */
  reject(stored: string, asked: string): void {
    const record = this.#answers.peek(stored);
    if (record === undefined) return this.#rejected.add(stored, asked);
    (record.rejected ??= new Set<string>()).add(asked);
    if (record.rejected.size >= MAX_REJECTED) this.#unplace(record);
  }

  /** Pairs of answers that are not there. */
  rejectedOfAbsent(): ReturnType<RejectedPairs["all"]> {
    return this.#rejected.all();
  }

  clear(): void {
    for (const partition of this.#partitions.values()) partition.close();
    this.#partitions.clear();
    this.#answers.clear();
    this.#reserved.clear();
    this.#rejected.clear();
  }

  /** Of answers, in no order. */
  ids(): string[] {
    return this.#answers.ids();
  }

  /** Answers, from the longest unused to the last used. */
  inOrder(): StoredRecord[] {
    return this.#answers.inOrder();
  }

  usage(): Usage {
    const partitions = [...this.#partitions.values()];
    return {
      entries: this.#answers.size,
      bytes: this.#answers.bytes,
      scopes: partitions.length,
      vectors: partitions.reduce((sum, { size }) => sum + size, 0),
      indexed: partitions.reduce((sum, { indexed }) => sum + indexed, 0),
    };
  }

  /** Rejects if usearch was asked for and cannot be had; otherwise nothing is waited for. */
  async indexReady(): Promise<void> {
    if (this.#settings.index !== "usearch") return;
    this.#startLoadingIndex();
    await this.#loadingIndex;
  }

  #place(record: StoredRecord, scope: string, vector: Float32Array): void {
    let partition = this.#partitions.get(scope);
    if (partition === undefined) {
      partition = new Partition(scope, vector.length, this.#indexing);
      this.#partitions.set(scope, partition);
    }
    partition.add(record, vector);
    if (partition.size > this.#settings.indexAbove) this.#startLoadingIndex();
  }

  #unplace(record: StoredRecord): void {
    const { partition } = record;
    if (partition === undefined) return;
    partition.remove(record);
    if (partition.size === 0) this.#partitions.delete(partition.scope);
  }

  /** It is on no shelf any more. */
  #left(record: StoredRecord): void {
    this.#unplace(record);
    if (record.rejected !== undefined) this.#rejected.keep(record.entry.id, record.rejected);
  }

  #startLoadingIndex(): void {
    if (this.#settings.index === "scan" || this.#loadingIndex !== undefined) return;
    this.#loadingIndex = loadUsearch().then(
      (make) => {
        this.#indexing.make = make;
        for (const partition of this.#partitions.values()) partition.consider();
      },
      (cause: unknown) => {
        if (this.#settings.index === "usearch") throw noUsearch(cause);
      },
    );
    // Who needs it is told.
    this.#loadingIndex.catch(() => undefined);
  }
}

function noUsearch(cause: unknown): LLMCacheError {
  return new LLMCacheError(
    "ERR_LLMCACHE_OPTION",
    'MemorySemanticStore: index: "usearch" needs the package usearch, which cannot be loaded: npm install usearch',
    { cause },
  );
}
