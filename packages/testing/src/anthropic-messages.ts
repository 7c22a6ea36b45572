import { anthropicError } from "./anthropic-errors.ts";
import { messageEvents, type MessageEvent } from "./anthropic-events.ts";
import { messageAnswer, type MessagesRequest } from "./anthropic-message.ts";
import { EVENT_STREAM_TYPE, withHeaders } from "./openai-headers.ts";
import { chop, encodeEvents } from "./sse.ts";
import type { RecordedRequest } from "./recorded-request.ts";
import type { ChatScript, ErrorScript, HeaderScript } from "./script.ts";
import { plainJsonAnswer, type WireAnswer } from "./wire-answer.ts";
import { tokensInJson } from "./token-count.ts";

const OVERLOADED = 529;

/** Does this request speak Anthropic's wire format? */
export function isAnthropic({ path }: RecordedRequest): boolean {
  return path.endsWith("/messages") || path.endsWith("/messages/count_tokens");
}

/** The answer to `POST /messages`. */
export function messagesAnswer(request: RecordedRequest, script: ChatScript): WireAnswer {
  const body = request.json() as MessagesRequest;
  const message = messageAnswer(request, body, script);
  const headers = anthropicHeaders(request, script.headers);
  if (body.stream !== true) return plainJsonAnswer(200, message, headers);

  const stream = script.stream ?? {};
  const all = messageEvents(message, script);
  const events: readonly (MessageEvent | ReturnType<typeof anthropicError>)[] =
    stream.errorAfter === undefined
      ? all.slice(0, stream.done === false ? -1 : undefined)
      : [...all.slice(0, stream.errorAfter), anthropicError({ status: OVERLOADED })];
  const payloads = events.map((event) => ({ event: event.type, data: JSON.stringify(event) }));
  return {
    status: 200,
    headers: { "content-type": EVENT_STREAM_TYPE, ...headers },
    chunks: encodeEvents(payloads, stream).map((event) => chop(event, stream.split)),
    pacing: stream,
  };
}

/** The answer to `POST /messages/count_tokens`. */
export function countTokensAnswer(request: RecordedRequest, script: ChatScript): WireAnswer {
  const { messages } = request.json() as MessagesRequest;
  return plainJsonAnswer(200, { input_tokens: tokensInJson(messages) }, anthropicHeaders(request, script.headers));
}

/** An error as Anthropic words it. */
export function anthropicErrorAnswer(request: RecordedRequest, { error }: ErrorScript): WireAnswer {
  const body = anthropicError(error, requestId(request));
  return plainJsonAnswer(error.status, body, anthropicHeaders(request, error.headers));
}

/** What Anthropic sends beside every answer. All of it differs from call to call. */
function anthropicHeaders(request: RecordedRequest, script: HeaderScript = {}): WireAnswer["headers"] {
  return withHeaders(
    {
      "request-id": requestId(request),
      "anthropic-organization-id": "00000000-0000-0000-0000-000000000000",
      "anthropic-ratelimit-requests-remaining": String(Math.max(0, 1000 - request.number)),
      "set-cookie": [`_cfuvid=session-${request.number}; path=/; HttpOnly`],
    },
    script,
  );
}

function requestId({ number }: RecordedRequest): string {
  return `req_${String(number).padStart(6, "0")}`;
}
