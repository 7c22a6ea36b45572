/** Rows of a block; the first one grows up to it, so that a scope of one entry is cheap. */
const BLOCK_ROWS = 256;
const FIRST_ROWS = 1;

/** Vectors of one length one behind the other, in blocks: growing copies no more than the first of them. */
export class VectorBlocks {
  readonly dimensions: number;
  readonly #blocks: Float32Array[] = [];
  #size = 0;

  constructor(dimensions: number) {
    this.dimensions = dimensions;
  }

  get size(): number {
    return this.#size;
  }

  /** A view, until the next change. */
  at(row: number): Float32Array {
    const { dimensions } = this;
    const from = (row % BLOCK_ROWS) * dimensions;
    return (this.#blocks[Math.floor(row / BLOCK_ROWS)] as Float32Array).subarray(from, from + dimensions);
  }

  /** @returns its row. */
  push(vector: Float32Array): number {
    const row = this.#size++;
    this.#makeRoom(row);
    this.at(row).set(vector);
    return row;
  }

  /** The last row takes its place. */
  remove(row: number): void {
    const last = --this.#size;
    if (row !== last) this.at(row).set(this.at(last));
    if (last % BLOCK_ROWS === 0) this.#blocks.pop();
  }

  /**
   * Cosines of this unit vector with all rows, which are unit vectors, too. `visit` is told those from `floor` on, and gives the next floor.
   */
  scan(query: Float32Array, floor: number, visit: (row: number, cosine: number) => number): void {
    const { dimensions } = this;
    const even = dimensions - (dimensions % 4);
    let row = 0;
    let least = floor;
    for (const block of this.#blocks) {
      const end = Math.min(BLOCK_ROWS, this.#size - row) * dimensions;
      for (let from = 0; from < end; from += dimensions) {
        let a = 0;
        let b = 0;
        let c = 0;
        let d = 0;
        let at = 0;
        // Four sums that do not wait for each other.
        for (; at < even; at += 4) {
          a += (block[from + at] as number) * (query[at] as number);
          b += (block[from + at + 1] as number) * (query[at + 1] as number);
          c += (block[from + at + 2] as number) * (query[at + 2] as number);
          d += (block[from + at + 3] as number) * (query[at + 3] as number);
        }
        for (; at < dimensions; at++) a += (block[from + at] as number) * (query[at] as number);
        const cosine = a + b + (c + d);
        if (cosine >= least) least = visit(row, cosine);
        row++;
      }
    }
  }

  /** The same for one row. */
  cosine(query: Float32Array, row: number): number {
    const vector = this.at(row);
    let sum = 0;
    for (let at = 0; at < vector.length; at++) sum += (vector[at] as number) * (query[at] as number);
    return sum;
  }

  #makeRoom(row: number): void {
    const { dimensions } = this;
    const [first] = this.#blocks;
    if (row >= BLOCK_ROWS) {
      if (row % BLOCK_ROWS === 0) this.#blocks.push(new Float32Array(BLOCK_ROWS * dimensions));
    } else if (first === undefined || row * dimensions >= first.length) {
      const grown = new Float32Array(Math.min(BLOCK_ROWS, Math.max(FIRST_ROWS, row * 2)) * dimensions);
      if (first !== undefined) grown.set(first);
      this.#blocks[0] = grown;
    }
  }
}
