/** One event of an event stream (WHATWG HTML, section 9.2), without the fields that no provider uses. */
export interface ServerSentEvent {
  /** The `event:` field; `"message"` where there is none. */
  readonly event: string;
  /** The `data:` lines, joined by line feeds. */
  readonly data: string;
}

const LF = 0x0a;
const CR = 0x0d;
const BYTE_ORDER_MARK = "\uFEFF";
const NOTHING: Uint8Array<ArrayBuffer> = new Uint8Array(0);

/**
 * Reads events out of bytes that arrive in any pieces: cut inside characters, lines or line ends. Lines end in LF, CR or
 * CR LF; an event ends with an empty line.
 */
export class EventReader {
  #rest: Uint8Array = NOTHING;
  #afterCarriageReturn = false;
  #first = true;
  #event = "";
  #data: string[] = [];

  /** The events that these bytes complete. */
  push(bytes: Uint8Array): ServerSentEvent[] {
    const events: ServerSentEvent[] = [];
    const buffer = this.#rest.byteLength === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    let start = 0;
    for (let i = buffer.byteLength - bytes.byteLength; i < buffer.byteLength; i++) {
      const byte = buffer[i];
      if (byte !== LF && byte !== CR) {
        this.#afterCarriageReturn = false;
        continue;
      }
      if (byte === LF && this.#afterCarriageReturn) {
        this.#afterCarriageReturn = false;
        start = i + 1;
        continue;
      }
      this.#afterCarriageReturn = byte === CR;
      this.#line(text(buffer.subarray(start, i)), events);
      start = i + 1;
    }
    // A copy: a Buffer's own slice() would be the caller's memory.
    this.#rest = start === buffer.byteLength ? NOTHING : new Uint8Array(buffer.subarray(start));
    return events;
  }

  /** Is everything that was pushed part of a complete event (or a comment)? */
  get isBetweenEvents(): boolean {
    return this.#rest.byteLength === 0 && this.#data.length === 0 && this.#event === "";
  }

  /** The event that these bytes and an empty line would complete, at the end of a stream; `undefined` if there is none begun. */
  get unfinished(): ServerSentEvent | undefined {
    const events: ServerSentEvent[] = [];
    const copy = new EventReader();
    copy.#first = this.#first;
    copy.#event = this.#event;
    copy.#data = [...this.#data];
    if (this.#rest.byteLength > 0) copy.#line(text(this.#rest), events);
    copy.#line("", events);
    return events[0];
  }

  #line(line: string, events: ServerSentEvent[]): void {
    const clean = this.#first && line.startsWith(BYTE_ORDER_MARK) ? line.slice(1) : line;
    this.#first = false;
    if (clean === "") {
      if (this.#data.length > 0) events.push({ event: this.#event || "message", data: this.#data.join("\n") });
      this.#data = [];
      this.#event = "";
      return;
    }
    const colon = clean.indexOf(":");
    const field = colon < 0 ? clean : clean.slice(0, colon);
    const value = colon < 0 ? "" : clean.slice(clean[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "data") this.#data.push(value);
    else if (field === "event") this.#event = value;
  }
}

/** All complete events of a whole stream, and whether it ended between two of them. */
export function readEvents(bytes: Uint8Array): {
  readonly events: readonly ServerSentEvent[];
  readonly whole: boolean;
} {
  const reader = new EventReader();
  const events = reader.push(bytes);
  return { events, whole: reader.isBetweenEvents };
}

/** The bytes cut behind each empty line, so that each piece is one event (with the comments before it); nothing is copied. */
export function splitEvents(bytes: Uint8Array): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let start = 0;
  let lineStart = 0;
  for (let i = 0; i < bytes.byteLength; i++) {
    const byte = bytes[i];
    if (byte !== LF && byte !== CR) continue;
    const end = byte === CR && bytes[i + 1] === LF ? i + 2 : i + 1;
    const empty = i === lineStart;
    i = end - 1;
    lineStart = end;
    if (!empty) continue;
    pieces.push(bytes.subarray(start, end));
    start = end;
  }
  if (start < bytes.byteLength) pieces.push(bytes.subarray(start));
  return pieces;
}

/** Cuts bytes that arrive in any pieces behind each empty line: each piece that it gives is one event, as it came. */
export class EventSplitter {
  #rest: Uint8Array = NOTHING;

  /** The events that these bytes complete. */
  push(bytes: Uint8Array): readonly Uint8Array[] {
    const pieces = splitEvents(this.#rest.byteLength === 0 ? bytes : Buffer.concat([this.#rest, bytes]));
    const last = pieces.at(-1);
    const isCut = last !== undefined && !endsWithEmptyLine(last);
    this.#rest = isCut ? new Uint8Array(last) : NOTHING;
    return isCut ? pieces.slice(0, -1) : pieces;
  }

  /** What is no whole event, at the end of the stream. */
  rest(): Uint8Array {
    return this.#rest;
  }
}

/** A line feed that belongs to the last carriage return may still come: it is an empty line then, which says nothing. */
function endsWithEmptyLine(piece: Uint8Array): boolean {
  const isLineEnd = (at: number): boolean => piece[at] === LF || piece[at] === CR;
  const last = piece.byteLength - 1;
  if (!isLineEnd(last)) return false;
  const before = piece[last] === LF && piece[last - 1] === CR ? last - 2 : last - 1;
  return before < 0 || isLineEnd(before);
}

/** An event as bytes. */
export function writeEvent(event: ServerSentEvent): Uint8Array {
  const name = event.event === "message" ? "" : `event: ${event.event}\n`;
  const data = event.data
    .split(/\r\n|\r|\n/)
    .map((line) => `data: ${line}\n`)
    .join("");
  return Buffer.from(`${name}${data}\n`, "utf8");
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
}
