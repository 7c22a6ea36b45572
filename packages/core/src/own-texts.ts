import { setOwn, type Json, type JsonObject } from "./json.ts";

/** V8 makes slices and ropes of texts of this length or more; shorter ones are always copies. */
const LEAST = 13;
const SCRATCH_BYTES = 64 * 1024;

let scratch: Buffer | undefined;

/**
 * A JSON value whose texts hold no more memory than their characters: V8 keeps a text that was put together as a tree of its parts, and one that
 * was cut out as a window on the whole.
 */
export function withOwnTexts(value: Json): Json {
  if (typeof value === "string") return ownText(value);
  if (typeof value !== "object" || value === null) return value;
  if (!mayHoldMore(value)) return value;
  if (Array.isArray(value)) return (value as readonly Json[]).map(withOwnTexts);
  const copy: Record<string, Json> = {};
  for (const name of Object.keys(value)) {
    const own = withOwnTexts((value as JsonObject)[name] as Json);
    if (name === "__proto__") setOwn(copy, name, own);
    else copy[name] = own;
  }
  return copy;
}

/** May there be a text in it that holds more memory than its characters? What is in its members is not looked at. */
export function mayHoldMore(value: Json): boolean {
  if (typeof value === "string") return value.length >= LEAST;
  return typeof value === "object" && value !== null && Object.values(value).some(isLongOrDeep);
}

function isLongOrDeep(value: unknown): boolean {
  return typeof value === "string" ? value.length >= LEAST : typeof value === "object" && value !== null;
}

function ownText(text: string): string {
  if (text.length < LEAST) return text;
  if (text.length <= SCRATCH_BYTES) {
    scratch ??= Buffer.allocUnsafeSlow(SCRATCH_BYTES);
    // As many bytes as characters: ASCII.
    if (Buffer.byteLength(text) === text.length) return scratch.toString("latin1", 0, scratch.write(text, 0, "latin1"));
  }
  const encoding = text.isWellFormed() ? "utf8" : "utf16le";
  return Buffer.from(text, encoding).toString(encoding);
}
