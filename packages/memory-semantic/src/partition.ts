import { Nearest } from "./nearest.ts";
import type { StoredRecord } from "./record.ts";
import { indexBytes, type MakeIndex, type VectorIndex } from "./usearch-index.ts";
import { VectorBlocks } from "./vector-blocks.ts";

/** A record near a text. */
export interface Neighbour {
  readonly item: StoredRecord;
  /** Cosine, clamped to 0 … 1. */
  readonly similarity: number;
}

/** What a search wants. */
export interface Wanted {
  readonly count: number;
  /** Least similarity, inclusive. */
  readonly least: number;
  /** These take no place among the nearest. */
  readonly skip: (record: StoredRecord) => boolean;
}

/** When scopes are indexed, and what is told of it. */
export interface Indexing {
  /** `undefined`: there is no index to be had, or not yet. */
  make: MakeIndex | undefined;
  /** More records than that. */
  readonly above: number;
  /** A record takes this much more memory, being in the index; less, if it is negative. */
  readonly onBytes: (record: StoredRecord, more: number) => void;
  readonly onFailure: (error: unknown) => void;
}

/** Index and scan may differ in what is nearest by a hair: so many are compared again. */
const LEAST_SEARCHED = 32;
/** Adding to an index takes about a millisecond: so long at once, then others have their turn. */
const SLICE_MS = 5;
/** An index is kept until this share of what made it worth while is left. */
const KEPT_SHARE = 0.5;
/** Of all scopes without an index, which may be many: nothing is put into them. */
const NO_LABELS: Map<number, StoredRecord> = new Map<number, StoredRecord>();
const NONE_WAITING: Set<StoredRecord> = new Set<StoredRecord>();

/** The vectors within one scope. Small ones are scanned; above a size an index finds the candidates, which are then compared exactly. */
export class Partition {
  readonly scope: string;
  readonly #vectors: VectorBlocks;
  readonly #records: StoredRecord[] = [];
  readonly #indexing: Indexing;
  #byLabel: Map<number, StoredRecord> = NO_LABELS;
  /** Not in the index yet: compared one by one. */
  #waiting: Set<StoredRecord> = NONE_WAITING;
  #index: VectorIndex | undefined;
  #lastLabel = 0;
  #isCatchingUp = false;
  #hasFailed = false;
  #nextDeleteAt = Number.POSITIVE_INFINITY;

  constructor(scope: string, dimensions: number, indexing: Indexing) {
    this.scope = scope;
    this.#vectors = new VectorBlocks(dimensions);
    this.#indexing = indexing;
  }

  get size(): number {
    return this.#records.length;
  }

  /** How many an index finds. */
  get indexed(): number {
    return this.#byLabel.size;
  }

  /** A view, until the next change. */
  vectorOf(record: StoredRecord): Float32Array {
    return this.#vectors.at(record.row);
  }

