import type { Json } from "@llmcache/core";
import { isObject } from "./json-shape.ts";

const INTEGER = /^-?[0-9]+$/;

/** Where long integers or our mark for them may be: in JSON the mark's first character is always escaped. */
const NEEDS_CARE = /[0-9]{16}|\\u0000/;

/** The member that stands for a long integer. */
export const MARK = "\0integer";

/** What engines tell a reviver besides what its type says: the text that a number was written as. */
type SourceReviver = (name: string, value: unknown, context: { readonly source?: string }) => unknown;

/**
 * JSON text as a value in which integers that a double cannot hold are marked texts: two seeds of 64 bits are two questions,
 * though `JSON.parse` makes them one number. `undefined` where `JSON.parse` does.
 */
export function parseExactly(text: string): Json | undefined {
  if (!NEEDS_CARE.test(text)) return undefined;
  const mark: SourceReviver = (_name, value, { source }) => {
    if (typeof value === "number" && !Number.isSafeInteger(value) && source !== undefined && INTEGER.test(source))
      return { [MARK]: source };
    // Who has a member of this name himself is told from our mark, which holds a text.
    return isObject(value) && Object.hasOwn(value, MARK) ? { [MARK]: { ...value } } : value;
  };
  return JSON.parse(text, mark as Parameters<typeof JSON.parse>[1]) as Json;
}
