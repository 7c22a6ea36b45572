import type { JsonObject } from "@llmcache/core";
import { readEvents, writeEvent, type ServerSentEvent } from "@llmcache/fetch";
import { describe, expect, test } from "vitest";
import { dice, type Dice } from "../../fetch/test/dice.ts";
import { DAMAGES, damaged, recordAndReplay, type Damaged, type Replayed } from "../../fetch/test/stream-damage.ts";
import { cachedFetch } from "../src/index.ts";
import { GENERATE_URL, STREAM_URL } from "./asking.ts";

const FULL = process.env["LLMCACHE_TEST_FULL"] === "1";
/** Over all kinds of damage together. */
const STREAMS = FULL ? 50_000 : 350;
const BODY = JSON.stringify({ contents: [{ role: "user", parts: [{ text: "a" }] }] });
const TEXTS = ["hello", "Grüße 🙂", "a\nb", "\r\n", "data: x", '{"error":{}}', " ", "event: error"] as const;

interface Part extends JsonObject {
  readonly text?: string;
}

function somePart(roll: Dice): Part {
  const text = Array.from({ length: 1 + roll.below(3) }, () => roll.of(TEXTS)).join("");
  switch (roll.below(5)) {
    case 0:
      return { text, thought: true };
    case 1:
      return { functionCall: { name: "f", args: { [text]: text } }, thoughtSignature: text };
    case 2:
      return { text, thoughtSignature: "s" };
    default:
      return { text };
  }
}

/** An answer, and the chunks that it may come as. */
function someAnswer(roll: Dice): { readonly answer: JsonObject; readonly events: readonly ServerSentEvent[] } {
  const parts: Part[] = [...Array.from({ length: roll.below(3) }, () => somePart(roll)), { text: "end" }];
  const around = { modelVersion: "gemini-3-flash", responseId: "r" };
  const usageMetadata = { promptTokenCount: 1, candidatesTokenCount: roll.below(100) };
  const ending = { finishReason: "STOP" };
  const pieces = parts.flatMap((part) => shattered(part, roll));
  const chunks = pieces.map((part, at) => ({
    candidates: [{ content: { parts: [part], role: "model" }, index: 0, ...(at === pieces.length - 1 ? ending : {}) }],
    usageMetadata,
    ...around,
  }));
  return {
    answer: {
      candidates: [{ content: { parts: joined(parts), role: "model" }, index: 0, ...ending }],
      usageMetadata,
      ...around,
    },
    events: chunks.map((chunk) => ({ event: "message", data: JSON.stringify(chunk) })),
  };
}

/** Texts beside each other are one text. */
function joined(parts: readonly Part[]): Part[] {
  const list: Part[] = [];
  for (const part of parts) {
    const last = list.at(-1);
    const isText = (each: Part | undefined): boolean =>
      each !== undefined && each.text !== undefined && !("thoughtSignature" in each);
    if (isText(last) && isText(part) && last?.["thought"] === part["thought"])
      list[list.length - 1] = { ...last, text: `${last?.text}${part.text}` };
    else list.push(part);
  }
  return list;
}

/** The text of a part in two parts. */
function shattered(part: Part, roll: Dice): Part[] {
  const { text = "" } = part;
  if (text.length < 2 || "thoughtSignature" in part) return [part];
  const at = 1 + roll.below(text.length - 1);
  // Half of a surrogate pair would not survive the encoding.
  if (!text.slice(0, at).isWellFormed()) return [part];
  return [text.slice(0, at), text.slice(at)].map((piece) => ({ ...part, text: piece }));
}

async function replayed(given: Damaged, roll: Dice): Promise<Replayed> {
  return recordAndReplay(given, roll, (cache, upstream) => {
    const fetch = cachedFetch(cache, { fetch: upstream });
    return (stream, headers) => fetch(stream ? STREAM_URL : GENERATE_URL, { method: "POST", body: BODY, headers });
  });
}

interface Chunk {
  readonly candidates?: readonly { readonly content?: { readonly parts?: readonly Part[] } }[];
}

function textsOf({ candidates = [] }: Chunk): string {
  return candidates.flatMap(({ content }) => (content?.parts ?? []).map(({ text = "" }) => text)).join("");
}

function saidIn(bytes: Buffer): string {
  return readEvents(bytes)
    .events.map(({ data }) => textsOf(JSON.parse(data) as Chunk))
    .join("");
}

describe("a stream", () => {
  test.each(DAMAGES)(
    "(%s) is sent again as it came, or was not stored",
    async (damage) => {
      const runs = Math.ceil(STREAMS / DAMAGES.length);
      let stored = 0;
      for (let run = 0; run < runs; run++) {
        const roll = dice(run * DAMAGES.length + DAMAGES.indexOf(damage));
        const { answer: whole, events } = someAnswer(roll);
        const given = damaged(events, damage, roll);
        const { first, again, answer } = await replayed(given, roll);
        // Nobody gets less than the provider sent, or anything else.
        expect(given.bytes.subarray(0, first.byteLength).equals(first)).toBe(true);
        if (damage === "none") {
          expect(given.bytes.byteLength).toBe(first.byteLength);
          expect(again).toBeDefined();
          expect(answer).toEqual(whole);
        }
        if (again === undefined) {
          expect(answer).toBeUndefined();
          continue;
        }
        stored++;
        expect(again.equals(first)).toBe(true);
        if (answer !== undefined && damage !== "byte changed" && damage !== "byte lost")
          expect(textsOf(answer as Chunk)).toBe(saidIn(again));
        // What was cut and is stored nonetheless lacks nothing but its last line ends.
        if (damage.startsWith("cut") && answer !== undefined) expect(answer).toEqual(whole);
      }
      if (damage === "none") expect(stored).toBe(runs);
      // A changed letter is an answer like any other.
      if (damage === "byte changed" && runs > 20) expect(stored).toBeGreaterThan(0);
    },
    FULL ? 1_200_000 : 20_000,
  );

  test("that was cut, at whichever byte, is sent again as it came, or was not stored", async () => {
    const roll = dice(1);
    const { answer: whole, events } = someAnswer(roll);
    const bytes = Buffer.concat(events.map(writeEvent));
    let stored = 0;
    for (let end = 0; end < bytes.byteLength; end++) {
      const { again, answer } = await replayed({ bytes: bytes.subarray(0, end), fails: end % 2 === 0 }, roll);
      if (again === undefined) continue;
      stored++;
      if (answer !== undefined) expect(answer).toEqual(whole);
    }
    // Only line ends may be missing behind the last event.
    expect(stored).toBeLessThan(3);
  });
});
