import type { ErrorScript } from "./script.ts";

interface ErrorKind {
  readonly type: string;
  readonly code: string | null;
  readonly message: string;
}

const KINDS: Readonly<Record<number, ErrorKind>> = {
  400: { type: "invalid_request_error", code: null, message: "The request is not valid." },
  401: {
    type: "invalid_request_error",
    code: "invalid_api_key",
    message: "Incorrect API key provided.",
  },
  403: {
    type: "invalid_request_error",
    code: "unsupported_country_region_territory",
    message: "Not permitted.",
  },
  404: { type: "invalid_request_error", code: null, message: "Not found." },
  429: { type: "requests", code: "rate_limit_exceeded", message: "Rate limit reached." },
  529: { type: "overloaded_error", code: null, message: "Overloaded." },
};
const OTHER_CLIENT_ERROR: ErrorKind = {
  type: "invalid_request_error",
  code: null,
  message: "The request failed.",
};
const SERVER_ERROR: ErrorKind = {
  type: "server_error",
  code: null,
  message: "The server had an error while processing your request.",
};

/** The member `error` of OpenAI's error answers and of the error events inside a stream. */
export interface OpenAIErrorBody {
  readonly message: string;
  readonly type: string;
  readonly param: string | null;
  readonly code: string | null;
}

export function openaiError(error: Omit<ErrorScript["error"], "headers">): OpenAIErrorBody {
  const kind = KINDS[error.status] ?? (error.status < 500 ? OTHER_CLIENT_ERROR : SERVER_ERROR);
  return {
    message: error.message ?? kind.message,
    type: error.type ?? kind.type,
    param: error.param ?? null,
    code: error.code === undefined ? kind.code : error.code,
  };
}
