import { Agent, request as httpRequest, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createChunkGate, createGate, startModelServer } from "../src/model-server.ts";
import type { ChatScript, ModelServer, ReplyScript } from "../src/model-server.ts";

interface Choice {
  readonly index: number;
  readonly message: Record<string, unknown>;
  readonly logprobs: {
    readonly content: { readonly token: string; readonly top_logprobs: unknown[] }[] | null;
  } | null;
  readonly finish_reason: string;
}
interface Completion extends Record<string, unknown> {
  readonly choices: readonly Choice[];
  readonly usage: Record<string, unknown>;
}
interface Chunk extends Record<string, unknown> {
  readonly choices: readonly {
    readonly index: number;
    readonly delta: Record<string, unknown>;
    readonly logprobs: Choice["logprobs"];
    readonly finish_reason: string | null;
  }[];
}

let server: ModelServer;

beforeEach(async () => {
  server = await startModelServer();
});
afterEach(() => server.close());

const hello = { model: "gpt-4o-mini", messages: [{ role: "user", content: "hello" }] };

function post(
  body: unknown,
  init: { path?: string; headers?: Record<string, string>; signal?: AbortSignal } = {},
): Promise<Response> {
  return fetch(server.url + (init.path ?? "/v1/chat/completions"), {
    method: "POST",
    headers: { "content-type": "application/json", ...init.headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
    ...(init.signal && { signal: init.signal }),
  });
}

async function complete(body: object = hello): Promise<Completion> {
  const response = await post(body);
  expect(response.status).toBe(200);
  return (await response.json()) as Completion;
}

async function events(script: ChatScript, body: object = {}): Promise<string[]> {
  server.enqueue(script);
  const response = await post({ ...hello, stream: true, ...body });
  const text = await response.text();
  return text.split(/(?:\r\n|\n|\r){2}/).filter((event) => event !== "");
}

async function chunks(script: ChatScript, body: object = {}): Promise<Chunk[]> {
  const lines = await events({ ...script, stream: { done: false, ...script.stream } }, body);
  return lines.map((line) => JSON.parse(line.slice("data: ".length)) as Chunk);
}

const deltas = (list: readonly Chunk[]): unknown[] => list.map((chunk) => chunk.choices[0]?.delta);

/** The pieces in which a body arrives: one for each HTTP chunk. */
function arrivals(body: object): Promise<Buffer[]> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(`${server.baseURL}/chat/completions`, { method: "POST", agent: false }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.once("end", () => resolve(parts));
    });
    request.once("error", reject);
    request.end(JSON.stringify(body));
  });
}

