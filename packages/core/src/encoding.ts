import { hash } from "node:crypto";
import { isPlainObject, MAX_DEPTH, NotJson } from "./json.ts";

/**
 * The injective binary form that keys are made of: different JSON values have different bytes, equal ones (whatever the
 * order of their members) the same. Every value starts with a tag and carries its length, so no two values can run into
 * each other. Numbers in it are big-endian.
 *
 * | tag | follows |
 * |---|---|
 * | `n`, `t`, `f` | nothing: null, true, false |
 * | `d` | 8 bytes: the IEEE 754 double; `-0` is written as `0` |
 * | `s` | uint32 number of bytes, UTF-8 |
 * | `u` | uint32 number of code units, UTF-16: only strings that are not well-formed Unicode |
 * | `a` | uint32 number of items, the items |
 * | `o` | uint32 number of members, then each name (as a string) and value, in the order of the names' UTF-16 code units |
 *
 * Members that are `undefined` do not exist. `docs/key-format.md` has test vectors.
 */

const TAG_NULL = 0x6e;
const TAG_TRUE = 0x74;
const TAG_FALSE = 0x66;
const TAG_DOUBLE = 0x64;
const TAG_STRING = 0x73;
const TAG_UNITS = 0x75;
const TAG_ARRAY = 0x61;
const TAG_OBJECT = 0x6f;

const INITIAL_BYTES = 16 * 1024;
/** A buffer that one huge request made grow is not kept. */
const KEPT_BYTES = 1024 * 1024;
/** The same for its list of members. */
const KEPT_MEMBERS = 10_000;
/** Below this many characters a loop is quicker than a call into the runtime. */
const SHORT_STRING = 16;

/** One buffer for all calls: encoding is synchronous. Taken while in use, so that a getter that encodes gets another. */
let spare: Writer | undefined;

class Writer {
  bytes: Buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  view: DataView = new DataView(this.bytes.buffer);
  length = 0;
  /** Members of the objects that are being written: one list for all of them, used like a stack. */
  readonly names: string[] = [];
  readonly values: unknown[] = [];
  top = 0;

  reserve(more: number): void {
    const needed = this.length + more;
    if (needed <= this.bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2));
    this.bytes.copy(grown, 0, 0, this.length);
    this.bytes = grown;
    this.view = new DataView(grown.buffer);
  }

  prefix(tag: number, count: number): void {
    this.reserve(5);
    const { bytes, length } = this;
    bytes[length] = tag;
    bytes[length + 1] = count >>> 24;
    bytes[length + 2] = count >>> 16;
    bytes[length + 3] = count >>> 8;
    bytes[length + 4] = count;
    this.length = length + 5;
  }

  string(text: string): void {
    const units = text.length;
    if (this.length + 5 + units * 3 > this.bytes.length) this.reserve(5 + units * 3);
    const { bytes, length } = this;
    const start = length + 5;
    let written = 0;
    if (units < SHORT_STRING) {
      while (written < units) {
        const code = text.charCodeAt(written);
        if (code > 0x7f) break;
        bytes[start + written] = code;
        written++;
      }
      if (written === units) {
        bytes[length] = TAG_STRING;
        bytes[length + 1] = bytes[length + 2] = bytes[length + 3] = 0;
        bytes[length + 4] = units;
        this.length = start + units;
        return;
      }
    }
    if (written < units) {
      written = bytes.write(text, start, "utf8");
      // Only text with more bytes than units can be ill-formed: the runtime writes U+FFFD for each lone surrogate.
      if (written !== units && !text.isWellFormed()) return this.units(text);
    }
    bytes[this.length] = TAG_STRING;
    this.view.setUint32(this.length + 1, written);
    this.length = start + written;
  }

  units(text: string): void {
    this.prefix(TAG_UNITS, text.length);
    for (let i = 0; i < text.length; i++) {
      this.view.setUint16(this.length, text.charCodeAt(i));
      this.length += 2;
    }
  }

  value(value: unknown, depth: number): void {
    switch (typeof value) {
      case "string":
        return this.string(value);
      case "number":
        return this.double(value);
      case "boolean":
        return this.tag(value ? TAG_TRUE : TAG_FALSE);
      case "object":
        if (value === null) return this.tag(TAG_NULL);
        if (depth >= MAX_DEPTH) throw new NotJson();
        if (Array.isArray(value)) return this.array(value, depth);
        if (!isPlainObject(value)) throw new NotJson();
        return this.object(value as Readonly<Record<string, unknown>>, depth);
      default:
        throw new NotJson();
    }
  }

  tag(tag: number): void {
    this.reserve(1);
    this.bytes[this.length++] = tag;
  }

  double(value: number): void {
    if (!Number.isFinite(value)) throw new NotJson();
    this.reserve(9);
    this.bytes[this.length] = TAG_DOUBLE;
    this.view.setFloat64(this.length + 1, value === 0 ? 0 : value);
    this.length += 9;
  }

  array(items: readonly unknown[], depth: number): void {
    const count = items.length;
    this.prefix(TAG_ARRAY, count);
    for (let i = 0; i < count; i++) this.value(items[i], depth + 1);
  }

  object(members: Readonly<Record<string, unknown>>, depth: number): void {
    const { names, values, top } = this;
    let end = top;
    // Names and values in one pass: a loop over an object's own members reads them without looking their names up again.
    for (const name in members) {
      if (!hasOwn.call(members, name)) continue;
      const member = members[name];
      if (member === undefined) continue;
      names[end] = name;
      values[end] = member;
      end++;
    }
    this.top = end;
    if (end - top > FEW_MEMBERS) sortMany(names, values, top, end);
    else sortFew(names, values, top, end);
    this.prefix(TAG_OBJECT, end - top);
    for (let i = top; i < end; i++) {
      this.string(names[i] as string);
      this.value(values[i], depth + 1);
      // Nothing of a request is kept.
      names[i] = "";
      values[i] = undefined;
    }
    this.top = top;
  }
}

