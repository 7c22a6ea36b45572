/** A word that an endpoint or a system may have chosen, and that can be no key and no text of a caller. */
const CODE = /^(?:[a-z]+(?:_[a-z]+)*|E[A-Z]+|UND_ERR_[A-Z_]+)$/;
const MAX_CODE_CHARS = 40;
const MAX_CAUSES = 3;

/**
 * Why an endpoint gave no answer, told without its words: they may repeat the prompt or the key, and so may the errors of clients, which is why
 * there is no `cause` either.
 */
export class EndpointError extends Error {
  override readonly name = "EndpointError";
  /** Of HTTP; `undefined` where there was no answer. */
  readonly status: number | undefined;
  /** The endpoint's own, as in `error.code`, if it is a plain word. */
  readonly code: string | undefined;

  constructor(message: string, status?: number, code?: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** The endpoint answered with a status that is no success. */
export function refused(status: number, error: unknown): EndpointError {
  const code = plainWord(memberOf(error, "code")) ?? plainWord(memberOf(error, "type"));
  return new EndpointError(`the endpoint answered ${status}${code === undefined ? "" : ` (${code})`}.`, status, code);
}

/** What a client or `fetch` threw. */
export function failed(error: unknown): EndpointError {
  const status = memberOf(error, "status");
  if (typeof status === "number") return refused(status, error);
  let cause = error;
  for (let depth = 0; depth <= MAX_CAUSES; depth++) {
    const code = plainWord(memberOf(cause, "code"));
    if (code !== undefined) return new EndpointError(`the endpoint could not be asked (${code}).`);
    cause = memberOf(cause, "cause");
  }
  return new EndpointError("the endpoint could not be asked.");
}

function plainWord(value: unknown): string | undefined {
  return typeof value === "string" && value.length <= MAX_CODE_CHARS && CODE.test(value) ? value : undefined;
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
}
