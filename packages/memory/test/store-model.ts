import fc from "fast-check";
import { Body, type Entry, mayReplace, type Store } from "@llmcache/core";
import { assertSameEntry, sampleEntry, sampleId } from "@llmcache/core/conformance";

/** One call to a store, as data. */
type Step =
  | { readonly call: "set" | "add"; readonly entry: Entry; readonly overThere: boolean }
  | { readonly call: "setMany"; readonly entries: readonly Entry[] }
  | { readonly call: "get" | "delete"; readonly id: string }
  | { readonly call: "getMany"; readonly ids: readonly string[] }
  | { readonly call: "list" | "clear" };

const CREATED_AT = 1_700_000_000_000;

const id = fc.integer({ min: 0, max: 5 }).map((name) => sampleId(name));
const instant = fc.integer({ min: 1, max: 50 }).map((late) => CREATED_AT + late);
const body = fc.oneof(
  fc.jsonValue().map((value) => Body.json(value)),
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Body.bytes(bytes)),
  fc.string({ unit: "binary" }).map((text) => Body.json({ text })),
);
const entry: fc.Arbitrary<Entry> = fc
  .record(
    {
      id,
      createdAt: instant,
      deleteAt: instant,
      text: fc.string({ unit: "binary" }),
      tags: fc.dictionary(fc.string(), fc.string()),
      metadata: fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.double({ noNaN: true, noDefaultInfinity: true }))),
      request: fc.jsonValue() as fc.Arbitrary<null>,
      body,
    },
    { requiredKeys: ["id", "createdAt", "metadata", "body"] },
  )
  .map((overrides) => sampleEntry(overrides));

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      call: fc.constantFrom("set" as const, "add" as const, "add" as const),
      entry,
      overThere: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ call: fc.constantFrom("get" as const, "delete" as const), id }) },
  {
    weight: 1,
    arbitrary: fc.record({ call: fc.constant("setMany" as const), entries: fc.array(entry, { maxLength: 4 }) }),
  },
  { weight: 1, arbitrary: fc.record({ call: fc.constant("getMany" as const), ids: fc.array(id, { maxLength: 8 }) }) },
  { weight: 1, arbitrary: fc.record({ call: fc.constantFrom("list" as const, "list" as const, "clear" as const) }) },
);

/**
 * Any series of calls gives what a plain Map under the same rules gives, as long as the store has room and its clock stands
 * before every `deleteAt`.
 */
export function behavesLikeAMap(open: () => Store, runs: number): Promise<void> {
  return fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const store = open();
      const model = new Map<string, Entry>();
      for (const one of steps) await take(store, model, one);
      for (const [key, expected] of model)
        assertSameEntry((await store.get({ id: key }))?.entry, expected, "at the end, an entry");
      await store[Symbol.asyncDispose]();
    }),
    { numRuns: runs },
  );
}

async function take(store: Store, model: Map<string, Entry>, one: Step): Promise<void> {
  switch (one.call) {
    case "set":
      model.set(one.entry.id, one.entry);
      return store.set(one.entry);
    case "add": {
      const there = model.get(one.entry.id);
      const over = one.overThere ? there : undefined;
      const expected = there === undefined || mayReplace(there, one.entry, over);
      if (expected) model.set(one.entry.id, one.entry);
      same(await store.add(one.entry, { over }), expected, "add");
      return;
    }
    case "setMany":
      for (const each of one.entries) model.set(each.id, each);
      return store.setMany?.(one.entries);
    case "get":
      return sameHit(await store.get({ id: one.id }), model.get(one.id));
    case "getMany": {
      const hits = (await store.getMany?.(one.ids.map((key) => ({ id: key })))) ?? [];
      same(hits.length, one.ids.length, "the number of hits");
      for (const [index, key] of one.ids.entries()) sameHit(hits[index], model.get(key));
      return;
    }
    case "delete":
      model.delete(one.id);
      return store.delete({ id: one.id });
    case "clear":
      model.clear();
      return store.clear();
    case "list": {
      const listed: string[] = [];
      for await (const { head, body: listedBody } of store.entries?.({ bodies: true }) ?? []) {
        listed.push(head.id);
        sameHit(listedBody && { entry: { ...head, body: listedBody } }, model.get(head.id));
      }
      same(listed.toSorted().join(), [...model.keys()].toSorted().join(), "what is listed");
    }
  }
}

function sameHit(hit: { readonly entry: Entry } | undefined, expected: Entry | undefined): void {
  if (expected === undefined) same(hit, undefined, "a hit");
  else assertSameEntry(hit?.entry, expected);
}

function same(actual: unknown, expected: unknown, what: string): void {
  if (actual !== expected) throw new Error(`${what}: ${String(actual)} instead of ${String(expected)}`);
}
