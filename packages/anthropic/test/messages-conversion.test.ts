import type { Json, JsonObject } from "@llmcache/core";
import { readEvents, writeEvent, type ServerSentEvent } from "@llmcache/fetch";
import { describe, expect, test } from "vitest";
import { call } from "./asking.ts";

const body = { model: "claude-sonnet-5", max_tokens: 100, messages: [{ role: "user", content: "a" }] };
const wire = call(body);

const usage = {
  input_tokens: 3,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 9,
  cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
  output_tokens: 7,
  service_tier: "standard",
  server_tool_use: null,
};
const text = { type: "text", text: "Grüße 🙂", citations: null };
const message: JsonObject = {
  id: "msg_1",
  type: "message",
  role: "assistant",
  model: "claude-sonnet-5",
  content: [text],
  stop_reason: "end_turn",
  stop_sequence: null,
  stop_details: null,
  container: null,
  usage,
};
const cited = {
  type: "char_location",
  cited_text: "x",
  document_index: 0,
  document_title: null,
  start_char_index: 0,
  end_char_index: 1,
};

describe("a message is told as a stream that amounts to it", () => {
  const blocks: readonly (readonly [string, JsonObject])[] = [
    ["text", text],
    ["text without citations", { type: "text", text: "a" }],
    ["empty text", { type: "text", text: "", citations: null }],
    ["text with citations", { type: "text", text: "a", citations: [cited, { ...cited, document_index: 1 }] }],
    ["text with an empty list of citations", { type: "text", text: "a", citations: [] }],
    ["thoughts", { type: "thinking", thinking: "hm\nhm", signature: "sig==" }],
    ["thoughts that are not shown", { type: "thinking", thinking: "", signature: "sig==" }],
    ["redacted thoughts", { type: "redacted_thinking", data: "xyz" }],
    ["a call", { type: "tool_use", id: "1", name: "f", input: { city: "Köln", n: [1, { a: null }] } }],
    ["a call without input", { type: "tool_use", id: "1", name: "f", input: {}, caller: { type: "direct" } }],
    ["a search for tools", { type: "server_tool_use", id: "1", name: "tool_search_tool_regex", input: { q: "a" } }],
    ["its result", { type: "tool_search_tool_result", tool_use_id: "1", content: { tool_references: [] } }],
  ];

  test.each(blocks)("%s", (_name, block) => {
    const answer = { ...message, content: [block, text, block] };
    const events = wire.toEvents(answer) ?? [];
    expect(wire.toAnswer(events)).toEqual(answer);
    // Over the wire and back, too.
    expect(wire.toAnswer(readEvents(Buffer.concat(events.map(writeEvent))).events)).toEqual(answer);
  });

  test("in Anthropic's order, with its names", () => {
    const events =
      wire.toEvents({ ...message, content: [{ type: "tool_use", id: "1", name: "f", input: { a: 1 } }] }) ?? [];
    expect(events.map(({ event }) => event)).toEqual([
      "message_start",
      "content_block_start",
      "content_block_delta",
      "content_block_stop",
      "message_delta",
      "message_stop",
    ]);
    const told = events.map(({ data }) => JSON.parse(data) as JsonObject);
    expect(told[0]).toMatchObject({
      message: { content: [], stop_reason: null, usage: { output_tokens: 0, input_tokens: 3 } },
    });
    expect(told[2]).toEqual({
      type: "content_block_delta",
      index: 0,
      delta: { type: "input_json_delta", partial_json: '{"a":1}' },
    });
    expect(told[4]).toEqual({
      type: "message_delta",
      delta: { stop_reason: "end_turn", stop_sequence: null, stop_details: null, container: null },
      usage: {
        input_tokens: 3,
        cache_creation_input_tokens: 0,
        cache_read_input_tokens: 9,
        output_tokens: 7,
        server_tool_use: null,
      },
    });
  });

  test("with all that it says besides", () => {
    for (const more of [
      { stop_reason: "stop_sequence", stop_sequence: "END" },
      { stop_reason: "refusal", stop_details: { type: "refusal", category: null } },
      { context_management: { applied_edits: [] }, diagnostics: null, something: { new: 1 } },
      { usage: { ...usage, output_tokens_details: { thinking_tokens: 3 }, iterations: [{ type: "message" }] } },
    ])
      expect(wire.toAnswer(wire.toEvents({ ...message, ...more }) ?? [])).toEqual({ ...message, ...more });
  });
});

