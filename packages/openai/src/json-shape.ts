import type { Json, JsonObject } from "@llmcache/core";
import { parseJsonText } from "@llmcache/fetch";

/** Nothing is said by this member: it is absent, null, or an empty list. */
export function saysNothing(value: Json | undefined): boolean {
  return value === undefined || value === null || (Array.isArray(value) && value.length === 0);
}

/** Does the object have no members but these, or only such as say nothing? */
export function hasOnly(value: JsonObject, names: ReadonlySet<string>): boolean {
  return Object.entries(value).every(([name, member]) => names.has(name) || saysNothing(member));
}

/** Are these the arguments of a call? Some models send nothing for a function without parameters. */
export function isArguments(text: Json | undefined): boolean {
  return typeof text === "string" && (text === "" || parseJsonText(text) !== undefined);
}
