/**
 * Turns the two parts of a frame into other bytes and back: compression, encryption. An option of stores that write bytes.
 */
export interface Codec {
  /** Stands in the frame's line, so that a reader knows what it needs; no secrets. */
  readonly name: string;
  /** Whether frames that no codec was used on are read too. Not with encryption: anybody could have written them. */
  readonly readsPlain: boolean;
  encode(bytes: Uint8Array, part: CodecPart): Uint8Array;
  /** `undefined` for what it cannot read (a missing key, corrupt bytes): the entry is a miss, and an event is told. It may throw, too. */
  decode(bytes: Uint8Array, part: CodecPart): Uint8Array | undefined;
}

/** Which part of a frame a codec is given. */
export interface CodecPart {
  readonly part: "head" | "body";
  /** The frame's line, which stays readable: associated data for encryption. */
  readonly clear: Uint8Array;
}

/** Several codecs one after the other, such as `codecs(zstdCodec(), aesCodec({ keys }))`: first compressed, then sealed. */
export function codecs(...list: readonly Codec[]): Codec {
  return {
    name: list.map(({ name }) => name).join("+"),
    readsPlain: list.every(({ readsPlain }) => readsPlain),
    encode: (bytes, part) => list.reduce((encoded, codec) => codec.encode(encoded, part), bytes),
    decode: (bytes, part) =>
      list.reduceRight<Uint8Array | undefined>(
        (decoded, codec) => (decoded === undefined ? undefined : codec.decode(decoded, part)),
        bytes,
      ),
  };
}
