import type { Json, JsonObject } from "@llmcache/core";
import { EventReader, readEvents, writeEvent, type ServerSentEvent } from "@llmcache/fetch";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { call } from "./asking.ts";
import { chatAnswers, runs, telling } from "./chat-answers.ts";

const body = { model: "m", messages: [{ role: "user", content: "hello" }] };
const streaming = { ...body, stream: true };
const withUsage = { ...streaming, stream_options: { include_usage: true } };

function event(chunk: Json | string): ServerSentEvent {
  return { event: "message", data: typeof chunk === "string" ? chunk : JSON.stringify(chunk) };
}

function chunk(delta: JsonObject, more: JsonObject = {}, around: JsonObject = {}): ServerSentEvent {
  return event({
    id: "1",
    object: "chat.completion.chunk",
    created: 1,
    model: "m",
    choices: [{ index: 0, delta, finish_reason: null, ...more }],
    ...around,
  });
}

const USAGE: JsonObject = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
const usage = event({ id: "1", object: "chat.completion.chunk", created: 1, model: "m", choices: [], usage: USAGE });
const stop = chunk({}, { finish_reason: "stop" });
const done = event("[DONE]");
const toAnswer = (...events: ServerSentEvent[]): Json | undefined => call(body).toAnswer(events);

const ANSWER: JsonObject = {
  id: "1",
  object: "chat.completion",
  created: 1,
  model: "m",
  choices: [{ index: 0, message: { role: "assistant", content: "a" }, finish_reason: "stop" }],
  usage: USAGE,
};

describe("a stream made an answer", () => {
  test("is put together from all its chunks", () => {
    expect(
      toAnswer(
        chunk({ role: "assistant", content: "" }),
        chunk({ content: "He" }),
        chunk({ content: "llo" }),
        stop,
        usage,
        done,
      ),
    ).toEqual({
      ...ANSWER,
      choices: [{ index: 0, message: { role: "assistant", content: "Hello" }, finish_reason: "stop" }],
    });
  });

  test("may have its usage on the last chunk, or on each", () => {
    const text = chunk({ content: "a" }, {}, { usage: { prompt_tokens: 1, completion_tokens: 0, total_tokens: 1 } });
    expect(toAnswer(text, chunk({}, { finish_reason: "stop" }, { usage: USAGE }), done)).toMatchObject({
      usage: USAGE,
    });
  });

  test.each([
    ["has no usage", [chunk({ content: "a" }), stop, done]],
    ["has no end", [chunk({ content: "a" }), usage, done]],
    [
      "has an end in one of two choices",
      [chunk({ content: "a" }), chunk({ content: "b" }, { index: 1 }), stop, usage, done],
    ],
    ["has an error in it", [chunk({ content: "a" }), event({ error: { message: "x" } }), stop, usage, done]],
    ["has an event that is called error", [chunk({ content: "a" }), { event: "error", data: "{}" }, stop, usage, done]],
    ["has what is no JSON", [chunk({ content: "a" }), event("{"), stop, usage, done]],
    [
      "has a field that nobody knows in a chunk",
      [chunk({ content: "a" }, {}, { citations: ["x"] }), stop, usage, done],
    ],
    [
      "has a field that nobody knows in a choice",
      [chunk({ content: "a" }, { content_filter_results: { hate: {} } }), stop, usage, done],
    ],
    ["has a field that nobody knows in a delta", [chunk({ content: "a", audio: { data: "x" } }), stop, usage, done]],
    [
      "has a field that nobody knows in a call",
      [chunk({ tool_calls: [{ index: 0, id: "1", extra: 1 }] }), stop, usage, done],
    ],
    [
      "has a field that nobody knows in a function",
      [
        chunk({ tool_calls: [{ index: 0, id: "1", function: { name: "f", arguments: "{}", extra: 1 } }] }),
        stop,
        usage,
        done,
      ],
    ],
    ["has content that is no text", [chunk({ content: [{ type: "text", text: "a" }] }), stop, usage, done]],
    [
      "has calls without numbers",
      [chunk({ tool_calls: [{ id: "1", function: { name: "f", arguments: "{}" } }] }), stop, usage, done],
    ],
    ["has choices without numbers", [event({ choices: [{ delta: { content: "a" } }] }), stop, usage, done]],
    ["has several ids", [chunk({ content: "a" }, {}, { id: "2" }), stop, usage, done]],
    ["has a delta that is none", [chunk({}, { delta: "a" }), stop, usage, done]],
    [
      "has log probabilities of another kind",
      [chunk({ content: "a" }, { logprobs: { text: "a" } }), stop, usage, done],
    ],
    [
      "numbers two calls alike",
      [
        chunk({ tool_calls: [{ index: 0, id: "1", type: "function", function: { name: "f", arguments: "" } }] }),
        chunk({ tool_calls: [{ index: 0, id: "2", type: "function", function: { name: "g", arguments: "{}" } }] }),
        stop,
        usage,
        done,
      ],
    ],
    ["is empty", []],
    ["is only its end", [done]],
  ] as const)("is refused where it %s", (_name, events) => {
    expect(toAnswer(...events)).toBeUndefined();
  });

  test("says nothing of what came behind its end", () => {
    expect(toAnswer(chunk({ content: "a" }), stop, usage, done, chunk({ content: "b" }))).toEqual(ANSWER);
  });

  test("may have members that say nothing, padding, and an error that is null", () => {
    expect(
      toAnswer(
        chunk({ content: "a", audio: null, tool_calls: [] }, {}, { obfuscation: "xyz", citations: [], error: null }),
        stop,
        usage,
        done,
      ),
    ).toEqual(ANSWER);
  });
});