describe("an answer in JSON", () => {
  test("without a script echoes the last user message and says which request it answers", async () => {
    const first = await complete();
    const second = await complete({
      messages: [
        { role: "user", content: "before" },
        {
          role: "user",
          content: [{ type: "text", text: "two " }, { type: "image_url" }, { type: "text", text: "parts" }],
        },
        { role: "assistant", content: "after" },
      ],
    });
    expect(first.choices[0]?.message["content"]).toBe("answer 1 to: hello");
    expect(second.choices[0]?.message["content"]).toBe("answer 2 to: two parts");
    expect(first["id"]).not.toBe(second["id"]);
    expect(first["created"]).not.toBe(second["created"]);
  });

  test("is the same for the same requests after a reset", async () => {
    const first = await complete();
    server.reset();
    expect(await complete()).toEqual(first);
  });

  test("has every member that OpenAI sends", async () => {
    expect(await complete()).toEqual({
      id: "chatcmpl-000001",
      object: "chat.completion",
      created: 1_700_000_001,
      model: "gpt-4o-mini",
      choices: [
        {
          index: 0,
          message: {
            role: "assistant",
            content: "answer 1 to: hello",
            refusal: null,
            annotations: [],
          },
          logprobs: null,
          finish_reason: "stop",
        },
      ],
      usage: {
        prompt_tokens: 9,
        completion_tokens: 5,
        total_tokens: 14,
        prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
        completion_tokens_details: {
          reasoning_tokens: 0,
          audio_tokens: 0,
          accepted_prediction_tokens: 0,
          rejected_prediction_tokens: 0,
        },
      },
      service_tier: "default",
      system_fingerprint: "fp_model_server",
    });
  });

  test("says what the script says", async () => {
    server.reply({
      content: "scripted",
      reasoning: "because",
      annotations: [{ type: "url_citation" }],
      finishReason: "length",
      model: "gpt-4o-mini-2024-07-18",
      id: "chatcmpl-x",
      created: 5,
      systemFingerprint: "fp_x",
      serviceTier: "flex",
    });
    const answer = await complete();
    expect(answer).toMatchObject({
      id: "chatcmpl-x",
      created: 5,
      model: "gpt-4o-mini-2024-07-18",
      system_fingerprint: "fp_x",
      service_tier: "flex",
    });
    expect(answer.choices[0]).toEqual({
      index: 0,
      message: {
        role: "assistant",
        content: "scripted",
        reasoning_content: "because",
        refusal: null,
        annotations: [{ type: "url_citation" }],
      },
      logprobs: null,
      finish_reason: "length",
    });
  });

  test("has no content beside tool calls or a refusal unless it is given", async () => {
    server.enqueue({ toolCalls: [{ name: "f", arguments: "{}" }] }, { refusal: "no" }, { content: "x", toolCalls: [] });
    expect((await complete()).choices[0]).toMatchObject({
      message: {
        content: null,
        tool_calls: [{ id: "call_1_0_0", type: "function", function: { name: "f", arguments: "{}" } }],
      },
      finish_reason: "tool_calls",
    });
    expect((await complete()).choices[0]).toMatchObject({
      message: { content: null, refusal: "no" },
      finish_reason: "stop",
    });
    expect((await complete()).choices[0]?.message).not.toHaveProperty("tool_calls");
  });

  test("can call a custom tool", async () => {
    server.enqueue({ toolCalls: [{ id: "c", name: "shell", input: "ls" }] });
    expect((await complete()).choices[0]?.message["tool_calls"]).toEqual([
      { id: "c", type: "custom", custom: { name: "shell", input: "ls" } },
    ]);
  });

  test("keeps an empty content empty", async () => {
    server.enqueue({ content: "" });
    expect((await complete()).choices[0]?.message["content"]).toBe("");
  });

  test("has as many distinguishable choices as the request wants", async () => {
    server.enqueue({}, { content: "same" });
    const echoed = await complete({ ...hello, n: 3 });
    const scripted = await complete({ ...hello, n: 2 });
    const contents = (answer: Completion): unknown[] => answer.choices.map((choice) => choice.message["content"]);
    expect(contents(echoed)).toEqual([
      "answer 1 to: hello",
      "answer 1 to: hello [choice 1]",
      "answer 1 to: hello [choice 2]",
    ]);
    expect(contents(scripted)).toEqual(["same", "same [choice 1]"]);
    expect(echoed.choices.map((choice) => choice.index)).toEqual([0, 1, 2]);
  });

  test("has exactly the choices of the script, whatever n says", async () => {
    server.enqueue({ choices: [{ content: "a" }, { content: "a" }, {}, { refusal: "no" }] });
    const { choices } = await complete({ ...hello, n: 2 });
    expect(choices.map((choice) => choice.message["content"])).toEqual([
      "a",
      "a",
      "answer 1 to: hello [choice 2]",
      null,
    ]);
  });

  test("takes token counts from the script and completes them", async () => {
    server.enqueue({
      usage: {
        prompt_tokens: 100,
        completion_tokens: 7,
        prompt_tokens_details: { cached_tokens: 64 },
        prompt_cache_hit_tokens: 64,
      },
    });
    expect((await complete()).usage).toMatchObject({
      prompt_tokens: 100,
      completion_tokens: 7,
      total_tokens: 107,
      prompt_tokens_details: { cached_tokens: 64, audio_tokens: 0 },
      prompt_cache_hit_tokens: 64,
    });
  });

  test("leaves usage out for a provider that reports none", async () => {
    server.enqueue({ usage: false });
    expect(await complete()).not.toHaveProperty("usage");
  });

  test("counts reasoning among the completion tokens", async () => {
    server.enqueue({ content: "abcd", reasoning: "12345678" });
    expect((await complete()).usage).toMatchObject({
      completion_tokens: 3,
      completion_tokens_details: { reasoning_tokens: 2 },
    });
  });

  test("has log probabilities when the request or the script wants them", async () => {
    server.enqueue(
      { content: "one two" },
      { content: "one two", logprobs: true },
      { content: "one two", logprobs: false },
      {},
    );
    const asked = (await complete({ ...hello, logprobs: true, top_logprobs: 2 })).choices[0]?.logprobs?.content;
    expect(asked?.map((entry) => entry.token)).toEqual(["one", " two"]);
    expect(asked?.[0]?.top_logprobs).toHaveLength(2);
    expect(asked?.[1]).toMatchObject({ bytes: [...Buffer.from(" two")] });
    expect((await complete()).choices[0]?.logprobs?.content).toHaveLength(2);
    expect((await complete({ ...hello, logprobs: true })).choices[0]?.logprobs).toBeNull();
    expect((await complete()).choices[0]?.logprobs).toBeNull();
  });

  test("names the model of the request, or the deployment in Azure's path", async () => {
    const path = "/openai/deployments/my-gpt/chat/completions?api-version=2024-10-21";
    const response = await post({ messages: [] }, { path });
    expect(await response.json()).toMatchObject({ model: "my-gpt" });
    expect(server.requests[0]?.path).toBe("/openai/deployments/my-gpt/chat/completions");
    expect(server.requests[0]?.query.get("api-version")).toBe("2024-10-21");
  });
});

