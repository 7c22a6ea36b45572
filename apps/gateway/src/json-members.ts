/** Where a member of a JSON object stands in its text. */
export interface MemberPlace {
  readonly name: string;
  /** Of the name's first quote. */
  readonly start: number;
  readonly valueStart: number;
  /** Behind the value. */
  readonly end: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;

/**
 * Where the members of an object stand in its JSON text (UTF-8), without reading their values; `undefined` for what is no object. Text
 * that is broken inside of a value is not noticed.
 */
export function memberPlaces(json: Uint8Array): readonly MemberPlace[] | undefined {
  const places: MemberPlace[] = [];
  let at = skipSpace(json, 0);
  if (json[at] !== OPEN_OBJECT) return undefined;
  at = skipSpace(json, at + 1);
  if (json[at] === CLOSE_OBJECT) return places;
  for (;;) {
    const start = at;
    const nameEnd = json[at] === QUOTE ? skipText(json, at) : undefined;
    const name = nameEnd === undefined ? undefined : textOf(json, start, nameEnd);
    if (nameEnd === undefined || name === undefined) return undefined;
    at = skipSpace(json, nameEnd);
    if (json[at] !== COLON) return undefined;
    const valueStart = skipSpace(json, at + 1);
    const end = skipValue(json, valueStart);
    if (end === undefined) return undefined;
    places.push({ name, start, valueStart, end });
    at = skipSpace(json, end);
    if (json[at] === CLOSE_OBJECT) return places;
    if (json[at] !== COMMA) return undefined;
    at = skipSpace(json, at + 1);
  }
}

/** The text without the members of a name and the commas beside them; all other bytes stay as they are. */
export function cutMembers(json: Uint8Array, places: readonly MemberPlace[], name: string): Buffer {
  const kept: Uint8Array[] = [];
  let hasKept = false;
  let at = 0;
  for (const [index, place] of places.entries()) {
    if (place.name !== name) {
      hasKept = true;
      continue;
    }
    // The comma before it goes too, or, where nothing is before it, the one behind it.
    const from = hasKept ? (places[index - 1] as MemberPlace).end : place.start;
    if (from > at) kept.push(json.subarray(at, from));
    at = hasKept ? place.end : (places[index + 1]?.start ?? place.end);
  }
  return Buffer.concat([...kept, json.subarray(at)]);
}

function textOf(json: Uint8Array, start: number, end: number): string | undefined {
  try {
    return JSON.parse(asText(json, start, end)) as string;
  } catch {
    return undefined;
  }
}

/** A part of JSON text. */
export function asText(json: Uint8Array, start: number, end: number): string {
  return Buffer.from(json.buffer, json.byteOffset + start, end - start).toString("utf8");
}

function skipSpace(json: Uint8Array, from: number): number {
  let at = from;
  while (isSpace(json[at])) at++;
  return at;
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/** Behind the closing quote of a text that begins here; `undefined` if it has none. */
function skipText(json: Uint8Array, from: number): number | undefined {
  for (let at = from + 1; at < json.length; at++) {
    if (json[at] === BACKSLASH) at++;
    else if (json[at] === QUOTE) return at + 1;
  }
  return undefined;
}

function skipValue(json: Uint8Array, from: number): number | undefined {
  let depth = 0;
  let at = from;
  while (at < json.length) {
    switch (json[at]) {
      case QUOTE: {
        const end = skipText(json, at);
        if (end === undefined || depth === 0) return end;
        at = end;
        break;
      }
      case OPEN_OBJECT:
      case OPEN_LIST:
        depth++;
        at++;
        break;
      case CLOSE_OBJECT:
      case CLOSE_LIST:
        // A number or a word ends where its object does.
        if (depth === 0) return at > from ? at : undefined;
        depth--;
        at++;
        if (depth === 0) return at;
        break;
      case COMMA:
        if (depth === 0) return at > from ? at : undefined;
        at++;
        break;
      default:
        if (depth === 0 && isSpace(json[at])) return at > from ? at : undefined;
        at++;
    }
  }
  return undefined;
}
