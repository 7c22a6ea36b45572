/** Turns texts into vectors, so that texts can be compared by what they mean. Whoever made one closes what it holds open. */
export interface Embedder {
  /**
   * Names the model and all else that changes its vectors: vectors of embedders with other ids are never compared.
   */
  readonly id: string;
  /** Length of each vector; `undefined` until the first came, where nobody has stated it. */
  readonly dimensions: number | undefined;
  /** One vector per text, in their order. They need not be of unit length. @throws what the model throws, or the signal's reason. */
  embed(texts: readonly string[], options?: EmbedOptions): Promise<readonly Float32Array[]>;
}

export interface EmbedOptions {
  readonly signal?: AbortSignal | undefined;
}
