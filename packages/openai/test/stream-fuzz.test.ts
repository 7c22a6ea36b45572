import type { Json, JsonObject } from "@llmcache/core";
import { readEvents, writeEvent, type ServerSentEvent } from "@llmcache/fetch";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { dice, type Dice } from "../../fetch/test/dice.ts";
import { DAMAGES, damaged, recordAndReplay, type Damaged, type Replayed } from "../../fetch/test/stream-damage.ts";
import { cachedFetch, type OpenAIFormatsOptions } from "../src/index.ts";
import { call, CHAT_URL, COMPLETIONS_URL, RESPONSES_URL } from "./asking.ts";
import { chatAnswers, telling } from "./chat-answers.ts";
import { completionAnswers } from "./completions-answers.ts";
import { responseAnswers } from "./responses-answers.ts";

const FULL = process.env["LLMCACHE_TEST_FULL"] === "1";
/** Streams over all endpoints and ways to break them. */
const STREAMS = FULL ? 100_000 : 1200;

/** Also what is not stored by default: what is stored must be right, whatever it is. */
const options: OpenAIFormatsOptions = {
  storeOtherModels: true,
  storeAnyway: [
    "empty",
    "refusal",
    "content-filter",
    "truncated",
    "malformed-tool-call",
    "other-finish-reason",
    "hosted-tool",
  ],
};

interface Endpoint {
  readonly name: string;
  readonly url: string;
  readonly answers: fc.Arbitrary<JsonObject>;
  /** A short answer, as it is made of a stream. */
  readonly simple: JsonObject;
  body(answer: JsonObject): JsonObject;
  /** Everything that is said, in its order, by a stream. */
  said(events: readonly JsonObject[]): readonly Json[];
  /** The same by an answer. */
  saidBy(answer: JsonObject): readonly Json[];
}

const choices = (of: JsonObject): JsonObject[] => (Array.isArray(of["choices"]) ? (of["choices"] as JsonObject[]) : []);
const usage = { stream_options: { include_usage: true } };

/** The texts in their order; of each, the pieces, or what its end says where they were lost. */
function textsOfResponse(events: readonly JsonObject[]): readonly Json[] {
  const parts = new Map<string, { readonly index: Json; pieces: string | undefined; whole: string | undefined }>();
  for (const { type, output_index: index = 0, content_index: part, delta, text } of events) {
    if (type !== "response.output_text.delta" && type !== "response.output_text.done") continue;
    const key = JSON.stringify([index, part]);
    const known = parts.get(key) ?? { index, pieces: undefined, whole: undefined };
    parts.set(key, known);
    if (typeof delta === "string") known.pieces = `${known.pieces ?? ""}${delta}`;
    if (typeof text === "string") known.whole = text;
  }
  return [...parts.values()].map(({ index, pieces, whole }) => [index, pieces ?? whole ?? ""]);
}

const ENDPOINTS: readonly Endpoint[] = [
  {
    name: "chat completions",
    url: CHAT_URL,
    answers: chatAnswers,
    simple: {
      object: "chat.completion",
      id: "1",
      created: 1,
      model: "m",
      choices: [{ index: 0, message: { role: "assistant", content: "Grüße" }, finish_reason: "stop" }],
      usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
    },
    body: (answer) => ({ model: "m", messages: [{ role: "user", content: "a" }], n: choices(answer).length, ...usage }),
    said: (events) =>
      events
        .flatMap(choices)
        .map(({ index, delta }) => [index, (delta as JsonObject | undefined)?.["content"] ?? ""] as Json),
    saidBy: (answer) =>
      choices(answer).map(({ index, message }) => [index, (message as JsonObject)["content"] ?? ""] as Json),
  },
  {
    name: "completions",
    url: COMPLETIONS_URL,
    answers: completionAnswers,
    simple: {
      object: "text_completion",
      id: "1",
      created: 1,
      model: "m",
      choices: [{ text: "Grüße", index: 0, finish_reason: "stop" }],
      usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
    },
    body: (answer) => ({ model: "m", prompt: "a", n: choices(answer).length, ...usage }),
    said: (events) => events.flatMap(choices).map(({ index, text }) => [index, text ?? ""] as Json),
    saidBy: (answer) => choices(answer).map(({ index, text }) => [index, text ?? ""] as Json),
  },
  {
    name: "Responses",
    url: RESPONSES_URL,
    answers: responseAnswers,
    simple: {
      id: "resp_1",
      object: "response",
      status: "completed",
      model: "m",
      output: [
        {
          id: "msg_1",
          type: "message",
          role: "assistant",
          status: "completed",
          content: [{ type: "output_text", text: "Grüße", annotations: [] }],
        },
      ],
      usage: { input_tokens: 1, output_tokens: 1, total_tokens: 2 },
    },
    body: () => ({ model: "m", input: "a" }),
    said: textsOfResponse,
    saidBy: ({ output }) =>
      (output as JsonObject[]).map(({ content }, index) => [
        index,
        (Array.isArray(content) ? (content as JsonObject[]) : [])
          .map(({ type, text }) => (type === "output_text" ? (text as string) : ""))
          .join(""),
      ]),
  },
];

