import { LLMCache, type JsonObject } from "@llmcache/core";
import { readEvents, writeEvent, type ServerSentEvent } from "@llmcache/fetch";
import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { cachedFetch } from "../src/index.ts";
import { GENERATE_URL, STREAM_URL } from "./asking.ts";
import { dice, type Dice } from "./dice.ts";

const FULL = process.env["LLMCACHE_TEST_FULL"] === "1";
/** Over all kinds of damage together. */
const STREAMS = FULL ? 50_000 : 350;
const DAMAGES = ["none", "cut", "cut and failed", "byte changed", "byte lost", "event lost", "event twice"] as const;
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

interface Case {
  readonly bytes: Buffer;
  readonly fails: boolean;
}

function damaged(events: readonly ServerSentEvent[], damage: (typeof DAMAGES)[number], roll: Dice): Case {
  const newline = roll.of(["\n", "\r\n", "\r"]);
  const at = roll.below(events.length);
  const told =
    damage === "event lost"
      ? events.toSpliced(at, 1)
      : damage === "event twice"
        ? events.toSpliced(at, 0, events[at] as ServerSentEvent)
        : events;
  const bytes = Buffer.from(
    told.map((event) => Buffer.from(writeEvent(event)).toString().replaceAll("\n", newline)).join(""),
  );
  const where = roll.below(bytes.byteLength);
  if (damage === "cut" || damage === "cut and failed")
    return { bytes: bytes.subarray(0, where), fails: damage !== "cut" };
  if (damage === "byte changed") bytes[where] = roll.below(256);
  if (damage === "byte lost")
    return { bytes: Buffer.concat([bytes.subarray(0, where), bytes.subarray(where + 1)]), fails: false };
  return { bytes, fails: false };
}

/** A provider that sends these bytes, in pieces. */
function provider({ bytes, fails }: Case, roll: Dice): typeof globalThis.fetch {
  return async () => {
    let sent = 0;
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull(controller) {
        if (sent < bytes.byteLength) {
          const end = Math.min(bytes.byteLength, sent + 1 + roll.below(bytes.byteLength));
          controller.enqueue(new Uint8Array(bytes.subarray(sent, end)));
          sent = end;
        } else if (fails) controller.error(new TypeError("terminated"));
        else controller.close();
      },
    });
    return Promise.resolve(new Response(body, { headers: { "content-type": "text/event-stream" } }));
  };
}

/** All bytes up to the end or the failure. */
async function bytesOf(response: Response): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  try {
    for await (const piece of response.body ?? []) pieces.push(piece);
  } catch {
    // Cut: what came counts.
  }
  return Buffer.concat(pieces);
}

interface Replayed {
  readonly first: Buffer;
  /** What the cache has for a call with `stream`, and for one without. */
  readonly again: Buffer | undefined;
  readonly answer: JsonObject | undefined;
}

async function recordAndReplay(given: Case, roll: Dice): Promise<Replayed> {
  // Weakly held objects are let go between turns only.
  await nextTurn();
  const cache = new LLMCache();
  const fetch = cachedFetch(cache, { fetch: provider(given, roll) });
  const ask = (url: string, headers: Record<string, string>): Promise<Response> =>
    fetch(url, { method: "POST", body: BODY, headers });
  const first = await bytesOf(await ask(STREAM_URL, {}));
  await cache.settled();
  const onlyIfCached = { "cache-control": "only-if-cached" };
  const again = await ask(STREAM_URL, onlyIfCached);
  const whole = await ask(GENERATE_URL, onlyIfCached);
  return {
    first,
    again: again.status === 200 ? await bytesOf(again) : undefined,
    answer: whole.status === 200 ? ((await whole.json()) as JsonObject) : undefined,
  };
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
        const { first, again, answer } = await recordAndReplay(given, roll);
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
      const { again, answer } = await recordAndReplay({ bytes: bytes.subarray(0, end), fails: end % 2 === 0 }, roll);
      if (again === undefined) continue;
      stored++;
      if (answer !== undefined) expect(answer).toEqual(whole);
    }
    // Only line ends may be missing behind the last event.
    expect(stored).toBeLessThan(3);
  });
});
