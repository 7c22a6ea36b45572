import { LLMCache } from "@llmcache/core";
import OpenAI from "openai";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ai302, closeAI, fireworksAI, ollama, openAICompatible, xmcp, type PresetOptions } from "../src/presets.ts";

const KEYED = [
  { name: "ai302", make: ai302, variable: "AI302_API_KEY", baseURL: "https://api.302.ai/v1" },
  { name: "closeAI", make: closeAI, variable: "CLOSEAI_API_KEY", baseURL: "https://api.openai-proxy.org/v1" },
  {
    name: "fireworksAI",
    make: fireworksAI,
    variable: "FIREWORKS_API_KEY",
    baseURL: "https://api.fireworks.ai/inference/v1",
  },
  { name: "xmcp", make: xmcp, variable: "XMCP_API_KEY", baseURL: "https://llm.xmcp.ltd" },
] as const;
const KEY = "sk-very-secret-1234567890";

let asked: { url: string; headers: Headers }[];
let answeredBy: string | undefined;

/** A provider that answers everything. */
const fetch: typeof globalThis.fetch = async (input, init) => {
  const request = new Request(input, init);
  asked.push({ url: request.url, headers: request.headers });
  const model = answeredBy ?? ((await request.json()) as { model: string }).model;
  const choices = [
    { index: 0, message: { role: "assistant", content: `answer ${asked.length}` }, finish_reason: "stop" },
  ];
  return Response.json({ id: "1", object: "chat.completion", created: 1, model, choices });
};

const ask = { model: "m", messages: [{ role: "user" as const, content: "hello" }] };

beforeEach(() => {
  asked = [];
  answeredBy = undefined;
  for (const { variable } of KEYED) vi.stubEnv(variable, undefined);
  // What belongs to OpenAI is shown to nobody else.
  vi.stubEnv("OPENAI_API_KEY", "sk-of-openai");
  vi.stubEnv("OPENAI_ADMIN_KEY", "sk-admin");
  vi.stubEnv("OPENAI_ORG_ID", "org-of-openai");
  vi.stubEnv("OPENAI_PROJECT_ID", "proj-of-openai");
  vi.stubEnv("OPENAI_BASE_URL", "https://openai.example/v1");
});
afterEach(() => void vi.unstubAllEnvs());

describe.each(KEYED)("$name", ({ make, variable, baseURL }) => {
  test("is a cached client of the official SDK for its base URL, with the key of its variable", async () => {
    vi.stubEnv(variable, KEY);
    const cache = new LLMCache();
    const client = make({ cache, client: { fetch } });
    expect(client).toBeInstanceOf(OpenAI);
    await client.chat.completions.create(ask);
    await cache.settled();
    const second = await client.chat.completions.create(ask);
    expect(second.choices[0]?.message.content).toBe("answer 1");
    expect(asked.map(({ url }) => url)).toEqual([`${baseURL}/chat/completions`]);
    expect(asked[0]?.headers.get("authorization")).toBe(`Bearer ${KEY}`);
    expect([...(asked[0]?.headers.values() ?? [])].join(" ")).not.toContain("of-openai");
  });

  test("names the variable where there is no key, and does not take OpenAI's", () => {
    for (const value of [undefined, "", " "]) {
      vi.stubEnv(variable, value);
      expect(() => make()).toThrow(
        expect.objectContaining({ code: "ERR_LLMCACHE_OPTION", message: expect.stringContaining(variable) }),
      );
    }
  });

  test("can be overridden in everything", async () => {
    const client = make({
      apiKey: "mine",
      baseURL: "https://elsewhere.example/v2",
      client: { fetch, timeout: 1234, organization: "org-mine", defaultHeaders: { "x-own": "1" } },
    });
    await client.chat.completions.create(ask);
    const [{ url, headers } = { url: "", headers: new Headers() }] = asked;
    expect(url).toBe("https://elsewhere.example/v2/chat/completions");
    expect(["authorization", "openai-organization", "x-own"].map((name) => headers.get(name))).toEqual([
      "Bearer mine",
      "org-mine",
      "1",
    ]);
    expect([client.timeout, client.baseURL]).toEqual([1234, "https://elsewhere.example/v2"]);
  });

  test("does not store a fallback's answer, unless it is told to", async () => {
    const cache = new LLMCache();
    const other = (options: PresetOptions): Promise<unknown> =>
      make({ apiKey: KEY, cache, client: { fetch }, ...options })
        .chat.completions.create(ask)
        .then(() => cache.settled());
    answeredBy = "another";
    await other({});
    await other({});
    expect([asked.length, cache.stats().stores]).toEqual([2, 0]);
    await other({ storeOtherModels: true });
    await other({});
    expect([asked.length, cache.stats().stores]).toEqual([3, 1]);
  });
});

describe("ollama", () => {
  test("needs no key, and stores what a local model answers under whatever name", async () => {
    const cache = new LLMCache();
    const client = ollama({ cache, client: { fetch } });
    answeredBy = "llama3.2:3b-instruct";
    await client.chat.completions.create(ask);
    await cache.settled();
    await client.chat.completions.create(ask);
    expect(asked.map(({ url }) => url)).toEqual(["http://localhost:11434/v1/chat/completions"]);
    expect(asked[0]?.headers.get("authorization")).not.toContain("openai");
  });
});

describe("openAICompatible", () => {
  test("takes any base URL and key", async () => {
    await openAICompatible({ baseURL: "https://any.example", apiKey: KEY, client: { fetch } }).chat.completions.create(
      ask,
    );
    expect(asked.map(({ url }) => url)).toEqual(["https://any.example/chat/completions"]);
  });

  test("says what is missing, and not what is there", () => {
    const missing = { baseURL: "https://any.example", apiKey: undefined as unknown as string };
    expect(() => openAICompatible(missing)).toThrow(/apiKey is not set/);
    const nowhere = { baseURL: "", apiKey: KEY };
    expect(() => openAICompatible(nowhere)).toThrow(/^(?!.*sk-very).*baseURL is not set/);
  });

  test("shares entries with a client that has another key, another provider's name under one alias, and never tells the key", async () => {
    const cache = new LLMCache({ keepRequests: true });
    const events: string[] = [];
    cache.on((event) => events.push(JSON.stringify(event)));
    const options = { cache, client: { fetch }, alias: { m: "one", "provider/m": "one" } };
    await openAICompatible({ ...options, baseURL: "https://a.example", apiKey: KEY }).chat.completions.create(ask);
    await cache.settled();
    const other = openAICompatible({ ...options, baseURL: "https://b.example", apiKey: "other" });
    const answer = await other.chat.completions.create({ ...ask, model: "provider/m" });
    expect([answer.choices[0]?.message.content, asked.length]).toEqual(["answer 1", 1]);
    expect(events.length).toBeGreaterThan(1);
    expect(events.join()).not.toContain(KEY);
  });

  test("keeps providers apart without an alias", async () => {
    const cache = new LLMCache();
    for (const baseURL of ["https://a.example", "https://b.example"]) {
      await openAICompatible({ cache, client: { fetch }, baseURL, apiKey: KEY }).chat.completions.create(ask);
      await cache.settled();
    }
    expect(asked).toHaveLength(2);
  });
});