/** What is said, put together by what it belongs to; what says nothing is left out. */
function together(said: readonly Json[]): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const [index, text] of said as readonly (readonly [number, string])[]) {
    const whole = `${texts[index] ?? ""}${text}`;
    if (whole !== "") texts[index] = whole;
  }
  return texts;
}

/** The text of an event in two events. */
function shattered(event: ServerSentEvent, roll: Dice): ServerSentEvent[] {
  const data = parsed(event.data);
  const [choice] = data === undefined ? [] : choices(data);
  const delta = choice?.["delta"] as JsonObject | undefined;
  const text = data?.["delta"] ?? delta?.["content"] ?? choice?.["text"];
  if (data === undefined || typeof text !== "string" || text.length < 2) return [event];
  const at = 1 + roll.below(text.length - 1);
  // Half of a surrogate pair would not survive the encoding.
  if (!text.slice(0, at).isWellFormed()) return [event];
  return [text.slice(0, at), text.slice(at)].map((piece, part) => {
    const rest = part === 0 ? {} : { logprobs: null };
    const changed =
      typeof data["delta"] === "string"
        ? { ...data, delta: piece }
        : {
            ...data,
            choices: [
              {
                ...choice,
                ...rest,
                ...(delta === undefined ? { text: piece } : { delta: { ...delta, content: piece } }),
              },
            ],
          };
    return { event: event.event, data: JSON.stringify(changed) };
  });
}

function parsed(data: string): JsonObject | undefined {
  try {
    const value = JSON.parse(data) as Json;
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
  } catch {
    return undefined;
  }
}

function isListed({ url }: Endpoint, { n }: JsonObject): boolean {
  return url === CHAT_URL && typeof n === "number" && n > 1;
}

async function replayed(endpoint: Endpoint, body: JsonObject, given: Damaged, roll: Dice): Promise<Replayed> {
  return recordAndReplay(given, roll, (cache, upstream) => {
    const fetch = cachedFetch(cache, { ...options, fetch: upstream });
    return (stream, headers) =>
      fetch(endpoint.url, { method: "POST", body: JSON.stringify({ ...body, stream }), headers });
  });
}

