import { LLMCacheError, type Json } from "@llmcache/core";

/** A value as JSON, and what of it was none: where it stood, by the names and positions on the way. */
export interface Packed {
  readonly value: Json;
  readonly special?: readonly Special[] | undefined;
}

/** What JSON cannot say: the kind, then the path. */
export type Special = readonly [kind: SpecialKind, ...path: (string | number)[]];

const KINDS = ["date", "bytes", "url", "undefined", "number"] as const;
type SpecialKind = (typeof KINDS)[number];

const MAX_DEPTH = 400;

/**
 * A copy as JSON of what models give: plain values, bytes, dates, URLs and members that are `undefined`.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_VALUE` naming the path of anything else.
 */
export function pack(value: unknown): Packed {
  const special: Special[] = [];
  const copy = packAt(value, [], special);
  return special.length === 0 ? { value: copy } : { value: copy, special };
}

/** Is this what {@link pack} would give back as it is? */
export function isJson(value: unknown): boolean {
  try {
    return pack(value).special === undefined;
  } catch {
    return false;
  }
}

function packAt(value: unknown, path: (string | number)[], special: Special[]): Json {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "number":
      if (Number.isFinite(value)) return value;
      special.push(["number", ...path]);
      return String(value);
    case "undefined":
      special.push(["undefined", ...path]);
      return null;
    case "object":
      break;
    default:
      throw unpackable(path, `a ${typeof value}`);
  }
  if (value === null) return null;
  if (path.length > MAX_DEPTH) throw unpackable(path, "nested too deep, or in itself");
  if (Array.isArray(value)) return Array.from(value, (item, index) => below(item, index, path, special));
  if (value instanceof Uint8Array) {
    special.push(["bytes", ...path]);
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64");
  }
  if (value instanceof URL) {
    special.push(["url", ...path]);
    return value.href;
  }
  if (value instanceof Date && !Number.isNaN(value.getTime())) {
    special.push(["date", ...path]);
    return value.getTime();
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) throw unpackable(path, "an instance of a class");
  const copy: Record<string, Json> = {};
  for (const name of Object.keys(value)) {
    if (name === "__proto__") throw unpackable(path, "an object with a member __proto__");
    copy[name] = below((value as Readonly<Record<string, unknown>>)[name], name, path, special);
  }
  return copy;
}

function below(value: unknown, name: string | number, path: (string | number)[], special: Special[]): Json {
  path.push(name);
  const packed = packAt(value, path, special);
  path.pop();
  return packed;
}

function unpackable(path: readonly (string | number)[], what: string): LLMCacheError {
  return new LLMCacheError(
    "ERR_LLMCACHE_VALUE",
    `The answer cannot be stored: at ${["$", ...path].join(".")} is ${what}.`,
  );
}

/**
 * The value again. It is made of `packed.value`, which the caller must own.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_VALUE` for what {@link pack} did not make.
 */
export function unpack({ value, special }: Packed): unknown {
  if (special === undefined) return value;
  if (!Array.isArray(special)) throw damaged();
  const root = { value } as Record<string | number, unknown>;
  for (const [kind, ...path] of special as readonly Special[]) {
    let holder: Record<string | number, unknown> = root;
    let name: string | number = "value";
    for (const step of path) {
      const next = holder[name];
      if (typeof next !== "object" || next === null || !Object.hasOwn(next, step)) throw damaged();
      holder = next as Record<string | number, unknown>;
      name = step;
    }
    holder[name] = restored(kind, holder[name]);
  }
  return root["value"];
}

function restored(kind: SpecialKind, value: unknown): unknown {
  if (kind === "undefined") return undefined;
  if (kind === "date" && typeof value === "number") return new Date(value);
  if (typeof value !== "string") throw damaged();
  switch (kind) {
    case "bytes":
      return new Uint8Array(Buffer.from(value, "base64"));
    case "url":
      return new URL(value);
    case "number":
      return Number(value);
    default:
      throw damaged();
  }
}

function damaged(): LLMCacheError {
  return new LLMCacheError("ERR_LLMCACHE_VALUE", "A stored answer has a form that is not known.");
}
