import { isLLMCacheError, LLMCacheError, orAborted, type Embedder } from "@llmcache/core";

/** Vectors of texts asked for last: what a lookup needed, the write after the miss needs again. */
const MAX_KNOWN = 256;

/** Texts on their way to the embedder together. */
interface Batch {
  readonly vectors: Promise<ReadonlyMap<string, Float32Array>>;
  readonly controller: AbortController;
  waiting: number;
}

/** Unit vectors of texts: each text goes to the embedder once while it is under way or was asked for lately. */
export class VectorSource {
  readonly #embedder: Embedder;
  readonly #known: Map<string, Float32Array> = new Map<string, Float32Array>();
  readonly #underWay: Map<string, Batch> = new Map<string, Batch>();
  #dimensions: number | undefined;

  constructor(embedder: Embedder) {
    this.#embedder = embedder;
  }

  get id(): string {
    return this.#embedder.id;
  }

  /** Stated by the embedder, or those of the first vector; `undefined` before it. */
  get dimensions(): number | undefined {
    return this.#embedder.dimensions ?? this.#dimensions;
  }

  /** What is stored has vectors of that length: others are refused from now on. */
  expect(dimensions: number): void {
    this.#dimensions ??= dimensions;
  }

  /** The vector of a text, if it is known already. */
  known(text: string): Float32Array | undefined {
    return this.#known.get(text);
  }

  /**
   * Vectors of these texts, which differ. The embedder is told to end when nobody waits for it any more.
   *
   * Rejects with what the embedder fails with, with {@link WrongVector}, and with the signal's reason.
   */
  async of(texts: readonly string[], signal: AbortSignal | undefined): Promise<ReadonlyMap<string, Float32Array>> {
    const found = new Map<string, Float32Array>();
    const batches = new Set<Batch>();
    const unknown: string[] = [];
    for (const text of texts) {
      const known = this.#known.get(text);
      const batch = this.#underWay.get(text);
      if (known !== undefined) found.set(text, this.#remember(text, known));
      else if (batch !== undefined) batches.add(batch);
      else unknown.push(text);
    }
    if (unknown.length > 0) batches.add(this.#embed(unknown));
    const wanted = new Set(texts);
    const parts = [...batches].map(async (batch) => {
      batch.waiting++;
      try {
        for (const [text, vector] of await orAborted(batch.vectors, signal))
          if (wanted.has(text)) found.set(text, vector);
      } finally {
        if (--batch.waiting === 0) batch.controller.abort(new DOMException("Nobody waits for it.", "AbortError"));
      }
    });
    await Promise.all(parts);
    return found;
  }

  clear(): void {
    this.#known.clear();
  }

  #embed(texts: readonly string[]): Batch {
    const controller = new AbortController();
    const vectors = this.#vectorsOf(texts, controller.signal).finally(() => {
      for (const text of texts) if (this.#underWay.get(text) === batch) this.#underWay.delete(text);
    });
    const batch: Batch = { vectors, controller, waiting: 0 };
    for (const text of texts) this.#underWay.set(text, batch);
    // Who comes after it was told to end begins anew.
    controller.signal.addEventListener("abort", () => {
      for (const text of texts) if (this.#underWay.get(text) === batch) this.#underWay.delete(text);
    });
    // All who wait may have gone.
    vectors.catch(() => undefined);
    return batch;
  }

  async #vectorsOf(texts: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, Float32Array>> {
    const given = await this.#embedder.embed(texts, { signal });
    if (!Array.isArray(given) || given.length !== texts.length)
      throw new WrongVector(this.id, `${Array.isArray(given) ? given.length : "no"} vectors for ${texts.length} texts`);
    const expected = this.dimensions ?? lengthOf(given[0]);
    const units = given.map((vector: unknown) => this.#unit(vector, expected));
    // Only a batch without fault says how long vectors are.
    this.#dimensions ??= expected;
    return new Map(units.map((unit, index) => [texts[index] as string, this.#remember(texts[index] as string, unit)]));
  }

  #unit(vector: unknown, expected: number): Float32Array {
    const length = lengthOf(vector);
    // Also of another realm.
    if (Object.prototype.toString.call(vector) !== "[object Float32Array]")
      throw new WrongVector(this.id, "what is no Float32Array");
    if (length === 0 || length !== expected)
      throw new WrongVector(this.id, `a vector of ${length} dimensions instead of ${expected}`);
    const numbers = vector as Float32Array;
    let square = 0;
    for (const number of numbers) square += number * number;
    if (!Number.isFinite(square)) throw new WrongVector(this.id, "a vector with what is no finite number");
    if (square === 0) throw new WrongVector(this.id, "a vector of zeros");
    const norm = Math.sqrt(square);
    return Float32Array.from(numbers, (number) => number / norm);
  }

  #remember(text: string, vector: Float32Array): Float32Array {
    this.#known.delete(text);
    this.#known.set(text, vector);
    if (this.#known.size > MAX_KNOWN) {
      const [oldest] = this.#known.keys();
      this.#known.delete(oldest as string);
    }
    return vector;
  }
}

function lengthOf(vector: unknown): number {
  return (vector as { readonly length?: number } | undefined)?.length ?? 0;
}

/** An embedder gave what cannot be compared: a fault of its configuration, which no retry mends. */
export class WrongVector extends LLMCacheError {
  constructor(embedder: string, what: string) {
    super("ERR_LLMCACHE_EMBEDDER", `The embedder ${embedder} gave ${what}: nothing was stored or compared.`);
  }
}

/** Whatever an embedder failed with, as what says so: the store itself has not failed. */
export function embedderError(embedder: string, cause: unknown): LLMCacheError {
  if (isLLMCacheError(cause, "ERR_LLMCACHE_EMBEDDER")) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  return new LLMCacheError("ERR_LLMCACHE_EMBEDDER", `The embedder ${embedder} failed: ${message}`, { cause });
}