describe("headers", () => {
  test("are those that OpenAI sends, different from call to call", async () => {
    const [first, second] = [await post(hello), await post(hello)];
    for (const name of ["x-request-id", "openai-processing-ms", "x-ratelimit-remaining-requests", "set-cookie"]) {
      expect(first.headers.get(name)).toBeTruthy();
      expect(first.headers.get(name)).not.toBe(second.headers.get(name));
    }
    expect(first.headers.get("content-type")).toBe("application/json");
    expect(first.headers.get("content-length")).toBe(String((await first.arrayBuffer()).byteLength));
  });

  test("of the script win, and null takes one away", async () => {
    server.enqueue({
      headers: { "X-Request-ID": "mine", "set-cookie": null, "x-two": ["a", "b"] },
    });
    const { headers } = await post(hello);
    expect(headers.get("x-request-id")).toBe("mine");
    expect(headers.get("set-cookie")).toBeNull();
    expect(headers.get("x-two")).toBe("a, b");
  });
});

describe("an answer as an event stream", () => {
  test("has OpenAI's content type and headers and no length", async () => {
    const { headers, body } = await post({ ...hello, stream: true });
    expect(headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    expect(headers.get("x-request-id")).toBe("req_000001");
    expect(headers.get("content-length")).toBeNull();
    await body?.cancel();
  });

  test("begins with the role, goes on with the content and ends with the finish reason and [DONE]", async () => {
    const lines = await events({ content: "one two" });
    expect(lines.at(-1)).toBe("data: [DONE]");
    const list = lines.slice(0, -1).map((line) => JSON.parse(line.slice("data: ".length)) as Chunk);
    expect(deltas(list)).toEqual([
      { role: "assistant", content: "", refusal: null },
      { content: "one" },
      { content: " two" },
      {},
    ]);
    expect(list.map((chunk) => chunk.choices[0]?.finish_reason)).toEqual([null, null, null, "stop"]);
    for (const chunk of list) {
      expect(chunk).toMatchObject({
        id: "chatcmpl-000001",
        object: "chat.completion.chunk",
        created: 1_700_000_001,
        model: "gpt-4o-mini",
        service_tier: "default",
        system_fingerprint: "fp_model_server",
      });
      expect(chunk).not.toHaveProperty("usage");
      expect(chunk.choices[0]).toHaveProperty("logprobs", null);
    }
  });

  test("sends usage in a last chunk without choices, and null before, only when asked for", async () => {
    const list = await chunks(
      { usage: { prompt_tokens: 1, completion_tokens: 2 } },
      { stream_options: { include_usage: true } },
    );
    expect(list.slice(0, -1).every((chunk) => chunk["usage"] === null)).toBe(true);
    expect(list.at(-1)).toMatchObject({
      choices: [],
      usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 },
    });
    const unreported = await chunks({ usage: false }, { stream_options: { include_usage: true } });
    expect(unreported.some((chunk) => "usage" in chunk)).toBe(false);
  });

  test("opens a tool call with its name and sends the arguments in pieces", async () => {
    const list = await chunks({
      toolCalls: [
        { id: "c0", name: "weather", arguments: '{"city": "Paris"}' },
        { id: "c1", name: "shell", input: "ls" },
      ],
    });
    expect(deltas(list)).toEqual([
      { role: "assistant", content: null, refusal: null },
      {
        tool_calls: [{ index: 0, id: "c0", type: "function", function: { name: "weather", arguments: "" } }],
      },
      { tool_calls: [{ index: 0, function: { arguments: '{"city":' } }] },
      { tool_calls: [{ index: 0, function: { arguments: ' "Paris"}' } }] },
      {
        tool_calls: [{ index: 1, id: "c1", type: "custom", custom: { name: "shell", input: "" } }],
      },
      { tool_calls: [{ index: 1, custom: { input: "ls" } }] },
      {},
    ]);
    expect(list.at(-1)?.choices[0]?.finish_reason).toBe("tool_calls");
  });

  test("reasons before it speaks, and cites at the end", async () => {
    const list = await chunks({
      content: "yes",
      reasoning: "so it",
      annotations: [{ type: "url_citation" }],
    });
    expect(deltas(list)).toEqual([
      { role: "assistant", content: "", refusal: null },
      { reasoning_content: "so" },
      { reasoning_content: " it" },
      { content: "yes" },
      { annotations: [{ type: "url_citation" }] },
      {},
    ]);
  });

  test("refuses in pieces", async () => {
    expect(deltas(await chunks({ refusal: "I can't" }))).toEqual([
      { role: "assistant", content: null, refusal: "" },
      { refusal: "I" },
      { refusal: " can't" },
      {},
    ]);
  });

  test("carries log probabilities with the pieces they belong to, the same as in JSON", async () => {
    const script: ChatScript = { content: "one two", logprobs: true };
    const list = await chunks(script);
    server.enqueue(script);
    const streamed = list.flatMap((chunk) => chunk.choices[0]?.logprobs?.content ?? []);
    expect(streamed).toEqual((await complete()).choices[0]?.logprobs?.content);
    expect(list[0]?.choices[0]?.logprobs).toBeNull();
    expect(list[1]?.choices[0]?.logprobs).toMatchObject({
      content: [{ token: "one" }],
      refusal: null,
    });
  });

  test("lets choices take turns", async () => {
    const list = await chunks({ choices: [{ content: "a" }, { content: "b c" }] }, { n: 2 });
    expect(list.map((chunk) => chunk.choices[0]?.index)).toEqual([0, 1, 0, 1, 0, 1, 1]);
    expect(list.map((chunk) => chunk.choices[0]?.finish_reason)).toEqual([
      null,
      null,
      null,
      null,
      "stop",
      null,
      "stop",
    ]);
  });

  test("is cut into as many deltas, or just the deltas, that the script says", async () => {
    const contents = async (script: ChatScript): Promise<unknown[]> =>
      (await chunks(script)).map((chunk) => chunk.choices[0]?.delta["content"]).filter((content) => Boolean(content));
    expect(await contents({ content: "abcdef", stream: { pieces: 3 } })).toEqual(["ab", "cd", "ef"]);
    expect(await contents({ content: "😀é", stream: { pieces: 5 } })).toEqual(["😀", "é"]);
    expect(await contents({ stream: { pieces: ["x", "", "yz"] } })).toEqual(["x", "yz"]);
    expect(await contents({ content: "", stream: { pieces: 3 } })).toEqual([]);
  });

  test("keeps white space and long words whole when put together again", async () => {
    const content = "  leading, aVeryLongWordIndeed\n\n\ttabs – and 😀😀😀😀😀😀😀😀😀 trailing  ";
    const list = await chunks({ content });
    const pieces = list.map((chunk) => chunk.choices[0]?.delta["content"]).filter((piece) => typeof piece === "string");
    expect(pieces.join("")).toBe(content);
  });

  test("has padding only if the script wants it and the request allows it", async () => {
    const padded = await chunks({ stream: { obfuscation: true } });
    expect(padded.every((chunk) => typeof chunk["obfuscation"] === "string")).toBe(true);
    const declined = await chunks(
      { stream: { obfuscation: true } },
      { stream_options: { include_obfuscation: false } },
    );
    expect(declined.some((chunk) => "obfuscation" in chunk)).toBe(false);
  });

  test("can end without [DONE]", async () => {
    expect((await events({ stream: { done: false } })).at(-1)).not.toContain("[DONE]");
  });

  test("can break off with an error event", async () => {
    const lines = await events({ content: "one two", stream: { errorAfter: 2 } });
    expect(lines).toHaveLength(3);
    expect(JSON.parse(lines[2]?.slice("data: ".length) ?? "")).toMatchObject({
      error: { type: "server_error", code: null },
    });
  });

  test("can have other line ends and comments", async () => {
    for (const newline of ["\n", "\r\n", "\r"] as const) {
      server.enqueue({ content: "x", stream: { newline, comments: true } });
      const text = await (await post({ ...hello, stream: true })).text();
      const end = newline + newline;
      expect(text.startsWith(`: ping${end}data: {`)).toBe(true);
      expect(text.endsWith(`: ping${end}data: [DONE]${end}`)).toBe(true);
      expect(text.replaceAll(newline, "")).not.toMatch(/[\r\n]/);
    }
  });

  test("arrives in the pieces the script asks for, with the same bytes", async () => {
    const body = { ...hello, stream: true };
    const answer = { content: "é😀", id: "same", created: 1 };
    server.enqueue({ ...answer }, { ...answer, stream: { split: "bytes" } }, { ...answer, stream: { split: 7 } });
    server.enqueue({ ...answer, stream: { split: "utf8" } }, { ...answer, stream: { split: "lines" } });
    const whole = await arrivals(body);
    const text = Buffer.concat(whole).toString();
    expect(whole.every((part) => part.toString().startsWith("data: ") && part.toString().endsWith("\n\n"))).toBe(true);

    const bytes = await arrivals(body);
    expect(bytes.every((part) => part.length === 1)).toBe(true);
    const sevens = await arrivals(body);
    expect(Math.max(...sevens.map((part) => part.length))).toBe(7);
    const characters = await arrivals(body);
    expect(characters.some((part) => part.toString().includes("\uFFFD"))).toBe(true);
    const lines = await arrivals(body);
    expect(lines[0]?.toString()).toBe("da");
    for (const parts of [bytes, sevens, characters, lines]) expect(Buffer.concat(parts).toString()).toBe(text);
  });
});

