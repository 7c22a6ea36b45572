import type { Json, JsonObject } from "@llmcache/core";
import { readEvents, writeEvent } from "@llmcache/fetch";
import { startModelServer, type ChatScript, type ModelServer } from "@llmcache/testing/model-server";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { call } from "./asking.ts";

let server: ModelServer;
beforeAll(async () => {
  server = await startModelServer();
});
afterAll(() => server.close());

const body = { model: "m", messages: [{ role: "user", content: "hello" }] };
const withUsage = { ...body, stream: true, stream_options: { include_usage: true } };
const WEATHER = { id: "call_a", name: "weather", arguments: '{"city":"Köln 🙂"}' };

const SCRIPTS: Record<string, ChatScript> = {
  text: { content: "Grüße 🙂 aus Köln" },
  reasoning: { content: "4", reasoning: "two and two is four" },
  "a refusal": { refusal: "I would rather not." },
  "log probabilities": { content: "yes or no", logprobs: true },
  "log probabilities of a refusal": { refusal: "no no", logprobs: true },
  "a tool call": { toolCalls: [WEATHER] },
  "parallel tool calls": { toolCalls: [WEATHER, { id: "call_b", name: "time", arguments: "{}" }] },
  "a custom tool": { toolCalls: [{ id: "call_c", name: "shell", input: "ls -l | wc" }] },
  "a call without arguments": { toolCalls: [{ id: "call_d", name: "ping", arguments: "" }] },
  "text beside a call": { content: "Let me see.", toolCalls: [WEATHER] },
  "several choices": { choices: [{ content: "one" }, { toolCalls: [WEATHER] }, { refusal: "no" }] },
  "usage in detail": {
    content: "a",
    usage: { completion_tokens_details: { reasoning_tokens: 7 }, prompt_tokens_details: { cached_tokens: 3 } },
  },
  padding: { content: "a b c", stream: { obfuscation: true } },
  "comments and other line ends": { content: "a b c", stream: { comments: true, newline: "\r" } },
};

async function ask(script: ChatScript, asked: object): Promise<Buffer> {
  server.enqueue({ id: "chatcmpl-1", created: 1_700_000_000, ...script });
  const response = await fetch(`${server.baseURL}/chat/completions`, { method: "POST", body: JSON.stringify(asked) });
  expect(response.status).toBe(200);
  return Buffer.from(await response.arrayBuffer());
}

/** The server says `annotations: []`, which no stream can say and which says nothing. */
function telling(answer: Json): Json {
  const copy = structuredClone(answer) as unknown as { choices: { message: { annotations?: unknown[] } }[] };
  for (const { message } of copy.choices) if (message.annotations?.length === 0) delete message.annotations;
  return copy as unknown as Json;
}

describe.each(Object.entries(SCRIPTS))("%s", (_name, script) => {
  test("that came as a stream is what would have come in one piece", async () => {
    const { events, whole } = readEvents(await ask(script, withUsage));
    const json = JSON.parse((await ask(script, body)).toString()) as JsonObject;
    expect(whole).toBe(true);
    expect(call(body).toAnswer(events)).toEqual(telling(json));
  });

  test("that came in one piece is, as a stream, what would have been put together from one", async () => {
    const json = JSON.parse((await ask(script, body)).toString()) as JsonObject;
    const events = call(withUsage).toEvents(json);
    const bytes = Buffer.concat((events ?? []).map(writeEvent));
    expect(call(body).toAnswer(readEvents(bytes).events)).toEqual(telling(json));
    const straight = readEvents(await ask(script, withUsage)).events;
    expect(call(body).toAnswer(readEvents(bytes).events)).toEqual(call(body).toAnswer(straight));
    expect(events?.at(-1)?.data).toBe("[DONE]");
  });

  test("is accounted for equally in both forms", async () => {
    const { events } = readEvents(await ask(script, withUsage));
    const json = JSON.parse((await ask(script, body)).toString()) as JsonObject;
    expect(call(body).noteEvents(events)).toEqual(call(body).note(json));
    expect(call(body).note(json)).toMatchObject({
      model: "m",
      tokens: { input: expect.any(Number), output: expect.any(Number) },
    });
  });

  test("is judged equally in both forms", async () => {
    const asked = { ...withUsage, ...(script.choices === undefined ? {} : { n: script.choices.length }) };
    const { events } = readEvents(await ask(script, asked));
    const json = JSON.parse(
      (
        await ask(script, { ...body, ...(script.choices === undefined ? {} : { n: script.choices.length }) })
      ).toString(),
    ) as JsonObject;
    expect(call(asked).judgeEvents(events)).toBe(call(asked).judge(json));
  });
});

test("annotations are not lost: such an answer is not made a stream, such a stream no answer", async () => {
  const script = { content: "a", annotations: [{ type: "url_citation" }] };
  const json = JSON.parse((await ask(script, body)).toString()) as JsonObject;
  expect(call(withUsage).toEvents(json)).toBeUndefined();
  expect(call(body).toAnswer(readEvents(await ask(script, withUsage)).events)).toBeUndefined();
});
