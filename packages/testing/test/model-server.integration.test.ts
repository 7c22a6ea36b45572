import OpenAI, { AzureOpenAI } from "openai";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createChunkGate, createGate, startModelServer } from "../src/model-server.ts";
import type { ModelServer, StreamScript } from "../src/model-server.ts";

let server: ModelServer;
let client: OpenAI;

beforeEach(async () => {
  server = await startModelServer({ apiKeys: ["sk-test"] });
  client = new OpenAI({
    apiKey: "sk-test",
    baseURL: server.baseURL,
    maxRetries: 0,
    logLevel: "off",
  });
});
afterEach(() => server.close());

const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: "user", content: "hello" }];
const ask = { model: "gpt-4o-mini", messages };
const retryAtOnce = { "retry-after-ms": "1" };

async function read(stream: AsyncIterable<OpenAI.ChatCompletionChunk>): Promise<string> {
  let text = "";
  for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
  return text;
}

describe("the openai client", () => {
  test("gets an answer", async () => {
    const completion = await client.chat.completions.create(ask);
    expect(completion.choices[0]?.message.content).toBe("answer 1 to: hello");
    expect(completion.usage?.prompt_tokens_details?.cached_tokens).toBe(0);
    expect(completion._request_id).toBe("req_000001");
  });

  test("gets the raw response with its headers", async () => {
    const { data, response } = await client.chat.completions.create(ask).withResponse();
    expect(data.id).toBe("chatcmpl-000001");
    expect(response.headers.get("openai-processing-ms")).toBe("101");
    expect(response.headers.getSetCookie()).toHaveLength(1);
  });

  test("gets n choices", async () => {
    const completion = await client.chat.completions.create({ ...ask, n: 2 });
    const contents = completion.choices.map((choice) => choice.message.content);
    expect(new Set(contents).size).toBe(2);
  });

  test("gets tool calls", async () => {
    server.enqueue({ toolCalls: [{ name: "weather", arguments: '{"city":"Paris"}' }] });
    const completion = await client.chat.completions.create(ask);
    const [call] = completion.choices[0]?.message.tool_calls ?? [];
    expect(call?.type === "function" && JSON.parse(call.function.arguments)).toEqual({
      city: "Paris",
    });
    expect(completion.choices[0]?.finish_reason).toBe("tool_calls");
  });

  test("runs tools until the model is done", async () => {
    server.enqueue({ toolCalls: [{ name: "add", arguments: '{"a":1,"b":2}' }] }, { content: "It is 3." });
    const runner = client.chat.completions.runTools({
      ...ask,
      tools: [
        {
          type: "function",
          function: {
            name: "add",
            description: "adds",
            parameters: {
              type: "object",
              properties: { a: { type: "number" }, b: { type: "number" } },
            },
            parse: (text: string) => JSON.parse(text) as { a: number; b: number },
            function: ({ a, b }: { a: number; b: number }) => String(a + b),
          },
        },
      ],
    });
    expect(await runner.finalContent()).toBe("It is 3.");
    expect(server.requests[1]?.json()).toMatchObject({
      messages: [{}, {}, { role: "tool", content: "3" }],
    });
  });

  test("parses a structured answer", async () => {
    server.enqueue({ content: '{"n": 3}' });
    const completion = await client.chat.completions.parse({
      ...ask,
      response_format: {
        type: "json_schema",
        json_schema: { name: "n", schema: { type: "object" }, strict: true },
      },
    });
    expect(JSON.parse(completion.choices[0]?.message.content ?? "")).toEqual({ n: 3 });
  });

  test("lists models", async () => {
    const ids: string[] = [];
    for await (const model of client.models.list()) ids.push(model.id);
    expect(ids).toEqual(["gpt-4o", "gpt-4o-mini"]);
  });

  test("for Azure gets an answer, too", async () => {
    const azure = new AzureOpenAI({
      endpoint: server.url,
      apiKey: "sk-test",
      apiVersion: "2024-10-21",
      deployment: "my-gpt",
    });
    const completion = await azure.chat.completions.create(ask);
    expect(completion.choices[0]?.message.content).toBe("answer 1 to: hello");
    expect(server.requests[0]).toMatchObject({
      path: "/openai/deployments/my-gpt/chat/completions",
    });
  });
});