describe("other answers", () => {
  test("an error has OpenAI's shape and the script's headers", async () => {
    server.enqueue({
      error: { status: 429, message: "slow down", headers: { "retry-after": "2" } },
    });
    const response = await post(hello);
    expect(response.status).toBe(429);
    expect(response.headers.get("retry-after")).toBe("2");
    expect(response.headers.get("x-request-id")).toBe("req_000001");
    expect(await response.json()).toEqual({
      error: { message: "slow down", type: "requests", param: null, code: "rate_limit_exceeded" },
    });
  });

  test("an error says what the script says, also in answer to a request for a stream", async () => {
    server.enqueue({
      error: { status: 400, type: "t", code: null, param: "messages", message: "m" },
    });
    const response = await post({ ...hello, stream: true });
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(await response.json()).toEqual({
      error: { type: "t", code: null, param: "messages", message: "m" },
    });
  });

  test("every status has a type of its own or that of its kind", async () => {
    const types: unknown[] = [];
    for (const status of [400, 401, 418, 429, 500, 503, 529]) {
      server.enqueue({ error: { status } });
      const response = await post(hello);
      expect(response.status).toBe(status);
      types.push(((await response.json()) as { error: { type: string } }).error.type);
    }
    expect(types).toEqual([
      "invalid_request_error",
      "invalid_request_error",
      "invalid_request_error",
      "requests",
      "server_error",
      "server_error",
      "overloaded_error",
    ]);
  });

  test("a raw answer is sent as it is, on any path, without OpenAI's headers", async () => {
    server.enqueue({
      raw: {
        status: 203,
        headers: { "content-type": "text/plain" },
        body: Buffer.from([0xff, 0x00]),
      },
    });
    const response = await post("not json", { path: "/v1/embeddings" });
    expect(response.status).toBe(203);
    expect(response.headers.get("x-request-id")).toBeNull();
    expect(response.headers.get("content-type")).toBe("text/plain");
    expect(response.headers.get("content-length")).toBe("2");
    expect([...new Uint8Array(await response.arrayBuffer())]).toEqual([0xff, 0x00]);
  });

  test("a raw body in parts arrives in those parts", async () => {
    server.enqueue({ raw: { body: ["one", Buffer.from("two")] } });
    expect((await arrivals(hello)).map(String)).toEqual(["one", "two"]);
  });

  test("an empty raw body is an empty answer", async () => {
    server.enqueue({ raw: { body: "" } });
    expect(await (await post(hello)).text()).toBe("");
  });

  test("models are listed", async () => {
    await using other = await startModelServer({ models: ["a", "b"] });
    const response = await fetch(`${other.baseURL}/models`);
    expect(await response.json()).toMatchObject({
      object: "list",
      data: [{ id: "a", object: "model" }, { id: "b" }],
    });
  });

  test("everything else is a 404 in OpenAI's shape", async () => {
    for (const [method, path] of [
      ["GET", "/v1/chat/completions"],
      ["POST", "/v1/models"],
      ["POST", "/v1/nothing"],
    ] as const) {
      const response = await fetch(server.url + path, { method });
      expect(response.status).toBe(404);
      expect(await response.json()).toMatchObject({
        error: { type: "invalid_request_error", code: "unknown_url" },
      });
    }
  });

  test("a body that is no JSON object is a 400 and takes nothing from the queue", async () => {
    server.enqueue({ content: "queued" });
    for (const body of ["{", "[]", "null", ""]) {
      const response = await post(body);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ error: { type: "invalid_request_error" } });
    }
    expect((await complete()).choices[0]?.message["content"]).toBe("queued");
  });
});

