import { requestKey, type Embedder, type EmbedOptions, type Entry } from "@llmcache/core";
import { sampleEntry, type SampleOverrides } from "@llmcache/core/conformance";
import type { SimilarityPolicy } from "@llmcache/similarity";
import { MemorySemanticStore, type MemorySemanticStoreOptions } from "@llmcache/memory-semantic";

export const DIMENSIONS = 64;

/** Texts with words in common are alike: the sum of a vector for each word. Counts what it is asked. */
export class WordEmbedder implements Embedder {
  readonly id: string;
  readonly dimensions: number | undefined;
  readonly asked: string[] = [];
  readonly signals: (AbortSignal | undefined)[] = [];
  calls = 0;
  /** What comes in the place of vectors. */
  instead: ((texts: readonly string[]) => unknown) | undefined;

  /** @param dimensions what it states; 0: nothing. */
  constructor(id = "words", dimensions: number = DIMENSIONS) {
    this.id = id;
    this.dimensions = dimensions === 0 ? undefined : dimensions;
  }

  async embed(texts: readonly string[], options?: EmbedOptions): Promise<readonly Float32Array[]> {
    this.calls++;
    this.asked.push(...texts);
    this.signals.push(options?.signal);
    if (this.instead !== undefined) return (await this.instead(texts)) as readonly Float32Array[];
    return texts.map((text) => wordVector(text));
  }
}

export function wordVector(text: string, dimensions: number = DIMENSIONS): Float32Array {
  const sum = new Float32Array(dimensions);
  for (const word of text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [text]) {
    const random = seeded(word);
    for (let at = 0; at < dimensions; at++) sum[at] = (sum[at] as number) + random();
  }
  return sum;
}

/** Numbers from -1 to 1, the same for the same seed. */
export function seeded(seed: string): () => number {
  let state = 2166136261;
  for (let at = 0; at < seed.length; at++) state = Math.imul(state ^ seed.charCodeAt(at), 16777619);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 31 - 1;
  };
}

/** A key that has all there is. */
export interface TextKey {
  readonly id: string;
  readonly scope: string;
  readonly text: string;
}

/** The key of a text, within the scope of a model. */
export function keyOf(text: string, model = "m"): TextKey {
  return requestKey({ operation: "chat.completions", model, prompt: text }, { similar: true }) as TextKey;
}

export function entryOf(text: string, overrides: SampleOverrides & { readonly model?: string } = {}): Entry {
  const { model, ...more } = overrides;
  return sampleEntry({ ...keyOf(text, model), value: `answer to ${text}`, ...more });
}

/** Serves whatever is above the threshold: what is under test is the store, not the guard. */
export function anyAbove(threshold: number): Pick<SimilarityPolicy, "threshold" | "decide"> {
  return { threshold, decide: ({ similarity }) => ({ serve: similarity >= threshold, reason: "test" }) };
}

export function storeOf(options: Partial<MemorySemanticStoreOptions> = {}): {
  readonly store: MemorySemanticStore;
  readonly embedder: WordEmbedder;
} {
  const embedder = new WordEmbedder();
  return { embedder, store: new MemorySemanticStore({ embedder, policy: anyAbove(0.6), ...options }) };
}

/** The text that a text is answered with. */
export async function answerTo(store: MemorySemanticStore, text: string, model?: string): Promise<string | undefined> {
  return (await store.get(keyOf(text, model)))?.entry.text;
}
