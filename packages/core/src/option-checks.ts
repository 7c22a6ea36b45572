import { LLMCacheError } from "./errors.ts";

/** What a timer of Node and a 32-bit count of milliseconds can hold: almost 25 days. */
const MOST_MS = 2 ** 31 - 1;
const SHOWN_CHARS = 40;

/**
 * Checks of options, with one form of message: `MyStore: maxBytes must be a whole number from 1, not -5.` For those who write
 * stores. Each throws LLMCacheError `ERR_LLMCACHE_OPTION`; `undefined` is checked like any other value.
 */
export class OptionChecks {
  readonly #owner: string;

  /** @param owner whose options they are, for the messages: `"MyStore"`. */
  constructor(owner: string) {
    this.#owner = owner;
  }

  /** The error itself. Of the value no more than a short text, a number or its type is shown. */
  wrong(field: string, right: string, value: unknown): LLMCacheError {
    return this.error(`${field} must be ${right}, not ${shown(value)}.`);
  }

  error(message: string): LLMCacheError {
    return new LLMCacheError("ERR_LLMCACHE_OPTION", `${this.#owner}: ${message}`);
  }

  /** No other options than these: what is misspelt would do nothing. */
  known(options: object, names: Readonly<Record<string, true>>): void {
    for (const name of Object.keys(options)) {
      if (!Object.hasOwn(names, name))
        throw this.error(`${name} is no option; known are ${Object.keys(names).join(", ")}.`);
    }
  }

  /** A whole number in these bounds. */
  whole(field: string, value: unknown, least = 1, most: number = Number.MAX_SAFE_INTEGER): void {
    if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) return;
    const bound = most === Number.MAX_SAFE_INTEGER ? "" : ` to ${most}`;
    throw this.wrong(field, `a whole number from ${least}${bound}`, value);
  }

  /** Milliseconds that a timer can hold. */
  ms(field: string, value: unknown, least = 1): void {
    this.whole(field, value, least, MOST_MS);
  }

  flag(field: string, value: unknown): void {
    if (typeof value !== "boolean") throw this.wrong(field, "true or false", value);
  }

  clock(value: unknown): void {
    if (typeof value !== "function") throw this.wrong("clock", "a function that gives the time in ms", value);
  }

  codec(value: unknown): void {
    const { encode, decode } = (value ?? {}) as { readonly encode?: unknown; readonly decode?: unknown };
    if (value !== undefined && (typeof encode !== "function" || typeof decode !== "function"))
      throw this.wrong("codec", "an object with name, encode and decode", value);
  }
}

function shown(value: unknown): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value.length > SHOWN_CHARS ? `${value.slice(0, SHOWN_CHARS)}…` : value);
    case "object":
      return value === null ? "null" : Array.isArray(value) ? "a list" : "an object";
    case "function":
      return "a function";
    case "symbol":
      return "a symbol";
    default:
      return String(value);
  }
}
