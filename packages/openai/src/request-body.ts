import { isUtf8 } from "node:buffer";
import type { JsonObject } from "@llmcache/core";
import { parseExactly } from "./exact-numbers.ts";
import { isObject } from "./json-shape.ts";

/** The body of a request. */
export interface RequestBody {
  /** As everybody reads it. */
  readonly plain: JsonObject;
  /** As it is told from others: integers that a double cannot hold are what was written. */
  readonly exact: JsonObject;
}

/** `undefined` for what is no JSON object. Throws a `SyntaxError` for what is no JSON at all. */
export function readRequestBody(bytes: Uint8Array): RequestBody | undefined {
  // What is not UTF-8 would be made equal by decoding.
  if (!isUtf8(bytes)) return undefined;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
  const plain: unknown = JSON.parse(text);
  if (!isObject(plain)) return undefined;
  const exact = parseExactly(text) ?? plain;
  return isObject(exact) ? { plain, exact } : undefined;
}
