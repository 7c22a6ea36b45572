import assert from "node:assert/strict";
import type { Entry } from "../entry.ts";
import { assertSameEntry } from "./same.ts";
import { found, type CheckDefinition } from "./stage.ts";

const MANY = 40;

export const MANY_CHECKS: readonly CheckDefinition[] = [
  {
    name: "gives the hits of getMany in the order of the keys, undefined where nothing is",
    async run({ store, entry, id }) {
      if (!store.getMany) return;
      const entries = Array.from({ length: MANY }, (_, value) => entry(value, { value }));
      for (const one of entries) if (isStored(one, entries)) await store.set(one);
      const order = entries.toSorted((a, b) => (a.id < b.id ? 1 : -1));
      const hits = await store.getMany(order.map((one) => ({ id: one.id })));
      assert.equal(hits.length, MANY, `${MANY} keys gave ${hits.length} hits`);
      for (const [index, one] of order.entries()) {
        const hit = hits[index];
        if (isStored(one, entries)) assertSameEntry(hit?.entry, one, `hit ${index}`);
        else assert.equal(hit, undefined, `hit ${index} should be undefined: nothing was stored`);
      }
      assert.deepEqual(
        [...(await store.getMany([{ id: id("a") }, { id: id("b") }]))],
        [undefined, undefined],
        "getMany of two unknown ids",
      );
    },
  },
  {
    name: "gives each duplicate in getMany its own hit",
    async run({ store, entry, id }) {
      if (!store.getMany) return;
      const [one, two] = [entry("one"), entry("two", { value: 2 })];
      await store.set(one);
      await store.set(two);
      const hits = await store.getMany(
        [one.id, id("none"), two.id, one.id, id("none"), one.id].map((key) => ({ id: key })),
      );
      assert.equal(hits.length, 6, `6 keys gave ${hits.length} hits`);
      for (const [index, expected] of [one, undefined, two, one, undefined, one].entries()) {
        if (expected) assertSameEntry(hits[index]?.entry, expected, `hit ${index}`);
        else assert.equal(hits[index], undefined, `hit ${index} should be undefined`);
      }
    },
  },
  {
    name: "takes empty lists",
    async run({ store, entry }) {
      const there = entry("there");
      await store.set(there);
      assert.deepEqual([...((await store.getMany?.([])) ?? [])], [], "getMany of no keys");
      await store.setMany?.([]);
      assertSameEntry(await found(store, there.id), there, "an entry after setMany of nothing");
    },
  },
  {
    name: "stores everything that setMany is given",
    async run({ store, entry, context }) {
      if (!store.setMany) return;
      await store.set(entry(3, { value: "the former", text: "the former" }));
      const entries = Array.from({ length: MANY }, (_, value) =>
        entry(value, { value: { value }, metadata: { value }, deleteAt: context.clock() + 60_000 }),
      );
      await store.setMany(entries);
      for (const [index, one] of entries.entries()) assertSameEntry(await found(store, one.id), one, `entry ${index}`);
    },
  },
];

/** Every third one is not. */
function isStored(one: Entry, entries: readonly Entry[]): boolean {
  return entries.indexOf(one) % 3 !== 0;
}
