import { anthropicErrorAnswer, isAnthropic } from "./anthropic-messages.ts";
import { asksForStream, chatAnswer } from "./chat-answer.ts";
import { chatCompletion, chatCompletionChunks } from "./openai-chat.ts";
import { openaiError } from "./openai-errors.ts";
import { EVENT_STREAM_TYPE, openaiHeaders, withHeaders } from "./openai-headers.ts";
import { geminiAnswer, geminiErrorAnswer, isGemini } from "./gemini-content.ts";
import { endpointAnswer } from "./endpoints.ts";
import { chop, encodeEvents } from "./sse.ts";
import { errorAnswer, jsonAnswer, type WireAnswer } from "./wire-answer.ts";
import type { RecordedRequest } from "./recorded-request.ts";
import type { ChatScript, RawScript, ReplyScript } from "./script.ts";

const MODELS_CREATED = 1_700_000_000;

/** Who may ask, and what there is to ask. */
export interface Service {
  readonly apiKeys: readonly string[] | undefined;
  readonly models: readonly string[];
}

/** The answer to a request that is turned away before any script is looked at. */
export function refuse(request: RecordedRequest, service: Service): WireAnswer | undefined {
  const key = keyOf(request);
  if (service.apiKeys !== undefined && (key === undefined || !service.apiKeys.includes(key))) {
    const message =
      key === undefined ? "You didn't provide an API key." : `Incorrect API key provided: ${masked(key)}.`;
    return errorAnswer(request, { error: { status: 401, message } });
  }
  if (isChat(request) && chatBody(request) === undefined) {
    return errorAnswer(request, {
      error: { status: 400, message: "The body of the request is not a JSON object." },
    });
  }
  return undefined;
}

/** The answer that a script gives to a request. Each endpoint has members of the script of its own. */
export function answer(
  request: RecordedRequest,
  script: ReplyScript,
  service: Service,
): WireAnswer | Promise<WireAnswer> {
  if (script.raw !== undefined) return rawAnswer(script);
  if (script.error !== undefined)
    return isAnthropic(request)
      ? anthropicErrorAnswer(request, script)
      : isGemini(request)
        ? geminiErrorAnswer(request, script)
        : errorAnswer(request, script);
  if (isGemini(request)) return geminiAnswer(request, script);
  if (isChat(request)) return chatWireAnswer(request, script);
  const other = endpointAnswer(request, script);
  if (other !== undefined) return other;
  if (request.method === "GET" && request.path.endsWith("/models")) return modelsAnswer(request, service.models);
  return errorAnswer(request, {
    error: {
      status: 404,
      message: `Invalid URL (${request.method} ${request.path})`,
      code: "unknown_url",
    },
  });
}

/** The answer when the script itself failed: loud, and not to be retried. */
export function scriptFailure(request: RecordedRequest, cause: unknown): WireAnswer {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return errorAnswer(request, {
    error: {
      status: 500,
      code: "model_server_script_failed",
      message: `The reply scripted for request ${request.number} failed: ${reason}`,
      headers: { "x-should-retry": "false" },
    },
  });
}

function isChat(request: RecordedRequest): boolean {
  return request.method === "POST" && request.path.endsWith("/chat/completions");
}

function chatBody(request: RecordedRequest): object | undefined {
  try {
    const body = request.json();
    return typeof body === "object" && body !== null && !Array.isArray(body) ? body : undefined;
  } catch {
    return undefined;
  }
}

function chatWireAnswer(request: RecordedRequest, script: ChatScript): WireAnswer {
  const body = chatBody(request) ?? {};
  const described = chatAnswer(request, body, script);
  if (!asksForStream(body)) return jsonAnswer(request, 200, chatCompletion(described), script.headers);

  const stream = script.stream ?? {};
  const chunks = chatCompletionChunks(described, body, stream.obfuscation === true).slice(0, stream.errorAfter);
  const payloads = chunks.map((chunk) => JSON.stringify(chunk));
  if (stream.errorAfter !== undefined) payloads.push(JSON.stringify({ error: openaiError({ status: 500 }) }));
  else if (stream.done !== false) payloads.push("[DONE]");
  return {
    status: 200,
    headers: openaiHeaders(EVENT_STREAM_TYPE, request.number, script.headers),
    chunks: encodeEvents(payloads, stream).map((event) => chop(event, stream.split)),
    pacing: stream,
  };
}

function modelsAnswer(request: RecordedRequest, models: readonly string[]): WireAnswer {
  const data = models.map((id) => ({
    id,
    object: "model",
    created: MODELS_CREATED,
    owned_by: "model-server",
  }));
  return jsonAnswer(request, 200, { object: "list", data });
}

function rawAnswer(script: RawScript): WireAnswer {
  const { status = 200, headers, body } = script.raw;
  const pacing = script.stream ?? {};
  const isWhole = typeof body === "string" || body instanceof Uint8Array;
  const chunks = (isWhole ? [body] : body).map((chunk) => (typeof chunk === "string" ? Buffer.from(chunk) : chunk));
  const length = isWhole ? { "content-length": chunks[0]?.length ?? 0 } : {};
  return {
    status,
    headers: withHeaders(length, headers),
    chunks: chunks.map((chunk) => chop(chunk, pacing.split)),
    pacing,
  };
}

function keyOf(request: RecordedRequest): string | undefined {
  const bearer = /^Bearer +(.+)$/i.exec(request.headers.authorization ?? "")?.[1];
  const azure = request.headers["api-key"];
  return bearer ?? (typeof azure === "string" ? azure : undefined);
}

function masked(key: string): string {
  return key.length <= 8 ? "*".repeat(key.length) : `${key.slice(0, 3)}${"*".repeat(key.length - 7)}${key.slice(-4)}`;
}
