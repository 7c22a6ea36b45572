import { LLMCache, type CacheControl } from "@llmcache/core";
import { useLiteEmbedder } from "@llmcache/embeddings";
import { MemorySemanticStore } from "@llmcache/memory-semantic";
import { cachedOpenAI, type CachedOpenAI } from "@llmcache/openai";
import { independent } from "@llmcache/sampling";
import { startModelServer, type ModelServer } from "@llmcache/testing/model-server";
import OpenAI from "openai";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";

type Message = OpenAI.ChatCompletionMessageParam;
type Chat = Partial<OpenAI.ChatCompletionCreateParamsNonStreaming>;

const embedder = useLiteEmbedder();
const STORED = "How can I change the password of my account?";
const ASKED = "How do I change my account password?";
const user = (content: string): Message => ({ role: "user", content });

let server: ModelServer;
let store: MemorySemanticStore;
let cache: LLMCache;
let plain: OpenAI;
let client: CachedOpenAI<OpenAI>;

beforeEach(async () => {
  server = await startModelServer();
  store = new MemorySemanticStore({ embedder, threshold: 0.8 });
  cache = new LLMCache({ store, storeTimeoutMs: 20_000 });
  plain = new OpenAI({ apiKey: "sk-test", baseURL: server.baseURL, maxRetries: 0, logLevel: "off" });
  client = cachedOpenAI(plain, cache);
});
afterEach(async () => {
  await cache[Symbol.asyncDispose]();
  await server.close();
});
afterAll(() => embedder[Symbol.asyncDispose]());

async function ask(messages: readonly Message[] | string, more: Chat = {}, control: CacheControl = {}) {
  const before = server.count();
  const { data, response } = await client.chat.completions
    .create({ model: "gpt-4o", messages: typeof messages === "string" ? [user(messages)] : [...messages], ...more }, {
      cache: control,
    } as never)
    .withResponse();
  await cache.settled();
  return {
    id: data.id,
    text: data.choices[0]?.message.content,
    similarity: response.headers.get("x-llmcache-similarity"),
    isHit: server.count() === before,
  };
}

describe("a question in other words", () => {
  test("is served with the stored answer, id and all, which says how similar it is", async () => {
    const first = await ask(STORED);
    const hit = await ask(ASKED);
    expect(hit).toMatchObject({ isHit: true, id: first.id, text: first.text });
    expect(Number(hit.similarity)).toBeGreaterThan(0.8);
    expect(await ask(STORED)).toMatchObject({ isHit: true, similarity: null });
    expect(cache.stats()).toMatchObject({ hits: 2, similar: 1 });
  });

  test("is served as a stream, too, and through Responses", async () => {
    await ask(STORED);
    const stream = await client.chat.completions.create({ model: "gpt-4o", messages: [user(ASKED)], stream: true });
    let text = "";
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
    expect(text).toContain(STORED);
    expect(server.count()).toBe(1);
    await client.responses.create({ model: "gpt-4o", instructions: "Be brief.", input: STORED });
    await cache.settled();
    const answer = await client.responses.create({ model: "gpt-4o", instructions: "Be brief.", input: ASKED });
    expect(answer.output_text).toContain(STORED);
    expect(server.count()).toBe(2);
    await client.responses.create({ model: "gpt-4o", instructions: "Be verbose.", input: ASKED });
    expect(server.count()).toBe(3);
  });

  test("is asked where the call, the header or a sampling view says so", async () => {
    await ask(STORED);
    expect(await ask(ASKED, {}, { similar: false, noStore: true })).toMatchObject({ isHit: false });
    const before = server.count();
    const headers = { "x-llmcache-similar": "false", "cache-control": "no-store" };
    await client.chat.completions.create({ model: "gpt-4o", messages: [user(ASKED)] }, { headers });
    expect(server.count()).toBe(before + 1);
    expect(server.requests.at(-1)?.headers).not.toHaveProperty("x-llmcache-similar");
    const sampled = cachedOpenAI(plain, independent(cache));
    await sampled.chat.completions.create({ model: "gpt-4o", messages: [user(ASKED)] });
    expect(server.count()).toBe(before + 2);
  });

  test("that differs in a number or a negation is not the same question", async () => {
    await ask("Is it safe to take 2 tablets of ibuprofen per day?");
    expect(await ask("Is it safe to take 20 tablets of ibuprofen per day?")).toMatchObject({ isHit: false });
    expect(await ask("Is it not safe to take 2 tablets of ibuprofen per day?")).toMatchObject({ isHit: false });
  });
});

