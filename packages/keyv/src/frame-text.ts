import { isUtf8 } from "node:buffer";

/**
 * Frames as text, for backends that keep text. A frame without a codec is UTF-8 but for its checksum, which becomes eight hex
 * digits behind it: nothing grows, and people can read what is stored. NUL, which some databases refuse in text, is escaped.
 * Any other frame is base64, a third larger.
 */

const CHECKSUM_BYTES = 4;
const CHECKSUM_DIGITS = CHECKSUM_BYTES * 2;
const BASE64 = "base64,";
/** What a frame begins with. */
const PLAIN = "{";

/** ESC becomes ESC 1, NUL becomes ESC 0. */
const ESC = "\u0001";

/** The text that stands for a frame. */
export function frameToText(frame: Uint8Array): string {
  const bytes = bufferOf(frame);
  const end = bytes.byteLength - CHECKSUM_BYTES;
  const content = bytes.subarray(0, end);
  if (!isUtf8(content)) return BASE64 + bytes.toString("base64");
  return escape(content.toString("utf8")) + bytes.toString("hex", end);
}

/** The frame that a text stands for; `undefined` if it was not made by {@link frameToText}. Its checksum was not tested. */
export function textToFrame(text: string): Uint8Array | undefined {
  if (text.startsWith(BASE64)) return Buffer.from(text.slice(BASE64.length), "base64");
  if (!text.startsWith(PLAIN) || text.length < CHECKSUM_DIGITS) return undefined;
  const checksum = Buffer.from(text.slice(-CHECKSUM_DIGITS), "hex");
  if (checksum.byteLength !== CHECKSUM_BYTES) return undefined;
  const content = unescape(text.slice(0, -CHECKSUM_DIGITS));
  const length = Buffer.byteLength(content, "utf8");
  // Of its own: a slice of Node's pool would keep 64 kB alive.
  const frame = Buffer.allocUnsafeSlow(length + CHECKSUM_BYTES);
  frame.write(content, "utf8");
  frame.set(checksum, length);
  return frame;
}

function escape(text: string): string {
  return text.includes("\0") || text.includes(ESC) ? text.replaceAll(ESC, `${ESC}1`).replaceAll("\0", `${ESC}0`) : text;
}

function unescape(text: string): string {
  return text.includes(ESC) ? text.replaceAll(`${ESC}0`, "\0").replaceAll(`${ESC}1`, ESC) : text;
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
