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

const SPACE: ReadonlySet<string | undefined> = new Set([" ", "\n", "\r", "\t"]);
const INTEGER = /^-?[0-9]+$/;
/** Where long integers or our mark for them may be: in JSON the mark's first character is always escaped. */
const NEEDS_CARE = /[0-9]{16}|\\u0000/;
/** The member that stands for a long integer in {@link JsonRequest.exact}. */
export const INTEGER_MARK = "\0integer";

/** What engines tell a reviver besides what its type says: the text that a number was written as. */
type SourceReviver = (name: string, value: unknown, context: { readonly source?: string }) => unknown;

/**
 * `undefined` for what is no JSON object in UTF-8, and where an object has two members of one name: the provider may read another one of them
 * than we do. Throws a `SyntaxError` for what is no JSON at all. */
export function readJsonRequest(bytes: Uint8Array): JsonRequest | undefined {
  // What is not UTF-8 would be made equal by decoding.
  if (!isUtf8(bytes)) return undefined;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
  const read = readJsonText(text);
  return read !== undefined && membersIn(read.plain) === namesIn(text) ? read : undefined;
}

/** How many members the objects in a value have. */
function membersIn(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + membersIn(item), 0);
  const members: readonly unknown[] = Object.values(value);
  return members.reduce<number>((sum, member) => sum + membersIn(member), members.length);
}

/** How many names of members stand in JSON text: texts before a colon. */
function namesIn(json: string): number {
  let names = 0;
  for (let start = json.indexOf('"'); start >= 0;) {
    const end = endOfText(json, start);
    let next = end + 1;
    while (SPACE.has(json[next])) next++;
    if (json[next] === ":") names++;
    start = json.indexOf('"', next);
  }
  return names;
}

/** Where the closing quote is: the next one that no odd number of backslashes escapes. */
function endOfText(json: string, start: number): number {
  for (let end = json.indexOf('"', start + 1); ; end = json.indexOf('"', end + 1)) {
    let before = end;
    while (json[before - 1] === "\\") before--;
    if ((end - before) % 2 === 0 || end < 0) return end < 0 ? json.length : end;
  }
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