describe("keys", () => {
  test("that are not known are a 401 that does not repeat them, and take nothing from the queue", async () => {
    await using guarded = await startModelServer({ apiKeys: ["sk-right"] });
    guarded.enqueue({ content: "queued" });
    const ask = (headers: Record<string, string>): Promise<Response> =>
      fetch(`${guarded.baseURL}/chat/completions`, {
        method: "POST",
        headers,
        body: JSON.stringify(hello),
      });

    for (const headers of [{ authorization: "Bearer sk-something-else" }, {}, { authorization: "sk-right" }]) {
      const response = await ask(headers);
      const text = await response.text();
      expect(response.status).toBe(401);
      expect(JSON.parse(text)).toMatchObject({
        error: { type: "invalid_request_error", code: "invalid_api_key" },
      });
      expect(text).not.toContain("sk-something-else");
    }
    const response = await ask({ authorization: "Bearer sk-right" });
    expect(await response.json()).toMatchObject({ choices: [{ message: { content: "queued" } }] });
    expect((await ask({ "api-key": "sk-right" })).status).toBe(200);
    expect(guarded.count()).toBe(5);
  });
});

describe("replies", () => {
  test("are taken from the queue first, one each, then the standing one", async () => {
    server.reply({ content: "standing" });
    server.enqueue({ content: "first" }, { content: "second" });
    const contents: unknown[] = [];
    for (let call = 0; call < 4; call++) contents.push((await complete()).choices[0]?.message["content"]);
    expect(contents).toEqual(["first", "second", "standing", "standing"]);
  });

  test("can be functions of the request, which is recorded by then", async () => {
    server.reply(async (request) => {
      await Promise.resolve();
      return { content: `${server.count()} ${(request.json() as typeof hello).model}` };
    });
    expect((await complete()).choices[0]?.message["content"]).toBe("1 gpt-4o-mini");
  });

  test("that fail are a 500 that names the reason and is not to be retried", async () => {
    const failing: (() => ReplyScript | Promise<ReplyScript>)[] = [
      () => {
        throw new Error("my mistake");
      },
      () => Promise.reject(new Error("my mistake")),
      () => ({ gate: Promise.reject(new Error("my mistake")) }),
    ];
    for (const reply of failing) {
      server.enqueue(reply);
      const response = await post(hello);
      expect(response.status).toBe(500);
      expect(response.headers.get("x-should-retry")).toBe("false");
      expect(await response.json()).toMatchObject({
        error: { message: expect.stringContaining("my mistake") },
      });
    }
  });

  test("that make no sense are such a 500, too", async () => {
    const senseless: [string, ReplyScript][] = [
      ["stream.pieces", { content: "abc", stream: { pieces: ["x"] } }],
      ["stream.pieces", { content: "abc", stream: { pieces: 0 } }],
      ["stream.split", { raw: { body: "abc" }, stream: { split: 0 } }],
      ["status", { raw: { status: 99_999, body: "abc" } }],
      ["header", { headers: { "no spaces": "here" } }],
    ];
    for (const [word, script] of senseless) {
      server.enqueue(script);
      const response = await post(hello);
      expect(response.status).toBe(500);
      expect(await response.json()).toMatchObject({
        error: {
          code: "model_server_script_failed",
          message: expect.stringMatching(new RegExp(word, "i")),
        },
      });
    }
  });

  test("go back to those of the start on reset", async () => {
    await using other = await startModelServer({ reply: { content: "from the start" } });
    other.reply({ content: "later" });
    other.enqueue({ content: "queued" });
    other.reset();
    const response = await fetch(`${other.baseURL}/chat/completions`, {
      method: "POST",
      body: JSON.stringify(hello),
    });
    expect(await response.json()).toMatchObject({
      choices: [{ message: { content: "from the start" } }],
    });
  });
});

