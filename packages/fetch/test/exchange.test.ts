import { Body } from "@llmcache/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  decodeAnswer,
  encodeAnswer,
  headLine,
  headOfResponse,
  readHeadLine,
  type AnswerHead,
} from "../src/exchange.ts";
import type { WireCall } from "../src/index.ts";
import { events, wordFormat } from "./stage.ts";

function call(asked: object): WireCall {
  const read = wordFormat.read(
    { method: "POST", url: new URL("https://x/ask"), headers: new Headers() },
    Buffer.from(JSON.stringify({ q: "x", ...asked })),
  );
  if (read === undefined) throw new Error("not understood");
  return read;
}

const whole = call({});
const streaming = call({ stream: true });
const head: AnswerHead = { status: 200, form: "whole", headers: { "content-type": "application/json" } };
const eventHead: AnswerHead = {
  status: 200,
  form: "events",
  headers: { "content-type": "text/event-stream" },
  pace: [3, 10, 4, 0],
  variant: "x",
};
const text = (pieces: readonly Uint8Array[] | undefined): string | undefined =>
  pieces && Buffer.concat(pieces).toString();

describe("the stored form", () => {
  test("gives the head and the bytes back, untouched", () => {
    const bytes = Buffer.from([0, 10, 255, 13, 10]);
    const decoded = decodeAnswer(Body.bytes(encodeAnswer(head, [bytes.subarray(0, 2), bytes.subarray(2)])), whole);
    expect(decoded?.head).toEqual(head);
    expect(Buffer.concat(decoded?.pieces ?? [])).toEqual(bytes);
  });

  test("gives a stream back event by event, with its pace", () => {
    const bytes = events("a", "b", "end");
    const decoded = decodeAnswer(Body.bytes(encodeAnswer(eventHead, [bytes])), call({ stream: true, variant: "x" }));
    expect(decoded?.head).toEqual(eventHead);
    expect(decoded?.pieces.map((piece) => Buffer.from(piece).toString())).toEqual([
      "data: a\n\n",
      "data: b\n\n",
      "data: end\n\n",
    ]);
  });

  test("does not let go of the stored bytes", () => {
    const body = Body.bytes(encodeAnswer(head, [Buffer.from("abc")]));
    decodeAnswer(body, whole)?.pieces[0]?.fill(0);
    expect(text(decodeAnswer(body, whole)?.pieces)).toBe("abc");
  });

  test("serves a call in the form that it wants, with the content type of that form", () => {
    const json = Body.bytes(encodeAnswer(head, [Buffer.from(`{"a":"b c"}`)]));
    const asEvents = decodeAnswer(json, streaming);
    expect([asEvents?.head.form, asEvents?.head.headers["content-type"], text(asEvents?.pieces)]).toEqual([
      "events",
      "text/event-stream; charset=utf-8",
      Buffer.from(events("b", "c", "end")).toString(),
    ]);
    const asWhole = decodeAnswer(Body.bytes(encodeAnswer(eventHead, [events("b", "c", "end")])), whole);
    expect([
      asWhole?.head.form,
      asWhole?.head.headers["content-type"],
      text(asWhole?.pieces),
      asWhole?.head.pace,
    ]).toEqual(["whole", "application/json", `{"a":"b c"}`, undefined]);
  });

  test("is sent again unread to the variant it was recorded for, and adapted for others", () => {
    const stored = Body.bytes(encodeAnswer({ ...eventHead, variant: "loud" }, [events("a", "end")]));
    const quiet = Body.bytes(encodeAnswer({ ...eventHead, variant: "quiet" }, [events("a", "end")]));
    expect(text(decodeAnswer(stored, call({ stream: true, variant: "loud" }))?.pieces)).toContain("data: a\n");
    expect(text(decodeAnswer(quiet, call({ stream: true, variant: "loud" }))?.pieces)).toContain("data: A\n");
  });

  test("is refused where it cannot be had in the wanted form", () => {
    expect(decodeAnswer(Body.bytes(encodeAnswer(eventHead, [events("a")])), whole)).toBeUndefined();
  });
});

