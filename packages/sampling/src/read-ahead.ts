import { orAborted } from "./or-aborted.ts";
import type { Prompt } from "./prompt.ts";
import type { Shelf, Shelved } from "./shelf.ts";

/** Positions read in one go, behind the first one. */
const FIRST = 3;
/** And at most. */
const MOST = 32;

interface Page {
  readonly from: number;
  readonly end: number;
  readonly read: Promise<void>;
}

/**
 * What one consumer will want next: while it finds one stored sample after the other, it reads 3, 6, 12 … at once. The first one is read
 * alone. Keeps what was read and not pulled yet, {@link MOST} at most. Only what is there is believed: a miss is looked at again.
 */
export class ReadAhead {
  readonly #shelf: Shelf;
  readonly #prompt: Prompt;
  readonly #read: Map<number, Shelved> = new Map<number, Shelved>();
  /** The next position of a consumer that goes on as before. */
  #expected = -1;
  /** Of the last page; 0: there was none. */
  #size = 0;
  #page: Page | undefined;

  constructor(shelf: Shelf, prompt: Prompt) {
    this.#shelf = shelf;
    this.#prompt = prompt;
  }

  /** A sample that has been read; `undefined` says nothing. */
  takeRead(position: number): Shelved | undefined {
    const found = this.#read.get(position);
    if (found === undefined) return undefined;
    this.#read.delete(position);
    this.#expected = position + 1;
    return found;
  }

  /** A sample that has been or is being read; `undefined` says nothing. */
  async take(position: number, signal: AbortSignal | undefined): Promise<Shelved | undefined> {
    const { readMany } = this.#shelf;
    if (readMany === undefined) return undefined;
    let page = this.#page;
    if (page === undefined || position < page.from || position >= page.end) {
      if (position !== this.#expected) return undefined;
      page = this.#readPage(position, readMany);
    }
    await orAborted(page.read, signal);
    return this.takeRead(position);
  }

  /** How the look at a position that {@link take} knew nothing of ended. */
  looked(position: number, wasThere: boolean): void {
    if (wasThere) {
      this.#expected = position + 1;
      return;
    }
    this.#expected = -1;
    this.#size = 0;
  }

  #readPage(from: number, readMany: NonNullable<Shelf["readMany"]>): Page {
    this.#size = this.#size === 0 ? FIRST : Math.min(this.#size * 2, MOST);
    const end = from + this.#size;
    this.#read.clear();
    const positions = Array.from({ length: end - from }, (_, index) => from + index);
    const read = readMany(this.#prompt, positions, undefined).then(
      (found) => {
        for (const [index, each] of found.entries()) if (each !== undefined) this.#read.set(from + index, each);
      },
      (error: unknown) => {
        if (this.#page === page) this.#page = undefined;
        throw error;
      },
    );
    const page = { from, end, read };
    this.#page = page;
    // Whoever waits for it is told.
    read.catch(() => undefined);
    return page;
  }
}
