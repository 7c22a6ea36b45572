import { asText, memberPlaces } from "./json-members.ts";

const BOUNDARY = /^multipart\/form-data\s*;.*\bboundary=(?:"([^"]+)"|([^\s;"]+))/i;
const FIELD = /(?:^|;)\s*name="?model"?\s*(?:;|$)/i;
const MAX_NAME = 1000;
const BLANK_LINE = "\r\n\r\n";

/** The model that a body names: the member of a JSON object, or the field of a form; `undefined` where there is none. */
export function modelIn(body: Uint8Array, contentType: string | undefined): string | undefined {
  const [, quoted, plain] = BOUNDARY.exec(contentType ?? "") ?? [];
  const boundary = quoted ?? plain;
  return boundary === undefined ? modelInJson(body) : modelInForm(body, boundary);
}

/** Of several, the last counts, as for all who read JSON. */
function modelInJson(body: Uint8Array): string | undefined {
  const place = memberPlaces(body)?.findLast(({ name }) => name === "model");
  if (place === undefined || place.end - place.valueStart > MAX_NAME) return undefined;
  try {
    const model: unknown = JSON.parse(asText(body, place.valueStart, place.end));
    return typeof model === "string" ? model : undefined;
  } catch {
    return undefined;
  }
}

function modelInForm(body: Uint8Array, boundary: string): string | undefined {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const delimiter = `--${boundary}`;
  for (let at = bytes.indexOf(delimiter); at >= 0;) {
    const head = at + delimiter.length;
    const next = bytes.indexOf(`\r\n${delimiter}`, head);
    if (next < 0) return undefined;
    const part = bytes.subarray(head, next);
    const headEnd = part.indexOf(BLANK_LINE);
    const valueStart = headEnd + BLANK_LINE.length;
    if (headEnd >= 0 && part.byteLength - valueStart < MAX_NAME && isModelField(part.toString("latin1", 0, headEnd)))
      return part.toString("utf8", valueStart);
    at = next + 2;
  }
  return undefined;
}

function isModelField(head: string): boolean {
  return head.split("\r\n").some((line) => /^content-disposition:/i.test(line) && FIELD.test(line));
}
