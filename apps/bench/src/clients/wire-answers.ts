import { answerOf, textOf } from "../samples.ts";

const DIMENSIONS = 1536;

export interface WireAnswer {
  readonly type: string;
  /** One, or the events of a stream. */
  readonly parts: readonly Buffer[];
}

/**
 * What a provider answers to a request for `/json/4096/…`, `/stream/300/…` (chunks) or `/vectors/16/…` (embeddings); the rest of the path says
 * which provider.
 */
export function wireAnswer(url: string): WireAnswer {
  const [, kind, size = "", ...rest] = url.split("/");
  const dialect = dialectOf(rest.join("/"));
  const count = Number(size);
  if (kind === "json") return json(dialect.json(count));
  if (kind === "stream")
    return { type: "text/event-stream", parts: dialect.events(count).map((event) => Buffer.from(event)) };
  if (kind === "vectors") return json(dialect.vectors?.(count, url.includes("batch")));
  throw new Error(`Nothing is answered at ${url}`);
}

interface Dialect {
  json(bytes: number): unknown;
  events(chunks: number): readonly string[];
  vectors?(count: number, isBatch: boolean): unknown;
}

function dialectOf(path: string): Dialect {
  if (path.includes("messages")) return anthropic;
  return path.includes("models/") ? google : openAI;
}

function json(value: unknown): WireAnswer {
  return { type: "application/json", parts: [Buffer.from(JSON.stringify(value))] };
}

function vector(seed: number): readonly number[] {
  return Array.from({ length: DIMENSIONS }, (_, at) => Math.fround(Math.sin(seed * 7919 + at)));
}

const openAI: Dialect = {
  json: answerOf,
  events(chunks) {
    const head = { id: "chatcmpl-1", object: "chat.completion.chunk", created: 1_700_000_000, model: "gpt-4o-mini" };
    const chunk = (delta: object, finish: string | null): string =>
      `data: ${JSON.stringify({ ...head, choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }] })}\n\n`;
    return [
      chunk({ role: "assistant", content: "" }, null),
      ...Array.from({ length: chunks - 2 }, (_, i) => chunk({ content: `word${i} ` }, null)),
      chunk({}, "stop"),
      "data: [DONE]\n\n",
    ];
  },
  vectors: (count) => ({
    object: "list",
    data: Array.from({ length: count }, (_, index) => ({
      object: "embedding",
      index,
      embedding: Buffer.from(Float32Array.from(vector(index)).buffer).toString("base64"),
    })),
    model: "text-embedding-3-small",
    usage: { prompt_tokens: count * 8, total_tokens: count * 8 },
  }),
};

const anthropic: Dialect = {
  json: (bytes) => ({
    id: "msg_1",
    type: "message",
    role: "assistant",
    model: "claude-sonnet-5",
    content: [{ type: "text", text: textOf(bytes - 250, 1) }],
    stop_reason: "end_turn",
    stop_sequence: null,
    usage: { input_tokens: 1000, output_tokens: 800 },
  }),
  events(chunks) {
    const event = (type: string, members: object): string =>
      `event: ${type}\ndata: ${JSON.stringify({ type, ...members })}\n\n`;
    const message = {
      id: "msg_1",
      type: "message",
      role: "assistant",
      model: "claude-sonnet-5",
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: { input_tokens: 1000, output_tokens: 1 },
    };
    return [
      event("message_start", { message }),
      event("content_block_start", { index: 0, content_block: { type: "text", text: "" } }),
      ...Array.from({ length: chunks - 5 }, (_, i) =>
        event("content_block_delta", { index: 0, delta: { type: "text_delta", text: `word${i} ` } }),
      ),
      event("content_block_stop", { index: 0 }),
      event("message_delta", {
        delta: { stop_reason: "end_turn", stop_sequence: null },
        usage: { output_tokens: 800 },
      }),
      event("message_stop", {}),
    ];
  },
};

const google: Dialect = {
  json: (bytes) => content(textOf(bytes - 300, 1), true),
  events: (chunks) =>
    Array.from({ length: chunks }, (_, i) => `data: ${JSON.stringify(content(`word${i} `, i === chunks - 1))}\n\n`),
  vectors: (count, isBatch) =>
    isBatch
      ? { embeddings: Array.from({ length: count }, (_, at) => ({ values: vector(at) })) }
      : { embedding: { values: vector(0) } },
};

function content(text: string, isLast: boolean): object {
  return {
    candidates: [
      { content: { parts: [{ text }], role: "model" }, index: 0, ...(isLast ? { finishReason: "STOP" } : {}) },
    ],
    ...(isLast ? { usageMetadata: { promptTokenCount: 1000, candidatesTokenCount: 800, totalTokenCount: 1800 } } : {}),
    modelVersion: "gemini-3-flash",
    responseId: "answer-1",
  };
}
