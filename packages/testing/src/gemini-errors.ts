import type { ErrorScript } from "./script.ts";

const KINDS: Readonly<Record<number, readonly [status: string, message: string]>> = {
  400: ["INVALID_ARGUMENT", "Request contains an invalid argument."],
  401: ["UNAUTHENTICATED", "API key not valid."],
  403: ["PERMISSION_DENIED", "Not permitted."],
  404: ["NOT_FOUND", "Not found."],
  429: ["RESOURCE_EXHAUSTED", "Resource has been exhausted."],
  503: ["UNAVAILABLE", "The model is overloaded."],
};

/** Gemini's errors, of answers and inside streams. */
export interface GeminiErrorBody {
  readonly error: { readonly code: number; readonly message: string; readonly status: string };
}

export function geminiError(error: Pick<ErrorScript["error"], "status" | "type" | "message">): GeminiErrorBody {
  const [status, message] = KINDS[error.status] ??
    (error.status < 500 ? KINDS[400] : undefined) ?? ["INTERNAL", "An internal error has occurred."];
  return { error: { code: error.status, message: error.message ?? message, status: error.type ?? status } };
}
