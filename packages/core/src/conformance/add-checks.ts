import assert from "node:assert/strict";
import { assertSameEntry } from "./same.ts";
import { found, type CheckDefinition } from "./stage.ts";

export const ADD_CHECKS: readonly CheckDefinition[] = [
  {
    name: "adds where nothing is",
    async run({ store, id, entry, context }) {
      const added = entry("new", {
        scope: id("scope"),
        text: "text",
        deleteAt: context.clock() + 60_000,
        tags: { a: "1" },
      });
      assert.equal(await store.add(added), true, "add said no where nothing is");
      assertSameEntry(await found(store, added.id), added, "the added entry");
      const over = { id: id("expected"), createdAt: 1 };
      assert.equal(
        await store.add(entry("expected"), { over }),
        true,
        "add said no where nothing is any more, because an entry was expected",
      );
    },
  },
  {
    name: "refuses to add where an entry is",
    async run({ store, entry, context }) {
      const there = entry("there", { value: "first" });
      await store.set(there);
      assert.equal(
        await store.add(entry("there", { value: "second" })),
        false,
        "add said yes over an entry without an end",
      );
      assert.equal(
        await store.add(entry("there", { value: "third", createdAt: context.clock() + 1e9 })),
        false,
        "a later add said yes over an entry without an end",
      );
      assertSameEntry(await found(store, there.id), there, "the entry that was there first");
      const added = entry("added", { value: "first" });
      assert.equal(await store.add(added), true);
      assert.equal(await store.add(entry("added", { value: "second" })), false, "add said yes over an added entry");
      assertSameEntry(await found(store, added.id), added, "the entry that was added first");
    },
  },
  {
    name: "adds over a dead entry",
    async run({ store, entry, context, advance }) {
      const now = context.clock();
      for (const [name, lateBy] of [
        ["just dead", 0],
        ["long dead", 50_000],
      ] as const) {
        await store.set(entry(name, { value: "dead", staleAt: now + 500, deleteAt: now + 1000 }));
        const next = entry(name, { value: "new", createdAt: now + 1000 + lateBy });
        assert.equal(await store.add(next), true, `add said no over an entry that is ${name} (deleteAt ≤ createdAt)`);
        assertSameEntry(await found(store, next.id), next, "the entry added over a dead one");
      }
      advance(60_000);
      assert.equal(
        await store.add(entry("just dead", { value: "newer" })),
        false,
        "add said yes over the entry that took the dead one's place",
      );
    },
  },
  {
    name: "refuses to add over an entry that is only stale",
    async run({ store, entry, context }) {
      const now = context.clock();
      const there = entry("stale", { value: "stale", staleAt: now + 10, deleteAt: now + 3_600_000 });
      await store.set(there);
      assert.equal(
        await store.add(entry("stale", { value: "new", createdAt: now + 60_000 })),
        false,
        "add said yes over an entry that is stale, not dead",
      );
      assertSameEntry(await found(store, there.id), there, "the stale entry");
    },
  },
  {
    name: "adds over the entry that the caller refused",
    async run({ store, entry, context }) {
      const refused = entry("refused", { value: "refused", text: "text" });
      await store.set(refused);
      const next = entry("refused", { value: "new", createdAt: context.clock() + 5 });
      assert.equal(
        await store.add(next, { over: refused }),
        true,
        "add said no over the entry the caller read and refused",
      );
      assertSameEntry(await found(store, next.id), next, "the entry that took the refused one's place");
    },
  },
  {
    name: "refuses to add over an entry that is no longer the refused one",
    async run({ store, entry, context, id }) {
      const now = context.clock();
      const refused = entry("one", { value: "refused" });
      const newer = entry("one", { value: "newer", createdAt: now + 1 });
      await store.set(refused);
      await store.set(newer);
      const late = entry("one", { value: "late", createdAt: now + 2 });
      assert.equal(
        await store.add(late, { over: refused }),
        false,
        "add said yes though another entry has taken the refused one's place",
      );
      assert.equal(
        await store.add(late, { over: { id: id("other"), createdAt: newer.createdAt } }),
        false,
        "add said yes for an `over` of another id",
      );
      assertSameEntry(await found(store, newer.id), newer, "the newer entry");
    },
  },
  {
    name: "adds by id alone",
    async run({ store, entry, id }) {
      const there = entry("one", { scope: id("scope"), text: "text" });
      const beside = entry("two", { scope: id("scope"), text: "text", value: "beside" });
      await store.set(there);
      assert.equal(
        await store.add(entry("one", { scope: id("another"), text: "another", value: "second" })),
        false,
        "another scope and text made add say yes",
      );
      assertSameEntry(await found(store, there.id), there, "the entry that was there");
      assert.equal(await store.add(beside), true, "the same scope and text made add say no");
      assertSameEntry(await found(store, beside.id), beside, "the entry beside it");
    },
  },
  {
    name: "lets its origin decide, if it has one",
    async run({ store, entry }) {
      const { origin } = store;
      if (origin === undefined) return;
      const [added, there, over] = [
        entry("added"),
        entry("there", { value: "first" }),
        entry("over", { value: "refused" }),
      ];
      assert.equal(await store.add(added), true, "add said no where nothing is");
      assertSameEntry(await found(origin, added.id), added, "the added entry, at the origin");
      await origin.set(there);
      assert.equal(
        await store.add(entry("there", { value: "second" })),
        false,
        "add said yes over an entry of the origin",
      );
      await origin.set(over);
      assert.equal(
        await store.add(entry("over", { value: "new", createdAt: over.createdAt + 1 }), { over }),
        true,
        "add said no over the refused entry of the origin",
      );
    },
  },
  {
    name: "adds again after a delete",
    async run({ store, entry }) {
      await store.add(entry("one", { value: "first" }));
      await store.delete(entry("one"));
      const second = entry("one", { value: "second" });
      assert.equal(await store.add(second), true, "add said no after a delete");
      assertSameEntry(await found(store, second.id), second, "the entry added after a delete");
    },
  },
];