describe("an answer made a stream", () => {
  test.each([
    ["a field that nobody knows", { ...ANSWER, citations: ["x"] }],
    ["padding, which streams alone may have", { ...ANSWER, obfuscation: "x" }],
    [
      "audio",
      {
        ...ANSWER,
        choices: [
          { index: 0, message: { role: "assistant", content: null, audio: { data: "x" } }, finish_reason: "stop" },
        ],
      },
    ],
    [
      "content in parts",
      {
        ...ANSWER,
        choices: [
          { index: 0, message: { role: "assistant", content: [{ type: "text", text: "a" }] }, finish_reason: "stop" },
        ],
      },
    ],
    [
      "no finish reason",
      { ...ANSWER, choices: [{ index: 0, message: { role: "assistant", content: "a" }, finish_reason: null }] },
    ],
    ["no numbers", { ...ANSWER, choices: [{ message: { role: "assistant", content: "a" }, finish_reason: "stop" }] }],
    [
      "numbers out of order",
      {
        ...ANSWER,
        choices: [1, 0].map((index) => ({
          index,
          message: { role: "assistant", content: "a" },
          finish_reason: "stop",
        })),
      },
    ],
    [
      "one number twice",
      {
        ...ANSWER,
        choices: [0, 0].map((index) => ({
          index,
          message: { role: "assistant", content: "a" },
          finish_reason: "stop",
        })),
      },
    ],
    ["no choices", { ...ANSWER, choices: [] }],
    [
      "something in a choice that nobody knows",
      {
        ...ANSWER,
        choices: [
          {
            index: 0,
            message: { role: "assistant", content: "a" },
            finish_reason: "stop",
            content_filter_results: { hate: {} },
          },
        ],
      },
    ],
    ["no answer", "hello"],
  ])("is refused where it has %s", (_name, answer) => {
    expect(call(streaming).toEvents(answer as unknown as Json)).toBeUndefined();
  });

  test("has its usage only where that was asked for, and is refused where it has none then", () => {
    const texts = (asked: JsonObject, answer: JsonObject): string | undefined =>
      call(asked)
        .toEvents(answer)
        ?.map(({ data }) => data)
        .join("\n");
    const { usage: _, ...without } = ANSWER;
    expect(texts(streaming, ANSWER)).not.toContain("usage");
    expect(texts(withUsage, ANSWER)).toContain(JSON.stringify(USAGE));
    expect(texts(streaming, without)).toBeDefined();
    expect(texts(withUsage, without)).toBeUndefined();
  });

  test("and put together again is the answer, however it is cut on the way", () => {
    fc.assert(
      fc.property(
        chatAnswers,
        fc.array(fc.nat(), { maxLength: 20 }),
        fc.constantFrom("\n", "\r", "\r\n"),
        (answer, cuts, newline) => {
          const events = call(withUsage).toEvents(answer);
          expect(events).toBeDefined();
          const bytes = Buffer.from(
            (events ?? []).map((each) => Buffer.from(writeEvent(each)).toString().replaceAll("\n", newline)).join(""),
          );
          const places = [...new Set([0, ...cuts.map((cut) => cut % (bytes.byteLength + 1)), bytes.byteLength])].sort(
            (a, b) => a - b,
          );
          const reader = new EventReader();
          const read = places.slice(1).flatMap((end, index) => reader.push(bytes.subarray(places[index], end)));
          expect(read).toEqual(events);
          expect(telling(call(body).toAnswer(read))).toEqual(telling(answer));
        },
      ),
      runs(300),
    );
  });
});

