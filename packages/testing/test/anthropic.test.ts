import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startModelServer, type ModelServer } from "../src/model-server.ts";

let server: ModelServer;

beforeEach(async () => {
  server = await startModelServer();
});
afterEach(() => server.close());

const ask = { model: "claude-sonnet-5", max_tokens: 10, messages: [{ role: "user", content: "hello" }] };

async function post(body: object, path = "/v1/messages"): Promise<Response> {
  return fetch(server.url + path, { method: "POST", body: JSON.stringify(body) });
}

/** The names of a stream's events, and what they say. */
async function events(
  body: object,
): Promise<{ readonly name: string | undefined; readonly data: Record<string, unknown> }[]> {
  const text = await (await post({ ...body, stream: true })).text();
  const blocks = text.split("\n\n").filter((block) => block !== "");
  return blocks.map((block) => ({
    name: /^event: (.*)$/m.exec(block)?.[1],
    data: JSON.parse(/^data: (.*)$/m.exec(block)?.[1] ?? "") as Record<string, unknown>,
  }));
}

test("a message is an echo, with the request's model and a request id", async () => {
  const response = await post(ask);
  expect(response.headers.get("request-id")).toBe("req_000001");
  expect(await response.json()).toMatchObject({
    id: "msg_000001",
    type: "message",
    model: "claude-sonnet-5",
    content: [{ type: "text", text: "answer 1 to: hello" }],
    stop_reason: "end_turn",
    usage: { input_tokens: expect.any(Number) as number, output_tokens: expect.any(Number) as number },
  });
});

describe("a script", () => {
  test("says thoughts, citations and calls, or the blocks as they are", async () => {
    server.enqueue(
      {
        reasoning: "hm",
        content: "so",
        annotations: [{ type: "x" }],
        toolCalls: [{ name: "f", arguments: '{"a":1}' }],
      },
      { message: { content: [{ type: "redacted_thinking", data: "x" }], members: { stop_reason: "pause_turn" } } },
    );
    expect(await (await post(ask)).json()).toMatchObject({
      content: [
        { type: "thinking", thinking: "hm" },
        { type: "text", text: "so", citations: [{ type: "x" }] },
        { type: "tool_use", name: "f", input: { a: 1 } },
      ],
      stop_reason: "tool_use",
    });
    expect(await (await post(ask)).json()).toMatchObject({
      content: [{ type: "redacted_thinking", data: "x" }],
      stop_reason: "pause_turn",
    });
  });

  test("is told as a stream in Anthropic's order, with a ping", async () => {
    server.reply({ reasoning: "hm", toolCalls: [{ name: "f", arguments: '{"a":1}' }], stream: { pieces: 2 } });
    const told = await events(ask);
    expect(told.map(({ name }) => name)).toEqual(told.map(({ data }) => data["type"]));
    const deltas = told.map(({ data }) => (data["delta"] as { type?: string } | undefined)?.type ?? data["type"]);
    expect(deltas).toEqual([
      "message_start",
      "ping",
      "content_block_start",
      "thinking_delta",
      "signature_delta",
      "content_block_stop",
      "content_block_start",
      "input_json_delta",
      "input_json_delta",
      "content_block_stop",
      "message_delta",
      "message_stop",
    ]);
  });

  test("may break a stream with an error, or leave out its end", async () => {
    server.enqueue({ stream: { errorAfter: 3 } }, { stream: { done: false } });
    expect((await events(ask)).at(-1)).toEqual({
      name: "error",
      data: { type: "error", error: { type: "overloaded_error", message: "Overloaded" } },
    });
    expect((await events(ask)).at(-1)?.name).toBe("message_delta");
  });

  test("may be an error, in Anthropic's words", async () => {
    server.reply({ error: { status: 529 } });
    const response = await post(ask);
    expect([response.status, await response.json()]).toEqual([
      529,
      { type: "error", error: { type: "overloaded_error", message: "Overloaded" }, request_id: "req_000001" },
    ]);
  });
});

test("tokens are counted", async () => {
  expect(await (await post(ask, "/v1/messages/count_tokens")).json()).toEqual({
    input_tokens: expect.any(Number) as number,
  });
});

test("a body that is no JSON object is a 400", async () => {
  const response = await fetch(`${server.url}/v1/messages`, { method: "POST", body: "[]" });
  expect(response.status).toBe(400);
});
