import assert from "node:assert/strict";
import { isLLMCacheError } from "../errors.ts";
import { isReserved, type Entry } from "../entry.ts";
import type { Store, StoreEvent } from "../store.ts";
import { assertSameEntry } from "./same.ts";
import { found, type CheckDefinition, type Stage } from "./stage.ts";

const PERSISTED = 20;

export const CLOSING_CHECKS: readonly CheckDefinition[] = [
  {
    name: "can be closed more than once",
    async run({ store, entry }) {
      await store.set(entry("one"));
      await Promise.all([store[Symbol.asyncDispose](), store[Symbol.asyncDispose]()]);
      await store[Symbol.asyncDispose]();
    },
  },
  {
    name: "can be closed without having been used",
    run: async ({ store }) => store[Symbol.asyncDispose](),
  },
  {
    name: "rejects with ERR_LLMCACHE_CLOSED or works after it was closed",
    async run({ store, entry }) {
      const one = entry("one");
      await store.set(one);
      await store[Symbol.asyncDispose]();
      const calls: Readonly<Record<string, () => Promise<unknown>>> = {
        get: () => store.get({ id: one.id }),
        set: () => store.set(one),
        add: () => store.add(one),
        delete: () => store.delete(one),
        clear: () => store.clear(),
        getMany: async () => store.getMany?.([{ id: one.id }]),
        setMany: async () => store.setMany?.([one]),
        entries: async () => {
          for await (const _ of store.entries?.() ?? []);
        },
      };
      for (const [name, call] of Object.entries(calls)) {
        const [result] = await Promise.allSettled([call()]);
        if (result.status === "fulfilled") continue;
        assert.ok(
          isLLMCacheError(result.reason, "ERR_LLMCACHE_CLOSED"),
          `${name} after closing rejected with ${String(result.reason)}`,
        );
      }
    },
  },
  {
    name: "gives a function that ends a listener",
    async run({ store, entry }) {
      if (!store.on) return;
      const end = store.on(() => undefined);
      assert.equal(typeof end, "function", "on gave no function");
      end();
      end();
      await store.set(entry("one"));
      assertSameEntry(await found(store, entry("one").id), entry("one"), "an entry after a listener was ended");
    },
  },
  {
    name: "tells listeners of an entry that is too large, until they are ended",
    needs: "maxEntryBytes",
    async run(stage) {
      const { store } = stage;
      if (!store.on) return;
      const [told, ended]: [StoreEvent[], StoreEvent[]] = [[], []];
      store.on(() => {
        throw new Error("a listener that throws");
      });
      store.on((event) => told.push(event));
      store.on((event) => ended.push(event))();
      const large = tooLarge(stage, "one");
      await attempt(() => store.set(large));
      const event = told.find((one) => one.type === "too-large");
      assert.ok(event, "no event of type too-large was told");
      assert.equal(event.id, large.id, "the event names another id");
      assert.ok(event.message !== "" && event.store === store.name, "the event has no message or another store's name");
      assert.equal(ended.length, 0, "a listener that was ended is still told");
    },
  },
  {
    name: "never gives the former entry after a larger one was taken",
    needs: "maxEntryBytes",
    async run(stage) {
      const { store, entry } = stage;
      for (const former of [entry("one", { value: "former" }), undefined]) {
        if (former) await store.set(former);
        const large = tooLarge(stage, "one");
        const taken = await attempt(() => store.set(large));
        const left = await found(store, large.id);
        if (left === undefined) continue;
        assertSameEntry(left, taken || former === undefined ? large : former, "the entry after one that is too large");
      }
    },
  },
  {
    name: "says no to an add that is too large",
    needs: "maxEntryBytes",
    async run(stage) {
      const { store } = stage;
      const large = tooLarge(stage, "one");
      const [answer] = await Promise.allSettled([store.add(large)]);
      const left = await found(store, large.id);
      if (answer.status === "fulfilled")
        assert.equal(answer.value, left !== undefined, "add said the contrary of what it did");
    },
  },
  {
    name: "keeps everything over closing and opening again",
    needs: "reopen",
    async run(stage) {
      const { store, entry, id, context } = stage;
      const later = context.clock() + 3_600_000;
      const stored = Array.from({ length: PERSISTED }, (_, value) =>
        entry(value, {
          value,
          scope: id("scope"),
          text: `text ${value}`,
          staleAt: later,
          deleteAt: later,
          tags: { tag: "g" },
          request: { prompt: "p" },
          ...(value % 2 === 0 ? { bytes: Buffer.from([value, 0, 255]) } : {}),
        }),
      );
      for (const one of stored) await store.set(one);
      await store.set(entry("deleted"));
      await store.delete(entry("deleted"));
      const again = await stage.reopen();
      for (const one of stored)
        assertSameEntry(await found(again, one.id), one, "an entry after closing and opening again");
      assert.equal(await again.get({ id: id("deleted") }), undefined, "a deleted entry came back");
      await expectListed(again, stored);
    },
  },
  {
    name: "goes on with add and clear after opening again",
    needs: "reopen",
    async run(stage) {
      const { store, entry, context } = stage;
      const now = context.clock();
      const there = entry("there", { value: "first" });
      await store.set(there);
      await store.set(entry("dead", { deleteAt: now + 1000 }));
      const again = await stage.reopen();
      assert.equal(await again.add(entry("there", { value: "second" })), false, "add said yes over an entry of before");
      assert.equal(
        await again.add(entry("dead", { value: "new", createdAt: now + 1000 })),
        true,
        "add said no over a dead entry of before",
      );
      assert.equal(
        await again.add(entry("there", { value: "third", createdAt: now + 1 }), { over: there }),
        true,
        "add said no over the refused entry of before",
      );
      await again.clear();
      assert.equal(await again.get({ id: there.id }), undefined, "an entry of before survived clear");
    },
  },
];

function tooLarge({ entry, maxEntryBytes }: Stage, name: string): Entry {
  return entry(name, { bytes: Buffer.alloc(maxEntryBytes + 1, 0x61) });
}

/** Whether it was done: a store may also refuse by throwing. */
async function attempt(call: () => Promise<void>): Promise<boolean> {
  const [result] = await Promise.allSettled([call()]);
  return result.status === "fulfilled";
}

async function expectListed(store: Store, stored: readonly Entry[]): Promise<void> {
  if (!store.entries) return;
  const ids = new Set<string>();
  for await (const { head } of store.entries()) ids.add(head.id);
  const missing = stored.filter((one) => !isReserved(one) && !ids.has(one.id));
  assert.equal(missing.length, 0, `${missing.length} entries of before are not listed`);
}
