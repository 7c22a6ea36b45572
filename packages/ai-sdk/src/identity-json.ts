import { createHash } from "node:crypto";
import type { Json } from "@llmcache/core";

/** Members with such names stand for what JSON cannot say; an object of the caller's that has one is wrapped, so that they never meet. */
const TAG = "llmcache:";

/**
 * JSON that is equal exactly if the values are: bytes by their digest, URLs and dates by their text. What has no JSON form stays as
 * it is, so that the key refuses it and names the path. A value that is JSON already is given back itself.
 */
export function identityJson(value: unknown): Json {
  return convert(value, []) as Json;
}

function convert(value: unknown, ancestors: object[]): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Uint8Array) return { [`${TAG}bytes`]: createHash("sha256").update(value).digest("hex") };
  if (value instanceof URL) return { [`${TAG}url`]: value.href };
  if (value instanceof Date) return { [`${TAG}date`]: value.getTime() };
  // The key tells cycles.
  if (ancestors.includes(value)) return value;
  ancestors.push(value);
  const converted = Array.isArray(value) ? convertList(value, ancestors) : convertObject(value, ancestors);
  ancestors.pop();
  return converted;
}

function convertList(list: readonly unknown[], ancestors: object[]): readonly unknown[] {
  let changed = false;
  const items = list.map((item) => {
    const own = convert(item, ancestors);
    changed ||= own !== item;
    return own;
  });
  return changed ? items : list;
}

function convertObject(object: object, ancestors: object[]): object {
  const prototype: unknown = Object.getPrototypeOf(object);
  if (prototype !== Object.prototype && prototype !== null) return object;
  let changed = false;
  let tagged = false;
  const members = Object.entries(object).map(([name, member]): [string, unknown] => {
    const own = convert(member, ancestors);
    changed ||= own !== member;
    tagged ||= name.startsWith(TAG);
    return [name, own];
  });
  const own = changed ? Object.fromEntries(members) : object;
  return tagged ? { [`${TAG}object`]: own } : own;
}