describe("a stream for a call that asked for another one", () => {
  const named = chunk({ content: "a" }, {}, { usage: null });

  test("loses the chunk with the usage, and the mention of it elsewhere", () => {
    expect(call(streaming).adapt([named, stop, usage, done])).toEqual([chunk({ content: "a" }), stop, done]);
  });

  test("keeps a usage that came with the text", () => {
    const text = chunk({ content: "a" }, {}, { usage: USAGE });
    expect(call(streaming).adapt([text, stop, done])).toEqual([text, stop, done]);
  });

  test("is refused where the chunk with the usage says more than that", () => {
    const more = event({ id: "1", choices: [], usage: USAGE, citations: ["x"] });
    expect(call(streaming).adapt([named, stop, more, done])).toBeUndefined();
  });

  test("is refused where it has no usage and that is asked for", () => {
    expect(call(withUsage).adapt([chunk({ content: "a" }), stop, done])).toBeUndefined();
    expect(call(withUsage).adapt([chunk({ content: "a" }), stop, usage, done])).toBe("same");
  });

  test("stays as it is where nothing has to be hidden", () => {
    expect(call(streaming).adapt([chunk({ content: "a" }), stop, done])).toBe("same");
  });
});

describe("a stream that ended", () => {
  const text = chunk({ content: "a" });
  const judge = (asked: JsonObject, ...events: ServerSentEvent[]): string =>
    call({ ...streaming, ...asked }).judgeEvents(events);
  const other = chunk({ content: "b" }, { index: 1 });
  const otherStop = chunk({}, { index: 1, finish_reason: "stop" });

  test.each([
    ["with its closing mark", {}, [text, stop, done], "store"],
    ["without its closing mark, all else being there", {}, [text, stop], "store"],
    [
      "without its closing mark and the usage that was asked for",
      { stream_options: { include_usage: true } },
      [text, stop],
      "none",
    ],
    [
      "without its closing mark, with the usage that was asked for",
      { stream_options: { include_usage: true } },
      [text, stop, usage],
      "store",
    ],
    ["without its closing mark and one of two choices", { n: 2 }, [text, stop], "none"],
    ["without its closing mark and the end of one of two choices", { n: 2 }, [text, other, stop], "none"],
    ["without its closing mark, with both choices", { n: 2 }, [text, other, stop, otherStop], "store"],
    ["with one of two choices", { n: 2 }, [text, stop, done], "pass"],
    ["without a finish reason", {}, [text, done], "none"],
    ["without anything", {}, [], "none"],
    ["with nothing but its closing mark", {}, [done], "none"],
    ["with no text", {}, [chunk({ role: "assistant", content: "" }), stop, done], "pass"],
    ["with an error in it", {}, [text, event({ error: { message: "x" } })], "fail"],
    ["with an error in it and all the rest", {}, [text, event({ error: { message: "x" } }), stop, done], "fail"],
    ["with what is no JSON", {}, [text, event("upstream timed out"), stop, done], "fail"],
    [
      "with arguments cut off",
      {},
      [chunk({ tool_calls: [{ index: 0, id: "1", function: { name: "f", arguments: "{" } }] }), stop, done],
      "pass",
    ],
    ["cut by the provider's limit", {}, [text, chunk({}, { finish_reason: "length" }), done], "pass"],
    ["cut by the caller's limit", { max_tokens: 3 }, [text, chunk({}, { finish_reason: "length" }), done], "store"],
  ] as const)("%s", (_name, asked, events, verdict) => {
    expect(judge(asked as unknown as JsonObject, ...events)).toBe(verdict);
  });

  test("too early, at whichever byte, is not stored, or lacks nothing", () => {
    fc.assert(
      fc.property(chatAnswers, fc.nat(), (answer, where) => {
        const asked = { ...withUsage, n: (answer["choices"] as readonly Json[]).length, max_tokens: 5 };
        const bytes = Buffer.concat((call(asked).toEvents(answer) ?? []).map(writeEvent));
        const { events, whole } = readEvents(bytes.subarray(0, where % (bytes.byteLength + 1)));
        const asking = call(asked);
        if (!whole || asking.judgeEvents(events) !== "store") return;
        expect(telling(asking.toAnswer(events))).toEqual(telling(answer));
      }),
      runs(1000),
    );
  });
});
