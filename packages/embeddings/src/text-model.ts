import type { EmbedOptions, Embedder } from "@llmcache/core";

/**
 * What turns texts into vectors, with nothing around it. Any `Embedder` is one. It is asked for a list of different texts, none
 * empty, and may answer an error in the place of a vector: then only those fail who asked for that text.
 */
export interface TextModel {
  readonly id: string;
  /** Stated: a vector of another length is refused. `undefined`: the first vector says it. */
  readonly dimensions: number | undefined;
  /** Has to end when its signal is aborted; what it gives after that is not looked at. */
  embed(texts: readonly string[], options: EmbedOptions): Promise<readonly (Float32Array | Error)[]>;
}

/**
 * An embedder that gathers, shares, remembers and checks. All embedders of this package are such. Its vectors belong to the caller.
 *
 * `embed` rejects with the signal's reason, with what the model rejects with, and with `LLMCacheError`: `ERR_LLMCACHE_EMBEDDER` for a late or
 * wrong answer and a text that is empty or too long, `ERR_LLMCACHE_OPTION` for what is no list of texts, `ERR_LLMCACHE_CLOSED` after disposal.
 */
export interface BatchedEmbedder extends Embedder, AsyncDisposable {
  /** Loads a local model, so that the first text does not have to wait for it. Nothing to do for others. */
  load(): Promise<void>;
  /** Ends what is under way, and frees a local model. A client, and an embedder given to `batched`, stay open. */
  [Symbol.asyncDispose](): Promise<void>;
}
