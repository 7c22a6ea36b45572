import type { PacingScript, StreamScript } from "./script.ts";

/** How events are written down. */
type Framing = Pick<StreamScript, "newline" | "comments">;

/** An event with a name; a bare text has none. */
export interface NamedEvent {
  readonly event: string;
  readonly data: string;
}

const DEFAULT_NEWLINE = "\n";
const COMMENT = ": ping";

/**
 * Server-sent events (WHATWG HTML, section 9.2), one chunk of bytes for each of `payloads`.
 * Comments belong to the chunk before them, the way a server sends them while the next event is not ready.
 */
export function encodeEvents(payloads: readonly (string | NamedEvent)[], framing: Framing = {}): Uint8Array[] {
  const newline = framing.newline ?? DEFAULT_NEWLINE;
  const comment = framing.comments === true ? COMMENT + newline + newline : "";
  return payloads.map((payload, index) => {
    const before = index === 0 ? comment : "";
    const name = typeof payload === "string" ? "" : `event: ${payload.event}${newline}`;
    const text = typeof payload === "string" ? payload : payload.data;
    const lines = text.split(/\r\n|\r|\n/).map((line) => `data: ${line}${newline}`);
    const after = index < payloads.length - 1 ? comment : "";
    return Buffer.from(before + name + lines.join("") + newline + after);
  });
}

/** The parts of a chunk, in order; together they are the chunk. */
export function chop(bytes: Uint8Array, split: PacingScript["split"] = "events"): Uint8Array[] {
  switch (split) {
    case "events":
      return [bytes];
    case "bytes":
      return cutEvery(bytes, 1);
    case "utf8":
      return cutAt(bytes, insideCharacters(bytes));
    case "lines":
      return cutAt(bytes, insideLines(bytes));
    default:
      if (!Number.isInteger(split) || split < 1)
        throw new RangeError(`stream.split must be a positive integer, not ${split}`);
      return cutEvery(bytes, split);
  }
}

function cutEvery(bytes: Uint8Array, size: number): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let start = 0; start < bytes.length; start += size) parts.push(bytes.subarray(start, start + size));
  return parts;
}

function cutAt(bytes: Uint8Array, offsets: Iterable<number>): Uint8Array[] {
  const parts: Uint8Array[] = [];
  let start = 0;
  for (const offset of offsets) {
    if (offset <= start || offset >= bytes.length) continue;
    parts.push(bytes.subarray(start, offset));
    start = offset;
  }
  parts.push(bytes.subarray(start));
  return parts;
}

function* insideCharacters(bytes: Uint8Array): Iterable<number> {
  for (const [offset, byte] of bytes.entries()) {
    const isLeadByte = byte >= 0xc0;
    if (isLeadByte) yield offset + 1;
  }
}

function* insideLines(bytes: Uint8Array): Iterable<number> {
  const CR = 0x0d;
  const LF = 0x0a;
  let start = 0;
  for (const [offset, byte] of bytes.entries()) {
    if (byte !== CR && byte !== LF) continue;
    const insideFieldName = start + 2;
    const middle = start + Math.floor((offset - start) / 2);
    if (insideFieldName < offset) yield insideFieldName;
    if (middle > insideFieldName) yield middle;
    // Between the line and its end, and, in "\r\n" and between two line ends, inside of that.
    yield offset;
    start = offset + 1;
  }
}
