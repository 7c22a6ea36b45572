import type { Json, JsonObject } from "@llmcache/core";
import type { ServerSentEvent } from "@llmcache/fetch";
import { describe, expect, test } from "vitest";
import { call, RESPONSES_URL } from "./asking.ts";

const url = RESPONSES_URL;
const body = { model: "m", input: "hello" };
const streaming = { ...body, stream: true };
const asked = call(streaming, { url });

function message(said: string, more: JsonObject = {}): JsonObject {
  return {
    id: "msg_1",
    type: "message",
    role: "assistant",
    status: "completed",
    content: [{ type: "output_text", text: said, annotations: [], ...more }],
  };
}

const FUNCTION_CALL = {
  id: "fc_1",
  type: "function_call",
  call_id: "c",
  name: "f",
  arguments: '{"a":1}',
  status: "completed",
};
const ANSWER: JsonObject = {
  id: "resp_1",
  object: "response",
  status: "completed",
  model: "m",
  output: [message("Hello"), FUNCTION_CALL],
  usage: { input_tokens: 1, output_tokens: 2, total_tokens: 3 },
};

/** The stream of the answer, as it should be. */
function events(answer: JsonObject = ANSWER): ServerSentEvent[] {
  const told = asked.toEvents(answer);
  if (told === undefined) throw new Error("no stream");
  return [...told];
}

function event(data: JsonObject | string): ServerSentEvent {
  if (typeof data === "string") return { event: "message", data };
  return { event: data["type"] as string, data: JSON.stringify(data) };
}

/** The stream with every event of a type changed, or left out. */
function edited(type: string, edit: (data: JsonObject) => JsonObject | undefined): ServerSentEvent[] {
  return events().flatMap((each) => {
    if (each.event !== type) return [each];
    const changed = edit(JSON.parse(each.data) as JsonObject);
    return changed === undefined ? [] : [event(changed)];
  });
}

const without = (type: string): ServerSentEvent[] => edited(type, () => undefined);

describe("a stream made an answer", () => {
  test("is what its last event holds", () => {
    expect(asked.toAnswer(events())).toEqual(ANSWER);
  });

  test("may have its events under no names, a closing mark, padding, and events that keep it alive", () => {
    const bare = events().map(({ data }) => event(data));
    const more = [event({ type: "keepalive", sequence_number: 1 }), ...bare, event("[DONE]"), event("behind it")];
    expect(asked.toAnswer(more)).toEqual(ANSWER);
    expect(asked.toAnswer(edited("response.output_text.delta", (data) => ({ ...data, obfuscation: "xy" })))).toEqual(
      ANSWER,
    );
  });

  test("may leave out pieces altogether", () => {
    for (const type of [
      "response.created",
      "response.output_text.delta",
      "response.output_text.done",
      "response.output_item.added",
    ])
      expect(asked.toAnswer(without(type))).toEqual(ANSWER);
  });

  test.each<readonly [string, readonly ServerSentEvent[]]>([
    ["has no last event", events().slice(0, -1)],
    ["is empty", []],
    ["is only its end", [event("[DONE]")]],
    ["has an error in it", [...events().slice(0, 4), event({ type: "error", message: "x" }), ...events().slice(4)]],
    ["has an error under another name", [event({ type: "x", error: { message: "x" } }), ...events()]],
    ["has what is no JSON", [event("{"), ...events()]],
    [
      "failed",
      events()
        .slice(0, -1)
        .concat(event({ type: "response.failed", response: { ...ANSWER, status: "failed" } })),
    ],
    ["says what nobody knows", [event({ type: "response.of_tomorrow", what: 1 }), ...events()]],
    ["has sound in it", [event({ type: "response.audio.delta", delta: "AAAA" }), ...events()]],
    [
      "lacks an item at the end that came before",
      edited("response.completed", (data) => ({ ...data, response: { ...ANSWER, output: [FUNCTION_CALL] } })),
    ],
    [
      "has no output at the end",
      edited("response.completed", (data) => ({ ...data, response: { ...ANSWER, output: [] } })),
    ],
    [
      "has another text at the end",
      edited("response.completed", (data) => ({
        ...data,
        response: { ...ANSWER, output: [message("Hell"), FUNCTION_CALL] },
      })),
    ],
    ["lost a piece on the way", edited("response.output_text.delta", (data) => ({ ...data, delta: "Hel" }))],
    [
      "has other arguments at the end",
      edited("response.function_call_arguments.done", (data) => ({ ...data, arguments: "{}" })),
    ],
    ["has a piece that is no text", edited("response.output_text.delta", (data) => ({ ...data, delta: 1 }))],
    ["has a last event without a Response", edited("response.completed", () => ({ type: "response.completed" }))],
    ["goes on behind its end", [...events(), ...events().slice(3, 5)]],
    ["ends twice", [...events(), ...events().slice(-1)]],
  ])("is refused where it %s, and such a stream is not stored", (_name, told) => {
    expect(asked.toAnswer(told)).toBeUndefined();
    const stays = _name === "says what nobody knows" || _name === "has sound in it";
    expect(asked.judgeEvents(told) === "store").toBe(stays);
  });

  test("is refused where one of two texts has lost its pieces", () => {
    const two = { ...ANSWER, output: [message("Hello"), { ...message("you"), id: "msg_2" }] };
    const told = events(two);
    const first = told.findIndex(({ event: name }) => name === "response.output_text.delta");
    expect(asked.toAnswer(told)).toEqual(two);
    expect(asked.toAnswer(told.toSpliced(first, 1))).toBeUndefined();
    expect(asked.toAnswer(told.filter(({ event: name }) => name !== "response.output_text.delta"))).toEqual(two);
  });

  test("is judged and accounted for as the answer would be", () => {
    expect(asked.judgeEvents(events())).toBe("store");
    expect(asked.noteEvents(events())).toEqual({ model: "m", tokens: { input: 1, output: 2 } });
    expect(asked.noteEvents(events())).toEqual(asked.note(ANSWER));
    const cut = { ...ANSWER, status: "incomplete", incomplete_details: { reason: "max_output_tokens" } };
    expect(asked.judgeEvents(events(cut))).toBe("pass");
    expect(call({ ...streaming, max_output_tokens: 16 }, { url }).judgeEvents(events(cut))).toBe("store");
  });

  test("ends with the event that holds the Response, whatever a text says", () => {
    const ends = events().map((each) => asked.endsStream(each));
    expect(ends.indexOf(true)).toBe(ends.length - 1);
    expect(asked.endsStream(event(JSON.stringify({ type: "response.completed" })))).toBe(true);
    expect(asked.endsStream(event(JSON.stringify({ type: "x", delta: '"type":"response.completed"' })))).toBe(false);
    expect(asked.endsStream(event("response.completed{"))).toBe(false);
  });
});

