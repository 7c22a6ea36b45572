import type { JsonObject } from "@llmcache/core";
import { describe, expect, test } from "vitest";
import { googleEmbedContent, googleGenerateContent } from "../src/index.ts";
import { BASE_URL, call, callOf, GENERATE_URL, keyOf, STREAM_URL, wireRequest } from "./asking.ts";

const contents = [{ role: "user", parts: [{ text: "hello" }] }];
const body = { contents, generationConfig: { temperature: 0 } };
const base = keyOf(body);

describe("the body", () => {
  test("counts with all that is in it, known or not, but for labels", () => {
    const bodies: (JsonObject | string)[] = [
      body,
      { contents },
      { ...body, generationConfig: { temperature: 0, topK: 1 } },
      { ...body, generation_config: {} },
      { ...body, user: "a" },
      { ...body, systemInstruction: { parts: [{ text: "a" }] } },
      { ...body, cachedContent: "cachedContents/1" },
      { ...body, safetySettings: [] },
      { ...body, Labels: {} },
      `{"contents":[{"role":"user","parts":[{"text":"hello"}]}],"generationConfig":{"temperature":0},"__proto__":{"a":1}}`,
      `{"contents":[{"role":"user","parts":[{"text":"hello"}]}],"generationConfig":{"temperature":0,"seed":9007199254740993}}`,
      `{"contents":[{"role":"user","parts":[{"text":"hello"}]}],"generationConfig":{"temperature":0,"seed":9007199254740992}}`,
    ];
    expect(new Set(bodies.map((each) => keyOf(each))).size).toBe(bodies.length);
    expect(keyOf({ ...body, labels: { team: "a" } })).toBe(base);
    expect(keyOf({ contents, generationConfig: {} })).toBe(keyOf({ contents }));
    expect(keyOf({ generationConfig: body.generationConfig, contents })).toBe(base);
  });

  test("has contents that are not glued together", () => {
    const asked = (...list: JsonObject[]): string => keyOf({ contents: list });
    const user = { role: "user", parts: [{ text: "a" }] };
    const conversations: JsonObject[][] = [
      [user],
      [user, user],
      [{ role: "user", parts: [{ text: "a" }, { text: "b" }] }],
      [{ role: "user", parts: [{ text: "ab" }] }],
      [{ role: "model", parts: [{ text: "a" }] }],
      [{ parts: [{ text: "a" }] }],
      [{ role: "user", parts: [{ text: "a", thought: true }] }],
      [{ role: "user", parts: [{ text: "a", thoughtSignature: "s" }] }],
      [{ role: "user", parts: [{ inlineData: { mimeType: "image/png", data: "AA" } }] }],
      [{ role: "user", parts: [{ fileData: { fileUri: "https://a" } }] }],
      [{ role: "user", parts: ["a"] }],
      [{ role: "user", parts: "a" }],
      [{ role: "user", text: "a" }],
    ];
    expect(new Set(conversations.map((list) => asked(...list))).size).toBe(conversations.length);
    expect(call({ contents: [user] }).request.prompt).toBe("a");
  });

  test("that is none is not understood: such a call passes untouched", () => {
    for (const strange of [
      "[]",
      "null",
      "{}",
      `{"contents":[]}`,
      `{"contents":["a"]}`,
      `{"contents":"a"}`,
      `{"contents":{}}`,
    ])
      expect(callOf(strange)).toBeUndefined();
  });

  test("shows its shape", () => {
    const image = { role: "user", parts: [{ inlineData: { mimeType: "image/png", data: "AA" } }] };
    expect(call(body).request.shape).toEqual({ turns: 1, tools: false, attachments: false, temperature: 0 });
    expect(call({ contents: [...contents, image], tools: [] }).request.shape).toEqual({
      turns: 2,
      tools: true,
      attachments: true,
    });
  });
});