describe("recorded requests", () => {
  test("hold what was sent", async () => {
    await using timed = await startModelServer({ now: () => 1234 });
    const body = JSON.stringify(hello);
    await fetch(`${timed.baseURL}/chat/completions?a=1&a=2`, {
      method: "POST",
      headers: { "X-Mine": "yes" },
      body,
    });
    const [request] = timed.requests;
    expect(request).toMatchObject({
      number: 1,
      method: "POST",
      path: "/v1/chat/completions",
      at: 1234,
      aborted: false,
    });
    expect(request?.headers["x-mine"]).toBe("yes");
    expect(request?.query.getAll("a")).toEqual(["1", "2"]);
    expect(request?.body.toString()).toBe(body);
    expect(request?.json()).toEqual(hello);
    expect(request?.json()).not.toBe(request?.json());
  });

  test("are counted, all or by path", async () => {
    await Promise.all([
      post(hello),
      post(hello),
      post(hello, { path: "/other/chat/completions" }),
      post("{", { path: "/v1/models" }),
    ]);
    expect(server.count()).toBe(4);
    expect(server.count("/v1/chat/completions")).toBe(2);
    expect(server.count("/chat/completions")).toBe(3);
    server.reset();
    expect(server.count()).toBe(0);
    expect(server.requests).toEqual([]);
  });

  test("can be waited for", async () => {
    const second = server.waitFor(2);
    await post(hello);
    await post({ ...hello, model: "other" });
    expect((await second).json()).toMatchObject({ model: "other" });
    expect((await server.waitFor(1)).number).toBe(1);
  });

  test("say when the client went away before the answer ended", async () => {
    server.enqueue({ hang: true });
    const controller = new AbortController();
    const call = post(hello, { signal: controller.signal });
    const request = await server.waitFor(1);
    expect(request.aborted).toBe(false);
    controller.abort();
    await expect(call).rejects.toThrow();
    await request.ended;
    expect(request.aborted).toBe(true);
  });

  test("say so also when it went away in the middle of a stream, and the script goes no further", async () => {
    const gate = createChunkGate();
    server.enqueue({ stream: { gate } });
    const controller = new AbortController();
    const response = await post({ ...hello, stream: true }, { signal: controller.signal });
    gate.pass(1);
    await response.body?.getReader().read();
    controller.abort();
    const request = await server.waitFor(1);
    await request.ended;
    expect(request.aborted).toBe(true);
  });

  test("are not called aborted when they were answered, or when the server dropped them", async () => {
    server.enqueue({}, { drop: "before-headers" });
    await (await post(hello)).text();
    await expect(post(hello)).rejects.toThrow();
    for (const request of server.requests) {
      await request.ended;
      expect(request.aborted).toBe(false);
    }
  });

  test("keep a large body whole", async () => {
    const content = "é".repeat(5_000_000);
    const answer = await complete({ messages: [{ role: "user", content }] });
    expect(server.requests[0]?.body.length).toBeGreaterThan(10_000_000);
    expect(answer.choices[0]?.message["content"]).toBe(`answer 1 to: ${content}`);
  });

  test("come over one connection if the client keeps it", async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const reused: boolean[] = [];
    for (const body of [hello, { ...hello, stream: true }, hello]) {
      const request = httpRequest(`${server.baseURL}/chat/completions`, { method: "POST", agent });
      request.end(JSON.stringify(body));
      const [response] = (await once(request, "response")) as [IncomingMessage];
      await once(response.resume(), "close");
      reused.push(request.reusedSocket);
    }
    agent.destroy();
    expect(reused).toEqual([false, true, true]);
  });
});

