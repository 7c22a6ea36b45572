import { isUtf8 } from "node:buffer";
import type { Json, JsonObject } from "@llmcache/core";
import { isJsonObject } from "./json-value.ts";

/** The JSON body of a request. */
export interface JsonRequest {
  /** As everybody reads it. */
  readonly plain: JsonObject;
  /** As it is told from others: integers that a double cannot hold are marked texts. */
  readonly exact: JsonObject;
}

const INTEGER = /^-?[0-9]+$/;
/** Where long integers or our mark for them may be: in JSON the mark's first character is always escaped. */
const NEEDS_CARE = /[0-9]{16}|\\u0000/;
/** The member that stands for a long integer in {@link JsonRequest.exact}. */
export const INTEGER_MARK = "\0integer";

/** What engines tell a reviver besides what its type says: the text that a number was written as. */
type SourceReviver = (name: string, value: unknown, context: { readonly source?: string }) => unknown;

/** `undefined` for what is no JSON object in UTF-8. Throws a `SyntaxError` for what is no JSON at all. */
export function readJsonRequest(bytes: Uint8Array): JsonRequest | undefined {
  // What is not UTF-8 would be made equal by decoding.
  if (!isUtf8(bytes)) return undefined;
  return readJsonText(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8"));
}

/** The same for the text of a body. */
export function readJsonText(text: string): JsonRequest | undefined {
  const plain: unknown = JSON.parse(text);
  if (!isJsonObject(plain)) return undefined;
  const exact = NEEDS_CARE.test(text) ? parseExactly(text) : plain;
  return isJsonObject(exact) ? { plain, exact } : undefined;
}

/** Two integers of 64 bits are two values, though `JSON.parse` makes them one number. */
function parseExactly(text: string): Json {
  const mark: SourceReviver = (_name, value, { source }) => {
    if (typeof value === "number" && !Number.isSafeInteger(value) && source !== undefined && INTEGER.test(source))
      return { [INTEGER_MARK]: source };
    // Who has a member of this name himself is told from our mark, which holds a text.
    return isJsonObject(value) && Object.hasOwn(value, INTEGER_MARK) ? { [INTEGER_MARK]: { ...value } } : value;
  };
  return JSON.parse(text, mark as Parameters<typeof JSON.parse>[1]) as Json;
}