describe("hostile bytes", () => {
  const good = Buffer.from(encodeAnswer(eventHead, [events("a", "b", "end")]));
  const calls = [whole, streaming, call({ stream: true, variant: "x" })];
  const line = (value: unknown, rest = ""): Buffer => Buffer.from(`${JSON.stringify(value)}\n${rest}`);

  test("are nothing, wherever they are cut", () => {
    for (let end = 0; end < good.byteLength; end++) {
      for (const each of calls) expect(decodeAnswer(Body.bytes(good.subarray(0, end)), each)).toBeUndefined();
    }
    for (const each of calls) expect(decodeAnswer(Body.bytes(good), each)).toBeDefined();
  });

  test.each([
    ["nothing", ""],
    ["no line end", "{}"],
    ["no JSON", "{\n"],
    ["a list", "[]\n"],
    ["null", "null\n"],
  ])("are nothing: %s", (_name, stored) => {
    for (const each of calls) expect(decodeAnswer(Body.bytes(Buffer.from(stored)), each)).toBeUndefined();
  });

  test.each<[string, object]>([
    ["another version", { llmcacheAnswer: 2 }],
    ["no version", { llmcacheAnswer: undefined }],
    ["a status that is none", { status: 99 }],
    ["a status that Response refuses", { status: 600 }],
    ["a status that is no number", { status: "200" }],
    ["another form", { form: "x" }],
    ["no headers", { headers: null }],
    ["a header that is not on the list", { headers: { "set-cookie": "a=b" } }],
    ["a header that is no name", { headers: { "bad name": "x" } }],
    ["a header with a line end", { headers: { "content-type": "a\r\nset-cookie: b" } }],
    ["a header beyond Latin-1", { headers: { "content-type": "🙂" } }],
    ["a header that is no text", { headers: { "content-type": 1 } }],
    ["a pace that is no list", { pace: "fast" }],
    ["a pace with negative steps", { pace: [1, -1] }],
    ["a pace with fractions", { pace: [1, 0.5] }],
    ["a variant that is no text", { variant: {} }],
    ["another size", { size: 3 }],
    ["no size", { size: undefined }],
  ])("are nothing: %s", (_name, change) => {
    const value = { llmcacheAnswer: 1, size: 2, ...head, ...change };
    expect(
      decodeAnswer(Body.bytes(line({ ...value, ...(_name.endsWith("size") ? {} : { size: 2 }) }, "{}")), whole),
    ).toBeUndefined();
    expect(decodeAnswer(Body.bytes(line({ llmcacheAnswer: 1, size: 2, ...head }, "{}")), whole)).toBeDefined();
  });

  test("are nothing as a value instead of bytes", () => {
    expect(decodeAnswer(Body.json({ a: "b" }), whole)).toBeUndefined();
  });

  test("never throw, and never are more than what was stored", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat({ max: good.byteLength }), (noise, where) => {
        const damaged = Buffer.concat([good.subarray(0, where), noise, good.subarray(where + noise.byteLength)]);
        for (const each of calls) {
          try {
            decodeAnswer(Body.bytes(damaged), each);
          } catch (error) {
            // A format may throw on events of its own that are nonsense: the cache takes that for a miss. We may not.
            expect((error as Error).stack).toContain("stage.ts");
          }
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe("the head of a response", () => {
  const SECRETS = {
    "set-cookie": "session=secret",
    authorization: "secret",
    "x-request-id": "req_secret",
    "openai-organization": "org-secret",
    "openai-processing-ms": "1",
    "x-ratelimit-remaining-requests": "1",
    "cf-ray": "secret",
    date: "now",
    "content-length": "3",
    "content-encoding": "gzip",
    "transfer-encoding": "chunked",
    "cache-control": "no-store",
    age: "5",
  };

  test("holds only what is on the list", () => {
    const headers = { ...SECRETS, "content-type": "application/json", "openai-version": "v", "retry-after": "1" };
    expect(headOfResponse(new Response("", { headers }))).toEqual({
      status: 200,
      form: "whole",
      headers: { "content-type": "application/json", "openai-version": "v" },
    });
  });

  test("of a failure also holds when to try again", () => {
    const headers = { ...SECRETS, "retry-after": "1", "retry-after-ms": "5", "x-should-retry": "false" };
    expect(headOfResponse(new Response("", { status: 429, headers })).headers).toEqual({
      "retry-after": "1",
      "retry-after-ms": "5",
      "x-should-retry": "false",
      "content-type": "text/plain;charset=UTF-8",
    });
  });

  test.each([
    ["text/event-stream", "events"],
    ["Text/Event-Stream; charset=utf-8", "events"],
    ["application/json", "whole"],
    ["text/event-streaming", "whole"],
  ])("knows an event stream by its type: %s is %s", (type, form) => {
    expect(headOfResponse(new Response("", { headers: { "content-type": type } })).form).toBe(form);
  });

  test("is one line", () => {
    const line = headLine(head);
    expect(Buffer.from(line).indexOf(10)).toBe(line.byteLength - 1);
    expect(readHeadLine(line)).toMatchObject(head);
  });
});
