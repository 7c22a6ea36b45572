import type { Json, JsonObject } from "@llmcache/core";
import { readEvents, writeEvent, type ServerSentEvent } from "@llmcache/fetch";
import { describe, expect, test } from "vitest";
import { dice, type Dice } from "../../fetch/test/dice.ts";
import { DAMAGES, damaged, recordAndReplay, type Damaged, type Replayed } from "../../fetch/test/stream-damage.ts";
import { cachedFetch } from "../src/index.ts";
import { call, MESSAGES_URL } from "./asking.ts";

const FULL = process.env["LLMCACHE_TEST_FULL"] === "1";
/** Over all kinds of damage together. */
const STREAMS = FULL ? 50_000 : 350;
const BODY = { model: "m", max_tokens: 10, messages: [{ role: "user", content: "a" }] };
const TEXTS = ["hello", "Grüße 🙂", "a\nb", "\r\n", "data: x", '{"type":"message_stop"}', " ", "event: error"] as const;

function someBlock(roll: Dice): JsonObject {
  const text = (): string => Array.from({ length: 1 + roll.below(3) }, () => roll.of(TEXTS)).join("");
  switch (roll.below(5)) {
    case 0:
      return { type: "thinking", thinking: text(), signature: text() };
    case 1:
      return { type: "tool_use", id: "1", name: "f", input: { [text()]: text() } };
    case 2:
      return { type: "text", text: text(), citations: [{ type: "char_location", cited_text: text() }] };
    case 3:
      return { type: "redacted_thinking", data: text() };
    default:
      return { type: "text", text: text(), citations: null };
  }
}

function someMessage(roll: Dice): JsonObject {
  return {
    id: "msg_1",
    type: "message",
    role: "assistant",
    model: "m",
    content: [
      ...Array.from({ length: roll.below(3) }, () => someBlock(roll)),
      { type: "text", text: "end", citations: null },
    ],
    stop_reason: roll.of(["end_turn", "max_tokens", "stop_sequence"]),
    stop_sequence: null,
    usage: { input_tokens: 1, output_tokens: roll.below(100) },
  };
}

/** The text of an event in two events, sometimes with a ping between. */
function shattered(event: ServerSentEvent, roll: Dice): ServerSentEvent[] {
  const data = JSON.parse(event.data) as JsonObject;
  const delta = data["delta"] as JsonObject | undefined;
  const name = ["text", "thinking", "partial_json"].find((each) => typeof delta?.[each] === "string");
  const text = name === undefined ? "" : (delta?.[name] as string);
  if (name === undefined || text.length < 2) return [event];
  const at = 1 + roll.below(text.length - 1);
  // Half of a surrogate pair would not survive the encoding.
  if (!text.slice(0, at).isWellFormed()) return [event];
  const [one, other] = [text.slice(0, at), text.slice(at)].map((piece) => ({
    event: event.event,
    data: JSON.stringify({ ...data, delta: { ...delta, [name]: piece } }),
  })) as [ServerSentEvent, ServerSentEvent];
  return roll() < 0.3 ? [one, { event: "ping", data: '{"type":"ping"}' }, other] : [one, other];
}

async function replayed(given: Damaged, roll: Dice): Promise<Replayed> {
  return recordAndReplay(given, roll, (cache, upstream) => {
    const fetch = cachedFetch(cache, { fetch: upstream });
    return (stream, headers) =>
      fetch(MESSAGES_URL, { method: "POST", body: JSON.stringify({ ...BODY, stream }), headers });
  });
}

/** What is said, by block, put together anew. */
function saidIn(bytes: Buffer): string {
  const texts: Record<string, string> = {};
  for (const { event, data } of readEvents(bytes).events) {
    const value = event === "ping" ? {} : (JSON.parse(data) as { index?: number; delta?: Record<string, unknown> });
    const { text, thinking, partial_json: input } = value.delta ?? {};
    const said = [text, thinking, input].find((each) => typeof each === "string");
    if (said !== undefined) texts[String(value.index)] = `${texts[String(value.index)] ?? ""}${said}`;
  }
  return JSON.stringify(texts);
}

function saidBy({ content }: JsonObject): string {
  const texts: Record<string, string> = {};
  for (const [index, block] of (content as JsonObject[]).entries()) {
    const { text, thinking, input } = block;
    const said = (text ?? thinking ?? (input === undefined ? undefined : JSON.stringify(input))) as string | undefined;
    if (said !== undefined && said !== "") texts[String(index)] = said;
  }
  return JSON.stringify(texts);
}

describe("a stream", () => {
  test.each(DAMAGES)(
    "(%s) is sent again as it came, or was not stored",
    async (damage) => {
      const runs = Math.ceil(STREAMS / DAMAGES.length);
      let stored = 0;
      for (let run = 0; run < runs; run++) {
        const roll = dice(run * DAMAGES.length + DAMAGES.indexOf(damage));
        const message = someMessage(roll);
        const events = (call(BODY).toEvents(message) ?? []).flatMap((event) => shattered(event, roll));
        const given = damaged(events, damage, roll);
        const { first, again, answer } = await replayed(given, roll);
        // Nobody gets less than the provider sent, or anything else; what follows the end is nobody's.
        expect(given.bytes.subarray(0, first.byteLength).equals(first)).toBe(true);
        if (damage === "none") {
          // The line feed behind the last carriage return may come when nobody waits any more.
          expect(given.bytes.byteLength - first.byteLength).toBeLessThan(2);
          expect(again).toBeDefined();
          expect(answer).toEqual(message);
        }
        if (again === undefined) {
          expect(answer).toBeUndefined();
          continue;
        }
        stored++;
        expect(again.equals(first)).toBe(true);
        if (answer !== undefined && damage !== "byte changed" && damage !== "byte lost")
          expect(saidBy(answer)).toBe(saidIn(again));
        // What was cut and is stored nonetheless lacks nothing but its last line ends.
        if (damage.startsWith("cut")) {
          expect(saidIn(Buffer.concat([again, Buffer.from("\n\n")]))).toBe(saidBy(message));
          if (answer !== undefined) expect(answer).toEqual(message);
        }
      }
      if (damage === "none") expect(stored).toBe(runs);
      // A changed letter is an answer like any other.
      if (damage === "byte changed" && runs > 20) expect(stored).toBeGreaterThan(0);
    },
    FULL ? 1_200_000 : 20_000,
  );

  test("that was cut, at whichever byte, is sent again as it came, or was not stored", async () => {
    const roll = dice(1);
    const message: JsonObject = {
      ...someMessage(roll),
      content: [
        { type: "thinking", thinking: "hm", signature: "s" },
        { type: "text", text: "ü", citations: null },
        { type: "tool_use", id: "1", name: "f", input: { a: 1 } as Json },
      ],
      stop_reason: "tool_use",
    };
    const bytes = Buffer.concat((call(BODY).toEvents(message) ?? []).map(writeEvent));
    let stored = 0;
    for (let end = 0; end < bytes.byteLength; end++) {
      const { again, answer } = await replayed({ bytes: bytes.subarray(0, end), fails: end % 2 === 0 }, roll);
      if (again === undefined) continue;
      stored++;
      if (answer !== undefined) expect(answer).toEqual(message);
    }
    // Only line ends may be missing behind the last event.
    expect(stored).toBeLessThan(3);
  });
});
