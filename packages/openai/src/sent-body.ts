import { readJsonText, type JsonRequest } from "@llmcache/fetch";
import { plainBody } from "./given-body.ts";

/**
 * The body that the SDK would send as JSON, as formats read it: the object itself where it is plain, otherwise what its text says.
 * `undefined` where something else than JSON would be sent.
 */
export function sentBody(body: unknown): JsonRequest | undefined {
  if (typeof body !== "object" || body === null || Object.getPrototypeOf(body) !== Object.prototype) return undefined;
  // Such bodies are sent as they are produced.
  if (Symbol.asyncIterator in body || Symbol.iterator in body) return undefined;
  return plainBody(body) ?? readJsonText(JSON.stringify(body));
}
