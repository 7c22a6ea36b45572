import type { Json, JsonObject } from "@llmcache/core";

/** Is this a JSON object (no array, no null)? */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Nothing is said by this member: it is absent, null, or an empty list. */
export function saysNothing(value: Json | undefined): boolean {
  return value === undefined || value === null || (Array.isArray(value) && value.length === 0);
}

/** Does the object have no members but these, or only such as say nothing? */
export function hasOnly(value: JsonObject, names: ReadonlySet<string>): boolean {
  return Object.entries(value).every(([name, member]) => names.has(name) || saysNothing(member));
}

/** JSON text as a value; `undefined` if it is none. */
export function parseText(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

/** Are these the arguments of a call? Some models send nothing for a function without parameters. */
export function isArguments(text: Json | undefined): boolean {
  return typeof text === "string" && (text === "" || parseText(text) !== undefined);
}
