import { GoogleGenAI, type EmbedContentConfig, type GenerateContentConfig } from "@google/genai";
import { requestKey } from "@llmcache/core";
import type { WireRequest } from "@llmcache/fetch";
import { expect, test } from "vitest";
import { EMBED_FIELDS, GENERATE_FIELDS, googleEmbedContent, googleGenerateContent } from "../src/index.ts";

type Values<T> = { readonly [Name in keyof Required<T>]: readonly [unknown, unknown] };

const GENERATE: Values<Omit<GenerateContentConfig, never>> & {
  readonly [Name in "model" | "contents" | "config"]: readonly [unknown, unknown];
} = {
  model: ["gemini-3-flash", "gemini-3-pro"],
  contents: ["hello", "bye"],
  config: [{ temperature: 0 }, { temperature: 1 }],
  abortSignal: [new AbortController().signal, undefined],
  audioTimestamp: [true, false],
  audioTranscriptionConfig: [{ languageCodes: ["de"] }, { languageCodes: ["en"] }],
  automaticContinuation: [true, false],
  automaticFunctionCalling: [{ disable: true }, { disable: false }],
  cachedContent: ["cachedContents/a", "cachedContents/b"],
  candidateCount: [1, 2],
  continuationToken: ["a", "b"],
  enableEnhancedCivicAnswers: [true, false],
  frequencyPenalty: [0, 1],
  generationOutputConfig: [
    { gcsDestination: { outputUriPrefix: "gs://a" } },
    { gcsDestination: { outputUriPrefix: "gs://b" } },
  ],
  httpOptions: [{ headers: { a: "1" } }, { timeout: 5000 }],
  imageConfig: [{ aspectRatio: "1:1" }, { aspectRatio: "3:4" }],
  labels: [{ a: "1" }, { a: "2" }],
  logprobs: [1, 2],
  maxOutputTokens: [10, 11],
  mediaResolution: ["MEDIA_RESOLUTION_LOW", "MEDIA_RESOLUTION_HIGH"],
  modelArmorConfig: [{ promptTemplateName: "a" }, { promptTemplateName: "b" }],
  modelSelectionConfig: [
    { featureSelectionPreference: "PRIORITIZE_QUALITY" },
    { featureSelectionPreference: "BALANCED" },
  ],
  presencePenalty: [0, 1],
  responseJsonSchema: [{ type: "object" }, { type: "array" }],
  responseLogprobs: [true, false],
  responseMimeType: ["text/plain", "application/json"],
  responseModalities: [["TEXT"], ["IMAGE"]],
  responseSchema: [{ type: "OBJECT" }, { type: "ARRAY" }],
  routingConfig: [{ autoMode: { modelRoutingPreference: "BALANCED" } }, { manualMode: { modelName: "a" } }],
  safetySettings: [
    [{ category: "HARM_CATEGORY_HARASSMENT", threshold: "BLOCK_NONE" }],
    [{ category: "HARM_CATEGORY_HARASSMENT", threshold: "OFF" }],
  ],
  seed: [1, 2],
  serviceTier: ["flex", "priority"],
  speechConfig: [{ languageCode: "de-DE" }, { languageCode: "en-US" }],
  stopSequences: [["a"], ["b"]],
  store: [true, false],
  systemInstruction: ["Be brief.", "Be long."],
  temperature: [0, 1],
  thinkingConfig: [{ thinkingBudget: 0 }, { thinkingBudget: 1 }],
  toolConfig: [{ functionCallingConfig: { mode: "ANY" } }, { functionCallingConfig: { mode: "NONE" } }],
  tools: [[{ functionDeclarations: [{ name: "f" }] }], [{ functionDeclarations: [{ name: "g" }] }]],
  topK: [1, 2],
  topP: [0, 1],
};

const EMBED: Values<EmbedContentConfig> & {
  readonly [Name in "model" | "contents" | "config"]: readonly [unknown, unknown];
} = {
  model: ["gemini-embedding-001", "gemini-embedding-2"],
  contents: [["hello"], ["bye"]],
  config: [{ taskType: "CLUSTERING" }, { taskType: "RETRIEVAL_QUERY" }],
  abortSignal: [new AbortController().signal, undefined],
  audioTrackExtraction: [true, false],
  autoTruncate: [true, false],
  documentOcr: [true, false],
  httpOptions: [{ headers: { a: "1" } }, { timeout: 5000 }],
  mimeType: ["text/plain", "text/html"],
  outputDimensionality: [8, 16],
  taskType: ["CLUSTERING", "RETRIEVAL_QUERY"],
  title: ["a", "b"],
};

/** The key of what the SDK sends; `undefined` for what it does not send to this API. */
async function sentKey(
  vertexai: boolean,
  method: "generateContent" | "embedContent",
  params: object,
): Promise<string | undefined> {
  let key: string | undefined;
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const request: WireRequest = {
      method: "POST",
      url: new URL(input instanceof Request ? input.url : input),
      headers: new Headers(init?.headers),
    };
    const body = Buffer.from(init?.body as string);
    const call = googleGenerateContent().knows(request)
      ? googleGenerateContent().read(request, body)?.request
      : googleEmbedContent().readList?.(request, body)?.requests[0];
    key = call && requestKey(call).id;
    return Promise.resolve(
      Response.json(method === "generateContent" ? { candidates: [] } : { embeddings: [], embedding: {} }),
    );
  };
  const client = new GoogleGenAI({ apiKey: "k", vertexai, httpOptions: { fetch } });
  await (client.models[method] as (params: object) => Promise<unknown>)(params).catch(() => undefined);
  return key;
}

function withField(base: { readonly config: object }, name: string, value: unknown): object {
  if (name === "model" || name === "contents" || name === "config") return { ...base, [name]: value };
  return { ...base, config: { ...base.config, [name]: value } };
}

async function keys(
  method: "generateContent" | "embedContent",
  base: { readonly config: object },
  name: string,
  pair: readonly [unknown, unknown],
) {
  for (const vertexai of [false, true]) {
    const [without, one, other] = await Promise.all([
      sentKey(vertexai, method, base),
      ...pair.map(async (value) => sentKey(vertexai, method, withField(base, name, value))),
    ]);
    if (one !== undefined && other !== undefined) return { without, one, other };
  }
  return undefined;
}

test.each(Object.entries(GENERATE_FIELDS))("generateContent: %s %s", async (name, role) => {
  const base = { model: "gemini-3-flash", contents: "hello", config: {} };
  const seen = await keys("generateContent", base, name, GENERATE[name as keyof typeof GENERATE]);
  if (seen === undefined) expect.fail(`The SDK did not send ${name} to either API.`);
  if (role === "counts") expect(seen.one).not.toBe(seen.other);
  else expect([seen.one, seen.other]).toEqual([seen.without, seen.without]);
});

test.each(Object.entries(EMBED_FIELDS))("embedContent: %s %s", async (name, role) => {
  // One model on Vertex is asked by embedContent.
  const base = { model: "gemini-embedding-2", contents: ["hello"], config: {} };
  const seen = await keys("embedContent", base, name, EMBED[name as keyof typeof EMBED]);
  if (seen === undefined) expect.fail(`The SDK did not send ${name} to either API.`);
  if (role === "counts") expect(seen.one).not.toBe(seen.other);
  else expect([seen.one, seen.other]).toEqual([seen.without, seen.without]);
});
