import { constants } from "node:buffer";
import { crc32 } from "node:zlib";
import { asBuffer, Body, ownBytes, type BodyKind } from "./body.ts";
import type { Codec } from "./codec.ts";
import type { Entry, EntryHead, EntryMetadata } from "./entry.ts";
import type { Json } from "./json.ts";

/**
 * The stored form of an entry: a line of JSON (format version, id, scope, instants, kind, codec, lengths), the head (text,
 * metadata, tags, request), the body, and a CRC-32 of all before it. What cannot be read is a miss, never an exception, and
 * nothing in it is ever run.
 */

/** Raised when the layout changes; frames of other versions are not read. */
export const FRAME_FORMAT = 1;

const NEWLINE = 0x0a;
const CHECKSUM_BYTES = 4;
/** Longer first lines are not ours. */
const MAX_LINE_BYTES = 4096;

interface FrameLine {
  readonly llmcache: number;
  readonly id: string;
  readonly scope?: string | undefined;
  readonly createdAt: number;
  readonly staleAt?: number | undefined;
  readonly deleteAt?: number | undefined;
  readonly kind: BodyKind;
  readonly codec?: string | undefined;
  readonly head: number;
  readonly body: number;
}

/** Options of {@link decodeEntry}. */
export interface DecodeOptions {
  /** The id that was asked for: a frame of another id is refused. */
  readonly id?: string | undefined;
  readonly codec?: Codec | undefined;
  /** The bytes are part of a pool, or will change: what an entry keeps of them is copied. @default false */
  readonly borrowed?: boolean | undefined;
}

/** An entry as bytes. The result is a buffer of its own. */
export function encodeEntry(entry: Entry, codec?: Codec): Uint8Array {
  const headText = JSON.stringify({
    text: entry.text,
    metadata: entry.metadata,
    tags: entry.tags,
    request: entry.request,
  });
  let head: Uint8Array = Buffer.from(headText, "utf8");
  let body = entry.body.bytes();
  const describe = (): Buffer =>
    Buffer.from(
      `${JSON.stringify({
        llmcache: FRAME_FORMAT,
        id: entry.id,
        scope: entry.scope,
        createdAt: entry.createdAt,
        staleAt: entry.staleAt,
        deleteAt: entry.deleteAt,
        kind: entry.body.kind,
        codec: codec?.name,
        head: head.byteLength,
        body: body.byteLength,
      } satisfies FrameLine)}\n`,
      "utf8",
    );
  if (codec !== undefined) {
    // The lengths are not known yet: what is bound to the parts is the line without them.
    const clear = clearPart(entry, entry.body.kind, codec.name);
    head = codec.encode(head, { part: "head", clear });
    body = codec.encode(body, { part: "body", clear });
  }
  const line = describe();
  const frame = Buffer.allocUnsafeSlow(line.byteLength + head.byteLength + body.byteLength + CHECKSUM_BYTES);
  frame.set(line, 0);
  frame.set(head, line.byteLength);
  frame.set(body, line.byteLength + head.byteLength);
  const end = frame.byteLength - CHECKSUM_BYTES;
  frame.writeUInt32BE(crc32(frame.subarray(0, end)), end);
  return frame;
}

/**
 * An entry from its frame; `undefined` for whatever is no intact frame of this version (and of this id). Never throws. A body of
 * kind `bytes` is a view of `bytes`, which must not change afterwards, unless they are `borrowed`; a JSON body has its text.
 */
export function decodeEntry(bytes: Uint8Array, options: DecodeOptions = {}): Entry | undefined {
  const { id, codec } = options;
  const frame = asBuffer(bytes);
  const end = frame.byteLength - CHECKSUM_BYTES;
  if (end <= 0 || crc32(frame.subarray(0, end)) !== frame.readUInt32BE(end)) return undefined;
  const line = readLine(frame);
  if (line === undefined || (id !== undefined && line.value.id !== id)) return undefined;
  const { value } = line;
  if (line.end + value.head + value.body !== end) return undefined;
  const head = unwrap(frame.subarray(line.end, line.end + value.head), "head", value, codec);
  const body = unwrap(frame.subarray(line.end + value.head, end), "body", value, codec);
  if (head === undefined || body === undefined) return undefined;
  const rest = readHead(head);
  if (rest === undefined) return undefined;
  return { ...headFromLine(value), ...rest, body: bodyOf(value.kind, body, options.borrowed === true) };
}