describe("held answers", () => {
  test("wait for a gate before anything is sent", async () => {
    const gate = createGate();
    server.enqueue({ content: "at last", gate: gate.opened });
    let answered = false;
    const call = complete().finally(() => (answered = true));
    await server.waitFor(1);
    await complete();
    expect(answered).toBe(false);
    gate.open();
    expect((await call).choices[0]?.message["content"]).toBe("at last");
  });

  test("hang until they are released, and then say what the script says", async () => {
    server.enqueue({ hang: true, content: "after all" }, { hang: true, error: { status: 503 } });
    const calls = [complete(), server.waitFor(1).then(() => post(hello))] as const;
    await server.waitFor(2);
    server.release();
    expect((await calls[0]).choices[0]?.message["content"]).toBe("after all");
    expect((await calls[1]).status).toBe(503);
  });

  test("are not released before they have arrived", async () => {
    server.release();
    server.enqueue({ hang: true });
    const controller = new AbortController();
    const call = post(hello, { signal: controller.signal });
    await server.waitFor(1);
    await complete();
    controller.abort();
    await expect(call).rejects.toThrow();
  });

  test("send each chunk when the test says so, and the headers before all", async () => {
    const gate = createChunkGate();
    server.enqueue({ raw: { body: ["a", "b", "c"] }, stream: { gate } });
    const response = await post(hello);
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    const read = async (): Promise<string> => Buffer.from((await reader.read()).value ?? []).toString();
    gate.pass(1);
    expect(await read()).toBe("a");
    gate.pass(1);
    expect(await read()).toBe("b");
    gate.open();
    expect(await read()).toBe("c");
    expect((await reader.read()).done).toBe(true);
  });

  test("ask a gate function for every chunk, in order", async () => {
    const asked: number[] = [];
    server.enqueue({
      raw: { body: ["a", "b"] },
      stream: { gate: (index) => void asked.push(index), chunkDelayMs: 0 },
    });
    expect(await (await post(hello)).text()).toBe("ab");
    expect(asked).toEqual([0, 1]);
  });

  test("wait with a bare promise before the first chunk", async () => {
    const gate = createGate();
    server.enqueue({ stream: { gate: gate.opened } });
    const response = await post({ ...hello, stream: true });
    gate.open();
    expect(await response.text()).toContain("[DONE]");
  });

  test("break the connection when their gate fails after the headers", async () => {
    server.enqueue({
      raw: { body: ["a", "b"] },
      stream: { gate: (index) => (index === 1 ? Promise.reject(new Error("x")) : undefined) },
    });
    await expect((await post(hello)).text()).rejects.toThrow();
  });
});