test("a message that a stream cannot say is not told as one", () => {
  const strange: readonly JsonObject[] = [
    { content: [{ type: "new_thing" }] },
    { content: [{ type: "compaction", content: "c", encrypted_content: null }] },
    { content: [{ ...text, text: 1 }] },
    { content: ["a"] },
    { content: [{ type: "tool_use", id: "1", name: "f", input: "a" }] },
    { content: [{ type: "tool_use", id: "1", name: "f", input: { n: 2 ** 60 } }] },
    { content: [{ type: "text", text: "a", citations: ["a"] }] },
    { content: null },
    { usage: null },
    { stop_reason: null },
  ];
  for (const more of strange) expect(wire.toEvents({ ...message, ...more })).toBeUndefined();
  expect(wire.toEvents("a")).toBeUndefined();
});

const whole = (): ServerSentEvent[] => [...(wire.toEvents(message) ?? [])];
const event = (data: JsonObject, name = data["type"] as string): ServerSentEvent => ({
  event: name,
  data: JSON.stringify(data),
});

describe("a stream", () => {
  test("is stored and put together, with pings in it", () => {
    const events = [event({ type: "ping" }), ...whole().flatMap((each) => [each, event({ type: "ping" })])];
    expect(wire.judgeEvents(events)).toBe("store");
    expect(wire.toAnswer(events)).toEqual(message);
    expect(wire.noteEvents(events)).toEqual({ model: "claude-sonnet-5", tokens: { input: 12, output: 7 } });
  });

  test("in pieces is put together", () => {
    const [start, , , , end, stop] = whole() as [
      ServerSentEvent,
      unknown,
      unknown,
      unknown,
      ServerSentEvent,
      ServerSentEvent,
    ];
    const told = (index: number, block: JsonObject, ...deltas: JsonObject[]): ServerSentEvent[] => [
      event({ type: "content_block_start", index, content_block: block }),
      ...deltas.map((delta) => event({ type: "content_block_delta", index, delta })),
      event({ type: "content_block_stop", index }),
    ];
    const events = [
      start,
      ...told(
        0,
        { type: "thinking", thinking: "", signature: "" },
        { type: "thinking_delta", thinking: "h" },
        { type: "thinking_delta", thinking: "m" },
        { type: "signature_delta", signature: "s" },
      ),
      ...told(
        1,
        { type: "text", text: "", citations: [] },
        { type: "text_delta", text: "a" },
        { type: "citations_delta", citation: cited },
        { type: "text_delta", text: "b" },
      ),
      ...told(
        2,
        { type: "tool_use", id: "1", name: "f", input: {} },
        { type: "input_json_delta", partial_json: "" },
        { type: "input_json_delta", partial_json: '{"a":' },
        { type: "input_json_delta", partial_json: '"ü"}' },
      ),
      end,
      stop,
    ];
    expect(wire.toAnswer(events)).toEqual({
      ...message,
      content: [
        { type: "thinking", thinking: "hm", signature: "s" },
        { type: "text", text: "ab", citations: [cited] },
        { type: "tool_use", id: "1", name: "f", input: { a: "ü" } },
      ],
    });
  });

  test("with an error in it is a failure", () => {
    const error = { type: "error", error: { type: "overloaded_error", message: "Overloaded" } };
    for (let at = 0; at < whole().length; at++) {
      expect(wire.judgeEvents(whole().toSpliced(at, 0, event(error)))).toBe("fail");
      expect(wire.toAnswer(whole().toSpliced(at, 0, event(error)))).toBeUndefined();
      expect(wire.judgeEvents(whole().toSpliced(at, 1, { event: "message", data: "{" }))).toBe("fail");
    }
  });

  test.each([0, 1, 2, 3, 4, 5])("that lacks its event %i, or has it twice, is not stored", (at) => {
    const lacking = whole().toSpliced(at, 1);
    const twice = whole().toSpliced(at, 0, whole()[at] as ServerSentEvent);
    expect(wire.judgeEvents(lacking)).toBe("none");
    expect(wire.toAnswer(lacking)).toBeUndefined();
    // A piece may well come twice. A second end of the message repeats the first; what follows the stop is nobody's.
    if (at < 4 && at !== 2) expect(wire.judgeEvents(twice)).toBe("none");
  });

  const [start, begin, delta, stopped, end, stop] = whole() as [ServerSentEvent, ...ServerSentEvent[]];
  test.each<readonly [string, readonly (ServerSentEvent | undefined)[]]>([
    [
      "events without their names",
      [start, begin, delta, stopped, end, stop].map((each) => ({ event: "message", data: each?.data ?? "" })),
    ],
    [
      "a piece for another block",
      [
        start,
        begin,
        event({ type: "content_block_delta", index: 1, delta: { type: "text_delta", text: "a" } }),
        stopped,
        end,
        stop,
      ],
    ],
    [
      "a piece of another kind",
      [
        start,
        begin,
        event({ type: "content_block_delta", index: 0, delta: { type: "thinking_delta", thinking: "a" } }),
        stopped,
        end,
        stop,
      ],
    ],
    [
      "a piece that is none",
      [
        start,
        begin,
        event({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text: 1 } }),
        stopped,
        end,
        stop,
      ],
    ],
    ["a piece behind the end of its block", [start, begin, stopped, delta, end, stop]],
    [
      "a block out of turn",
      [start, event({ type: "content_block_start", index: 1, content_block: { type: "text", text: "" } }), end, stop],
    ],
    ["no start", [begin, delta, stopped, end, stop]],
    ["no reason", [start, begin, delta, stopped, event({ type: "message_delta", delta: {} }), stop]],
    ["content before it begins", [event({ type: "message_start", message }), begin, delta, stopped, end, stop]],
  ])("with %s is not stored", (_name, events) => {
    expect(wire.judgeEvents(events as ServerSentEvent[])).toBe("none");
    expect(wire.toAnswer(events as ServerSentEvent[])).toBeUndefined();
  });

  test.each<readonly [string, readonly (ServerSentEvent | undefined)[]]>([
    ["an event that nobody knows", [start, event({ type: "news" }), begin, delta, stopped, end, stop]],
    [
      "a piece that nobody knows",
      [
        start,
        begin,
        delta,
        event({ type: "content_block_delta", index: 0, delta: { type: "new_delta", x: 1 } }),
        stopped,
        end,
        stop,
      ],
    ],
    [
      "a member that nobody knows",
      [start, begin, delta, stopped, event({ ...(JSON.parse(end?.data ?? "") as JsonObject), news: 1 }), stop],
    ],
    [
      "a piece with more in it",
      [
        start,
        begin,
        event({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "a", x: 1 } }),
        stopped,
        end,
        stop,
      ],
    ],
  ])("with %s is stored, and sent again only as a stream", (_name, events) => {
    expect(wire.judgeEvents(events as ServerSentEvent[])).toBe("store");
    expect(wire.toAnswer(events as ServerSentEvent[])).toBeUndefined();
  });

  test("with a call whose input is no JSON, or holds a number that would be changed, is not put together", () => {
    const calling = (partial_json: string): ServerSentEvent[] => [
      start,
      event({
        type: "content_block_start",
        index: 0,
        content_block: { type: "tool_use", id: "1", name: "f", input: {} },
      }),
      event({ type: "content_block_delta", index: 0, delta: { type: "input_json_delta", partial_json } }),
      stopped as ServerSentEvent,
      end as ServerSentEvent,
      stop as ServerSentEvent,
    ];
    expect(wire.judgeEvents(calling('{"a":1'))).toBe("pass");
    expect(wire.toAnswer(calling('{"a":1'))).toBeUndefined();
    expect(wire.judgeEvents(calling("[]"))).toBe("pass");
    expect(wire.judgeEvents(calling('{"a":9007199254740993}'))).toBe("store");
    expect(wire.toAnswer(calling('{"a":9007199254740993}'))).toBeUndefined();
    const input = ((wire.toAnswer(calling('{"a":1}')) as JsonObject)["content"] as Json[])[0];
    expect(input).toEqual({ type: "tool_use", id: "1", name: "f", input: { a: 1 } });
  });

  test("in which a text or a call has no piece at all is not stored: pieces were lost", () => {
    expect(wire.judgeEvents(whole().toSpliced(2, 1))).toBe("none");
    const calling = wire.toEvents({ ...message, content: [{ type: "tool_use", id: "1", name: "f", input: { a: 1 } }] });
    expect(wire.judgeEvents(calling ?? [])).toBe("store");
    expect(wire.judgeEvents((calling ?? []).toSpliced(2, 1))).toBe("none");
  });

  test("of Bedrock is put together without its metrics", () => {
    const metrics = event({ type: "message_stop", "amazon-bedrock-invocationMetrics": { inputTokenCount: 1 } });
    expect(wire.toAnswer([...whole().slice(0, -1), metrics])).toEqual(message);
  });

  test("ends with message_stop, or with an error", () => {
    expect(wire.endsStream({ event: "error", data: "{}" })).toBe(true);
    expect(whole().map((each) => wire.endsStream(each))).toEqual([false, false, false, false, false, true]);
    expect(wire.endsStream({ event: "message", data: '{"type":"message_stop"}' })).toBe(true);
    expect(wire.endsStream({ event: "message", data: '{"text":"message_stop"}' })).toBe(false);
  });
});
