import type { EmbedOptions, Embedder } from "@llmcache/core";
import type { LearningEmbedder } from "@llmcache/redis-semantic";

/** Vectors of texts that were asked for, or found, last. */
const MAX_KNOWN = 512;

/** Texts on their way to the embedder together. */
interface Batch {
  readonly vectors: Promise<ReadonlyMap<string, Float32Array>>;
  readonly controller: AbortController;
  waiting: number;
}

/**
 * One embedder for two stores: a text is asked for once, by whichever comes first, and not at all where its vector was found in the far
 * store. What the embedder gives is passed on as it is: the stores say what is wrong with it.
 */
export class SharedEmbedder implements LearningEmbedder {
  readonly #embedder: Embedder;
  readonly #known: Map<string, Float32Array> = new Map<string, Float32Array>();
  readonly #underWay: Map<string, Batch> = new Map<string, Batch>();
  /** Texts of lookups under way, and what the embedder failed with. */
  readonly #lookups: Map<string, { count: number; failure?: { readonly error: unknown } }> = new Map<
    string,
    { count: number; failure?: { readonly error: unknown } }
  >();

  /** What the far store tells of rejected pairs. */
  readonly rejected: NonNullable<LearningEmbedder["rejected"]>;

  constructor(embedder: Embedder, rejected: NonNullable<LearningEmbedder["rejected"]> = () => undefined) {
    this.#embedder = embedder;
    this.rejected = rejected;
  }

  get id(): string {
    return this.#embedder.id;
  }

  get dimensions(): number | undefined {
    return this.#embedder.dimensions ?? this.#known.values().next().value?.length;
  }

  /** Is the vector of this text at hand? */
  has(text: string): boolean {
    return this.#known.has(text);
  }

  /** Within `work` the embedder is asked once for this text: where it fails, the other store gets the same failure. */
  async once<T>(text: string, work: () => Promise<T>): Promise<T> {
    let lookup = this.#lookups.get(text);
    // Who comes after a failure asks again: lookups that never cease would all share it.
    if (lookup === undefined || lookup.failure !== undefined) lookup = { count: 0 };
    lookup.count++;
    this.#lookups.set(text, lookup);
    try {
      return await work();
    } finally {
      if (--lookup.count === 0 && this.#lookups.get(text) === lookup) this.#lookups.delete(text);
    }
  }

  learn(text: string, vector: Float32Array): void {
    this.#known.delete(text);
    this.#known.set(text, vector);
    if (this.#known.size <= MAX_KNOWN) return;
    const [oldest] = this.#known.keys();
    this.#known.delete(oldest as string);
  }

  async embed(texts: readonly string[], { signal }: EmbedOptions = {}): Promise<readonly Float32Array[]> {
    signal?.throwIfAborted();
    const found = new Map<string, Float32Array>();
    const batches = new Set<Batch>();
    const unknown: string[] = [];
    for (const text of new Set(texts)) {
      const failure = this.#lookups.get(text)?.failure;
      if (failure !== undefined) throw failure.error;
      const known = this.#known.get(text);
      const batch = this.#underWay.get(text);
      if (known !== undefined) found.set(text, known);
      else if (batch !== undefined) batches.add(batch);
      else unknown.push(text);
    }
    if (unknown.length > 0) batches.add(this.#ask(unknown));
    const parts = [...batches].map(async (batch) => {
      for (const [text, vector] of await joined(batch, signal)) found.set(text, vector);
    });
    await Promise.all(parts);
    return texts.map((text) => found.get(text) as Float32Array);
  }

  clear(): void {
    this.#known.clear();
  }

  #ask(texts: readonly string[]): Batch {
    const controller = new AbortController();
    const leave = (): void => {
      for (const text of texts) if (this.#underWay.get(text) === batch) this.#underWay.delete(text);
    };
    const vectors = this.#vectorsOf(texts, controller.signal).finally(leave);
    const batch: Batch = { vectors, controller, waiting: 0 };
    for (const text of texts) this.#underWay.set(text, batch);
    // Who comes after it was told to end begins anew.
    controller.signal.addEventListener("abort", leave, { once: true });
    // All who wait may have gone.
    vectors.catch(() => undefined);
    return batch;
  }

  async #vectorsOf(texts: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, Float32Array>> {
    const vectors = await this.#embedder.embed(texts, { signal }).catch((error: unknown) => {
      for (const text of texts) {
        const lookup = this.#lookups.get(text);
        if (lookup !== undefined && !signal.aborted) lookup.failure = { error };
      }
      throw error;
    });
    const found = new Map(texts.map((text, index) => [text, vectors[index] as Float32Array] as const));
    for (const [text, vector] of found) if (isUsable(vector)) this.learn(text, vector);
    return found;
  }
}

/** The embedder is told to end when nobody waits for it any more. */
async function joined(batch: Batch, signal: AbortSignal | undefined): Promise<ReadonlyMap<string, Float32Array>> {
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject((signal as AbortSignal).reason);
  signal?.addEventListener("abort", abort, { once: true });
  batch.waiting++;
  try {
    return await Promise.race([batch.vectors, aborted.promise]);
  } finally {
    signal?.removeEventListener("abort", abort);
    if (--batch.waiting === 0) batch.controller.abort(new DOMException("Nobody waits for it.", "AbortError"));
  }
}

/** What the stores refuse is not remembered: the next one may be better. */
function isUsable(vector: unknown): boolean {
  return vector instanceof Float32Array && vector.some((number) => number !== 0) && vector.every(Number.isFinite);
}