describe("an answer made a stream", () => {
  test("numbers its events, and names each as it is", () => {
    for (const [number, { event: name, data }] of events().entries())
      expect(JSON.parse(data)).toMatchObject({ type: name, sequence_number: number });
    expect(events()[0]).toMatchObject({ event: "response.created" });
    expect(JSON.parse(events()[0]?.data ?? "")).toMatchObject({
      response: { status: "in_progress", output: [], usage: null },
    });
  });

  test("ends as the Response did", () => {
    const cut = { ...ANSWER, status: "incomplete", incomplete_details: { reason: "max_output_tokens" } };
    expect(events(cut).at(-1)?.event).toBe("response.incomplete");
    expect(asked.toAnswer(events(cut))).toEqual(cut);
  });

  test.each<readonly [string, Json]>([
    ["is under way", { ...ANSWER, status: "in_progress" }],
    ["failed", { ...ANSWER, status: "failed" }],
    ["has no id", { ...ANSWER, id: null }],
    ["has no output", { ...ANSWER, output: null }],
    ["has items of one id", { ...ANSWER, output: [message("a"), message("b")] }],
    ["has an item without an id", { ...ANSWER, output: [{ ...FUNCTION_CALL, id: "" }] }],
    ["has a call without its id", { ...ANSWER, output: [{ ...FUNCTION_CALL, call_id: null }] }],
    ["has a search in it", { ...ANSWER, output: [{ type: "web_search_call", id: "ws_1", status: "completed" }] }],
    ["has an image in it", { ...ANSWER, output: [{ type: "image_generation_call", id: "ig_1", result: "AAAA" }] }],
    ["has a part of tomorrow", { ...ANSWER, output: [{ ...message("a"), content: [{ type: "output_audio" }] }] }],
    [
      "has a text that is none",
      { ...ANSWER, output: [{ ...message("a"), content: [{ type: "output_text", annotations: [] }] }] },
    ],
    ["has content that is none", { ...ANSWER, output: [{ ...message("a"), content: "a" }] }],
    ["is none", "hello"],
  ])("is refused where it %s", (_name, answer) => {
    expect(asked.toEvents(answer)).toBeUndefined();
  });

  test("keeps fields that nobody knows, of the Response, its items and their parts", () => {
    const future = { ...ANSWER, future: { a: [1] }, output: [{ ...message("a", { future: 1 }), future: 2 }] };
    expect(asked.toAnswer(events(future))).toEqual(future);
  });
});