function bodyOf(kind: BodyKind, bytes: Uint8Array, borrowed: boolean): Body {
  if (kind === "json" && bytes.byteLength <= constants.MAX_STRING_LENGTH)
    return Body.text(asBuffer(bytes).toString("utf8"), bytes.byteLength);
  return Body.stored(kind, borrowed ? ownBytes(bytes) : bytes);
}

/**
 * The head of a frame from its beginning, for listings that do not read bodies (a ranged read). Without the end there is no
 * checksum to test: not for serving.
 */
export function decodeHead(bytes: Uint8Array, options: DecodeOptions = {}): EntryHead | undefined {
  const frame = asBuffer(bytes);
  const line = readLine(frame);
  if (line === undefined || (options.id !== undefined && line.value.id !== options.id)) return undefined;
  if (line.end + line.value.head > frame.byteLength) return undefined;
  const head = unwrap(frame.subarray(line.end, line.end + line.value.head), "head", line.value, options.codec);
  const rest = head === undefined ? undefined : readHead(head);
  return rest === undefined ? undefined : { ...headFromLine(line.value), ...rest };
}

function unwrap(
  bytes: Uint8Array,
  part: "head" | "body",
  line: FrameLine,
  codec: Codec | undefined,
): Uint8Array | undefined {
  if (line.codec === undefined) return codec === undefined || codec.readsPlain ? bytes : undefined;
  if (codec?.name !== line.codec) return undefined;
  try {
    return codec.decode(bytes, { part, clear: clearPart(line, line.kind, codec.name) });
  } catch {
    return undefined;
  }
}

function clearPart(
  head: Pick<FrameLine, "id" | "scope" | "createdAt" | "staleAt" | "deleteAt">,
  kind: BodyKind,
  codec: string,
): Uint8Array {
  const { id, scope, createdAt, staleAt, deleteAt } = head;
  return Buffer.from(
    JSON.stringify([FRAME_FORMAT, id, scope ?? null, createdAt, staleAt ?? null, deleteAt ?? null, kind, codec]),
  );
}

function readLine(frame: Buffer): { readonly value: FrameLine; readonly end: number } | undefined {
  const end = frame.subarray(0, MAX_LINE_BYTES).indexOf(NEWLINE);
  if (end < 0) return undefined;
  const value = parse(frame.subarray(0, end));
  return isFrameLine(value) ? { value, end: end + 1 } : undefined;
}

function readHead(bytes: Uint8Array): Pick<EntryHead, "text" | "metadata" | "tags" | "request"> | undefined {
  const value = parse(bytes);
  if (!isRecord(value) || !isMetadata(value["metadata"])) return undefined;
  const { text, tags, request, metadata } = value;
  if (text !== undefined && typeof text !== "string") return undefined;
  if (tags !== undefined && !isTags(tags)) return undefined;
  return {
    metadata,
    ...(text === undefined ? {} : { text }),
    ...(tags === undefined ? {} : { tags }),
    ...(request === undefined ? {} : { request: request as Json }),
  };
}

function headFromLine(line: FrameLine): Pick<EntryHead, "id" | "scope" | "createdAt" | "staleAt" | "deleteAt"> {
  return {
    id: line.id,
    ...(line.scope === undefined ? {} : { scope: line.scope }),
    createdAt: line.createdAt,
    ...(line.staleAt === undefined ? {} : { staleAt: line.staleAt }),
    ...(line.deleteAt === undefined ? {} : { deleteAt: line.deleteAt }),
  };
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(asBuffer(bytes).toString("utf8"));
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isFrameLine(value: unknown): value is FrameLine {
  if (!isRecord(value) || value["llmcache"] !== FRAME_FORMAT) return false;
  const { id, scope, createdAt, staleAt, deleteAt, kind, codec, head, body } = value;
  return (
    typeof id === "string" &&
    optional(scope, "string") &&
    typeof createdAt === "number" &&
    optional(staleAt, "number") &&
    optional(deleteAt, "number") &&
    (kind === "json" || kind === "bytes") &&
    optional(codec, "string") &&
    isLength(head) &&
    isLength(body)
  );
}

function optional(value: unknown, type: "string" | "number"): boolean {
  return value === undefined || typeof value === type;
}

function isLength(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isMetadata(value: unknown): value is EntryMetadata {
  return isRecord(value) && Object.values(value).every((item) => typeof item === "string" || typeof item === "number");
}

function isTags(value: unknown): value is Readonly<Record<string, string>> {
  return isRecord(value) && Object.values(value).every((item) => typeof item === "string");
}
