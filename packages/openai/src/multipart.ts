import { isUtf8 } from "node:buffer";

/** One part of a form (RFC 7578). */
export interface FormPart {
  /** As it is written, escapes and all. */
  readonly name: string;
  /** As it is written; `undefined` where there is none, which is a text field then. */
  readonly filename: string | undefined;
  readonly type: string | undefined;
  /** Borrowed. */
  readonly bytes: Uint8Array;
}

const CRLF = "\r\n";
const CONTENT_TYPE = /^multipart\/form-data\s*;\s*boundary=(?:"([^"\\]+)"|([^\s;"]+))\s*$/i;
const MAX_BOUNDARY = 70;
const DISPOSITION = /^form-data((?:\s*;\s*(?:(?:name|filename)="(?:[^"\\]|\\.)*"|filename\*=[^\s;"]+))+)$/i;
const PARAMETER = /(name|filename)="((?:[^"\\]|\\.)*)"|(filename)\*=([^\s;"]+)/iy;
const BETWEEN = /^\s*;\s*/;
/** Encodings that change nothing. */
const PLAIN_ENCODINGS: ReadonlySet<string> = new Set(["7bit", "8bit", "binary"]);

/**
 * The parts of a form. It reads what clients write and is sure of; whatever else there may be in one (parameters and headers that
 * nobody uses, encodings, text around the parts) makes it `undefined`, so that no two forms are taken for one.
 */
export function parseMultipart(contentType: string | null, body: Uint8Array): readonly FormPart[] | undefined {
  const [, quoted, token] = CONTENT_TYPE.exec(contentType ?? "") ?? [];
  const boundary = quoted ?? token;
  if (boundary === undefined || boundary.length > MAX_BOUNDARY) return undefined;
  const buffer = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const delimiter = Buffer.from(`${CRLF}--${boundary}`, "latin1");
  const first = delimiter.subarray(CRLF.length);
  if (buffer.indexOf(first) !== 0) return undefined;
  const parts: FormPart[] = [];
  for (let at = first.byteLength; ;) {
    if (isEnd(buffer.subarray(at))) return parts;
    if (!startsWith(buffer, at, CRLF)) return undefined;
    const next = buffer.indexOf(delimiter, at);
    const part = next < 0 ? undefined : readPart(buffer.subarray(at + CRLF.length, next));
    if (part === undefined) return undefined;
    parts.push(part);
    at = next + delimiter.byteLength;
  }
}

function isEnd(rest: Buffer): boolean {
  return rest.byteLength <= "--".length + CRLF.length && ["--", `--${CRLF}`].includes(rest.toString("latin1"));
}

function startsWith(buffer: Buffer, at: number, text: string): boolean {
  return buffer.toString("latin1", at, at + text.length) === text;
}

function readPart(part: Buffer): FormPart | undefined {
  const end = part.indexOf(`${CRLF}${CRLF}`);
  const head = end < 0 ? undefined : part.subarray(0, end);
  if (head === undefined || !isUtf8(head)) return undefined;
  const headers = readHeaders(head.toString("utf8"));
  const parameters = headers === undefined ? undefined : readDisposition(headers.get("content-disposition") ?? "");
  const name = parameters?.get("name");
  if (headers === undefined || parameters === undefined || name === undefined) return undefined;
  const encoding = headers.get("content-transfer-encoding");
  if (encoding !== undefined && !PLAIN_ENCODINGS.has(encoding.toLowerCase())) return undefined;
  const bytes = part.subarray(end + 2 * CRLF.length);
  return { name, filename: parameters.get("filename"), type: headers.get("content-type"), bytes };
}

const KNOWN_HEADERS: ReadonlySet<string> = new Set([
  "content-disposition",
  "content-type",
  "content-transfer-encoding",
  // Says what can be counted.
  "content-length",
]);

function readHeaders(head: string): ReadonlyMap<string, string> | undefined {
  const headers = new Map<string, string>();
  for (const line of head.split(CRLF)) {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(0, colon)).toLowerCase();
    if (!KNOWN_HEADERS.has(name) || headers.has(name)) return undefined;
    headers.set(name, line.slice(colon + 1).trim());
  }
  return headers;
}

function readDisposition(value: string): ReadonlyMap<string, string> | undefined {
  let rest = DISPOSITION.exec(value)?.[1];
  if (rest === undefined) return undefined;
  const parameters = new Map<string, string>();
  while (rest !== "") {
    rest = rest.replace(BETWEEN, "");
    PARAMETER.lastIndex = 0;
    const [whole, plainName, plainText, name = plainName, text = plainText] = PARAMETER.exec(rest) ?? [];
    if (whole === undefined || name === undefined || text === undefined) return undefined;
    if (parameters.has(name.toLowerCase())) return undefined;
    parameters.set(name.toLowerCase(), text);
    rest = rest.slice(whole.length);
  }
  return parameters;
}
