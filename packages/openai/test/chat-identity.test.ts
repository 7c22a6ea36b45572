import type { JsonObject } from "@llmcache/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { callOf, CHAT_URL, keyOf } from "./asking.ts";

const messages = [{ role: "user", content: "hello" }];
const body = { model: "gpt-4o", messages };
const base = keyOf(body);

describe("the body", () => {
  test("counts fields that nobody knows, also inside others, whatever they are called", () => {
    const bodies = [
      body,
      { ...body, top_k: 1 },
      { ...body, extra_body: { user: "a" } },
      { ...body, extra_body: { user: "b" } },
      { ...body, body: {} },
      { ...body, settings: {} },
      { ...body, provider: "x" },
      { ...body, Temperature: 1 },
      `{"model":"gpt-4o","messages":[{"role":"user","content":"hello"}],"__proto__":{"a":1}}`,
      `{"model":"gpt-4o","messages":[{"role":"user","content":"hello"}],"__proto__":{"a":2}}`,
      `{"model":"gpt-4o","messages":[{"role":"user","content":"hello"}],"0":1}`,
    ];
    expect(new Set(bodies.map((each) => keyOf(each))).size).toBe(bodies.length);
  });

  test('tells 1 from "1", a missing temperature from 0, null from missing, and an empty list from missing', () => {
    const bodies = [
      { seed: 1 },
      { seed: "1" },
      { temperature: 0 },
      {},
      { temperature: null },
      { tools: [] },
      { stop: null },
    ];
    expect(new Set(bodies.map((more) => keyOf({ ...body, ...more }))).size).toBe(bodies.length);
  });

  test("tells integers apart that a double cannot", () => {
    const seeded = (seed: string): string =>
      keyOf(`{"model":"gpt-4o","messages":[{"role":"user","content":"hello"}],"seed":${seed}}`);
    const seeds = [
      "9007199254740992",
      "9007199254740993",
      "-9007199254740993",
      "18446744073709551615",
      "18446744073709551614",
    ];
    expect(new Set(seeds.map(seeded)).size).toBe(seeds.length);
    expect(seeded("9007199254740993")).toBe(seeded("9007199254740993"));
    expect(seeded("1.0")).toBe(seeded("1"));
    // The same digits as text are no number.
    expect(keyOf({ model: "m", messages: [{ role: "user", content: "9007199254740993" }] })).toBe(
      keyOf({ model: "m", messages: [{ role: "user", content: "9007199254740993" }] }),
    );
  });

  test("does not depend on the order of members or on white space", () => {
    expect(keyOf(`{ "messages":[ {"content":"hello", "role":"user"} ],\n "model":"gpt-4o" }`)).toBe(base);
  });

  test("is not understood where it is none: such a call passes untouched", () => {
    for (const strange of [
      "[]",
      "null",
      `"x"`,
      "{}",
      `{"model":"m"}`,
      `{"model":"m","messages":[]}`,
      `{"messages":[{}]}`,
      `{"model":1,"messages":[{}]}`,
      `{"model":"m","messages":["hello"]}`,
      `{"model":"m","messages":[{},null]}`,
    ]) {
      expect(callOf(strange)).toBeUndefined();
    }
    expect(() => callOf("{")).toThrow(SyntaxError);
  });

  test("is not understood where it is no UTF-8, which decoding would make equal", async () => {
    const { openAIChat } = await import("../src/index.ts");
    const request = { method: "POST", url: new URL(CHAT_URL), headers: new Headers() };
    const bytes = Buffer.from(JSON.stringify({ ...body, user: "?" }), "utf8");
    expect(openAIChat().read(request, bytes)).toBeDefined();
    bytes[bytes.indexOf("?")] = 0xff;
    expect(openAIChat().read(request, bytes)).toBeUndefined();
  });
});

