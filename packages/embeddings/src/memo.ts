/** What a Map's entry and its objects take besides text and numbers: an estimate. */
const ENTRY_BYTES = 200;

/** Vectors by text: those used last, bounded by entries and by bytes. What it holds is never handed to a caller. */
export class VectorMemo {
  readonly #maxEntries: number;
  readonly #maxBytes: number;
  readonly #vectors: Map<string, Float32Array> = new Map<string, Float32Array>();
  #bytes = 0;

  constructor(maxEntries: number, maxBytes: number) {
    this.#maxEntries = maxEntries;
    this.#maxBytes = maxBytes;
  }

  get(text: string): Float32Array | undefined {
    const vector = this.#vectors.get(text);
    if (vector === undefined) return undefined;
    this.#vectors.delete(text);
    this.#vectors.set(text, vector);
    return vector;
  }

  set(text: string, vector: Float32Array): void {
    this.#drop(text);
    if (sizeOf(text, vector) > this.#maxBytes) return;
    this.#vectors.set(text, vector);
    this.#bytes += sizeOf(text, vector);
    for (const oldest of this.#vectors.keys()) {
      if (this.#vectors.size <= this.#maxEntries && this.#bytes <= this.#maxBytes) return;
      this.#drop(oldest);
    }
  }

  clear(): void {
    this.#vectors.clear();
    this.#bytes = 0;
  }

  #drop(text: string): void {
    const vector = this.#vectors.get(text);
    if (vector === undefined) return;
    this.#vectors.delete(text);
    this.#bytes -= sizeOf(text, vector);
  }
}

function sizeOf(text: string, vector: Float32Array): number {
  return text.length * 2 + vector.byteLength + ENTRY_BYTES;
}
