import { isUtf8 } from "node:buffer";
import { parseExactly } from "./exact-numbers.ts";
import { GivenBody, type RequestBody } from "./given-body.ts";
import { isObject } from "./json-shape.ts";

/** `undefined` for what is no JSON object. Throws a `SyntaxError` for what is no JSON at all. */
export function readRequestBody(bytes: Uint8Array): RequestBody | undefined {
  if (bytes instanceof GivenBody) return bytes.content;
  // What is not UTF-8 would be made equal by decoding.
  if (!isUtf8(bytes)) return undefined;
  return readBodyText(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8"));
}

/** The same for the text of a body. */
export function readBodyText(text: string): RequestBody | undefined {
  const plain: unknown = JSON.parse(text);
  if (!isObject(plain)) return undefined;
  const exact = parseExactly(text) ?? plain;
  return isObject(exact) ? { plain, exact } : undefined;
}
