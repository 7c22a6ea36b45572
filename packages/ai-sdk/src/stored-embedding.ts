import type { Body, Json } from "@llmcache/core";

/** What is kept of one text's embedding. */
export interface StoredEmbedding {
  readonly embedding: number[];
  /** Its share of the tokens of the call that fetched it. */
  readonly tokens: number | undefined;
  readonly warnings: Json[];
  /** Of the call, where it asked for this text alone. */
  readonly providerMetadata: Json | undefined;
}

/*
 * One byte of format, one with the bytes per number (4 where that loses nothing, else 8), four with the length of the JSON that follows, then
 * the numbers, little-endian.
 */
const FORMAT = 1;
const HEAD_BYTES = 6;

export function encodeEmbedding({ embedding, ...rest }: StoredEmbedding): Uint8Array {
  const text = Buffer.from(JSON.stringify(rest));
  const width = embedding.every((each) => Object.is(Math.fround(each), each)) ? 4 : 8;
  const bytes = Buffer.alloc(HEAD_BYTES + text.length + embedding.length * width);
  bytes.writeUInt8(FORMAT, 0);
  bytes.writeUInt8(width, 1);
  bytes.writeUInt32LE(text.length, 2);
  text.copy(bytes, HEAD_BYTES);
  let at = HEAD_BYTES + text.length;
  for (const each of embedding) {
    if (width === 4) bytes.writeFloatLE(each, at);
    else bytes.writeDoubleLE(each, at);
    at += width;
  }
  return bytes;
}

/** `undefined` for bytes of another form. */
export function decodeEmbedding(body: Body): StoredEmbedding | undefined {
  if (body.kind !== "bytes") return undefined;
  const held = body.bytes();
  const bytes = Buffer.from(held.buffer, held.byteOffset, held.byteLength);
  if (bytes.length < HEAD_BYTES || bytes.readUInt8(0) !== FORMAT) return undefined;
  const width = bytes.readUInt8(1);
  const start = HEAD_BYTES + bytes.readUInt32LE(2);
  if ((width !== 4 && width !== 8) || start > bytes.length || (bytes.length - start) % width !== 0) return undefined;
  const rest = JSON.parse(bytes.toString("utf8", HEAD_BYTES, start)) as Omit<StoredEmbedding, "embedding">;
  const embedding: number[] = [];
  for (let at = start; at < bytes.length; at += width)
    embedding.push(width === 4 ? bytes.readFloatLE(at) : bytes.readDoubleLE(at));
  return { embedding, tokens: rest.tokens, warnings: rest.warnings, providerMetadata: rest.providerMetadata };
}
