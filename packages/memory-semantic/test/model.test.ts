import fc from "fast-check";
import { expect, test } from "vitest";
import { mayReplace, type Entry } from "@llmcache/core";
import { MemorySemanticStore } from "@llmcache/memory-semantic";
import { cosine } from "@llmcache/similarity";
import { anyAbove, entryOf, keyOf, WordEmbedder, wordVector, type TextKey } from "./stage.ts";

const RUNS = process.env["LLMCACHE_TEST_FULL"] === "1" ? 3000 : 150;
const THRESHOLD = 0.55;
const WORDS = ["boil", "fry", "egg", "rice", "soup", "please"];

/** One call to a store, as data. */
type Step =
  | { readonly call: "set" | "add"; readonly entry: Entry }
  | { readonly call: "get" | "delete"; readonly key: TextKey }
  | { readonly call: "reject"; readonly key: TextKey; readonly stored: TextKey }
  | { readonly call: "pass"; readonly ms: number }
  | { readonly call: "clear" };

const text = fc.subarray(WORDS, { minLength: 1 }).map((words) => words.join(" "));
const model = fc.constantFrom("m", "n");
const key = fc.tuple(text, model).map(([of, within]) => keyOf(of, within));
const entry = fc
  .record({
    text,
    model,
    value: fc.nat(),
    createdAt: fc.nat(40),
    deleteAt: fc.option(fc.nat(60), { nil: undefined }),
    bare: fc.integer({ max: 5, min: 0 }),
  })
  .map(({ text: of, bare, ...more }): Entry => {
    const { text: _, ...textless } = entryOf(of, more);
    return bare === 0 ? textless : { ...textless, text: of };
  });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ call: fc.constantFrom("set" as const, "add" as const), entry }) },
  { weight: 6, arbitrary: fc.record({ call: fc.constant("get" as const), key }) },
  { weight: 2, arbitrary: fc.record({ call: fc.constant("delete" as const), key }) },
  { weight: 1, arbitrary: fc.record({ call: fc.constant("reject" as const), key, stored: key }) },
  { weight: 2, arbitrary: fc.record({ call: fc.constant("pass" as const), ms: fc.nat(10) }) },
  { weight: 1, arbitrary: fc.constant({ call: "clear" as const }) },
);

/** The rules, without any of the means. */
class Model {
  readonly entries: Map<string, Entry> = new Map<string, Entry>();
  readonly rejected: Set<string> = new Set<string>();
  now = 0;

  get({ id, scope, text: asked }: TextKey): readonly { readonly id: string; readonly similarity: number }[] {
    const alive = [...this.entries.values()].filter(({ deleteAt }) => deleteAt === undefined || deleteAt > this.now);
    const own = alive.find((there) => there.id === id);
    if (own !== undefined) return [{ id, similarity: -1 }];
    return alive
      .filter((there) => there.text !== undefined && there.scope === scope && !this.rejected.has(`${id} ${there.id}`))
      .map((there) => ({ id: there.id, similarity: cosine(wordVector(asked), wordVector(there.text as string)) }))
      .filter(({ similarity }) => similarity >= THRESHOLD)
      .sort((a, b) => b.similarity - a.similarity);
  }
}

async function follows(steps: readonly Step[], store: MemorySemanticStore, naive: Model): Promise<void> {
  for (const each of steps) {
    switch (each.call) {
      case "set":
        await store.set(each.entry);
        naive.entries.set(each.entry.id, each.entry);
        break;
      case "add": {
        const there = naive.entries.get(each.entry.id);
        const may = there === undefined || mayReplace(there, each.entry, undefined);
        // Both may have dropped what is over, or not yet.
        const isOver = there?.deleteAt !== undefined && there.deleteAt <= naive.now;
        const isAdded = await store.add(each.entry);
        if (!isOver) expect(isAdded).toBe(may);
        if (isAdded) naive.entries.set(each.entry.id, each.entry);
        break;
      }
      case "delete":
        await store.delete(each.key);
        naive.entries.delete(each.key.id);
        break;
      case "reject":
        await store.rejectPair(each.key, each.stored);
        naive.rejected.add(`${each.key.id} ${each.stored.id}`);
        break;
      case "pass":
        naive.now += each.ms;
        break;
      case "clear":
        await store.clear();
        naive.entries.clear();
        naive.rejected.clear();
        break;
      case "get": {
        const [best] = naive.get(each.key);
        const hit = await store.get(each.key);
        expect(hit?.similarity === undefined ? hit?.entry.id : undefined).toBe(
          best?.similarity === -1 ? best.id : undefined,
        );
        if (best === undefined) expect(hit).toBeUndefined();
        else if (best.similarity >= 0) {
          expect(hit?.similarity).toBeCloseTo(best.similarity, 5);
          // Of equals either will do.
          expect(naive.get(each.key).map(({ id }) => id)).toContain(hit?.entry.id);
        }
        if (hit !== undefined)
          expect(hit.entry).toMatchObject({ createdAt: naive.entries.get(hit.entry.id)?.createdAt });
        break;
      }
      default:
        each satisfies never;
    }
  }
  const offered = [...naive.entries.values()].filter(({ text: has }) => has !== undefined).length;
  expect(store.usage().vectors).toBeLessThanOrEqual(offered);
}

test.each(["scan", "usearch"] as const)(
  "any series of sets, deletes, expiries and searches gives what a plain list gives (%s)",
  async (index) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const naive = new Model();
        const store = new MemorySemanticStore({
          embedder: new WordEmbedder(),
          policy: anyAbove(THRESHOLD),
          clock: () => naive.now,
          index,
          indexAbove: 3,
        });
        await follows(steps, store, naive);
        // Nothing of what was stored is left behind.
        naive.now = Number.MAX_SAFE_INTEGER;
        await store.clear();
        expect(store.usage()).toEqual({ entries: 0, bytes: 0, scopes: 0, vectors: 0, indexed: 0 });
      }),
      { numRuns: RUNS },
    );
  },
);
