import type { Json, JsonObject } from "@llmcache/core";
import { readEvents, writeEvent, type ServerSentEvent } from "@llmcache/fetch";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { StoreAnyway } from "../src/index.ts";
import { call, callOf, COMPLETIONS_URL, keyOf } from "./asking.ts";
import { runs, telling } from "./chat-answers.ts";
import { completionAnswers } from "./completions-answers.ts";

const url = COMPLETIONS_URL;
const body = { model: "m", prompt: "hello" };
const withUsage = { ...body, stream: true, stream_options: { include_usage: true } };
const USAGE = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };

function answer(texts: readonly string[], finishReason: Json = "stop", more: JsonObject = {}): JsonObject {
  return {
    id: "1",
    object: "text_completion",
    created: 1,
    model: "m",
    choices: texts.map((text, index) => ({ text, index, logprobs: null, finish_reason: finishReason })),
    usage: USAGE,
    ...more,
  };
}

describe("the prompt", () => {
  test("counts as text, list of texts, tokens, or list of tokens", () => {
    const prompts: Json[] = [
      "hello",
      ["hello"],
      ["hello", "hello"],
      ["hel", "lo"],
      [1, 2],
      [[1, 2]],
      [[1], [2]],
      ["1", "2"],
      "[1,2]",
      "",
    ];
    expect(new Set(prompts.map((prompt) => keyOf({ ...body, prompt }, { url }))).size).toBe(prompts.length);
  });

  test("that is missing, null or empty is not understood: such a call passes untouched", () => {
    for (const prompt of [undefined, null, [], {}, 1]) expect(callOf({ model: "m", prompt }, { url })).toBeUndefined();
  });
});

describe("the gate", () => {
  const verdict = (given: Json, more: JsonObject = {}, storeAnyway: readonly StoreAnyway[] = []): string =>
    call({ ...body, ...more }, { url, options: { storeAnyway } }).judge(given);

  test.each<readonly [string, Json, JsonObject, string]>([
    ["text", answer(["a"]), {}, "store"],
    ["white space", answer([" \n"]), {}, "store"],
    ["text cut by the caller's limit", answer(["a"], "length"), { max_tokens: 5 }, "store"],
    ["the prompt alone, with its probabilities", answer(["hello"], "length"), { max_tokens: 0, echo: true }, "store"],
    ["all of several choices", answer(["a", "b"]), { n: 2 }, "store"],
    ["a choice for each of the prompts", answer(["a", "b"]), { prompt: ["x", "y"] }, "store"],
    ["a choice for tokens", answer(["a"]), { prompt: [1, 2, 3] }, "store"],
    ["text cut without a limit", answer(["a"], "length"), {}, "pass"],
    ["filtered text", answer(["a"], "content_filter"), {}, "pass"],
    ["no text", answer([""]), {}, "pass"],
    ["no end", answer(["a"], null), {}, "pass"],
    ["one of two choices", answer(["a"]), { n: 2 }, "pass"],
    ["two choices for two prompts of two", answer(["a", "b"]), { n: 2, prompt: ["x", "y"] }, "pass"],
    ["one choice for two token prompts", answer(["a"]), { prompt: [[1], [2]] }, "pass"],
    ["a choice without text", { ...answer([]), choices: [{ index: 0, finish_reason: "stop" }] }, {}, "none"],
    ["no choices", answer([]), {}, "none"],
    ["an error", { error: { message: "x" } }, {}, "fail"],
    ["null", null, {}, "none"],
  ])("%s", (_name, given, more, expected) => {
    expect(verdict(given, more)).toBe(expected);
  });

  test("lets flaws pass that were switched on", () => {
    expect(verdict(answer([""]), {}, ["empty"])).toBe("store");
    expect(verdict(answer(["a"], "length"), {}, ["truncated"])).toBe("store");
    expect(verdict(answer(["a"], "content_filter"), {}, ["content-filter"])).toBe("store");
    expect(verdict(answer(["a"]), { n: 2 }, ["fewer-choices"])).toBe("store");
  });
});

describe("conversion", () => {
  test("of an answer into a stream and back loses nothing", () => {
    fc.assert(
      fc.property(completionAnswers, (given) => {
        const asked = call(withUsage, { url });
        const bytes = Buffer.concat((asked.toEvents(given) ?? []).map(writeEvent));
        expect(telling(asked.toAnswer(readEvents(bytes).events))).toEqual(telling(given));
      }),
      runs(300),
    );
  });

  test.each<readonly [string, JsonObject]>([
    ["fields that nobody knows", answer(["a"], "stop", { citations: ["x"] })],
    [
      "fields of a choice that nobody knows",
      { ...answer([]), choices: [{ text: "a", index: 0, finish_reason: "stop", seed: 1 }] },
    ],
    ["no end", answer(["a"], null)],
    ["another kind", answer(["a"], "stop", { object: "other" })],
  ])("is refused for %s", (_name, given) => {
    expect(call(withUsage, { url }).toEvents(given)).toBeUndefined();
  });

  const chunk = (piece: JsonObject, more: JsonObject = {}): ServerSentEvent => ({
    event: "message",
    data: JSON.stringify({
      id: "1",
      object: "text_completion",
      created: 1,
      model: "m",
      choices: [{ index: 0, ...piece }],
      ...more,
    }),
  });
  const done = { event: "message", data: "[DONE]" };
  const usage: ServerSentEvent = { event: "message", data: JSON.stringify({ id: "1", choices: [], usage: USAGE }) };
  const stop = chunk({ text: "", finish_reason: "stop" });

  test("puts the pieces of a stream together, with their probabilities", () => {
    const logprobs = (token: string, offset: number): JsonObject => ({
      tokens: [token],
      token_logprobs: [-1],
      top_logprobs: null,
      text_offset: [offset],
    });
    const asked = call(body, { url });
    const told = [
      chunk({ text: "He", logprobs: logprobs("He", 0) }),
      chunk({ text: "y", logprobs: logprobs("y", 2) }),
      stop,
      usage,
      done,
    ];
    expect(asked.toAnswer(told)).toMatchObject({
      object: "text_completion",
      choices: [{ text: "Hey", finish_reason: "stop", logprobs: { tokens: ["He", "y"], text_offset: [0, 2] } }],
      usage: USAGE,
    });
    expect(asked.noteEvents(told)).toEqual({ model: "m", tokens: { input: 1, output: 1 } });
  });

  test.each<readonly [string, readonly ServerSentEvent[], string]>([
    ["whole", [chunk({ text: "a" }), stop, done], "store"],
    ["without its closing mark, all else being there", [chunk({ text: "a" }), stop], "store"],
    ["without its end", [chunk({ text: "a" }), done], "none"],
    ["with an error in it", [chunk({ text: "a" }), { event: "message", data: '{"error":{"message":"x"}}' }], "fail"],
    ["with no text", [stop, done], "pass"],
  ])("of a stream: %s", (_name, told, verdict) => {
    expect(call({ ...body, stream: true }, { url }).judgeEvents(told)).toBe(verdict);
  });

  test("of a stream without usage is refused", () => {
    expect(call(body, { url }).toAnswer([chunk({ text: "a" }), stop, done])).toBeUndefined();
    expect(call(withUsage, { url }).adapt([chunk({ text: "a" }), stop, done])).toBeUndefined();
    expect(call({ ...body, stream: true }, { url }).adapt([chunk({ text: "a" }), stop, usage, done])).toEqual([
      chunk({ text: "a" }),
      stop,
      done,
    ]);
  });
});
