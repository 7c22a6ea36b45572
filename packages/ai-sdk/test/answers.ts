import type {
  LanguageModelV4CallOptions,
  LanguageModelV4GenerateResult,
  LanguageModelV4StreamPart,
  LanguageModelV4StreamResult,
} from "@ai-sdk/provider";
import { MockLanguageModelV4 } from "ai/test";

export const usage = {
  inputTokens: { total: 7, noCache: 5, cacheRead: 2, cacheWrite: undefined },
  outputTokens: { total: 11, text: 11, reasoning: undefined },
} as const;
export const stop = { unified: "stop", raw: "end_turn" } as const;
export const asked: LanguageModelV4CallOptions = {
  prompt: [{ role: "user", content: [{ type: "text", text: "hello" }] }],
};

/** An answer with every kind of content. */
export function richAnswer(): LanguageModelV4GenerateResult {
  return {
    content: [
      { type: "reasoning", text: "thinking", providerMetadata: { anthropic: { signature: "sig" } } },
      {
        type: "text",
        text: "hi — there",
        citations: [
          { source: { type: "source", sourceType: "url", id: "c", url: "https://example.com" }, startIndex: 1 },
        ],
        providerMetadata: { openai: { itemId: "i1" } },
      },
      { type: "source", sourceType: "document", id: "d", mediaType: "text/plain", title: "a title" },
      { type: "file", mediaType: "image/png", data: { type: "data", data: new Uint8Array([0, 1, 255]) } },
      { type: "file", mediaType: "image/png", data: { type: "url", url: new URL("https://example.com/a.png") } },
      { type: "reasoning-file", mediaType: "image/png", data: { type: "data", data: "AAEC" } },
      { type: "custom", kind: "openai.compaction" },
      { type: "tool-call", toolCallId: "call-1", toolName: "search", input: '{"q":1}' },
    ],
    finishReason: { unified: "tool-calls", raw: "tool_use" },
    usage: { ...usage, raw: { input: 7 } },
    providerMetadata: { anthropic: { cost: 0.1 } },
    response: {
      id: "r1",
      timestamp: new Date(1_700_000_000_123),
      modelId: "model-of-today",
      headers: { "content-type": "a/b" },
    },
    warnings: [{ type: "other", message: "careful" }],
  };
}

/** A stream with every kind of part. */
export function richParts(): LanguageModelV4StreamPart[] {
  return [
    { type: "stream-start", warnings: [{ type: "other", message: "careful" }] },
    { type: "response-metadata", id: "r1", timestamp: new Date(1_700_000_000_123), modelId: "model-of-today" },
    { type: "reasoning-start", id: "0" },
    { type: "reasoning-delta", id: "0", delta: "think" },
    { type: "reasoning-delta", id: "0", delta: "ing" },
    { type: "reasoning-delta", id: "0", delta: "", providerMetadata: { anthropic: { signature: "sig" } } },
    { type: "reasoning-end", id: "0" },
    { type: "text-start", id: "1", providerMetadata: { openai: { itemId: "i1" } } },
    { type: "text-delta", id: "1", delta: "hi — " },
    { type: "text-delta", id: "1", delta: "there" },
    { type: "text-end", id: "1", providerMetadata: { openai: { itemId: "i1", more: [1] } } },
    { type: "source", sourceType: "url", id: "s", url: "https://example.com", title: "t" },
    { type: "file", mediaType: "image/png", data: { type: "data", data: new Uint8Array([0, 1, 255]) } },
    { type: "tool-input-start", id: "call-1", toolName: "search" },
    { type: "tool-input-delta", id: "call-1", delta: '{"q"' },
    { type: "tool-input-delta", id: "call-1", delta: ":1}" },
    { type: "tool-input-end", id: "call-1" },
    { type: "tool-call", toolCallId: "call-1", toolName: "search", input: '{"q":1}' },
    {
      type: "finish",
      finishReason: { unified: "tool-calls", raw: "tool_use" },
      usage: { ...usage, raw: { input: 7 } },
      providerMetadata: { anthropic: { cost: 0.1 } },
    },
  ];
}

export function textAnswer(text: string): LanguageModelV4GenerateResult {
  return { content: [{ type: "text", text }], finishReason: stop, usage, warnings: [] };
}

export function textParts(...deltas: string[]): LanguageModelV4StreamPart[] {
  return [
    { type: "stream-start", warnings: [] },
    { type: "text-start", id: "1" },
    ...deltas.map((delta) => ({ type: "text-delta" as const, id: "1", delta })),
    { type: "text-end", id: "1" },
    { type: "finish", finishReason: stop, usage },
  ];
}

export function streamOf(parts: readonly LanguageModelV4StreamPart[]): LanguageModelV4StreamResult {
  return {
    stream: ReadableStream.from(parts),
    response: { headers: { "content-type": "text/event-stream", "set-cookie": "s" } },
  };
}

export async function read(stream: ReadableStream<LanguageModelV4StreamPart>): Promise<LanguageModelV4StreamPart[]> {
  const parts: LanguageModelV4StreamPart[] = [];
  for await (const part of stream) parts.push(part);
  return parts;
}

/** A model that counts up: each answer says which one it is. */
export function countingModel(): MockLanguageModelV4 {
  let count = 0;
  return new MockLanguageModelV4({
    doGenerate: async () => textAnswer(`answer ${++count}`),
    doStream: async () => streamOf(textParts("answer ", `${++count}`)),
  });
}

/** Calls that reached the model. */
export function calls(model: MockLanguageModelV4): number {
  return model.doGenerateCalls.length + model.doStreamCalls.length;
}
