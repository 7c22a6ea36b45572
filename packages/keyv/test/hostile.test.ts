import assert from "node:assert/strict";
import { Keyv } from "keyv";
import { describe, expect, test } from "vitest";
import type { Json } from "@llmcache/core";
import { sampleId } from "@llmcache/core/conformance";
import { KeyvStore } from "@llmcache/keyv";
import { PlainAdapter } from "./adapters.ts";
import { entryOf, eventsOf } from "./places.ts";

const RUNS = process.env["LLMCACHE_TEST_FULL"] === "1" ? 100_000 : 2000;
const KEY = `llmcache-${sampleId("a")}`;
const VALUE: Json = { choices: [{ message: { content: "Forty-two. Grüße 東京" } }], n: [1, 2.5, null] };

const STORES = {
  "an adapter": (adapter: PlainAdapter) => new KeyvStore({ adapter }),
  "a Keyv without a listener": (adapter: PlainAdapter) => new KeyvStore({ keyv: new Keyv({ store: adapter }) }),
  "a Keyv without serialization": (adapter: PlainAdapter) =>
    new KeyvStore({ keyv: new Keyv({ store: adapter, serialization: false }) }),
};

describe.each(Object.entries(STORES))("what others did to the data of %s", (_, make) => {
  test("is a miss or the right value, for every way of reading", async () => {
    const adapter = new PlainAdapter();
    const store = make(adapter);
    const entry = entryOf("a", { value: VALUE, text: "question" });
    await store.set(entry);
    const stored = adapter.rows.get(KEY)?.value;
    const random = sequence();
    for (let run = 0; run < RUNS; run++) {
      const value =
        typeof stored === "string"
          ? mutated(stored, random)
          : { ...(stored as object), value: mutated((stored as { value: string }).value, random) };
      adapter.rows.set(KEY, { value, expires: undefined });
      for (const hit of [await store.get({ id: entry.id }), (await store.getMany([{ id: entry.id }]))[0]]) {
        if (hit === undefined) continue;
        assert.deepEqual(hit.entry.body.json(), VALUE);
        assert.equal(hit.entry.text, "question");
      }
    }
  });

  test.each<[string, unknown]>([
    ["null", null],
    ["a number", 5],
    ["true", true],
    ["empty text", ""],
    ["JSON of null", "null"],
    ["JSON of a number", "5"],
    ["JSON of text", '"text"'],
    ["an empty object", "{}"],
    ["a value of null", '{"value":null}'],
    ["a value that is an object", '{"value":{"llmcache":1}}'],
    ["a value that becomes bytes", '{"value":":base64:e30="}'],
    ["a value that is no bigint", '{"value":":bigint:x"}'],
    ["a prototype", '{"__proto__":{"value":"polluted"},"constructor":{"prototype":{"polluted":true}}}'],
    ["deep JSON", `${'{"value":'.repeat(20_000)}1${"}".repeat(20_000)}`],
    ["an object", { value: 5 }],
    ["an object that throws", Object.defineProperty({}, "value", { get: () => assert.fail("read") })],
    ["a list", ["text"]],
    ["bytes", Buffer.from("text")],
    ["base64 of nothing", "base64,"],
    ["no base64", "base64,%%%%"],
  ])("%s is a miss", async (_name, value) => {
    const adapter = new PlainAdapter();
    const store = make(adapter);
    eventsOf(store);
    adapter.rows.set(KEY, { value, expires: undefined });
    expect(await store.get({ id: sampleId("a") })).toBeUndefined();
    expect(await store.getMany([{ id: sampleId("a") }])).toEqual([undefined]);
    for await (const _listed of store.entries?.() ?? []) expect.fail("it is listed");
    expect(await store.add(entryOf("a"))).toBe(true);
    expect((await store.get({ id: sampleId("a") }))?.entry.body.json()).toBe("a");
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  test("an entry under the id of another is a miss", async () => {
    const adapter = new PlainAdapter();
    const store = make(adapter);
    await store.set(entryOf("b"));
    adapter.rows.set(KEY, adapter.rows.values().next().value as never);
    expect(await store.get({ id: sampleId("a") })).toBeUndefined();
  });

  test.each<[string, unknown]>([
    ["nothing", undefined],
    ["too few", []],
    ["no list", { length: 1 }],
  ])("a getMany that gives %s is not believed", async (_name, answer) => {
    const adapter = Object.assign(new PlainAdapter(), { getMany: async () => answer });
    const store = make(adapter);
    await store.set(entryOf("a"));
    expect((await store.getMany([{ id: sampleId("a") }, { id: sampleId("b") }])).map((hit) => hit?.entry.id)).toEqual([
      sampleId("a"),
      undefined,
    ]);
  });

  test.each<[string, unknown]>([
    ["no pairs", "key"],
    ["keys that are no text", [5, "value"]],
    ["nothing", undefined],
  ])("an iterator that yields %s lists nothing", async (_name, item) => {
    const adapter = new PlainAdapter();
    adapter.iterator = async function* iterator() {
      yield item;
    };
    const store = make(adapter);
    for await (const _listed of store.entries?.() ?? []) expect.fail("it is listed");
    await store.clear();
  });
});

/** A character changed, dropped, doubled, or a piece cut out or moved. */
function mutated(text: string, random: () => number): string {
  const at = Math.floor(random() * text.length);
  const to = at + Math.floor(random() * Math.min(40, text.length - at));
  const cut = text.slice(0, at) + text.slice(to);
  switch (Math.floor(random() * 6)) {
    case 0:
      return text.slice(0, at) + String.fromCharCode(Math.floor(random() * 0x1_00_00)) + text.slice(at + 1);
    case 1:
      return cut;
    case 2:
      return text.slice(0, to) + text.slice(at);
    case 3:
      return text.slice(0, at);
    case 4:
      return cut + text.slice(at, to);
    default:
      return (
        text.slice(0, at) +
        String.fromCharCode(text.charCodeAt(at) ^ (1 << Math.floor(random() * 7))) +
        text.slice(at + 1)
      );
  }
}

/** The same numbers in every run, from 0 to 1. */
function sequence(): () => number {
  let state = 7;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
