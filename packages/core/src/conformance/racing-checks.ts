import assert from "node:assert/strict";
import type { Store, StoreAddOptions, StoreEvent } from "../store.ts";
import type { Entry } from "../entry.ts";
import { assertSameEntry } from "./same.ts";
import { found, type CheckDefinition } from "./stage.ts";

const RACERS = 32;
const SETTERS = 10;
const OPERATIONS = 400;
const SHARED_IDS = 16;

export const RACING_CHECKS: readonly CheckDefinition[] = [
  {
    name: "lets exactly one of 32 racing adds win",
    needs: "atomicAdd",
    run: ({ store, entry }) =>
      race(
        store,
        numbered((value) => entry("one", { value })),
      ),
  },
  {
    name: "lets exactly one of 32 racing adds over a dead entry win",
    needs: "atomicAdd",
    async run({ store, entry, context }) {
      const now = context.clock();
      await store.set(entry("one", { value: "dead", deleteAt: now + 1000 }));
      await race(
        store,
        numbered((value) => entry("one", { value, createdAt: now + 2000, deleteAt: now + 3_600_000 })),
      );
    },
  },
  {
    name: "lets exactly one of 32 racing adds over the refused entry win",
    needs: "atomicAdd",
    async run({ store, entry, context }) {
      const refused = entry("one", { value: "refused" });
      await store.set(refused);
      await race(
        store,
        numbered((value) => entry("one", { value, createdAt: context.clock() + 1 + value })),
        { over: refused },
      );
    },
  },
  {
    name: "tells by an event that add is not atomic",
    needs: "nonAtomicAdd",
    async run({ store, entry }) {
      const events: StoreEvent[] = [];
      const end = store.on?.((event) => events.push(event));
      assert.ok(end, "a store whose add is not atomic must tell it by an event, and this one has no `on`");
      await Promise.all(numbered((value) => entry("one", { value })).map((one) => store.add(one)));
      assert.ok(
        events.some((event) => event.type === "not-atomic"),
        "no event of type not-atomic was told",
      );
    },
  },
  {
    name: "leaves one whole entry of ten racing sets",
    async run({ store, entry, context }) {
      const rivals = numbered((value) =>
        entry("one", {
          value: { value, filler: "x".repeat(value * 1000) },
          createdAt: context.clock() + value,
          tags: { tag: `g${value}` },
          metadata: { operation: "o", value },
        }),
      ).slice(0, SETTERS);
      await Promise.all(rivals.map((one) => store.set(one)));
      const left = await found(store, (rivals[0] as Entry).id);
      const winner = rivals.find((one) => one.createdAt === left?.createdAt);
      assert.ok(winner, "what ten racing sets left is none of them");
      assertSameEntry(left, winner, "what ten racing sets left");
    },
  },
  {
    name: "keeps many concurrent operations apart",
    async run({ store, entry, id }) {
      const random = sequence();
      await Promise.all(
        Array.from({ length: OPERATIONS }, async (_, count) => {
          const name = Math.floor(random() * SHARED_IDS);
          const action = random();
          if (action < 0.1) await store.delete({ id: id(name) });
          else if (action < 0.2) await store.add(entry(name, { value: { name, count }, metadata: { name, count } }));
          else if (action < 0.5) await store.set(entry(name, { value: { name, count }, metadata: { name, count } }));
          else wholeOrNothing(await found(store, id(name)), id(name), name);
        }),
      );
      for (let name = 0; name < SHARED_IDS; name++) wholeOrNothing(await found(store, id(name)), id(name), name);
      const last = entry(0, { value: "the last" });
      await store.set(last);
      assertSameEntry(await found(store, last.id), last, "an entry stored after all of them");
    },
  },
];

function numbered(make: (value: number) => Entry): Entry[] {
  return Array.from({ length: RACERS }, (_, value) => make(value));
}

async function race(store: Store, rivals: readonly Entry[], options?: StoreAddOptions): Promise<void> {
  const answers = await Promise.all(rivals.map((one) => store.add(one, options)));
  const winners = rivals.filter((_, index) => answers[index] === true);
  assert.equal(winners.length, 1, `${winners.length} of ${RACERS} racing adds were told that they won`);
  const winner = winners[0] as Entry;
  assertSameEntry(await found(store, winner.id), winner, "the entry of the add that won");
}

/** Body and head belong together, and both to the id. */
function wholeOrNothing(read: Entry | undefined, id: string, name: number): void {
  if (read === undefined) return;
  assert.equal(read.id, id, "the entry of another id was given");
  const { count } = read.metadata;
  assert.deepEqual(
    { metadata: { ...read.metadata }, body: read.body.json() },
    { metadata: { name, count }, body: { name, count } },
    "head and body of an entry come from two writes",
  );
}

/** The same numbers in every run, from 0 to 1. */
function sequence(): () => number {
  let state = 42;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