describe("what never hits, though the last text is the same or nearly", () => {
  const conditions: readonly [string, Chat, CacheControl][] = [
    ["another system prompt", { messages: [{ role: "system", content: "Answer in French." }, user(STORED)] }, {}],
    ["a developer prompt", { messages: [{ role: "developer", content: "Be brief." }, user(STORED)] }, {}],
    ["another model", { model: "gpt-4o-mini" }, {}],
    ["another temperature", { temperature: 0.2 }, {}],
    ["a limit of tokens", { max_tokens: 5 }, {}],
    ["a seed", { seed: 7 }, {}],
    ["another format", { response_format: { type: "json_object" } }, {}],
    ["tools", { tools: [{ type: "function", function: { name: "search" } }] }, {}],
    ["another tenant", {}, { namespace: "tenant-2" }],
    ["another version", {}, { version: "2" }],
    [
      "an image beside it",
      {
        messages: [
          {
            role: "user",
            content: [
              { type: "text", text: STORED },
              { type: "image_url", image_url: { url: "data:image/png;base64,AA==" } },
            ],
          },
        ],
      },
      {},
    ],
    ["something said before", { messages: [user("Hello"), { role: "assistant", content: "Hi!" }, user(STORED)] }, {}],
  ];

  test.each(conditions)("%s", async (_, more, control) => {
    await ask(STORED, {}, {});
    for (const text of [STORED, ASKED]) {
      const messages = more.messages?.map(
        (message) => JSON.parse(JSON.stringify(message).replaceAll(STORED, text)) as Message,
      );
      expect(
        await ask(
          messages ?? text,
          { ...more, ...(messages === undefined ? {} : { messages }) },
          { ...control, noStore: true },
        ),
        text,
      ).toMatchObject({ isHit: false, similarity: null });
    }
    expect(await ask(ASKED)).toMatchObject({ isHit: true });
  });
});

test("consecutive turns of an agent never hit each other, whatever is allowed", async () => {
  for (const similar of [{}, { maxTurns: 100 }]) {
    await cache.clear();
    cache.update({ similar });
    const messages: Message[] = [{ role: "system", content: "You are an agent." }];
    for (let turn = 0; turn < 8; turn++) {
      messages.push(user(turn % 2 === 0 ? "Please continue." : "Please continue now."));
      const { isHit, text } = await ask(messages);
      expect(isHit, `turn ${turn}`).toBe(false);
      messages.push({ role: "assistant", content: text ?? "" });
    }
    const tools: Chat = { tools: [{ type: "function", function: { name: "search" } }] };
    const call: Message[] = [user("Find the weather in Paris.")];
    for (let turn = 0; turn < 4; turn++) {
      expect((await ask(call, tools)).isHit, `tool turn ${turn}`).toBe(false);
      const id = `call_${turn}`;
      call.push(
        { role: "assistant", tool_calls: [{ id, type: "function", function: { name: "search", arguments: "{}" } }] },
        { role: "tool", tool_call_id: id, content: "Nothing was found, try again." },
      );
    }
  }
  // The same conversation again is the same, exactly.
  expect((await ask([{ role: "system", content: "You are an agent." }, user("Please continue.")])).isHit).toBe(true);
});

test("concurrent callers in other words: each has an answer to his question, and nothing fails", async () => {
  const questions = [
    "How can I reset my password?",
    "How do I reset my password?",
    "What is the capital of France?",
    "What's the capital of France?",
    "How long do I boil an egg?",
    "How long should I boil an egg?",
  ];
  const answers = await Promise.all(
    Array.from({ length: 60 }, async (_, at) => {
      const question = questions[at % questions.length] as string;
      return [question, (await ask(question)).text ?? ""] as const;
    }),
  );
  for (const [question, text] of answers) {
    const about = Math.floor(questions.indexOf(question) / 2) * 2;
    expect(
      [questions[about], questions[about + 1]].some((one) => text.includes(one as string)),
      text,
    ).toBe(true);
  }
  expect(server.count()).toBeLessThanOrEqual(questions.length);
  expect(cache.stats().failures).toBe(0);
});
