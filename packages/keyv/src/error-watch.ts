import type { KeyvAdapter } from "./keyv-shape.ts";

/** Gives the first error that was told since the work began, perhaps by other work on the adapter. */
export type Heard = () => Error | undefined;

interface Note {
  error?: Error;
}

/**
 * Hears what an adapter tells by `error` events instead of throwing: writes that give `false`, lists that just end. It
 * listens only while such work is under way; nothing stays on the adapter.
 */
export class ErrorWatch {
  readonly #adapter: KeyvAdapter;
  readonly #watching: Set<Note> = new Set<Note>();
  readonly #listener = (error: unknown): void => {
    for (const note of this.#watching) note.error ??= error instanceof Error ? error : new Error(String(error));
  };

  constructor(adapter: KeyvAdapter) {
    this.#adapter = adapter;
  }

  async during<T>(work: (heard: Heard) => Promise<T>): Promise<T> {
    const note: Note = {};
    if (this.#watching.size === 0) this.#adapter.on?.("error", this.#listener);
    this.#watching.add(note);
    try {
      return await work(() => note.error);
    } finally {
      this.#watching.delete(note);
      if (this.#watching.size === 0) this.#adapter.off?.("error", this.#listener);
    }
  }
}
