import type { Json, JsonObject } from "@llmcache/core";

/** Is this a JSON object (no array, no null)? */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** JSON text as a value; `undefined` if it is none. */
export function parseJsonText(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

/** The object without members of these names. An own `__proto__` stays what it is. */
export function withoutMembers(value: JsonObject, names: ReadonlySet<string>): JsonObject {
  return Object.fromEntries<Json | undefined>(Object.entries(value).filter(([name]) => !names.has(name)));
}

/** Is there an integer that a double cannot hold, so that writing the value anew may say something else than was read? */
export function hasInexactInteger(value: Json | undefined): boolean {
  if (typeof value === "number") return Number.isInteger(value) && !Number.isSafeInteger(value);
  if (typeof value !== "object" || value === null) return false;
  return (Array.isArray(value) ? (value as readonly Json[]) : Object.values(value)).some(hasInexactInteger);
}