// oxlint-disable-next-line typescript/unbound-method -- always used with call; the engine knows this one in loops, and not Object.hasOwn
const { hasOwnProperty: hasOwn } = Object.prototype;

/** Objects of requests are small: insertion beats the general sort there. */
const FEW_MEMBERS = 16;

/** Sorts names from `start` to `end`, and their values with them, by UTF-16 code units. */
function sortFew(names: string[], values: unknown[], start: number, end: number): void {
  for (let i = start + 1; i < end; i++) {
    const name = names[i] as string;
    if ((names[i - 1] as string) < name) continue;
    const value = values[i];
    let j = i - 1;
    while (j >= start && (names[j] as string) > name) {
      names[j + 1] = names[j] as string;
      values[j + 1] = values[j];
      j--;
    }
    names[j + 1] = name;
    values[j + 1] = value;
  }
}

function sortMany(names: string[], values: unknown[], start: number, end: number): void {
  const members = names.slice(start, end).map((name, i) => ({ name, value: values[start + i] }));
  members.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const [i, { name, value }] of members.entries()) {
    names[start + i] = name;
    values[start + i] = value;
  }
}

/**
 * A writer that holds `prefix` (ASCII) and the encoding of `value`. Whoever takes it gives it back with {@link giveBack}: its buffer is
 * used again.
 *
 * @throws NotJson for what JSON cannot carry; `undefined` members are left out, `undefined` items are not.
 */
function filled(prefix: string, value: unknown): Writer {
  const writer = spare ?? new Writer();
  spare = undefined;
  const { bytes } = writer;
  const { length } = prefix;
  for (let i = 0; i < length; i++) bytes[i] = prefix.charCodeAt(i);
  writer.length = length;
  // One that throws on the way still holds members, and is not used again.
  writer.value(value, 0);
  return writer;
}

function giveBack(writer: Writer): void {
  if (writer.bytes.length <= KEPT_BYTES && writer.names.length <= KEPT_MEMBERS) spare = writer;
}

/** The encoding itself, as a buffer of its own: for tests, vectors and other languages. */
export function encode(value: unknown, prefix = ""): Uint8Array {
  const writer = filled(prefix, value);
  const bytes = Uint8Array.prototype.slice.call(writer.bytes, 0, writer.length);
  giveBack(writer);
  return bytes;
}

/** SHA-256 of `prefix` and the encoding of `value`, in hex; an HMAC where a secret is given. */
export function digest(prefix: string, value: unknown, hmac?: (bytes: Uint8Array) => string): string {
  const writer = filled(prefix, value);
  const bytes = writer.bytes.subarray(0, writer.length);
  const result = hmac === undefined ? hash("sha256", bytes, "hex") : hmac(bytes);
  giveBack(writer);
  return result;
}