describe("dropped connections", () => {
  test("can end before the headers", async () => {
    server.enqueue({ drop: "before-headers" });
    await expect(post(hello)).rejects.toThrow("fetch failed");
  });

  test("can end right after the headers", async () => {
    server.enqueue({ drop: "after-headers", headers: { "x-mine": "1" } });
    const response = await post(hello);
    expect(response.headers.get("x-mine")).toBe("1");
    await expect(response.text()).rejects.toThrow();
  });

  test("can end after so many bytes, whatever the pieces", async () => {
    for (const script of [
      { content: "x" },
      { stream: { split: 3 } },
      { raw: { body: ["ab", "cde", "fghijkl"] } },
    ] satisfies ReplyScript[]) {
      server.enqueue({ ...script, drop: 7 });
      const response = await post({ ...hello, stream: true });
      const received = await receivedBeforeDrop(response);
      expect(received.length).toBe(7);
    }
  });

  test("can end in a body with a length", async () => {
    server.enqueue({ content: "x", drop: 20 });
    const response = await post(hello);
    expect(Number(response.headers.get("content-length"))).toBeGreaterThan(20);
    expect((await receivedBeforeDrop(response)).length).toBe(20);
  });

  test("can end after so many chunks, at the latest where the answer would have ended", async () => {
    server.enqueue({ raw: { body: ["a", "b", "c"] }, stream: { dropAfter: 2 } });
    expect((await receivedBeforeDrop(await post(hello))).toString()).toBe("ab");
    server.enqueue({ raw: { body: ["a", "b", "c"] }, stream: { dropAfter: 9 } });
    expect((await receivedBeforeDrop(await post(hello))).toString()).toBe("abc");
    server.enqueue({ content: "one two", stream: { dropAfter: 2 } });
    const events = (await receivedBeforeDrop(await post({ ...hello, stream: true }))).toString();
    expect(events.match(/data: /g)).toHaveLength(2);
  });

  async function receivedBeforeDrop(response: Response): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    const read = async (): Promise<void> => {
      for await (const part of response.body as ReadableStream<Uint8Array>) parts.push(part);
    };
    await expect(read()).rejects.toThrow();
    return Buffer.concat(parts);
  }
});

describe("the server", () => {
  test("says where it listens", async () => {
    expect(server.url).toBe(`http://127.0.0.1:${server.port}`);
    expect(server.baseURL).toBe(`${server.url}/v1`);
    await using local = await startModelServer({ host: "localhost" });
    expect((await fetch(`${local.baseURL}/models`)).status).toBe(200);
  });

  test("takes a given port, and says when it cannot", async () => {
    await expect(startModelServer({ port: server.port })).rejects.toMatchObject({
      code: "EADDRINUSE",
    });
    const { port } = server;
    await server.close();
    await using again = await startModelServer({ port });
    expect(again.port).toBe(port);
  });

  test("closes with answers hanging, gates closed, uploads half done and idle connections open", async () => {
    const idle = connect(server.port, "127.0.0.1");
    await once(idle, "connect");
    const upload = connect(server.port, "127.0.0.1");
    await once(upload, "connect");
    upload.write("POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{");
    await (await post(hello)).text();

    server.enqueue({ hang: true }, { gate: createGate().opened }, () => new Promise(() => {}), {
      stream: { gate: createChunkGate() },
    });
    const calls = Array.from({ length: 4 }, () => post({ ...hello, stream: true }).then((response) => response.text()));
    const outcomes = Promise.allSettled(calls);
    const last = await server.waitFor(5);
    const closed = [idle, upload].map((socket) => once(socket, "close"));
    await server.close();

    expect((await outcomes).map((outcome) => outcome.status)).toEqual(["rejected", "rejected", "rejected", "rejected"]);
    await Promise.all(closed);
    await last.ended;
    expect(server.requests.map((request) => request.aborted)).toEqual([false, false, false, false, false]);
  });

  test("can be closed twice, and is closed by await using", async () => {
    let url: string;
    {
      await using scoped = await startModelServer();
      ({ url } = scoped);
      expect(scoped.close()).toBe(scoped.close());
    }
    await expect(fetch(url)).rejects.toThrow();
  });

  test("tells who still waits for a request that it was closed", async () => {
    const waiting = server.waitFor(1);
    await server.close();
    await expect(waiting).rejects.toThrow("closed before request 1 arrived");
    await expect(server.waitFor(1)).rejects.toThrow("closed before request 1 arrived");
  });

  test("does not record a request whose body never came completely", async () => {
    const upload = connect(server.port, "127.0.0.1");
    await once(upload, "connect");
    upload.write("POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{");
    upload.end();
    upload.resume();
    await once(upload, "close");
    await complete();
    expect(server.count()).toBe(1);
  });
});
