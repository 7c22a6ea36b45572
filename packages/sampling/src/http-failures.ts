import type { FailureRules } from "./retry.ts";

const RETRIED: ReadonlySet<number> = new Set([408, 409, 429]);
const LOWEST_SERVER_ERROR = 500;

/** What the errors of the official clients of OpenAI and Anthropic say, known by their shape: there may be two copies of the class. */
interface ClientError {
  /** Of the answer; `undefined` where there was none. */
  readonly status?: unknown;
  readonly headers?: { get?(name: string): string | null };
  readonly name?: unknown;
  readonly cause?: { readonly code?: unknown };
}

/**
 * Errors that have the `status` and the `headers` of the answer. What may pass: too many requests, trouble at the provider or on the way;
 * a provider that says which it is (`x-should-retry`) knows better.
 */
export const HTTP_FAILURES: FailureRules = {
  header: headerOf,
  mayPass(error) {
    const said = headerOf(error, "x-should-retry");
    if (said === "true" || said === "false") return said === "true";
    const status = (error as ClientError | undefined)?.status;
    if (typeof status === "number") return RETRIED.has(status) || status >= LOWEST_SERVER_ERROR;
    return isConnectionLoss(error);
  },
};

/** Before the answer, which the client tells by an error without a status; or in the middle of it, which `fetch` does, by a TypeError. */
function isConnectionLoss(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { name, cause } = error as ClientError;
  return Object.hasOwn(error, "status") || (name === "TypeError" && typeof cause?.code === "string");
}

function headerOf(error: unknown, name: string): string | undefined {
  return (error as ClientError | undefined)?.headers?.get?.(name) ?? undefined;
}
