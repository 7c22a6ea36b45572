import assert from "node:assert/strict";
import { RESERVED_OPERATIONS } from "../entry.ts";
import { assertSameEntry } from "./same.ts";
import { found, type CheckDefinition, type Stage } from "./stage.ts";

const COUNT = 12;

export const CLEARING_CHECKS: readonly CheckDefinition[] = [
  {
    name: "clears everything it owns, the cache's own entries too",
    async run(stage) {
      const { store, entry } = stage;
      await store.clear();
      const ids = await fill(stage);
      const [operation = ""] = RESERVED_OPERATIONS;
      const own = entry("own", { metadata: { operation } });
      await store.set(own);
      await store.clear();
      for (const id of [...ids, own.id]) assert.equal(await store.get({ id }), undefined, "an entry survived clear");
      for await (const _ of store.entries?.() ?? []) assert.fail("an entry is listed after clear");
      const again = entry(0, { value: "again" });
      assert.equal(await store.add(again), true, "add said no after clear");
      assertSameEntry(await found(store, again.id), again, "an entry stored after clear");
    },
  },
  {
    name: "spares the neighbour when it clears",
    needs: "sibling",
    async run(stage) {
      const { store, entry } = stage;
      const beside = await stage.sibling();
      const ids = await fill(stage);
      const others = [
        entry("theirs", { value: "theirs" }),
        entry(0, { value: "theirs, under an id that we have too" }),
      ];
      for (const one of others) await beside.set(one);
      await store.clear();
      for (const id of ids) assert.equal(await store.get({ id }), undefined, "an entry survived clear");
      for (const one of others)
        assertSameEntry(await found(beside, one.id), one, "the neighbour's entry after our clear");
      await store.set(entry(1));
      await beside.clear();
      assertSameEntry(await found(store, entry(1).id), entry(1), "our entry after the neighbour's clear");
    },
  },
  {
    name: "neither finds, lists nor deletes what is the neighbour's",
    needs: "sibling",
    async run({ store, entry, sibling }) {
      const beside = await sibling();
      const [ours, theirs, both] = [entry("ours"), entry("theirs"), entry("both", { value: "ours" })];
      const bothTheirs = entry("both", { value: "theirs" });
      await store.set(ours);
      await store.set(both);
      await beside.set(theirs);
      await beside.set(bothTheirs);
      assert.equal(await store.get({ id: theirs.id }), undefined, "the neighbour's entry is found");
      assertSameEntry(await found(store, both.id), both, "our entry under an id that both have");
      for await (const { head } of store.entries?.() ?? [])
        assert.notEqual(head.id, theirs.id, "the neighbour's entry is listed");
      for await (const { head } of beside.entries?.() ?? [])
        assert.notEqual(head.id, ours.id, "the neighbour lists our entry");
      await store.delete({ id: theirs.id });
      await store.delete({ id: both.id });
      assertSameEntry(await found(beside, theirs.id), theirs, "the neighbour's entry after our delete");
      assertSameEntry(
        await found(beside, both.id),
        bothTheirs,
        "the neighbour's entry after our delete of the same id",
      );
      assert.equal(
        await store.add(entry("theirs", { value: "ours" })),
        true,
        "the neighbour's entry made our add say no",
      );
    },
  },
];

async function fill({ store, entry }: Stage): Promise<string[]> {
  const entries = Array.from({ length: COUNT }, (_, value) => entry(value, { value }));
  for (const one of entries) await store.set(one);
  return entries.map((one) => one.id);
}
