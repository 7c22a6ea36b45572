import { AlikeTexts, UNLIKE } from "./alike-texts.ts";

/** There is nothing more. */
export const END: unique symbol = Symbol("end");
/** Something follows that the SDK gives in another form or as an error, or that might be read in two ways: it is to read on itself. */
export const OTHER: unique symbol = Symbol("other");

const DONE = "[DONE]";
const BYTE_ORDER_MARK = "\uFEFF";
const DATA = "data: ";
const NAME = "event: ";

/** What the SDK's `Stream` would give, value by value, for the bytes of an event stream. */
export class EventValues {
  readonly #bytes: Uint8Array;
  readonly #texts: AlikeTexts = new AlikeTexts(DATA, "\n\n");
  /** `undefined` where it cannot be told from the bytes line by line. */
  readonly #text: string | undefined;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    const text = bufferOf(bytes).toString("utf8");
    const isPlain = !text.startsWith(BYTE_ORDER_MARK) && !text.includes("\r");
    this.#text = isPlain ? text : undefined;
  }

  next(): unknown {
    const text = this.#text;
    if (text === undefined) return OTHER;
    while (this.#at < text.length) {
      const known = this.#texts.readAt(text, this.#at);
      if (known !== UNLIKE) {
        if (isFailure(known)) return OTHER;
        this.#at = this.#texts.end;
        return known;
      }
      const found = text.indexOf("\n\n", this.#at);
      const end = found < 0 ? text.length : found;
      const data = dataOf(text.slice(this.#at, end));
      if (data === undefined) return OTHER;
      const value = data === "" ? undefined : data === DONE ? END : this.#parsed(data);
      if (value === OTHER) return OTHER;
      this.#at = value === END ? text.length : end + 2;
      if (value !== undefined) return value;
    }
    return END;
  }

  /** What has not been given yet. */
  rest(): Uint8Array {
    return this.#at === 0 ? this.#bytes : Buffer.from(this.#text?.slice(this.#at) ?? "", "utf8");
  }

  #parsed(data: string): unknown {
    try {
      const value = this.#texts.parse(data);
      return isFailure(value) ? OTHER : value;
    } catch {
      return OTHER;
    }
  }
}

/** The data of one event, empty where there is none; `undefined` for an event that is more than its data. */
function dataOf(block: string): string | undefined {
  if (block.slice(0, DATA.length) === DATA && !block.includes("\n")) return block.slice(DATA.length) || undefined;
  let data = "";
  let hasName = false;
  for (const line of block.split("\n")) {
    if (line === "" || line.startsWith(":")) continue;
    if (line.startsWith(DATA) && data === "" && line.length > DATA.length) data = line.slice(DATA.length);
    else if (line.startsWith(NAME) && isUsual(line.slice(NAME.length))) hasName = true;
    else return undefined;
  }
  return hasName && data === "" ? undefined : data;
}

/** The SDK makes something else of errors, and of the events of assistants' threads. */
function isUsual(event: string): boolean {
  return event !== "error" && !event.startsWith("thread.");
}

function isFailure(value: unknown): boolean {
  return typeof value === "object" && value !== null && Boolean((value as { readonly error?: unknown }).error);
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