describe("the openai client, streaming", () => {
  test("gets the chunks of an answer", async () => {
    const stream = await client.chat.completions.create({ ...ask, stream: true });
    expect(await read(stream)).toBe("answer 1 to: hello");
  });

  test("gets usage in the last chunk if it asks for it", async () => {
    const stream = await client.chat.completions.create({
      ...ask,
      stream: true,
      stream_options: { include_usage: true },
    });
    const usages: unknown[] = [];
    for await (const chunk of stream) usages.push(chunk.usage);
    expect(usages.at(-1)).toMatchObject({ total_tokens: expect.any(Number) });
    expect(usages.slice(0, -1).every((usage) => usage === null)).toBe(true);
  });

  test("puts the same answer together that it gets without streaming", async () => {
    const script = {
      content: "Grüße – 😀 and more",
      id: "chatcmpl-same",
      created: 7,
      logprobs: true,
    } as const;
    server.enqueue(script, script);
    const whole = await client.chat.completions.create(ask);
    const streamed = await client.chat.completions.stream(ask).finalChatCompletion();
    expect(streamed.choices[0]?.message).toMatchObject({
      role: "assistant",
      content: script.content,
      refusal: null,
    });
    expect(streamed.choices[0]?.logprobs).toEqual(whole.choices[0]?.logprobs);
    for (const name of ["id", "created", "model", "system_fingerprint", "service_tier"] as const) {
      expect(streamed[name]).toEqual(whole[name]);
    }
  });

  test("puts tool calls together", async () => {
    server.enqueue({
      content: "Let me see.",
      toolCalls: [
        { id: "c0", name: "weather", arguments: '{"city": "Paris", "unit": "C"}' },
        { id: "c1", name: "time", arguments: "{}" },
      ],
    });
    const final = await client.chat.completions.stream(ask).finalChatCompletion();
    expect(final.choices[0]).toMatchObject({
      finish_reason: "tool_calls",
      message: {
        content: "Let me see.",
        tool_calls: [
          {
            id: "c0",
            type: "function",
            function: { name: "weather", arguments: '{"city": "Paris", "unit": "C"}' },
          },
          { id: "c1", type: "function", function: { name: "time", arguments: "{}" } },
        ],
      },
    });
  });

  test("puts a refusal together", async () => {
    server.enqueue({ refusal: "I can't help with that." });
    const final = await client.chat.completions.stream(ask).finalChatCompletion();
    expect(final.choices[0]?.message).toMatchObject({
      content: null,
      refusal: "I can't help with that.",
    });
  });

  test("puts n choices together", async () => {
    server.enqueue({
      choices: [{ content: "one" }, { content: "two words", finishReason: "length" }],
    });
    const final = await client.chat.completions.stream({ ...ask, n: 2 }).finalChatCompletion();
    expect(final.choices.map((choice) => [choice.index, choice.message.content, choice.finish_reason])).toEqual([
      [0, "one", "stop"],
      [1, "two words", "length"],
    ]);
  });

  test("sees the reasoning of other providers", async () => {
    server.enqueue({ content: "yes", reasoning: "let me think" });
    const stream = await client.chat.completions.create({ ...ask, stream: true });
    let reasoning = "";
    for await (const chunk of stream) {
      reasoning += (chunk.choices[0]?.delta as { reasoning_content?: string } | undefined)?.reasoning_content ?? "";
    }
    expect(reasoning).toBe("let me think");
  });

  const content = "Grüße – 😀, two words";
  const framings: StreamScript[] = [
    { split: "bytes" },
    { split: 5 },
    { split: "utf8" },
    { split: "lines" },
    { newline: "\r\n" },
    { newline: "\r" },
    { newline: "\r\n", split: "lines" },
    { comments: true },
    { comments: true, newline: "\r\n", split: "bytes" },
    { done: false },
    { pieces: 40 },
    { pieces: ["Grüße", " – 😀, two words"] },
    { obfuscation: true },
    { chunkDelayMs: 0 },
  ];
  test.for(framings)("understands %o", async (stream) => {
    server.enqueue({ content, stream });
    expect(await read(await client.chat.completions.create({ ...ask, stream: true }))).toBe(content);
  });

  test("gets each chunk when the test lets it through", async () => {
    const gate = createChunkGate();
    server.enqueue({ stream: { pieces: ["a", "b", "c"], gate } });
    const stream = await client.chat.completions.create({ ...ask, stream: true });
    const contents = stream[Symbol.asyncIterator]();
    const next = async (): Promise<unknown> => (await contents.next()).value?.choices[0]?.delta.content;
    gate.pass(2);
    expect([await next(), await next()]).toEqual(["", "a"]);
    gate.pass(1);
    expect(await next()).toBe("b");
    gate.open();
    expect([await next(), await next()]).toEqual(["c", undefined]);
    expect((await contents.next()).done).toBe(true);
  });

  test("throws what a provider reports in the middle of a stream", async () => {
    server.enqueue({ content: "one two three", stream: { errorAfter: 3 } });
    const stream = await client.chat.completions.create({ ...ask, stream: true });
    const contents: unknown[] = [];
    const reading = (async () => {
      for await (const chunk of stream) contents.push(chunk.choices[0]?.delta.content);
    })();
    await expect(reading).rejects.toMatchObject({
      name: "Error",
      type: "server_error",
      constructor: OpenAI.APIError,
    });
    expect(contents).toEqual(["", "one", " two"]);
  });

  test("throws when the connection breaks in the middle of a stream", async () => {
    server.enqueue({ content: "one two three", stream: { dropAfter: 3 } });
    const stream = await client.chat.completions.create({ ...ask, stream: true });
    const contents: unknown[] = [];
    const reading = (async () => {
      for await (const chunk of stream) contents.push(chunk.choices[0]?.delta.content);
    })();
    await expect(reading).rejects.toThrow();
    expect(contents).toEqual(["", "one", " two"]);
  });

  test("is seen to go away when it breaks off a stream", async () => {
    const gate = createChunkGate();
    server.enqueue({ content: "one two three", stream: { gate } });
    const stream = await client.chat.completions.create({ ...ask, stream: true });
    gate.pass(1);
    for await (const _ of stream) break;
    const request = await server.waitFor(1);
    await request.ended;
    expect(request.aborted).toBe(true);
  });
});

