import { openaiError } from "./openai-errors.ts";
import { JSON_TYPE, openaiHeaders } from "./openai-headers.ts";
import type { OutgoingHttpHeaders } from "node:http";
import type { RecordedRequest } from "./recorded-request.ts";
import type { ChatScript, ErrorScript, PacingScript } from "./script.ts";

/** An answer as bytes. */
export interface WireAnswer {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  /** The chunks that pacing counts, each in the parts in which it is written. */
  readonly chunks: readonly (readonly Uint8Array[])[];
  readonly pacing: PacingScript;
}

export function errorAnswer(request: RecordedRequest, { error }: ErrorScript): WireAnswer {
  return jsonAnswer(request, error.status, { error: openaiError(error) }, error.headers);
}

export function jsonAnswer(
  request: RecordedRequest,
  status: number,
  value: object,
  script: ChatScript["headers"] = {},
): WireAnswer {
  // Indented and with a last line end, as OpenAI sends it: who passes bodies on unparsed must keep that.
  return jsonTextAnswer(request, status, `${JSON.stringify(value, null, 2)}\n`, script);
}

/** JSON with these headers and no others. */
export function plainJsonAnswer(status: number, value: object, headers: OutgoingHttpHeaders): WireAnswer {
  const body = Buffer.from(JSON.stringify(value));
  return {
    status,
    headers: { "content-type": JSON_TYPE, "content-length": body.length, ...headers },
    chunks: [[body]],
    pacing: {},
  };
}

/** JSON that was written by hand. */
export function jsonTextAnswer(
  request: RecordedRequest,
  status: number,
  text: string,
  script: ChatScript["headers"] = {},
): WireAnswer {
  return { ...textAnswer(request, text, JSON_TYPE, script), status };
}

/** Any text. */
export function textAnswer(
  request: RecordedRequest,
  text: string,
  type: string,
  script: ChatScript["headers"] = {},
): WireAnswer {
  const body = Buffer.from(text);
  const headers = openaiHeaders(type, request.number, script);
  return {
    status: 200,
    headers: { "content-length": body.length, ...headers },
    chunks: [[body]],
    pacing: {},
  };
}
