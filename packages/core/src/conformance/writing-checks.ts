import assert from "node:assert/strict";
import { assertSameEntry } from "./same.ts";
import { found, type CheckDefinition } from "./stage.ts";

export const WRITING_CHECKS: readonly CheckDefinition[] = [
  {
    name: "replaces the whole entry on set",
    async run({ store, entry, context, id }) {
      const now = context.clock();
      await store.set(
        entry("one", {
          scope: id("scope"),
          text: "text",
          staleAt: now + 1000,
          deleteAt: now + 2000,
          metadata: { operation: "old", old: "member" },
          tags: { old: "1" },
          request: { prompt: "old" },
          value: { old: true },
        }),
      );
      for (const next of [
        entry("one", { createdAt: now + 1, metadata: { operation: "new" }, bytes: Buffer.from("new") }),
        entry("one", { createdAt: now, metadata: {}, value: "older again" }),
      ]) {
        await store.set(next);
        assertSameEntry(await found(store, next.id), next, "the entry after a second set");
      }
    },
  },
  {
    name: "forgets what was deleted, and nothing else",
    async run({ store, entry }) {
      const [gone, stays] = [entry("gone"), entry("stays")];
      await store.set(gone);
      await store.set(stays);
      await store.delete({ id: gone.id });
      assert.equal(await store.get({ id: gone.id }), undefined, "a deleted entry is still there");
      assertSameEntry(await found(store, stays.id), stays, "the entry beside the deleted one");
      await store.set(gone);
      assertSameEntry(await found(store, gone.id), gone, "the entry stored again after a delete");
    },
  },
  {
    name: "takes a delete of nothing",
    async run({ store, id, entry }) {
      await store.delete({ id: id("nothing") });
      await store.set(entry("something"));
      await store.delete({ id: id("nothing") });
      assert.equal(await store.get({ id: id("nothing") }), undefined, "a delete made an entry");
    },
  },
  {
    name: "deletes by id alone",
    async run({ store, id, entry }) {
      const [gone, near] = [
        entry("gone", { scope: id("scope"), text: "one text" }),
        entry("near", { scope: id("scope"), text: "one text" }),
      ];
      await store.set(gone);
      await store.set(near);
      const key = { id: gone.id, scope: id("another"), text: "another text" };
      await store.delete(key);
      assert.equal(await found(store, gone.id), undefined, "scope and text kept an entry from being deleted");
      assertSameEntry(await found(store, near.id), near, "the entry with the same scope and text");
    },
  },
];
