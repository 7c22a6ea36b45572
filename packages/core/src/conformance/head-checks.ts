import assert from "node:assert/strict";
import type { EntryMetadata } from "../entry.ts";
import { assertSameEntry } from "./same.ts";
import { found, type CheckDefinition, type Stage } from "./stage.ts";
import type { SampleOverrides } from "./sample.ts";

const OPTIONAL_MEMBERS = ["scope", "text", "staleAt", "deleteAt", "tags", "request"] as const;
const SECOND_MS = 1000;
/** The largest instant that a JavaScript Date can hold. */
const LAST_INSTANT = 8_640_000_000_000_000;

export const HEAD_CHECKS: readonly CheckDefinition[] = [
  {
    name: "keeps every member of the head",
    run: (stage) => {
      const now = stage.context.clock();
      return roundTrip(stage, {
        scope: stage.id("scope"),
        text: "What is six times seven?",
        staleAt: now + 60 * SECOND_MS,
        deleteAt: now + 120 * SECOND_MS,
        metadata: {
          operation: "chat.completions",
          provider: "p",
          model: "m",
          namespace: "[[]]",
          sample: 3,
          tokens: 12,
          cost: 0.000_25,
          durationMs: 812.5,
        },
        tags: { "prompt:v3": "b1946ac9", customer: "591785b7" },
        request: {
          operation: "chat.completions",
          prompt: [{ role: "user", content: "What is six times seven?" }],
          settings: { temperature: 0 },
        },
      });
    },
  },
  {
    name: "keeps unicode, numbers and long text in the head",
    run: (stage) =>
      roundTrip(stage, {
        text: `Grüße, 東京, 👩‍👩‍👧, "quoted", back\\slash, \u0000, \r\n ${"long ".repeat(2000)}`,
        metadata: {
          größe: "東京 👩‍👩‍👧 \u2028",
          "a:b c/d": "\r\nx: y",
          empty: "",
          zero: 0,
          tiny: 5e-324,
          big: Number.MAX_SAFE_INTEGER,
          less: -1.5,
          "10": "ten",
        },
        tags: { "käse/brot": "1", "": "empty", "with: colon\r\n": "0" },
        request: { prompt: "東京", settings: { stop: ["\n", "\u0000"], n: 1e21 } },
      }),
  },
  {
    name: "keeps members called __proto__ and constructor in the head",
    run: (stage) =>
      roundTrip(stage, {
        metadata: JSON.parse('{"__proto__":"text","constructor":1,"hasOwnProperty":"no"}') as EntryMetadata,
        tags: JSON.parse('{"__proto__":"generation","toString":"1"}') as Record<string, string>,
        request: JSON.parse('{"prompt":"p","settings":{"__proto__":{"admin":true}}}') as { prompt: string },
      }),
  },
  {
    name: "leaves absent members absent",
    async run({ store, entry }) {
      const stored = entry("bare", { metadata: {} });
      await store.set(stored);
      const read = await found(store, stored.id);
      assertSameEntry(read, stored);
      for (const member of OPTIONAL_MEMBERS) {
        assert.equal(
          read?.[member],
          undefined,
          `${member} was not given and came back as ${JSON.stringify(read?.[member])}`,
        );
      }
    },
  },
  {
    name: "keeps null as a request apart from none",
    run: (stage) => roundTrip(stage, { request: null }),
  },
  {
    name: "keeps instants beyond 2^31 ms from now and in the far future",
    async run(stage) {
      const now = stage.context.clock();
      for (const deleteAt of [
        now + 2 ** 31 + SECOND_MS,
        now + 2 ** 32 + SECOND_MS,
        Date.UTC(9999, 11, 31),
        LAST_INSTANT,
      ]) {
        await roundTrip(stage, { staleAt: deleteAt - SECOND_MS, deleteAt }, `until ${deleteAt}`);
      }
    },
  },
  {
    name: "keeps an entry that is stale but not yet dead",
    async run(stage) {
      const { store, entry, context, advance } = stage;
      const now = context.clock();
      const stored = entry("stale", { staleAt: now + SECOND_MS, deleteAt: now + 3600 * SECOND_MS });
      const endless = entry("endless", { staleAt: now + SECOND_MS });
      await store.set(stored);
      await store.set(endless);
      advance(60 * SECOND_MS);
      assertSameEntry(await found(store, stored.id), stored, "the stale entry");
      assertSameEntry(await found(store, endless.id), endless, "the stale entry without deleteAt");
    },
  },
  {
    name: "keeps an entry without instants whatever the time",
    async run({ store, entry, advance }) {
      const stored = entry("eternal");
      await store.set(stored);
      advance(10 * 365 * 86_400 * SECOND_MS);
      assertSameEntry(await found(store, stored.id), stored, "the entry without an end, ten years later");
    },
  },
  {
    name: "gives a dead entry whole or not at all",
    async run({ store, entry, context, advance }) {
      const now = context.clock();
      const dying = entry("dying", { staleAt: now + SECOND_MS, deleteAt: now + SECOND_MS });
      const deadOnArrival = entry("dead on arrival", {
        createdAt: now - 20 * SECOND_MS,
        staleAt: now - 10 * SECOND_MS,
        deleteAt: now - 10 * SECOND_MS,
      });
      await store.set(dying);
      await store.set(deadOnArrival);
      advance(SECOND_MS);
      for (const expected of [dying, deadOnArrival]) {
        const read = await found(store, expected.id);
        if (read !== undefined) assertSameEntry(read, expected, "the dead entry");
      }
      const again = entry("dying", { value: "a new answer" });
      await store.set(again);
      assertSameEntry(await found(store, again.id), again, "the entry that took a dead one's place");
    },
  },
];

async function roundTrip({ store, entry }: Stage, overrides: SampleOverrides, name = "head"): Promise<void> {
  const stored = entry(name, overrides);
  await store.set(stored);
  assertSameEntry(await found(store, stored.id), stored);
}
