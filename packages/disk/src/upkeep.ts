import type { EntryTable } from "./entry-table.ts";
import type { OpenFile } from "./opening.ts";
import type { DiskSettings } from "./options.ts";
import type { Recency } from "./recency.ts";

/** What upkeep tells. */
export interface UpkeepReport {
  /** The work was done, or somebody else had the file. */
  done(): void;
  failed(error: unknown): void;
  evicted(count: number): void;
  /** The path leads to another file now, or to none. */
  replaced(): void;
}

const INTERVAL_MS = 60_000;
/** Where one batch was not enough. */
const AGAIN_MS = 100;
const DEAD_BATCH = 200;
const UNUSED_BATCH = 64;
/** Rows that one round of eviction drops at most: some tens of milliseconds. */
const MAX_EVICTED = 1024;
/** Eviction begins this much before `maxBytes`, so that what is written between two looks has room. */
const MARGIN = 1 / 16;
const MAX_MARGIN_BYTES = 4 * 1024 ** 2;
const MAX_UNCHECKED_BYTES = 128 * 1024;
/** As many uses are written along with a look at the file; fewer wait for the timer. */
const FLUSHED_USES = 100;

/**
 * Reclaims dead rows, keeps the file below `maxBytes` and writes uses down: in small batches, beside writes and from a timer
 * that keeps no process alive. Readers pay nothing.
 */
export class Upkeep {
  readonly #file: OpenFile;
  readonly #table: EntryTable;
  readonly #recency: Recency;
  readonly #clock: () => number;
  readonly #report: UpkeepReport;
  readonly #mostBytes: number;
  readonly #uncheckedBytes: number;
  #unchecked = 0;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(file: OpenFile, table: EntryTable, recency: Recency, settings: DiskSettings, report: UpkeepReport) {
    const margin = Math.min(settings.maxBytes * MARGIN, MAX_MARGIN_BYTES);
    this.#file = file;
    this.#table = table;
    this.#recency = recency;
    this.#clock = settings.clock;
    this.#report = report;
    this.#mostBytes = settings.maxBytes - margin;
    this.#uncheckedBytes = Math.min(margin / 4, MAX_UNCHECKED_BYTES);
    this.#schedule(AGAIN_MS);
  }

  /** Before so much is written: looks at the file now and then, and makes room. */
  beforeWrite(bytes: number): void {
    this.#unchecked += bytes;
    if (this.#unchecked < this.#uncheckedBytes) return;
    this.#unchecked = 0;
    this.#attempt(() => {
      if (this.#recency.size >= FLUSHED_USES) this.#flush();
      // What is still too much is looked at again with the next write.
      if (this.#makeRoom(bytes)) this.#unchecked = this.#uncheckedBytes;
      return false;
    });
  }

  /** Stops, and writes down what is pending, where the file is still good for it. */
  close(flush: boolean): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    if (!flush) return;
    this.#attempt(() => {
      this.#flush();
      return false;
    });
  }

  #schedule(delayMs: number): void {
    this.#timer = setTimeout(() => this.#tick(), delayMs).unref();
  }

  #tick(): void {
    if (!this.#file.isInPlace()) return this.#report.replaced();
    const again = this.#attempt(() => {
      this.#flush();
      const dead = this.#table.dropDead(this.#clock(), DEAD_BATCH);
      return this.#makeRoom(0) || dead === DEAD_BATCH;
    });
    if (!this.#closed) this.#schedule(again ? AGAIN_MS : INTERVAL_MS);
  }

  #flush(): void {
    if (this.#recency.size > 0) this.#recency.flush(this.#table);
  }

  /** @returns whether there still is too much. */
  #makeRoom(bytes: number): boolean {
    const table = this.#table;
    const excess = (): number => table.usedBytes() + bytes - this.#mostBytes;
    if (excess() <= 0) return false;
    let evicted = 0;
    let dropped = 0;
    this.#recency.flush(table, () => {
      table.dropDead(this.#clock(), DEAD_BATCH);
      for (let still = excess(); still > 0 && evicted < MAX_EVICTED; still = excess()) {
        dropped = table.dropUnused(still, UNUSED_BATCH);
        if (dropped === 0) break;
        evicted += dropped;
      }
    });
    const tooMuch = dropped > 0 && excess() > 0;
    if (evicted > 0) this.#report.evicted(evicted);
    return tooMuch;
  }

  #attempt(work: () => boolean): boolean {
    try {
      const result = work();
      this.#report.done();
      return result;
    } catch (error) {
      this.#report.failed(error);
      return false;
    }
  }
}
