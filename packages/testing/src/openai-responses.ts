import { openaiError } from "./openai-errors.ts";
import { EVENT_STREAM_TYPE, openaiHeaders } from "./openai-headers.ts";
import { responseAnswer, type ResponsesRequest } from "./responses-answer.ts";
import { responseEvents, type ResponseEvent } from "./responses-events.ts";
import { chop, encodeEvents } from "./sse.ts";
import type { RecordedRequest } from "./recorded-request.ts";
import type { ChatScript } from "./script.ts";
import { jsonAnswer, type WireAnswer } from "./wire-answer.ts";

/** The answer to `POST /responses`. */
export function responsesAnswer(request: RecordedRequest, script: ChatScript): WireAnswer {
  const body = request.json() as ResponsesRequest;
  const response = responseAnswer(request, body, script);
  if (body.stream !== true) return jsonAnswer(request, 200, response, script.headers);

  const stream = script.stream ?? {};
  const padded = stream.obfuscation === true && body.stream_options?.include_obfuscation !== false;
  const all = responseEvents(response, stream.pieces, padded);
  const events: ResponseEvent[] = stream.done === false ? all.slice(0, -1) : all;
  const told =
    stream.errorAfter === undefined
      ? events
      : [
          ...events.slice(0, stream.errorAfter),
          { ...openaiError({ status: 500 }), type: "error", sequence_number: stream.errorAfter },
        ];
  const payloads = told.map((event) => ({ event: event.type, data: JSON.stringify(event) }));
  return {
    status: 200,
    headers: openaiHeaders(EVENT_STREAM_TYPE, request.number, script.headers),
    chunks: encodeEvents(payloads, stream).map((event) => chop(event, stream.split)),
    pacing: stream,
  };
}
