import type { BatchedEmbedder } from "@llmcache/embeddings";
import type { Store } from "@llmcache/core";
import { expect, test } from "vitest";
import { entryOf, keyOf } from "../../memory-semantic/test/stage.ts";

export const FIRST = "write a one sentence poem about: 41";

/** What is asked of the stores: an embedder, a threshold, and whether texts are guarded. */
export interface ExampleOptions {
  readonly embedder: BatchedEmbedder;
  readonly threshold: number;
  readonly guard: boolean;
}

/** The example of LiteLLM's documentation, for a store: a plain threshold mixes numbers up, the guard does not. */
export function registerExample(embedder: BatchedEmbedder, open: (options: ExampleOptions) => Store): void {
  test.each([
    { guard: false, asked: "write a one sentence poem about: 7310", isHit: true },
    { guard: false, asked: `please ${FIRST}`, isHit: true },
    { guard: true, asked: "write a one sentence poem about: 7310", isHit: false },
    { guard: true, asked: `please ${FIRST}`, isHit: true },
  ])("guard $guard, asked $asked", async ({ guard, asked, isHit }) => {
    await using store = open({ embedder, threshold: 0.8, guard });
    await store.set(entryOf(FIRST));
    expect((await store.get(keyOf(asked)))?.entry.id).toBe(isHit ? keyOf(FIRST).id : undefined);
    await store.clear();
  });
}