  /** @param vector of unit length; it is copied. */
  add(record: StoredRecord, vector: Float32Array): void {
    record.partition = this;
    record.row = this.#vectors.push(vector);
    this.#records.push(record);
    this.#nextDeleteAt = Math.min(this.#nextDeleteAt, record.entry.deleteAt ?? Number.POSITIVE_INFINITY);
    if (this.#index !== undefined) this.#wait([record]);
    else this.consider();
  }

  /** Begins an index where that is worth while, and there is one to be had. */
  consider(): void {
    const { make, above } = this.#indexing;
    if (this.#index !== undefined || make === undefined || this.#hasFailed || this.size <= above) return;
    this.#safely(() => {
      this.#index = make(this.#vectors.dimensions);
    });
    if (this.#index === undefined) return;
    this.#byLabel = new Map<number, StoredRecord>();
    this.#waiting = new Set<StoredRecord>();
    this.#wait(this.#records);
  }

  remove(record: StoredRecord): void {
    const { row, label } = record;
    this.#vectors.remove(row);
    const last = this.#records.pop() as StoredRecord;
    if (last !== record) {
      this.#records[row] = last;
      last.row = row;
    }
    record.partition = undefined;
    this.#waiting.delete(record);
    if (label !== 0) {
      record.label = 0;
      this.#byLabel.delete(label);
      this.#safely(() => this.#index?.remove(label));
    }
    if (this.#index !== undefined && this.size < this.#indexing.above * KEPT_SHARE) this.#end();
  }

  /** Those past their `deleteAt`. Looks only if there can be any. */
  expired(now: number): StoredRecord[] {
    if (now < this.#nextDeleteAt) return [];
    const expired: StoredRecord[] = [];
    this.#nextDeleteAt = Number.POSITIVE_INFINITY;
    for (const record of this.#records) {
      const { deleteAt } = record.entry;
      if (deleteAt === undefined) continue;
      if (deleteAt <= now) expired.push(record);
      else if (deleteAt < this.#nextDeleteAt) this.#nextDeleteAt = deleteAt;
    }
    return expired;
  }

  /** The nearest, in order. */
  search(query: Float32Array, { count, least, skip }: Wanted): readonly Neighbour[] {
    const nearest = new Nearest<StoredRecord>(count, least);
    const offer = (record: StoredRecord, cosine: number): void => {
      const similarity = clamped(cosine);
      if (nearest.takes(similarity) && !skip(record)) nearest.offer(record, similarity);
    };
    const found = this.#fromIndex(query, count, skip);
    if (found === undefined) {
      this.#vectors.scan(query, nearest.floor, (row, cosine) => {
        offer(this.#records[row] as StoredRecord, cosine);
        return nearest.floor;
      });
    } else {
      for (const record of found) offer(record, this.#vectors.cosine(query, record.row));
      for (const record of this.#waiting) offer(record, this.#vectors.cosine(query, record.row));
    }
    return nearest.list();
  }

  /** No index is filled any more. */
  close(): void {
    this.#waiting = NONE_WAITING;
    this.#index = undefined;
  }

  /** Candidates from the index; `undefined`: all are to be scanned. */
  #fromIndex(query: Float32Array, count: number, skip: Wanted["skip"]): readonly StoredRecord[] | undefined {
    const index = this.#index;
    // While most are waiting, one by one costs more than a scan.
    if (index === undefined || this.#waiting.size > this.size / 2) return undefined;
    for (let most = Math.max(LEAST_SEARCHED, count * 2); ; most *= 4) {
      const labels = this.#safely(() => index.search(query, most));
      if (labels === undefined) return undefined;
      const records = labels.map((label) => this.#byLabel.get(label)).filter((record) => record !== undefined);
      const usable = records.filter((record) => !skip(record)).length;
      if (usable >= count || labels.length < most) return records;
    }
  }

  #wait(records: readonly StoredRecord[]): void {
    for (const record of records) this.#waiting.add(record);
    if (this.#isCatchingUp) return;
    this.#isCatchingUp = true;
    this.#later();
  }

  /** Keeps no process alive. */
  #later(): void {
    setImmediate(() => this.#catchUp()).unref();
  }

  #catchUp(): void {
    const until = performance.now() + SLICE_MS;
    for (const record of this.#waiting) {
      const index = this.#index;
      if (index === undefined) break;
      if (performance.now() > until) return this.#later();
      this.#waiting.delete(record);
      const label = ++this.#lastLabel;
      const isIn = this.#safely(() => {
        index.add(label, this.vectorOf(record));
        return true;
      });
      if (isIn !== true) break;
      record.label = label;
      this.#byLabel.set(label, record);
      // This may evict others.
      this.#indexing.onBytes(record, indexBytes(this.#vectors.dimensions));
    }
    this.#isCatchingUp = false;
    if (this.#waiting.size > 0) this.#wait([]);
  }

  #end(): void {
    const labelled = this.#byLabel.values();
    this.#index = undefined;
    this.#waiting = NONE_WAITING;
    this.#byLabel = NO_LABELS;
    for (const record of labelled) {
      record.label = 0;
      this.#indexing.onBytes(record, -indexBytes(this.#vectors.dimensions));
    }
  }

  /** An index that fails is done without. */
  #safely<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      this.#hasFailed = true;
      this.#end();
      this.#indexing.onFailure(error);
      return undefined;
    }
  }
}

function clamped(cosine: number): number {
  return cosine > 0 ? Math.min(1, cosine) : 0;
}
