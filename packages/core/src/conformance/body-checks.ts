import assert from "node:assert/strict";
import { Body } from "../body.ts";
import type { Json } from "../json.ts";
import { assertSameEntry } from "./same.ts";
import { found, type CheckDefinition, type Stage } from "./stage.ts";

const JSON_VALUES: readonly Json[] = [
  {
    id: "chatcmpl-1",
    choices: [{ index: 0, message: { role: "assistant", content: "Hello", tool_calls: null } }],
    usage: { total_tokens: 12 },
  },
  [1, [2, [3, [4, { five: [6] }]]]],
  {
    "": "an empty name",
    "a b": 1,
    "10": "ten",
    "9": "nine",
    ключ: "значение",
    "\u0000": "NUL",
    "a\nb": "a line break",
  },
  'Grüße, 東京, 👩‍👩‍👧, \u2028, \ufeff, \\, ", \u0000, \r\n',
  "a lone \ud800 surrogate",
  [0, -1, 0.1, 1e-300, 1.7976931348623157e308, 5e-324, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER],
  JSON.parse('{"__proto__":{"admin":true},"constructor":{"prototype":1},"toString":"text"}') as Json,
  nested(100),
];
const FALSY_VALUES: readonly Json[] = [null, false, 0, "", [], {}, [null], { null: null }, "null", "undefined"];

export const BODY_CHECKS: readonly CheckDefinition[] = [
  {
    name: "says what it is: contract 1, a name, exact or similar, native or swept",
    async run({ store }) {
      assert.equal(store.contract, 1, `contract is ${String(store.contract)}, not 1`);
      assert.ok(typeof store.name === "string" && store.name !== "", "name is no text");
      assert.ok(["exact", "similar"].includes(store.match), `match is ${store.match}`);
      assert.ok(["native", "swept"].includes(store.expiry), `expiry is ${store.expiry}`);
    },
  },
  {
    name: "finds nothing under an id that was never stored",
    async run({ store, id, entry }) {
      assert.equal(
        await store.get({ id: id("never") }),
        undefined,
        "get made something up, or said nothing in another way than undefined",
      );
      await store.set(entry("other"));
      assert.equal(await store.get({ id: id("never") }), undefined, "get gave another id's entry");
    },
  },
  {
    name: "keeps ids apart that differ in one digit",
    async run({ store, id, entry }) {
      const ids = [id("one")];
      for (const at of [0, 7, 8, 31, 32, 62, 63]) ids.push(otherDigit(id("one"), at));
      for (const [value, one] of ids.entries()) await store.set(entry("any", { id: one, value }));
      for (const [value, one] of ids.entries())
        assertSameEntry(await found(store, one), entry("any", { id: one, value }), `entry ${value}`);
    },
  },
  {
    name: "finds an entry by its id whatever scope and text the key has",
    async run({ store, id, entry }) {
      const stored = entry("scoped", { scope: id("scope"), text: "What is the answer?" });
      await store.set(stored);
      assertSameEntry(await found(store, stored.id), stored, "the entry asked for by id alone");
      const hit = await store.get({ id: stored.id, scope: id("another scope"), text: "something else" });
      assertSameEntry(hit?.entry, stored, "the entry asked for with another scope and text");
      assert.equal(hit?.similarity, undefined, "an exact hit has a similarity");
    },
  },
  {
    name: "gives what accept takes, whether it answers at once or later",
    async run({ store, entry }) {
      const stored = entry("judged");
      await store.set(stored);
      for (const accept of [() => true, async () => true]) {
        assertSameEntry((await store.get({ id: stored.id }, { accept }))?.entry, stored, "the entry that accept takes");
        const [hit] = (await store.getMany?.([{ id: stored.id }], { accept })) ?? [];
        if (store.getMany) assertSameEntry(hit?.entry, stored, "the entry of getMany that accept takes");
      }
      const refused = await store.get({ id: stored.id }, { accept: async () => false });
      if (refused !== undefined) assertSameEntry(refused.entry, stored, "the only candidate, which accept refuses");
      assertSameEntry(await found(store, stored.id), stored, "the entry after it was refused");
    },
  },
  {
    name: "gives back JSON values as they were stored",
    run: (stage) =>
      roundTrip(
        stage,
        JSON_VALUES.map((value) => Body.json(value)),
      ),
  },
  {
    name: "tells null, falsy and empty values from nothing",
    run: (stage) =>
      roundTrip(
        stage,
        FALSY_VALUES.map((value) => Body.json(value)),
      ),
  },
  {
    name: "gives back bytes as they were stored",
    run: (stage) =>
      roundTrip(
        stage,
        [everyByte(), Buffer.from([0xff, 0xfe, 0x00, 0x0a, 0x0d]), Buffer.alloc(70_000, 0x0a)].map((bytes) =>
          Body.bytes(bytes),
        ),
      ),
  },
  {
    name: "gives back empty bytes",
    run: (stage) => roundTrip(stage, [Body.bytes(new Uint8Array())]),
  },
  {
    name: "keeps bytes that are JSON text apart from JSON",
    run: (stage) =>
      roundTrip(stage, [
        Body.bytes(Buffer.from('{"a":1}')),
        Body.json({ a: 1 }),
        Body.bytes(Buffer.from('"text"')),
        Body.json("text"),
      ]),
  },
  {
    name: "takes a body in either form: as a value and as stored bytes",
    run: (stage) =>
      roundTrip(stage, [Body.json({ a: "ä" }).asBytes(), Body.json({ a: "ä" }), Body.stored("bytes", everyByte())]),
  },
  {
    name: "keeps a body of 1 MiB (or as much as it may hold)",
    async run(stage) {
      const { roomyBytes } = stage;
      const bytes = Buffer.alloc(roomyBytes);
      for (let i = 0; i < roomyBytes; i++) bytes[i] = (i * 31 + (i >> 8)) & 0xff;
      await roundTrip(stage, [Body.bytes(bytes), Body.json({ text: "lorem ipsum ".repeat(roomyBytes / 13) })]);
    },
  },
];

/** All are stored, then all are read. */
async function roundTrip({ store, entry }: Stage, bodies: readonly Body[]): Promise<void> {
  for (const [index, body] of bodies.entries()) await store.set(entry(index, { body }));
  for (const [index, body] of bodies.entries()) {
    const expected = entry(index, { body });
    assertSameEntry(await found(store, expected.id), expected, `entry ${index}`);
  }
}

function otherDigit(id: string, at: number): string {
  return `${id.slice(0, at)}${id[at] === "0" ? "1" : "0"}${id.slice(at + 1)}`;
}

function everyByte(): Buffer {
  return Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
}

function nested(depth: number): Json {
  let value: Json = "the innermost";
  for (let i = 0; i < depth; i++) value = i % 2 === 0 ? [value] : { inside: value };
  return value;
}
