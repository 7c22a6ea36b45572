import type { Json } from "@llmcache/core";

/** Values that are no data; a class instance among them makes the key refuse the request, and the call passes by the cache. */
export function plainJson(value: unknown): Json {
  if (Array.isArray(value)) return value.map(plainJson);
  if (typeof value !== "object" || value === null || !isPlain(value)) return value as Json;
  const plain: Record<string, Json> = {};
  for (const [name, member] of Object.entries(value)) {
    if (member === undefined) continue;
    if (name === "__proto__") Object.defineProperty(plain, name, { value: plainJson(member), enumerable: true });
    else plain[name] = plainJson(member);
  }
  return plain;
}

export function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