describe("who answers", () => {
  const at = (url: string, headers: Record<string, string> = {}): string => keyOf(body, { url, headers });

  test("is the URL before the model, with the API version, and the model in it", () => {
    const vertex = "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1";
    const urls = [
      GENERATE_URL,
      GENERATE_URL.replace("v1beta", "v1"),
      GENERATE_URL.replace("gemini-3-flash", "gemini-3-pro"),
      GENERATE_URL.replace("models/gemini", "tunedModels/gemini"),
      `${vertex}/publishers/google/models/gemini-3-flash:generateContent`,
      `${vertex}/publishers/meta/models/gemini-3-flash:generateContent`,
      `${vertex}/endpoints/gemini-3-flash:generateContent`,
      `${vertex.replace("/p/", "/q/")}/publishers/google/models/gemini-3-flash:generateContent`,
      `${GENERATE_URL}?a=1`,
    ];
    expect(new Set(urls.map((url) => at(url))).size).toBe(urls.length);
    const { provider, model } = call(body, { url: urls[4] as string }).request;
    expect([provider, model]).toEqual([`${vertex}/publishers/google`, "gemini-3-flash"]);
    expect(call(body, { url: urls[3] as string }).request.model).toBe("tunedModels/gemini-3-flash");
  });

  test("is not told by keys in the query or in headers, which are in no request that is kept", () => {
    const url = `${GENERATE_URL}?key=secret&$alt=json`;
    const headers = {
      "x-goog-api-key": "secret",
      authorization: "Bearer secret",
      "x-goog-api-client": "a",
      "x-server-timeout": "5",
    };
    expect(at(url, headers)).toBe(base);
    expect(JSON.stringify(call(body, { url, headers }).request)).not.toContain("secret");
  });

  test("is not shared with answers of another form, which pass, or of which parts are wanted", () => {
    expect(at(`${GENERATE_URL}?alt=json`)).toBe(base);
    for (const query of ["alt=proto", "alt=sse", "alt=json&alt=media", "$alt=json;enum-encoding=int"])
      expect(callOf(body, { url: `${GENERATE_URL}?${query}` })).toBeUndefined();
    expect(callOf(body, { url: `${STREAM_URL}&$alt=sse;enum-encoding=int` })).toBeUndefined();
    expect(at(GENERATE_URL, { "X-Goog-FieldMask": "candidates" })).not.toBe(base);
  });

  test("is the provider's alias, or the model's", () => {
    const elsewhere = "https://proxy/v1/models/gemini-3-flash:generateContent";
    expect(keyOf(body, { options: { provider: "g" } })).toBe(
      keyOf(body, { url: elsewhere, options: { provider: "g" } }),
    );
    const alias = { "gemini-3-flash": "flash", g3: "flash" };
    expect(keyOf(body, { options: { alias } })).toBe(
      keyOf(body, { url: "https://x/v1/models/g3:generateContent", options: { alias } }),
    );
    const proxied = (value: string): string =>
      keyOf(body, { headers: { "x-model": value }, options: { countedHeaders: ["X-Model"] } });
    expect(proxied("a")).not.toBe(proxied("b"));
  });
});

test("streams have the key of answers in one piece, and need to be event streams", () => {
  expect(keyOf(body, { url: STREAM_URL })).toBe(base);
  expect(call(body, { url: STREAM_URL }).streaming).toBe(true);
  expect(call(body).streaming).toBe(false);
  expect(callOf(body, { url: `${BASE_URL}:streamGenerateContent` })).toBeUndefined();
});

const HOSTED = [
  "googleSearch",
  "googleSearchRetrieval",
  "codeExecution",
  "urlContext",
  "retrieval",
  "fileSearch",
  "googleMaps",
  "computerUse",
  "enterpriseWebSearch",
  "mcpServers",
  "tomorrowsTool",
];

test.each(HOSTED)("a request with %s is not cached, but for who wants it", (tool) => {
  const asked = { ...body, tools: [{ functionDeclarations: [] }, { [tool]: {} }] };
  expect(callOf(asked)).toBeUndefined();
  expect(callOf(asked, { options: { storeAnyway: ["hosted-tool"] } })).toBeDefined();
  expect(callOf({ ...body, tools: [{ functionDeclarations: [{ name: "f" }], [tool]: null }] })).toBeDefined();
});

test.each(["countTokens", "predict", "batchGenerateContent", "generateAnswer", "asyncBatchEmbedContent"])(
  "%s is no method of ours",
  (method) => {
    const request = wireRequest({ url: `${BASE_URL}:${method}` });
    expect([googleGenerateContent().knows(request), googleEmbedContent().knows(request)]).toEqual([false, false]);
    expect(googleGenerateContent().knows({ ...wireRequest({}), method: "GET" })).toBe(false);
  },
);