describe("the openai client's errors", () => {
  const classes = [
    [400, OpenAI.BadRequestError],
    [401, OpenAI.AuthenticationError],
    [403, OpenAI.PermissionDeniedError],
    [404, OpenAI.NotFoundError],
    [429, OpenAI.RateLimitError],
    [500, OpenAI.InternalServerError],
    [529, OpenAI.InternalServerError],
  ] as const;
  test.for(classes)("are of the class that belongs to status %i", async ([status, errorClass]) => {
    server.enqueue({ error: { status, message: "as scripted" } });
    const error: unknown = await client.chat.completions.create(ask).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(errorClass);
    expect(error).toMatchObject({
      status,
      message: `${status} as scripted`,
      requestID: "req_000001",
    });
  });

  test("tell a wrong key", async () => {
    const stranger = new OpenAI({ apiKey: "sk-wrong", baseURL: server.baseURL, logLevel: "off" });
    await expect(stranger.chat.completions.create(ask)).rejects.toMatchObject({
      status: 401,
      code: "invalid_api_key",
    });
    expect(server.count()).toBe(1);
  });

  test("are retried where the status allows it, and the server counts every try", async () => {
    server.enqueue({ error: { status: 429, headers: retryAtOnce } }, { error: { status: 503, headers: retryAtOnce } });
    const completion = await client.chat.completions.create(ask, { maxRetries: 2 });
    expect(completion.choices[0]?.message.content).toBe("answer 3 to: hello");
    expect(server.requests.map((request) => request.headers["x-stainless-retry-count"])).toEqual(["0", "1", "2"]);
  });

  test("end when the retries are used up", async () => {
    server.reply({ error: { status: 500, headers: retryAtOnce } });
    await expect(client.chat.completions.create(ask, { maxRetries: 1 })).rejects.toBeInstanceOf(
      OpenAI.InternalServerError,
    );
    expect(server.count()).toBe(2);
  });

  test("of a script come through at once, without a retry", async () => {
    server.enqueue(() => {
      throw new Error("my mistake");
    });
    await expect(client.chat.completions.create(ask, { maxRetries: 2 })).rejects.toThrow("my mistake");
    expect(server.count()).toBe(1);
  });

  test.for(["before-headers", "after-headers", 10] as const)("tell a connection dropped at %s", async (drop) => {
    server.enqueue({ drop });
    await expect(client.chat.completions.create(ask)).rejects.toThrow();
    server.enqueue({ content: "back again" });
    expect((await client.chat.completions.create(ask)).choices[0]?.message.content).toBe("back again");
  });

  test("are connection errors if nothing came back", async () => {
    server.enqueue({ drop: "before-headers" });
    await expect(client.chat.completions.create(ask)).rejects.toBeInstanceOf(OpenAI.APIConnectionError);
  });

  test("tell an aborted call apart", async () => {
    server.enqueue({ hang: true });
    const controller = new AbortController();
    const call = client.chat.completions.create(ask, { signal: controller.signal });
    const request = await server.waitFor(1);
    controller.abort();
    await expect(call).rejects.toBeInstanceOf(OpenAI.APIUserAbortError);
    await request.ended;
    expect(request.aborted).toBe(true);
  });
});

describe("a slow provider", () => {
  test("answers when the test lets it", async () => {
    const gate = createGate();
    server.enqueue({ content: "first", gate: gate.opened }, { content: "second" });
    const first = client.chat.completions.create(ask).then((completion) => completion.choices[0]?.message.content);
    await server.waitFor(1);
    const second = await client.chat.completions.create(ask);
    gate.open();
    expect([second.choices[0]?.message.content, await first]).toEqual(["second", "first"]);
  });

  test("has several calls hanging and lets them go together", async () => {
    server.reply({ hang: true });
    const calls = [1, 2, 3].map((turn) =>
      client.chat.completions.create({
        ...ask,
        messages: [{ role: "user", content: `question ${turn}` }],
      }),
    );
    await server.waitFor(3);
    server.release();
    const contents = (await Promise.all(calls)).map((completion) => completion.choices[0]?.message.content);
    expect(contents.map((content) => content?.slice("answer 1 to: ".length))).toEqual([
      "question 1",
      "question 2",
      "question 3",
    ]);
  });
});
