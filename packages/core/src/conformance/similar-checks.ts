import assert from "node:assert/strict";
import type { Entry } from "../entry.ts";
import type { CacheKey } from "../key.ts";
import type { StoreHit } from "../store.ts";
import { assertSameEntry } from "./same.ts";
import { found, type CheckDefinition, type Stage } from "./stage.ts";

const TEXT = "How do I boil an egg?";
/** What the same text is to itself, in every engine. */
const LEAST_SIMILARITY = 0.99;

/** Sentences of stores that compare texts. Compared is one text with itself, under another id: alike for every embedder and every guard. */
export const SIMILAR_CHECKS: readonly CheckDefinition[] = [
  {
    name: "finds a similar text within its scope, with its similarity and under the id it has",
    needs: "similar",
    async run(stage) {
      const { store } = stage;
      assert.equal(store.match, "similar", `match is ${store.match}`);
      const there = about(stage, "there");
      await store.set(there);
      const hit = await store.get(asking(stage, "asked"));
      assertSameEntry(hit?.entry, there, "a similar entry");
      const { similarity } = hit as StoreHit;
      assert.ok(
        similarity !== undefined && similarity >= LEAST_SIMILARITY && similarity <= 1,
        `the similarity of equal texts is ${similarity}`,
      );
      assert.equal(
        await found(store, stage.id("asked")),
        undefined,
        "something is found by an id that was never stored",
      );
    },
  },
  {
    name: "gives the entry of the key's own id before similar ones, and without a similarity",
    needs: "similar",
    async run(stage) {
      const { store } = stage;
      await store.set(about(stage, "other"));
      const own = about(stage, "asked", { createdAt: 1 });
      await store.set(own);
      const hit = await store.get(asking(stage, "asked"));
      assertSameEntry(hit?.entry, own, "the own entry");
      assert.equal(hit?.similarity, undefined, "an exact hit has a similarity");
    },
  },
  {
    name: "finds nothing similar in another scope, without a scope, nor what was stored without a text",
    needs: "similar",
    async run(stage) {
      const { store, entry, id } = stage;
      await store.set(about(stage, "there"));
      await store.set(entry("no text", { scope: scopeOf(stage, "second") }));
      await store.set(entry("no scope", { text: TEXT }));
      const second = { ...asking(stage, "asked"), scope: scopeOf(stage, "second") };
      assert.equal(await store.get(second), undefined, "something of another scope, or without a text, was found");
      assert.equal(await store.get({ id: id("asked"), text: TEXT }), undefined, "something was found without a scope");
      assert.equal(
        await store.get({ id: id("asked") }),
        undefined,
        "something was found by an id that was never stored",
      );
    },
  },
  {
    name: "goes on to the next similar entry where one is refused, and gives none that was",
    needs: "similar",
    async run(stage) {
      const { store } = stage;
      await store.set(about(stage, "first"));
      await store.set(about(stage, "second"));
      const key = asking(stage, "asked");
      const offered: string[] = [];
      const second = await store.get(key, {
        accept: (hit, given) => {
          assert.equal(given.id, key.id, "accept was given another key");
          offered.push(hit.entry.id);
          return offered.length > 1;
        },
      });
      assert.equal(new Set(offered).size, 2, `${offered.length} candidates were offered, of 2`);
      assert.equal(second?.entry.id, offered[1], "what was given is not what was accepted");
      assert.equal(await store.get(key, { accept: async () => false }), undefined, "what was refused was given");
    },
  },
  {
    name: "finds nothing similar that was deleted, replaced, cleared, or is past its deleteAt",
    needs: "similar",
    async run(stage) {
      const { store, context, advance } = stage;
      const key = asking(stage, "asked");
      const there = about(stage, "there");
      await store.set(there);
      await store.delete(there);
      assert.equal(await store.get(key), undefined, "something similar that was deleted was found");
      await store.set(there);
      const { text: _, ...textless } = there;
      await store.set(textless);
      assert.equal(await store.get(key), undefined, "a text that was replaced was found");
      await store.set(there);
      await store.clear();
      assert.equal(await store.get(key), undefined, "something similar that was cleared was found");
      if (store.expiry === "native") return;
      await store.set(about(stage, "short", { deleteAt: context.clock() + 1000 }));
      assert.notEqual(await store.get(key), undefined, "something similar is gone before its deleteAt");
      advance(1000);
      assert.equal(await store.get(key), undefined, "something similar was found at its deleteAt");
    },
  },
  {
    name: "does not give a rejected pair any more, and gives the entry to all others",
    needs: "similar",
    async run(stage) {
      const { store } = stage;
      if (!store.rejectPair) return;
      const there = about(stage, "there");
      await store.set(there);
      const key = asking(stage, "asked");
      await store.rejectPair(key, there);
      await store.rejectPair(key, { id: stage.id("never stored") });
      assert.equal(await store.get(key), undefined, "a rejected pair was given");
      assertSameEntry((await store.get(asking(stage, "other")))?.entry, there, "the entry for another key");
      assertSameEntry((await store.get(there))?.entry, there, "the entry for its own key");
      await store.set({ ...there, createdAt: there.createdAt + 1 });
      assert.equal(await store.get(key), undefined, "a rejected pair was given after the entry was replaced");
    },
  },
  {
    name: "adds what is not there under its id, however similar something else is",
    needs: "similar",
    async run(stage) {
      const { store } = stage;
      await store.set(about(stage, "there"));
      assert.equal(await store.add(about(stage, "similar")), true, "add did not store where its id is not there");
      assert.equal(await store.add(about(stage, "similar")), false, "add stored over what is there");
    },
  },
];

function scopeOf(stage: Stage, name: string): string {
  return stage.id(`scope ${name}`);
}

function about(stage: Stage, name: string, overrides: Partial<Entry> = {}): Entry {
  return stage.entry(name, { scope: scopeOf(stage, "first"), text: TEXT, value: name, ...overrides });
}

function asking(stage: Stage, name: string): CacheKey {
  return { id: stage.id(name), scope: scopeOf(stage, "first"), text: TEXT };
}
