import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
import OpenAI from "openai";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { ask, stage, statusOf, type Stage } from "./gateway-stage.ts";

let staged: Stage;
let openai: OpenAI;
let anthropic: Anthropic;
let google: GoogleGenAI;

beforeAll(async () => {
  staged = await stage();
  const { url } = staged;
  // As each SDK is told of another base URL.
  openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: "sk-test", maxRetries: 0, logLevel: "off" });
  anthropic = new Anthropic({ baseURL: url, apiKey: "sk-ant", maxRetries: 0, logLevel: "off" });
  google = new GoogleGenAI({ apiKey: "g-key", httpOptions: { baseUrl: url } });
});
afterEach(async () => {
  await staged.cache.settled();
  await staged.cache.clear();
  staged.model.reset();
  staged.records.length = 0;
});
afterAll(() => staged[Symbol.asyncDispose]());

const messages = [{ role: "user" as const, content: "Say hello." }];
const asked = { model: "claude-test", max_tokens: 100, messages };
const generate = { model: "gemini-2.5-flash", contents: "Say hello." };

async function textOf<T>(stream: AsyncIterable<T>, read: (chunk: T) => string | null | undefined): Promise<string> {
  let text = "";
  for await (const chunk of stream) text += read(chunk) ?? "";
  return text;
}

/** Ways to ask each API, in one piece and as a stream: the text of the answer. */
const WAYS: Readonly<Record<string, readonly [whole: () => Promise<string>, streamed: () => Promise<string>]>> = {
  openai: [
    async () => (await openai.chat.completions.create({ model: "m", messages })).choices[0]?.message.content ?? "",
    async () =>
      textOf(
        await openai.chat.completions.create({
          model: "m",
          messages,
          stream: true,
          // Without it a stream cannot serve a call in one piece.
          stream_options: { include_usage: true },
        }),
        (chunk) => chunk.choices[0]?.delta.content,
      ),
  ],
  anthropic: [
    async () =>
      (await anthropic.messages.create(asked)).content.map((block) => ("text" in block ? block.text : "")).join(""),
    async () => anthropic.messages.stream(asked).finalText(),
  ],
  google: [
    async () => (await google.models.generateContent(generate)).text ?? "",
    async () => textOf(await google.models.generateContentStream(generate), ({ text }) => text),
  ],
};

describe.each(Object.entries(WAYS))("%s", (api, [whole, streamed]) => {
  test.each([
    ["in one piece", [whole, whole, whole, streamed]],
    ["as a stream", [streamed, streamed, streamed, whole]],
  ] as const)("a miss, then hits %s, and in the other form", async (_form, ways) => {
    const texts: string[] = [];
    for (const way of ways) {
      texts.push(await way());
      await staged.cache.settled();
    }
    expect(texts[0]).toContain("Say hello.");
    expect(new Set(texts).size).toBe(1);
    expect(staged.model.count()).toBe(1);
    await expect.poll(() => staged.records.length).toBe(4);
    expect(staged.records.map(({ cache }) => cache)).toEqual(["miss", "hit", "hit", "hit"]);
    expect(staged.records.every(({ upstream, status }) => upstream === api && status === 200)).toBe(true);
  });

  test("an error of the upstream reaches the client as its own kind of error, and is not stored", async () => {
    staged.model.enqueue({ error: { status: 400, message: "no such thing" } });
    await expect(whole()).rejects.toMatchObject({ status: 400 });
    expect(await whole()).toContain("Say hello.");
  });

  test("so does one of the gateway's own", async () => {
    await using other = await stage({ identify: () => undefined });
    const { url } = other;
    const clients: Record<string, () => Promise<unknown>> = {
      openai: () => new OpenAI({ baseURL: `${url}/v1`, apiKey: "k", maxRetries: 0 }).models.list(),
      anthropic: () => new Anthropic({ baseURL: url, apiKey: "k", maxRetries: 0 }).messages.create(asked),
      google: () => new GoogleGenAI({ apiKey: "k", httpOptions: { baseUrl: url } }).models.generateContent(generate),
    };
    await expect(clients[api]?.()).rejects.toMatchObject({
      status: 401,
      message: expect.stringContaining("one of its keys"),
    });
  });
});

test("an abort of a client ends the upstream's work", async () => {
  staged.model.enqueue({ hang: true });
  const gone = new AbortController();
  const asking = anthropic.messages.create(asked, { signal: gone.signal });
  const request = await staged.model.waitFor(1);
  gone.abort();
  await expect(asking).rejects.toThrow();
  await request.ended;
  expect(request.aborted).toBe(true);
});

test("what is not cached passes to the API that it is asked of", async () => {
  expect((await openai.models.list()).data.length).toBeGreaterThan(0);
  await anthropic.messages.countTokens({ model: "claude-test", messages }).catch(() => undefined);
  await google.models.countTokens(generate).catch(() => undefined);
  expect(staged.model.requests.map(({ path }) => path)).toEqual([
    "/v1/models",
    "/v1/messages/count_tokens",
    expect.stringMatching(/^\/v1(?:beta)?\/models\/gemini-2.5-flash:countTokens$/),
  ]);
  expect(staged.records.map(({ upstream, cache }) => [upstream, cache])).toEqual([
    ["openai", "none"],
    ["anthropic", "none"],
    ["google", "none"],
  ]);
});

test("only-if-cached misses are 504 in the shape of each API", async () => {
  const headers = { "cache-control": "only-if-cached" };
  const shapes = [
    ["/v1/chat/completions", { model: "m", messages }, { error: { code: "ERR_LLMCACHE_MISS", type: "llmcache" } }],
    ["/v1/messages", asked, { type: "error", error: { type: "timeout_error", code: "ERR_LLMCACHE_MISS" } }],
    [
      "/v1beta/models/m:generateContent",
      { contents: [{ role: "user", parts: [{ text: "?" }] }] },
      { error: { code: 504, status: "DEADLINE_EXCEEDED" } },
    ],
    ["/v1/audio/speech", { model: "m", input: "x" }, { error: { code: "ERR_LLMCACHE_MISS" } }],
  ] as const;
  for (const [path, body, shape] of shapes) {
    const answer = await ask(staged, body, headers, path);
    expect(answer.status, path).toBe(504);
    expect(await answer.json()).toMatchObject(shape);
  }
  expect(staged.model.count()).toBe(0);
});

test("Azure's paths pass, and are cached", async () => {
  const path = "/openai/deployments/gpt/chat/completions?api-version=2024-10-21";
  for (const status of [/fwd=miss/, /hit/, /hit/])
    expect(await statusOf(staged, ask(staged, { messages }, {}, path))).toMatch(status);
  expect(staged.model.requests.map((each) => each.path)).toEqual(["/openai/deployments/gpt/chat/completions"]);
});
