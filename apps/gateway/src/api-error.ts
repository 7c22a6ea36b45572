import type { ServerResponse } from "node:http";
import type { ErrorBody } from "@llmcache/fetch";
import type { Api } from "./gateway-options.ts";

const ANTHROPIC_TYPES: Readonly<Record<number, string>> = {
  400: "invalid_request_error",
  401: "authentication_error",
  403: "permission_error",
  404: "not_found_error",
  408: "timeout_error",
  413: "request_too_large",
  504: "timeout_error",
};

const GOOGLE_STATUSES: Readonly<Record<number, string>> = {
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  408: "DEADLINE_EXCEEDED",
  413: "INVALID_ARGUMENT",
  500: "INTERNAL",
  502: "UNAVAILABLE",
  503: "UNAVAILABLE",
  504: "DEADLINE_EXCEEDED",
};

/** An error of the gateway's own, in the shape that clients of an API read. */
export function apiErrorBody(api: Api, status: number, code: string, message: string): object {
  switch (api) {
    case "openai":
      return { error: { message, type: "llmcache", code, param: null } };
    case "anthropic":
      return { type: "error", error: { type: ANTHROPIC_TYPES[status] ?? "api_error", message, code } };
    case "google":
      return {
        error: {
          code: status,
          message,
          status: GOOGLE_STATUSES[status] ?? "UNKNOWN",
          details: [{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: code, domain: "llmcache" }],
        },
      };
    default:
      return api satisfies never;
  }
}

/** The same for errors of the cache. */
export function cacheErrorBody(api: Api): ErrorBody {
  return ({ code, message }, status) => apiErrorBody(api, status, code, message);
}

/** Answers with an error of the gateway's own, which no client need try again; nothing where an answer has begun. @returns the bytes of its body */
export function sendApiError(
  response: ServerResponse,
  api: Api,
  status: number,
  code: string,
  message: string,
): number {
  if (response.headersSent || response.destroyed) return 0;
  const body = Buffer.from(JSON.stringify(apiErrorBody(api, status, code, message)), "utf8");
  // Of an answer that could not be begun.
  response.statusMessage = "";
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": body.byteLength,
    // An upstream that cannot be reached now may be a moment later.
    ...(status === 502 ? {} : { "x-should-retry": "false" }),
  });
  response.end(response.req.method === "HEAD" ? undefined : body);
  return body.byteLength;
}