describe("the messages", () => {
  const asked = (...list: JsonObject[]): string => keyOf({ model: "m", messages: list });

  test("are not glued together", () => {
    const conversations = [
      [
        { role: "user", content: "a" },
        { role: "assistant", content: "b" },
      ],
      [{ role: "user", content: "a\nassistant: b" }],
      [
        { role: "user", content: "a" },
        { role: "user", content: "b" },
      ],
      [{ role: "user", content: "ab" }],
      [{ role: "user", content: `["a","b"]` }],
      [
        {
          role: "user",
          content: [
            { type: "text", text: "a" },
            { type: "text", text: "b" },
          ],
        },
      ],
      [{ role: "user", content: ["a", "b"] }],
    ];
    expect(new Set(conversations.map((list) => asked(...list))).size).toBe(conversations.length);
  });

  test("count with order, role, name, content parts, tool ids and everything else they hold", () => {
    const user = { role: "user", content: "a" };
    const system = { role: "system", content: "b" };
    const conversations = [
      [user],
      [{ ...user, role: "system" }],
      [{ ...user, role: "developer" }],
      [{ ...user, role: "assistant" }],
      [{ ...user, name: "x" }],
      [{ ...user, name: "y" }],
      [{ ...user, cache_control: { type: "ephemeral" } }],
      [system, user],
      [user, system],
      [{ role: "tool", tool_call_id: "1", content: "a" }],
      [{ role: "tool", tool_call_id: "2", content: "a" }],
      [{ role: "user", content: [{ type: "image_url", image_url: { url: "a" } }] }],
      [{ role: "user", content: [{ type: "image_url", image_url: { url: "a", detail: "low" } }] }],
      [{ role: "user", content: [{ type: "text", text: "a", cache_control: null }] }],
      [{ role: "user", content: [{ type: "refusal", text: "a" }] }],
      [{ role: "user", content: [] }],
      [{ role: "user", content: null }],
      [{ role: "user", content: "" }],
      [{ role: "user" }],
      [{ role: "user", text: "a" }],
      [{ content: "a" }],
      [
        {
          role: "assistant",
          content: null,
          tool_calls: [{ id: "1", type: "function", function: { name: "f", arguments: "{}" } }],
        },
      ],
      [
        {
          role: "assistant",
          content: null,
          tool_calls: [{ id: "1", type: "function", function: { name: "f", arguments: "{ }" } }],
        },
      ],
      [
        {
          role: "assistant",
          content: null,
          tool_calls: [{ id: "2", type: "function", function: { name: "f", arguments: "{}" } }],
        },
      ],
    ];
    expect(new Set(conversations.map((list) => asked(...(list as JsonObject[])))).size).toBe(conversations.length);
  });

  test("ask the same with one part of text as with the text", () => {
    expect(asked({ role: "user", content: [{ type: "text", text: "a" }] })).toBe(asked({ role: "user", content: "a" }));
  });

  test("have the same key exactly if they are equal", () => {
    const message = fc.record(
      {
        role: fc.constantFrom("user", "system", "assistant", "tool"),
        content: fc.oneof(
          fc.string({ maxLength: 3 }),
          fc.array(fc.record({ type: fc.constant("text"), text: fc.string({ maxLength: 2 }) }), { maxLength: 2 }),
          fc.constant(null),
        ),
        name: fc.constantFrom("a", "b"),
      },
      { requiredKeys: ["role", "content"] },
    );
    const plain = (list: readonly { content: unknown }[]): string =>
      JSON.stringify(
        list.map((each, index) => {
          const { content } = each;
          const only = Array.isArray(content) && content.length === 1 ? (content[0] as { text: string }).text : content;
          const last =
            index === list.length - 1 &&
            Object.keys(each).length === 2 &&
            (each as unknown as { role: string }).role === "user";
          return Object.entries({ ...each, content: last ? only : content }).sort(([a], [b]) => (a < b ? -1 : 1));
        }),
      );
    const list = fc.array(message, { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(list, list, (a, b) => {
        expect(asked(...(a as JsonObject[])) === asked(...(b as JsonObject[]))).toBe(plain(a) === plain(b));
      }),
      { numRuns: 500 },
    );
  });
});

describe("who answers", () => {
  const at = (url: string, headers: Record<string, string> = {}, provider?: string): string =>
    keyOf(body, { url, headers, options: { provider } });

  test("is the base URL, its path and its query, the API version for one", () => {
    const urls = [
      CHAT_URL,
      "http://api.openai.com/v1/chat/completions",
      "https://api.openai.com:8443/v1/chat/completions",
      "https://api.openai.com/v2/chat/completions",
      "https://api.openai.com/chat/completions",
      "https://eu.api.openai.com/v1/chat/completions",
      "https://x.azure.com/openai/deployments/a/chat/completions?api-version=1",
      "https://x.azure.com/openai/deployments/a/chat/completions?api-version=2",
      "https://x.azure.com/openai/deployments/b/chat/completions?api-version=1",
      "https://x.azure.com/openai/deployments/a/extensions/chat/completions?api-version=1",
    ];
    expect(new Set(urls.map((url) => at(url))).size).toBe(urls.length);
  });

  test("is not told by credentials, in headers, in the query or before the host", () => {
    const urls = ["?api-key=a", "?api-key=b", "?key=c", "?subscription-key=d", "?API_KEY=e", "?code=f", "/", "?"].map(
      (end) => CHAT_URL + end,
    );
    const ids = [
      ...urls.map((url) => at(url)),
      at("https://me:secret@api.openai.com/v1/chat/completions"),
      at(CHAT_URL, {
        authorization: "Bearer a",
        "api-key": "b",
        "openai-organization": "c",
        "x-stainless-retry-count": "1",
      }),
    ];
    expect(new Set(ids)).toEqual(new Set([base]));
  });

  test("and no credential is in the request that is kept", () => {
    const read = callOf(body, {
      url: `https://me:secret@h/v1/chat/completions?api-key=secret&sig=secret&v=1`,
      headers: { authorization: "secret" },
    });
    expect(read?.request.provider).toBe("https://h/v1?v=1");
    expect(JSON.stringify(read?.request)).not.toContain("secret");
  });

  test("does not depend on the order of the query", () => {
    expect(at(`${CHAT_URL}?a=1&b=2`)).toBe(at(`${CHAT_URL}?b=2&a=1`));
    expect(at(`${CHAT_URL}?a=1&a=2`)).not.toBe(at(`${CHAT_URL}?a=2&a=1`));
  });

  test("is the alias where one is given; a deployment in the path still is the model", () => {
    expect(at(CHAT_URL, {}, "both")).toBe(at("https://elsewhere/api/chat/completions", {}, "both"));
    expect(at(CHAT_URL, {}, "one")).not.toBe(at(CHAT_URL, {}, "other"));
    const deployed = (name: string): string =>
      at(`https://x.azure.com/openai/deployments/${name}/chat/completions?api-version=1`, {}, "both");
    expect(deployed("gpt-4o")).toBe(at(CHAT_URL, {}, "both"));
    expect(deployed("other")).not.toBe(deployed("another"));
  });

  test("a deployment needs no model in the body, and a model in the body counts beside it", () => {
    const url = "https://x.azure.com/openai/deployments/a/chat/completions";
    expect(callOf({ messages }, { url })?.request.model).toBe("a");
    expect(keyOf({ model: "x", messages }, { url })).not.toBe(keyOf({ model: "y", messages }, { url }));
  });
});

describe("headers", () => {
  test.each(["openai-beta", "azureml-model-deployment", "extra-parameters"])("%s counts", (name) => {
    const ids = [base, keyOf(body, { headers: { [name]: "a" } }), keyOf(body, { headers: { [name]: "b" } })];
    expect(new Set(ids).size).toBe(3);
  });

  test("that the options name count, in any case", () => {
    const asked = (value: string): string =>
      keyOf(body, { headers: { "x-proxy-model": value }, options: { countedHeaders: ["X-Proxy-Model"] } });
    expect(asked("a")).not.toBe(asked("b"));
    expect(keyOf(body, { headers: { "x-proxy-model": "a" } })).toBe(base);
  });
});

describe("the endpoint", () => {
  test.each([
    ["GET", CHAT_URL],
    ["POST", `${CHAT_URL}/chatcmpl-1`],
    ["POST", "https://api.openai.com/v1/completions"],
    ["POST", "https://api.openai.com/v1/embeddings"],
    ["POST", "https://api.openai.com/v1/chat/completions/messages"],
    ["POST", "https://api.openai.com/v1?x=/chat/completions"],
  ])("is not %s %s", async (method, url) => {
    const { openAIChat } = await import("../src/index.ts");
    expect(openAIChat().knows({ method, url: new URL(url), headers: new Headers() })).toBe(false);
  });
});
