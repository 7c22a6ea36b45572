import type { JsonObject } from "@llmcache/core";
import { describe, expect, test } from "vitest";
import type { OpenAIFormatsOptions } from "../src/index.ts";
import { call, CHAT_URL, COMPLETIONS_URL, keyOf, RESPONSES_URL } from "./asking.ts";

const messages = [{ role: "user", content: "hello" }];

function chatAnswer(model: JsonObject["x"]): JsonObject {
  return {
    id: "1",
    object: "chat.completion",
    created: 1,
    ...(model === undefined ? {} : { model }),
    choices: [{ index: 0, message: { role: "assistant", content: "a" }, finish_reason: "stop" }],
  };
}

const verdict = (
  asked: string,
  answered: JsonObject["x"],
  options: OpenAIFormatsOptions = {},
  url = CHAT_URL,
): string => call({ model: asked, messages }, { url, options }).judge(chatAnswer(answered));

describe("an answer is stored if it comes from the model that was asked", () => {
  test.each([
    ["gpt-4o", "gpt-4o"],
    ["gpt-4o", "gpt-4o-2024-08-06"],
    ["gpt-4o", "GPT-4o"],
    ["gpt-4", "gpt-4-0613"],
    ["gpt-4", "gpt-4:latest"],
    ["openai/gpt-4o", "gpt-4o-2024-08-06"],
    ["gpt-4o", "openai/gpt-4o"],
    ["openrouter/openai/gpt-4o", "openai/gpt-4o"],
    ["chatgpt-4o-latest", "chatgpt-4o-latest"],
    ["gpt-4o-latest", "gpt-4o-2024-11-20"],
    ["mistral-large-latest", "mistral-large-2411"],
    ["mistral-large-latest", "mistral-large"],
    ["llama3:latest", "llama3"],
    ["claude-sonnet-4", "claude-sonnet-4-20250514"],
    ["claude-3-5-sonnet", "claude-3-5-sonnet@20240620"],
    ["gemini-1.5-pro", "gemini-1.5-pro-002"],
    ["command-r", "command-r-08-2024"],
    ["gemini-2.5-flash-preview", "gemini-2.5-flash-preview-04-17"],
    ["accounts/fireworks/models/llama-v3p1-8b-instruct", "accounts/fireworks/models/llama-v3p1-8b-instruct"],
  ])("%s: %s", (asked, answered) => {
    expect(verdict(asked, answered)).toBe("store");
  });

  test.each([[undefined], [null], [""], [4]])("or names none: %j", (model) => {
    expect(verdict("gpt-4o", model as unknown as string)).toBe("store");
  });
});