describe.each(ENDPOINTS)("$name", (endpoint) => {
  test.each(DAMAGES)("a stream (%s) is sent again as it came, or was not stored", async (damage) => {
    let stored = 0;
    const runs = Math.ceil(STREAMS / ENDPOINTS.length / DAMAGES.length);
    await fc.assert(
      fc.asyncProperty(endpoint.answers, fc.nat(), async (answer, seed) => {
        const roll = dice(seed);
        const body = endpoint.body(answer);
        const events = (call(body, { url: endpoint.url, options }).toEvents(answer) ?? []).flatMap((event) =>
          shattered(event, roll),
        );
        const given = damaged(events, damage, roll);
        const { first, again, answer: made } = await replayed(endpoint, body, given, roll);
        // Nobody gets less than the provider sent, or anything else; what follows the end is nobody's.
        expect(given.bytes.subarray(0, first.byteLength).equals(first)).toBe(true);
        if (damage === "none") {
          // The line feed behind the last carriage return may come when nobody waits any more.
          expect(given.bytes.byteLength - first.byteLength).toBeLessThan(2);
          expect(again).toBeDefined();
          // Several choices in one piece are samples, each with an entry of its own.
          if (isListed(endpoint, body)) expect(made).toBeUndefined();
          else expect(telling(made)).toEqual(telling(answer));
        }
        if (again === undefined) {
          expect(made).toBeUndefined();
          return;
        }
        stored++;
        expect(again.equals(first)).toBe(true);
        const said = endpoint.said(readEvents(again).events.map(({ data }) => parsed(data) ?? {}));
        if (made !== undefined) expect(together(endpoint.saidBy(made))).toEqual(together(said));
        // What was cut and is stored nonetheless lacks nothing but its last line ends.
        if (damage.startsWith("cut")) expect(together(said)).toEqual(together(endpoint.saidBy(answer)));
      }),
      { numRuns: runs },
    );
    if (damage === "none") expect(stored).toBe(runs);
    // A changed letter is an answer like any other.
    if (damage === "byte changed" && runs > 20) expect(stored).toBeGreaterThan(0);
  });

  const simpleBytes = (): Buffer =>
    Buffer.concat(
      (call(endpoint.body(endpoint.simple), { url: endpoint.url }).toEvents(endpoint.simple) ?? []).map(writeEvent),
    );

  test("a stream that was cut, at whichever byte, is sent again as it came, or was not stored", async () => {
    const roll = dice(1);
    const answer = endpoint.simple;
    const bytes = simpleBytes();
    let stored = 0;
    for (let end = 0; end < bytes.byteLength; end++) {
      const given = { bytes: bytes.subarray(0, end), fails: end % 2 === 0 };
      const { again, answer: made } = await replayed(endpoint, endpoint.body(answer), given, roll);
      if (again === undefined) continue;
      stored++;
      if (made !== undefined) expect(made).toEqual(answer);
    }
    // Only line ends may be missing behind the last event.
    expect(stored).toBeLessThan(3);
  });

  test.each(["lost", "changed"])(
    "a stream with a byte %s, whichever, is sent again as it came, or was not stored",
    async (what) => {
      const roll = dice(2);
      const whole = simpleBytes();
      for (let at = 0; at < whole.byteLength; at += FULL ? 1 : 11) {
        const bytes = Buffer.from(
          what === "lost" ? Buffer.concat([whole.subarray(0, at), whole.subarray(at + 1)]) : whole,
        );
        if (what === "changed") bytes[at] = roll.below(256);
        const given = { bytes, fails: false };
        const { first, again, answer: made } = await replayed(endpoint, endpoint.body(endpoint.simple), given, roll);
        expect(bytes.subarray(0, first.byteLength).equals(first)).toBe(true);
        if (again === undefined) expect(made).toBeUndefined();
        else expect(again.equals(first)).toBe(true);
        const said = endpoint.said(readEvents(first).events.map(({ data }) => parsed(data) ?? {}));
        if (made !== undefined) expect(together(endpoint.saidBy(made))).toEqual(together(said));
      }
    },
  );

  test("any stream that was cut, at whichever byte, is whole or was not stored", async () => {
    const roll = dice(3);
    for (const answer of fc.sample(endpoint.answers, { numRuns: FULL ? 30 : 1, seed: 7 })) {
      const body = endpoint.body(answer);
      const bytes = Buffer.concat((call(body, { url: endpoint.url, options }).toEvents(answer) ?? []).map(writeEvent));
      for (let end = 0; end < bytes.byteLength; end += FULL ? 1 : 7) {
        const given = { bytes: bytes.subarray(0, end), fails: end % 2 === 0 };
        const { first, again, answer: made } = await replayed(endpoint, body, given, roll);
        expect(given.bytes.subarray(0, first.byteLength).equals(first)).toBe(true);
        if (again === undefined) {
          expect(made).toBeUndefined();
          continue;
        }
        const said = endpoint.said(readEvents(again).events.map(({ data }) => parsed(data) ?? {}));
        expect(together(said)).toEqual(together(endpoint.saidBy(answer)));
        if (made !== undefined) expect(telling(made)).toEqual(telling(answer));
      }
    }
  });
});
