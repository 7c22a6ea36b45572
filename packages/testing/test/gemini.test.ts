import { afterEach, beforeEach, expect, test } from "vitest";
import { startModelServer, type ModelServer } from "../src/model-server.ts";

let server: ModelServer;

beforeEach(async () => {
  server = await startModelServer();
});
afterEach(() => server.close());

const ask = { contents: [{ role: "user", parts: [{ text: "hello" }] }] };

async function post(method: string, body: object, before = "/v1beta/models/gemini-3-flash"): Promise<Response> {
  return fetch(`${server.url}${before}:${method}`, { method: "POST", body: JSON.stringify(body) });
}

interface Chunk {
  readonly candidates?: readonly {
    readonly content: { readonly parts: readonly { readonly text?: string }[] };
    readonly finishReason?: string;
  }[];
  readonly error?: object;
}

async function chunks(): Promise<readonly Chunk[]> {
  const text = await (await post("streamGenerateContent", ask)).text();
  return text
    .split("\r\n\r\n")
    .filter((event) => event !== "")
    .map((event) => JSON.parse(event.replace(/^data: /, "")) as Chunk);
}

test("an answer is an echo, also behind Vertex's path", async () => {
  expect(await (await post("generateContent", ask)).json()).toMatchObject({
    candidates: [
      { content: { role: "model", parts: [{ text: "answer 1 to: hello" }] }, finishReason: "STOP", index: 0 },
    ],
    modelVersion: "gemini-3-flash",
    responseId: "resp1",
  });
  const vertex = "/v1/projects/p/locations/l/publishers/google/models/gemini-3-pro";
  expect(await (await post("generateContent", ask, vertex)).json()).toMatchObject({ modelVersion: "gemini-3-pro" });
});

test("a script says thoughts and calls, or the parts as they are", async () => {
  server.enqueue(
    { reasoning: "hm", content: "so", toolCalls: [{ name: "f", arguments: '{"a":1}' }] },
    { gemini: { parts: [{ text: "x" }], candidate: { finishReason: "SAFETY" }, members: { promptFeedback: {} } } },
  );
  expect(await (await post("generateContent", ask)).json()).toMatchObject({
    candidates: [
      {
        content: {
          parts: [
            { text: "hm", thought: true },
            { text: "so" },
            { functionCall: { name: "f", args: { a: 1 } }, thoughtSignature: expect.any(String) as string },
          ],
        },
      },
    ],
  });
  expect(await (await post("generateContent", ask)).json()).toMatchObject({
    candidates: [{ content: { parts: [{ text: "x" }] }, finishReason: "SAFETY" }],
    promptFeedback: {},
  });
});

test("a stream says it in pieces, and why it ended in the last", async () => {
  server.reply({ stream: { pieces: ["Gr", "üße"] } });
  const told = await chunks();
  expect(told.map(({ candidates }) => candidates?.[0]?.content.parts[0]?.text)).toEqual(["Gr", "üße"]);
  expect(told.map(({ candidates }) => candidates?.[0]?.finishReason)).toEqual([undefined, "STOP"]);
});

test("a stream may break with an error, or end too early", async () => {
  server.enqueue({ stream: { errorAfter: 1 } }, { stream: { done: false } });
  expect((await chunks()).at(-1)).toMatchObject({ error: { code: 503, status: "UNAVAILABLE" } });
  expect((await chunks()).at(-1)?.candidates?.[0]?.finishReason).toBeUndefined();
});

test("an error is in Google's words", async () => {
  server.reply({ error: { status: 429 } });
  const response = await post("generateContent", ask);
  expect(response.status).toBe(429);
  expect(await response.json()).toMatchObject({ error: { code: 429, status: "RESOURCE_EXHAUSTED" } });
});

test("embeddings depend on the content alone, in lists and by themselves", async () => {
  const content = (text: string): object => ({ content: { parts: [{ text }] } });
  const { embedding } = (await (await post("embedContent", content("a"))).json()) as { embedding: unknown };
  const many = { requests: [content("b"), content("a")] };
  const { embeddings } = (await (await post("batchEmbedContents", many)).json()) as { embeddings: unknown[] };
  expect(embeddings[1]).toEqual(embedding);
  expect(embeddings[0]).not.toEqual(embedding);
});

test("tokens are counted", async () => {
  expect(await (await post("countTokens", ask)).json()).toEqual({ totalTokens: expect.any(Number) as number });
});
