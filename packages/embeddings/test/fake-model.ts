import type { EmbedOptions } from "@llmcache/core";
import type { TextModel } from "../src/index.ts";

/** One request that a {@link FakeModel} got. */
export interface FakeRequest {
  readonly texts: readonly string[];
  readonly signal: AbortSignal;
  answer(vectors?: unknown): void;
  fail(error: unknown): void;
}

/** The vector that the fake gives a text: it tells texts apart by more than their length. */
export function vectorOf(text: string): Float32Array {
  return Float32Array.from([text.length, ...Buffer.from(text).subarray(0, 2), 1].slice(0, 3));
}

/** A model whose requests a test answers, or that answers by itself. */
export class FakeModel implements TextModel {
  readonly id: string = "fake";
  readonly dimensions: number | undefined;
  readonly requests: FakeRequest[] = [];
  readonly #byItself: boolean;

  constructor({ byItself = true, dimensions }: { byItself?: boolean; dimensions?: number } = {}) {
    this.#byItself = byItself;
    this.dimensions = dimensions;
  }

  /** The texts of each request. */
  get asked(): readonly (readonly string[])[] {
    return this.requests.map(({ texts }) => texts);
  }

  embed(texts: readonly string[], { signal }: EmbedOptions): Promise<readonly (Float32Array | Error)[]> {
    if (signal === undefined) throw new Error("a request has a signal");
    const { promise, resolve, reject } = Promise.withResolvers<readonly (Float32Array | Error)[]>();
    const answer = (vectors: unknown = texts.map(vectorOf)): void => resolve(vectors as readonly Float32Array[]);
    this.requests.push({ texts, signal, answer, fail: reject });
    if (this.#byItself) answer();
    return promise;
  }
}

/** Until what was asked for in this turn of the event loop has been sent. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(() => setImmediate(resolve));
  });
}