describe("an answer of another model is handed over only", () => {
  test.each([
    ["gpt-4o", "gpt-4o-mini"],
    ["gpt-4o-mini", "gpt-4o"],
    ["gpt-4o", "gpt-4o-mini-2024-07-18"],
    ["gpt-4o", "gpt-4.1"],
    ["gpt-4o", "gpt-4o-audio-preview-2024-12-17"],
    ["gpt-4", "gpt-4-32k"],
    ["gpt-4", "gpt-4-1106-preview"],
    ["gpt-4", "gpt-4-3264"],
    ["gpt-4", "gpt-4-9999"],
    ["gpt-4o-2024-08-06", "gpt-4o-2024-11-20"],
    ["gpt-4o-2024-08-06", "gpt-4o"],
    ["gpt-4o-latest", "gpt-4o-mini-2024-07-18"],
    ["claude-opus-4", "claude-opus-4-1"],
    ["meta/llama-3", "someone/llama-3"],
    ["openai/gpt-4o", "azure/gpt-4o"],
    ["auto", "gpt-4o"],
    ["o1", "o1-mini"],
    ["o1", "o12024"],
    ["llama-3-8b", "llama-3-70b"],
    ["-latest", "-2024-08-06"],
  ])("%s: %s", (asked, answered) => {
    expect(verdict(asked, answered)).toBe("pass");
  });

  test("unless that was switched on, or an alias or a deployment stands for the model", () => {
    expect(verdict("gpt-4o", "gpt-3.5", { storeOtherModels: true })).toBe("store");
    expect(verdict("gpt-4o", "gpt-3.5", { alias: { "gpt-4o": "best" } })).toBe("store");
    expect(verdict("gpt-4o", "gpt-3.5", { alias: { other: "best" } })).toBe("pass");
    const azure = "https://x.openai.azure.com/openai/deployments/mine/chat/completions?api-version=1";
    expect(verdict("mine", "gpt-4o-2024-08-06", {}, azure)).toBe("store");
    expect(verdict("mine", "gpt-4o-2024-08-06", {}, "https://x.openai.azure.com/openai/v1/chat/completions")).toBe(
      "store",
    );
    expect(verdict("mine", "gpt-4o-2024-08-06", {}, "https://x.azure.example/v1/chat/completions")).toBe("pass");
  });

  test("in Responses, completions and streams too; a failure stays one", () => {
    const text = {
      id: "msg_1",
      type: "message",
      role: "assistant",
      content: [{ type: "output_text", text: "a", annotations: [] }],
    };
    const response = { id: "r", status: "completed", model: "gpt-3.5", output: [text] };
    const responses = call({ model: "gpt-4o", input: "a", stream: true }, { url: RESPONSES_URL });
    expect(responses.judge(response)).toBe("pass");
    expect(responses.judgeEvents(responses.toEvents(response) ?? [])).toBe("pass");
    expect(responses.judge({ ...response, model: "gpt-4o-2024-08-06" })).toBe("store");
    const completion = { model: "davinci", choices: [{ text: "a", index: 0, finish_reason: "stop" }] };
    expect(call({ model: "babbage-002", prompt: "a" }, { url: COMPLETIONS_URL }).judge(completion)).toBe("pass");
    const chat = call({ model: "gpt-4o", messages, stream: true });
    expect(chat.judgeEvents(chat.toEvents(chatAnswer("gpt-3.5")) ?? [])).toBe("pass");
    expect(chat.judgeEvents(chat.toEvents(chatAnswer("gpt-4o")) ?? [])).toBe("store");
    expect(chat.judge({ error: { message: "x" }, model: "gpt-3.5" })).toBe("fail");
  });
});

describe("an alias", () => {
  const at = (url: string, model: string, options: OpenAIFormatsOptions): string =>
    keyOf({ model, messages }, { url, options });
  const fireworks = "https://api.fireworks.ai/inference/v1/chat/completions";
  const alias = { "accounts/fireworks/models/llama-v3": "llama-v3", "meta/llama-v3": "llama-v3", llama: "other" };

  test("makes one of the names that providers give a model", () => {
    const ids = [
      at(fireworks, "accounts/fireworks/models/llama-v3", { alias }),
      at(CHAT_URL, "meta/llama-v3", { alias }),
      at(CHAT_URL, "x", { alias: (model) => (model === "x" ? "llama-v3" : undefined) }),
      at(CHAT_URL, "meta/llama-v3", { alias, provider: "mine" }),
    ];
    expect(new Set(ids).size).toBe(1);
  });

  test("concerns nothing else: other models, other requests, models of that very name elsewhere", () => {
    const options = { alias };
    const ids = [
      at(CHAT_URL, "meta/llama-v3", options),
      at(CHAT_URL, "llama", options),
      at(CHAT_URL, "llama-v3", options),
      at(fireworks, "llama-v3", options),
      keyOf({ model: "meta/llama-v3", messages, seed: 1 }, { options }),
    ];
    expect(new Set(ids).size).toBe(ids.length);
    expect(at(CHAT_URL, "llama-v3", options)).toBe(at(CHAT_URL, "llama-v3", {}));
  });

  test("is no name that objects have by themselves, and no empty one", () => {
    for (const model of ["constructor", "toString", "__proto__"])
      expect(at(CHAT_URL, model, { alias: {} })).toBe(at(CHAT_URL, model, {}));
    expect(at(CHAT_URL, "a", { alias: { a: "" } })).toBe(at(CHAT_URL, "a", {}));
  });

  test("may name an Azure deployment", () => {
    const url = "https://x.azure.com/openai/deployments/mine/chat/completions?api-version=1";
    const options = { alias: { mine: "gpt-4o", "gpt-4o": "gpt-4o" } };
    expect(keyOf({ messages }, { url, options })).toBe(at(CHAT_URL, "gpt-4o", options));
  });
});
