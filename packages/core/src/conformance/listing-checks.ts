import assert from "node:assert/strict";
import { RESERVED_OPERATIONS, type Entry } from "../entry.ts";
import type { EntriesOptions, ListedEntry, Store } from "../store.ts";
import { assertSameEntry, assertSameHead } from "./same.ts";
import { found, type CheckDefinition, type Stage } from "./stage.ts";

const LISTED = 25;
const PAGE = 4;

export const LISTING_CHECKS: readonly CheckDefinition[] = [
  {
    name: "lists every entry with its head and size",
    async run(stage) {
      if (!stage.store.entries) return;
      const stored = await fill(stage, LISTED);
      const listed = await list(stage.store);
      expectListed(listed, stored);
      for (const one of listed) {
        const expected = stored.find((entry) => entry.id === one.head.id);
        assert.ok(expected, "an entry is listed that nobody stored");
        assertSameHead(one.head, expected, "a listed head");
        assert.ok(Number.isFinite(one.size) && one.size > 0, `the listed size is ${String(one.size)}`);
        assert.ok(typeof one.cursor === "string" && one.cursor !== "", "the cursor is no text");
      }
    },
  },
  {
    name: "lists in pages, each going on after the last cursor",
    async run(stage) {
      if (!stage.store.entries) return;
      const stored = await fill(stage, LISTED);
      expectListed(await pages(stage.store), stored);
      assert.equal((await list(stage.store, { limit: 0 })).length, 0, "limit 0 gave entries");
      assert.ok(
        (await list(stage.store, { limit: LISTED * 2 })).length >= LISTED,
        "a limit above what is there cut the list",
      );
      const [first] = await list(stage.store, { limit: 1 });
      expectListed([first as ListedEntry, ...(await list(stage.store, { after: first?.cursor }))], stored);
    },
  },
  {
    name: "skips nothing that stayed while others come and go",
    async run(stage) {
      const { store, entry } = stage;
      if (!store.entries) return;
      const [stay, go] = [await fill(stage, LISTED), await fill(stage, LISTED, "goes")];
      let turn = 0;
      const change = async (): Promise<void> => {
        const leaving = go[turn++];
        if (leaving) await store.delete({ id: leaving.id });
        await store.set(entry(`comes ${turn}`));
      };
      expectListed(await pages(store, change), stay);
      turn = 0;
      await store.setMany?.(go);
      const listed: ListedEntry[] = [];
      for await (const one of store.entries()) {
        listed.push(one);
        await change();
        if (listed.length > LISTED * 8) break;
      }
      expectListed(listed, stay);
    },
  },
  {
    name: "goes on after the cursor of an entry that is gone",
    async run(stage) {
      const { store } = stage;
      if (!store.entries) return;
      const stored = await fill(stage, LISTED);
      const first = await list(store, { limit: PAGE });
      const last = first.at(-1) as ListedEntry;
      await store.delete({ id: last.head.id });
      expectListed([...first, ...(await list(store, { after: last.cursor }))], stored);
    },
  },
  {
    name: "gives bodies when they are asked for, and only then",
    async run(stage) {
      if (!stage.store.entries) return;
      const stored = await fill(stage, PAGE);
      for (const one of await list(stage.store, { bodies: true })) {
        assert.ok(one.body, "a body was asked for and not given");
        const expected = stored.find((entry) => entry.id === one.head.id) as Entry;
        assertSameEntry({ ...one.head, body: one.body }, expected, "a listed entry");
      }
      for (const one of await list(stage.store))
        assert.equal(one.body, undefined, "a body was given and not asked for");
    },
  },
  {
    name: "hides the cache's own entries from lists, but not from get",
    async run(stage) {
      const { store, entry } = stage;
      const own = RESERVED_OPERATIONS.map((operation) => entry(operation, { metadata: { operation } }));
      const stored = await fill(stage, PAGE);
      for (const one of own) await store.set(one);
      for (const one of own) assertSameEntry(await found(store, one.id), one, "one of the cache's own entries");
      if (!store.entries) return;
      const listed = await list(store);
      expectListed(listed, stored);
      for (const one of own)
        assert.ok(
          !listed.some((item) => item.head.id === one.id),
          `an entry of ${String(one.metadata.operation)} is listed`,
        );
    },
  },
  {
    name: "lists nothing when it is empty",
    async run({ store, entry }) {
      if (!store.entries) return;
      assert.deepEqual(await list(store), [], "a new store lists something");
      await store.set(entry("one"));
      await store.delete({ id: entry("one").id });
      assert.deepEqual(await list(store), [], "a deleted entry is listed");
    },
  },
  {
    name: "can be left in the middle of a list",
    async run(stage) {
      const { store, entry } = stage;
      if (!store.entries) return;
      const stored = await fill(stage, LISTED);
      for await (const _ of store.entries()) break;
      const more = entry("more");
      await store.set(more);
      assertSameEntry(await found(store, more.id), more, "an entry stored after a list was left");
      expectListed(await list(store), [...stored, more]);
    },
  },
];

async function fill({ store, entry }: Stage, count: number, prefix = "stays"): Promise<Entry[]> {
  const entries = Array.from({ length: count }, (_, value) =>
    entry(`${prefix} ${value}`, { value, metadata: { operation: "o", value }, text: `text ${value}` }),
  );
  for (const one of entries) await store.set(one);
  return entries;
}

async function list(store: Store, options?: EntriesOptions): Promise<ListedEntry[]> {
  const listed: ListedEntry[] = [];
  for await (const one of store.entries?.(options) ?? []) listed.push(one);
  return listed;
}

/** Everything in pages; what may never end is given up on. */
async function pages(store: Store, between: () => Promise<void> = async () => undefined): Promise<ListedEntry[]> {
  const listed: ListedEntry[] = [];
  let after: string | undefined;
  for (let page = 0; page < LISTED * 8; page++) {
    const items = await list(store, { limit: PAGE, ...(after === undefined ? {} : { after }) });
    assert.ok(items.length <= PAGE, `limit ${PAGE} gave ${items.length} entries`);
    if (items.length === 0) return listed;
    listed.push(...items);
    after = items.at(-1)?.cursor;
    await between();
  }
  return listed;
}

function expectListed(listed: readonly ListedEntry[], stored: readonly Entry[]): void {
  const ids = new Set(listed.map((one) => one.head.id));
  const missing = stored.filter((one) => !ids.has(one.id));
  assert.equal(missing.length, 0, `${missing.length} of ${stored.length} entries that stayed are not listed`);
}
