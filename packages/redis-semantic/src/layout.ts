import { createHash } from "node:crypto";
import { endianness } from "node:os";
import { encodeEntry, type Codec, type Entry } from "@llmcache/core";
import { instant, type RedisArgument } from "@llmcache/redis/internal";

/**
 * An entry in Redis is a hash, laid out as an entity of redis-om: a frame (the entry as it is encoded everywhere), the vectors of its
 * text, and beside them what people look for, in clear. What counts is the frame.
 */

/** Raised when the layout of vectors changes: older ones are left alone, and found no more. */
const VECTOR_FORMAT = 1;

export const DEFAULT_PREFIX = "llmcache-semantic";
export const FRAME = "frame";
export const REJECTED = "rejected";
/** Beginning of the names of fields with vectors, one for each index. */
export const VECTOR = "v_";
/** What tags are joined by. */
export const TAG_SEPARATOR = "|";
const BYTES_OF_FLOAT = 4;
const DIGEST_DIGITS = 16;
const HEX_64 = /^[0-9a-f]{64}$/;

/** Vectors that may be compared: of one embedder, of one length. */
export interface VectorSpace {
  /** 16 hex digits. */
  readonly id: string;
  readonly dimensions: number;
  /** Name of the field with its vector. */
  readonly field: string;
}

export function vectorSpace(embedder: string, dimensions: number): VectorSpace {
  const id = digest([VECTOR_FORMAT, embedder, dimensions]).slice(0, DIGEST_DIGITS);
  return { id, dimensions, field: VECTOR + id };
}

/** SHA-256 of what these are, apart from all others. */
export function digest(parts: readonly (string | number)[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}

/** The scope as a tag: scopes of requests are 64 hex digits, others are made such. */
export function wallOf(scope: string): string {
  return HEX_64.test(scope) ? scope : digest([scope]);
}

/** An entry on its way to Redis. */
export interface Payload {
  readonly id: string;
  /** Bytes of the frame. */
  readonly size: number;
  /** For `over` of an add: an instant as it stands in a hash. */
  readonly createdAt: string;
  /** For PEXPIREAT; absent where the entry never ends. */
  readonly deleteAt: number | undefined;
  /** The wall it is behind and its vector, where it can be found by similarity. */
  readonly placed: { readonly wall: string; readonly vector: Float32Array } | undefined;
  /** Says whether a vector of another embedder is still that of the text. */
  readonly compared: string;
  /** Names and values, in turn. */
  readonly fields: readonly RedisArgument[];
}

export function payloadOf(
  entry: Entry,
  vector: Float32Array | undefined,
  space: VectorSpace | undefined,
  codec: Codec | undefined,
): Payload {
  const { id, scope, text, createdAt, staleAt, deleteAt } = entry;
  const encoded = encodeEntry(entry, codec);
  const frame = Buffer.from(encoded.buffer, encoded.byteOffset, encoded.byteLength);
  const wall = scope === undefined ? undefined : wallOf(scope);
  const compared = scope === undefined || text === undefined ? "" : digest([scope, text]).slice(0, DIGEST_DIGITS);
  const clear: Record<string, string | number | undefined> = {
    scope: wall,
    compared: compared === "" ? undefined : compared,
    createdAt: seconds(createdAt),
    staleAt: seconds(staleAt),
    deleteAt: seconds(deleteAt),
    // What a codec hides is not written beside it.
    ...(codec === undefined || codec.readsPlain ? described(entry) : {}),
  };
  const fields: RedisArgument[] = [FRAME, frame];
  for (const [name, value] of Object.entries(clear)) if (value !== undefined) fields.push(name, String(value));
  if (vector !== undefined && space !== undefined) fields.push(space.field, bytesOf(vector));
  return {
    id,
    size: frame.byteLength,
    createdAt: seconds(createdAt) as string,
    deleteAt: instant(deleteAt),
    placed: vector === undefined || wall === undefined ? undefined : { wall, vector },
    compared,
    fields,
  };
}

/** redis-om's dates are seconds. */
export function seconds(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : String(ms / 1000);
}

function described({ text, metadata, tags }: Entry): Record<string, string | number | undefined> {
  const { operation, provider, model, namespace, sample, tokens, cost } = metadata;
  const names = tags === undefined ? [] : Object.keys(tags);
  return {
    operation,
    provider,
    model,
    namespace,
    sample,
    tokens,
    cost,
    text,
    tags: names.length === 0 ? undefined : names.join(TAG_SEPARATOR),
  };
}

/** As FLOAT32 in little-endian order, which vector sets and indexes want. */
export function bytesOf(vector: Float32Array): Buffer {
  const bytes = Buffer.allocUnsafeSlow(vector.byteLength);
  new Float32Array(bytes.buffer).set(vector);
  return littleEndian(bytes);
}

/** `undefined` for what is no vector of that length. */
export function vectorOf(bytes: unknown, dimensions: number): Float32Array | undefined {
  if (!(bytes instanceof Buffer) || bytes.byteLength !== dimensions * BYTES_OF_FLOAT) return undefined;
  // Of its own, and where floats may begin.
  const own = Buffer.allocUnsafeSlow(bytes.byteLength);
  own.set(bytes);
  littleEndian(own);
  return new Float32Array(own.buffer);
}

/** Turns floats around where the machine's order is another one. */
function littleEndian(floats: Buffer): Buffer {
  return endianness() === "LE" ? floats : floats.swap32();
}
