import { isUtf8 } from "node:buffer";
import { hash } from "node:crypto";
import type { WireRequest } from "@llmcache/fetch";
import type { Json } from "@llmcache/core";
import { parseMultipart, type FormPart } from "./multipart.ts";

/** What says nothing about a text field that has it. */
const PLAIN_TEXT = /^text\/plain(?:\s*;\s*charset="?utf-?8"?)?$/i;
const EXTENSION = /\.([^./\\]+)$/;

/**
 * A form as the JSON text of an object: fields in no order, several of one name in theirs. A file stands there by the digest of its
 * bytes, its type, and the extension of its name, from which providers tell what it is; the rest of its name says nothing. The
 * boundary does not count. `undefined` for what is no form, or not surely one.
 */
export function formText(request: WireRequest, body: Uint8Array): Uint8Array | undefined {
  const parts = parseMultipart(request.headers.get("content-type"), body);
  if (parts === undefined) return undefined;
  const fields = new Map<string, Json[]>();
  for (const part of parts) {
    const values = fields.get(part.name);
    if (values === undefined) fields.set(part.name, [valueOf(part)]);
    else values.push(valueOf(part));
  }
  const object = Object.fromEntries(
    [...fields].map(([name, values]) => [name, values.length === 1 ? (values[0] as Json) : values]),
  );
  return Buffer.from(JSON.stringify(object), "utf8");
}

function valueOf({ filename, type, bytes }: FormPart): Json {
  const isText = filename === undefined && (type === undefined || PLAIN_TEXT.test(type)) && isUtf8(bytes);
  if (isText) return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
  return {
    sha256: hash("sha256", bytes),
    type: type?.toLowerCase() ?? null,
    extension: filename === undefined ? null : (EXTENSION.exec(filename)?.[1]?.toLowerCase() ?? ""),
  };
}
