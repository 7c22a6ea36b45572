import type { JsonObject } from "@llmcache/core";
import { INTEGER_MARK, readJsonRequest, type JsonRequest } from "@llmcache/fetch";

/** Deeper than any request; what is deeper is read from its text. */
const MAX_DEPTH = 64;

/**
 * A body that is at hand as an object, where wire formats are given bytes: it has none, and {@link readRequestBody} takes the object.
 * So a request is told from others without being written as text and read again.
 */
export class GivenBody extends Uint8Array {
  readonly content: JsonRequest;

  constructor(content: JsonRequest) {
    super(0);
    this.content = content;
  }
}

/** The body that a wire format is given. `undefined` for what is no JSON object. Throws a `SyntaxError` for what is no JSON at all. */
export function readRequestBody(bytes: Uint8Array): JsonRequest | undefined {
  return bytes instanceof GivenBody ? bytes.content : readJsonRequest(bytes);
}

/**
 * The object itself, if it is exactly what its JSON text would be read as; `undefined` for all else: members that the text would lack
 * (`undefined`, functions) or say otherwise (`toJSON`, NaN, instances of classes), and integers that a double cannot hold.
 */
export function plainBody(body: unknown): JsonRequest | undefined {
  if (isTampered() || Array.isArray(body) || typeof body !== "object" || !isPlain(body, 0)) return undefined;
  return body === null ? undefined : { plain: body as JsonObject, exact: body as JsonObject };
}

/** Is there something that changes how texts, numbers and booleans are written? Of objects that is asked one by one. */
function isTampered(): boolean {
  return ["", 0, false].some((value) => (value as { readonly toJSON?: unknown }).toJSON !== undefined);
}

function isPlain(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case "string":
    case "boolean":
      return true;
    case "number":
      return Number.isSafeInteger(value) || (Number.isFinite(value) && !Number.isInteger(value));
    case "object":
      if (value === null) return true;
      if (depth > MAX_DEPTH || (value as { readonly toJSON?: unknown }).toJSON !== undefined) return false;
      return Array.isArray(value) ? isPlainArray(value, depth + 1) : isPlainObject(value, depth + 1);
    default:
      return false;
  }
}

function isPlainArray(value: readonly unknown[], depth: number): boolean {
  if (Object.getPrototypeOf(value) !== Array.prototype) return false;
  // By position: holes are undefined there.
  for (let i = 0; i < value.length; i++) if (!isPlain(value[i], depth)) return false;
  return true;
}

function isPlainObject(value: object, depth: number): boolean {
  if (Object.getPrototypeOf(value) !== Object.prototype) return false;
  for (const name of Object.keys(value)) {
    if (name === INTEGER_MARK || !isPlain((value as Readonly<Record<string, unknown>>)[name], depth)) return false;
  }
  return true;
}
