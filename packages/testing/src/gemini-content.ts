import { createHash } from "node:crypto";
import { geminiError } from "./gemini-errors.ts";
import { EVENT_STREAM_TYPE, withHeaders } from "./openai-headers.ts";
import { cut, isList } from "./pieces.ts";
import { chop, encodeEvents } from "./sse.ts";
import type { RecordedRequest } from "./recorded-request.ts";
import type { ChatScript, ErrorScript, HeaderScript } from "./script.ts";
import { plainJsonAnswer, type WireAnswer } from "./wire-answer.ts";
import { tokensInJson } from "./token-count.ts";

const METHOD = /\/([^/:]+):(generateContent|streamGenerateContent|embedContent|batchEmbedContents|countTokens)$/;
const DIMENSIONS = 8;
const OVERLOADED = 503;

type Value = Readonly<Record<string, unknown>>;

/** Does this request speak Gemini's wire format? */
export function isGemini({ method, path }: RecordedRequest): boolean {
  return method === "POST" && METHOD.test(path);
}

/** The answer to one of Gemini's methods. */
export function geminiAnswer(request: RecordedRequest, script: ChatScript): WireAnswer {
  const [, model = "", method] = METHOD.exec(request.path) ?? [];
  const body = request.json() as Value;
  const headers = geminiHeaders(request, script.headers);
  const contents: readonly unknown[] = Array.isArray(body["requests"]) ? body["requests"] : [body];
  switch (method) {
    case "countTokens":
      return plainJsonAnswer(200, { totalTokens: tokensInJson(body["contents"]) }, headers);
    case "embedContent":
      return plainJsonAnswer(
        200,
        { embedding: embeddings(contents, model, script)[0], ...embedUsage(contents, script) },
        headers,
      );
    case "batchEmbedContents":
      return plainJsonAnswer(
        200,
        { embeddings: embeddings(contents, model, script), ...embedUsage(contents, script) },
        headers,
      );
    case "generateContent":
      return plainJsonAnswer(200, whole(request, body, model, script), headers);
    default:
      return streamed(request, body, model, script, headers);
  }
}

/** An error as Gemini words it. */
export function geminiErrorAnswer(request: RecordedRequest, { error }: ErrorScript): WireAnswer {
  return plainJsonAnswer(error.status, geminiError(error), geminiHeaders(request, error.headers));
}

function streamed(
  request: RecordedRequest,
  body: Value,
  model: string,
  script: ChatScript,
  headers: WireAnswer["headers"],
): WireAnswer {
  const stream = script.stream ?? {};
  const all = chunksOf(whole(request, body, model, script), script);
  const chunks: readonly object[] =
    stream.errorAfter === undefined
      ? all.slice(0, stream.done === false ? -1 : undefined)
      : [...all.slice(0, stream.errorAfter), geminiError({ status: OVERLOADED })];
  const payloads = chunks.map((chunk) => JSON.stringify(chunk));
  return {
    status: 200,
    headers: { "content-type": EVENT_STREAM_TYPE, ...headers },
    // Gemini ends its lines like this.
    chunks: encodeEvents(payloads, { newline: "\r\n", ...stream }).map((event) => chop(event, stream.split)),
    pacing: stream,
  };
}

/** An answer in one piece. */
function whole(request: RecordedRequest, body: Value, model: string, script: ChatScript): Value {
  const parts = script.gemini?.parts ?? partsOf(request, body, script);
  const finishReason = script.finishReason ?? "STOP";
  return {
    candidates: [{ content: { parts, role: "model" }, finishReason, index: 0, ...script.gemini?.candidate }],
    ...(script.usage !== false && {
      usageMetadata: {
        promptTokenCount: script.usage?.prompt_tokens ?? tokensInJson(body["contents"]),
        candidatesTokenCount: script.usage?.completion_tokens ?? tokensInJson(parts),
        totalTokenCount: tokensInJson(body["contents"]) + tokensInJson(parts),
      },
    }),
    modelVersion: script.model ?? model,
    responseId: script.id ?? `resp${request.number}`,
    ...script.gemini?.members,
  };
}

function partsOf(request: RecordedRequest, body: Value, script: ChatScript): readonly Value[] {
  const pieces = script.stream?.pieces;
  const given = script.content === undefined && isList(pieces) ? pieces.join("") : script.content;
  const echo = script.toolCalls === undefined ? `answer ${request.number} to: ${lastText(body["contents"])}` : null;
  const text = given === undefined ? echo : given;
  return [
    ...(script.reasoning === undefined ? [] : [{ text: script.reasoning, thought: true }]),
    ...(text === null ? [] : [{ text }]),
    ...(script.toolCalls ?? []).map((call, position) => ({
      functionCall: { name: call.name, args: JSON.parse("input" in call ? call.input : call.arguments) as unknown },
      ...(position === 0 && { thoughtSignature: Buffer.from(call.name).toString("base64") }),
    })),
  ];
}

/** The same as the chunks of a stream: texts in pieces, the reason in the last, the usage in all. */
function chunksOf(answer: Value, script: ChatScript): readonly Value[] {
  const [{ content, finishReason, index, ...ending }] = answer["candidates"] as readonly [Value];
  const { parts, role } = content as { readonly parts: readonly Value[]; readonly role: string };
  const pieces = parts.flatMap((part) => {
    const { text } = part;
    if (typeof text !== "string" || Object.keys(part).some((name) => name !== "text" && name !== "thought"))
      return [part];
    const given = script.stream?.pieces;
    const texts = cut(text, isList(given) && given.join("") !== text ? undefined : given);
    return texts.map((piece) => ({ ...part, text: piece }));
  });
  const said = pieces.length === 0 ? [[]] : pieces.map((part) => [part]);
  return said.map((list, position) => ({
    ...answer,
    candidates: [
      {
        content: { parts: list, role },
        ...(position === said.length - 1 && { finishReason, ...ending }),
        index,
      },
    ],
  }));
}

/** Vectors that depend on model, size and what is asked alone. */
function embeddings(contents: readonly unknown[], model: string, script: ChatScript): readonly object[] {
  return contents.map((each) => {
    const { content, outputDimensionality } = each as Value;
    const size = typeof outputDimensionality === "number" ? outputDimensionality : DIMENSIONS;
    const digest = createHash("sha256")
      .update(JSON.stringify([model, content, script.embeddings?.version ?? ""]))
      .digest();
    return {
      values: Array.from({ length: size }, (_, at) => Math.fround(((digest[at % digest.length] ?? 0) - 127) / 256)),
    };
  });
}

function embedUsage(contents: readonly unknown[], script: ChatScript): object {
  if (script.usage === false || script.usage === undefined) return {};
  const count = script.usage.prompt_tokens ?? contents.length;
  return { usageMetadata: { promptTokenCount: count, promptTokensDetails: [{ modality: "TEXT", tokenCount: count }] } };
}

/** What Google sends beside every answer. */
function geminiHeaders({ number }: RecordedRequest, script: HeaderScript = {}): WireAnswer["headers"] {
  return withHeaders({ "server-timing": `gfet4t7; dur=${100 + number}`, "x-content-type-options": "nosniff" }, script);
}

function lastText(contents: unknown): string {
  const last = (Array.isArray(contents) ? (contents as readonly Value[]) : []).findLast(({ role }) => role !== "model");
  const parts = Array.isArray(last?.["parts"]) ? (last["parts"] as readonly Value[]) : [];
  return parts
    .map(({ text }) => text)
    .filter((text) => typeof text === "string")
    .join("");
}
