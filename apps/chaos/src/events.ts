import type { CacheEvent, LLMCache } from "@llmcache/core";

/** What a cache told of trouble. */
export class Story implements Disposable {
  readonly counts: Map<string, number> = new Map<string, number>();
  readonly messages: Set<string> = new Set<string>();
  /** When something failed last: an instant of `performance.now()`. */
  lastFailureAt = 0;
  readonly #end: () => void;

  constructor(cache: LLMCache) {
    this.#end = cache.on((event) => this.#hear(event));
  }

  [Symbol.dispose](): void {
    this.#end();
  }

  #hear(event: CacheEvent): void {
    if (event.type !== "failure") return;
    const label = event.storeEvent?.type ?? `${event.during} failed`;
    if (event.storeEvent === undefined) this.lastFailureAt = performance.now();
    this.counts.set(label, (this.counts.get(label) ?? 0) + 1);
    this.messages.add(
      event.storeEvent?.message ?? (event.error instanceof Error ? event.error.message : String(event.error)),
    );
  }
}
