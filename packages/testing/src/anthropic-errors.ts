import type { ErrorScript } from "./script.ts";

const KINDS: Readonly<Record<number, readonly [type: string, message: string]>> = {
  400: ["invalid_request_error", "The request is not valid."],
  401: ["authentication_error", "invalid x-api-key"],
  403: ["permission_error", "Not permitted."],
  404: ["not_found_error", "Not found."],
  413: ["request_too_large", "The request is too large."],
  429: ["rate_limit_error", "Rate limit reached."],
  529: ["overloaded_error", "Overloaded"],
};

/** Anthropic's errors, of answers and inside streams. */
export interface AnthropicErrorBody {
  readonly type: "error";
  readonly error: { readonly type: string; readonly message: string };
  readonly request_id?: string;
}

export function anthropicError(
  error: Pick<ErrorScript["error"], "status" | "type" | "message">,
  requestId?: string,
): AnthropicErrorBody {
  const [type, message] = KINDS[error.status] ??
    (error.status < 500 ? KINDS[400] : undefined) ?? ["api_error", "Internal server error"];
  return {
    type: "error",
    error: { type: error.type ?? type, message: error.message ?? message },
    ...(requestId !== undefined && { request_id: requestId }),
  };
}
