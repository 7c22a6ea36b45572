import type { OutgoingHttpHeaders } from "node:http";
import type { HeaderScript } from "./script.ts";

export const JSON_TYPE = "application/json";
export const EVENT_STREAM_TYPE = "text/event-stream; charset=utf-8";

const REQUESTS_A_MINUTE = 10_000;
const TOKENS_A_MINUTE = 2_000_000;

/** What OpenAI sends beside every answer: ids, timings, rate limits, cookies. All of it differs from call to call. */
export function openaiHeaders(
  contentType: string,
  requestNumber: number,
  script: HeaderScript = {},
): OutgoingHttpHeaders {
  const padded = String(requestNumber).padStart(6, "0");
  return withHeaders(
    {
      "content-type": contentType,
      "x-request-id": `req_${padded}`,
      "openai-organization": "org-model-server",
      "openai-processing-ms": String(100 + requestNumber),
      "openai-version": "2020-10-01",
      "x-ratelimit-limit-requests": String(REQUESTS_A_MINUTE),
      "x-ratelimit-limit-tokens": String(TOKENS_A_MINUTE),
      "x-ratelimit-remaining-requests": String(Math.max(0, REQUESTS_A_MINUTE - requestNumber)),
      "x-ratelimit-remaining-tokens": String(Math.max(0, TOKENS_A_MINUTE - 10 * requestNumber)),
      "x-ratelimit-reset-requests": "6ms",
      "x-ratelimit-reset-tokens": "0s",
      "access-control-expose-headers": "X-Request-ID",
      "cf-cache-status": "DYNAMIC",
      "cf-ray": `${padded}-TST`,
      "set-cookie": [`__cf_bm=session-${padded}; path=/; HttpOnly; Secure; SameSite=None`],
      "x-content-type-options": "nosniff",
    },
    script,
  );
}

/** `defaults` with the script's headers over them; names are compared without regard to case. */
export function withHeaders(defaults: OutgoingHttpHeaders, script: HeaderScript = {}): OutgoingHttpHeaders {
  const headers = { ...defaults };
  for (const [name, value] of Object.entries(script)) {
    if (value === null) delete headers[name.toLowerCase()];
    else headers[name.toLowerCase()] = typeof value === "string" ? value : [...value];
  }
  return headers;
}
