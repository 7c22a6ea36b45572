import type { StoreListeners } from "@llmcache/core";
import { embedderError } from "./vector-source.ts";

/** Whether an embedder works: a store tells once that it fails (`degraded`), and once that it works again (`recovered`). */
export class EmbedderState {
  readonly #embedder: string;
  readonly #listeners: StoreListeners;
  #isDegraded = false;

  /** @param embedder its id. */
  constructor(embedder: string, listeners: StoreListeners) {
    this.#embedder = embedder;
    this.#listeners = listeners;
  }

  failed(error: unknown): void {
    if (this.#isDegraded) return;
    this.#isDegraded = true;
    const message = `${embedderError(this.#embedder, error).message} What is written meanwhile is found by its id alone.`;
    this.#listeners.tell({ type: "degraded", message, error });
  }

  worked(): void {
    if (!this.#isDegraded) return;
    this.#isDegraded = false;
    this.#listeners.tell({ type: "recovered", message: `The embedder ${this.#embedder} works again.` });
  }
}
