import type { Json } from "@llmcache/core";

/** Shorter ones fit a double. */
const LONG_NUMBER = /[0-9]{16}/;
const INTEGER = /^-?[0-9]+$/;

/** What engines tell a reviver besides what its type says: the text that a number was written as. */
type SourceReviver = (name: string, value: unknown, context: { readonly source?: string }) => unknown;

/**
 * The integers in a JSON text that a double cannot hold, as they are written, in the order of the text: two seeds of 64 bits are two
 * questions, though `JSON.parse` makes them one number. `undefined` where there is none.
 */
export function inexactIntegers(text: string): Json | undefined {
  if (!LONG_NUMBER.test(text)) return undefined;
  const found: string[] = [];
  const note: SourceReviver = (_name, value, { source }) => {
    if (typeof value === "number" && !Number.isSafeInteger(value) && source !== undefined && INTEGER.test(source))
      found.push(source);
    return value;
  };
  JSON.parse(text, note as Parameters<typeof JSON.parse>[1]);
  return found.length === 0 ? undefined : found;
}
