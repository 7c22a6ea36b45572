import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import type { Codec } from "./codec.ts";
import { LLMCacheError } from "./errors.ts";

/** Options of {@link zstdCodec}. */
export interface ZstdOptions {
  /** Smaller parts stay as they are: it would not pay. @default 8192 */
  readonly minBytes?: number;
  /** What claims to be larger when decompressed is not read. @default 256 MiB */
  readonly maxBytes?: number;
}

const DEFAULT_MIN_BYTES = 8192;
const DEFAULT_MAX_BYTES = 256 * 1024 * 1024;
/** More takes longer and saves little on answers of models. */
const LEVEL = 1;

const PLAIN = 0;
const COMPRESSED = 1;

/** Compression by Zstandard (RFC 8878). It also reads entries that were stored without it. */
export function zstdCodec(options: ZstdOptions = {}): Codec {
  const { minBytes = DEFAULT_MIN_BYTES, maxBytes = DEFAULT_MAX_BYTES } = options;
  for (const [name, value] of Object.entries({ minBytes, maxBytes })) {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new LLMCacheError(
        "ERR_LLMCACHE_OPTION",
        `${name} must be a whole number of bytes from 0, not ${String(value)}.`,
      );
    }
  }
  return {
    name: "zstd",
    readsPlain: true,
    encode(bytes) {
      if (bytes.byteLength < minBytes) return tagged(PLAIN, bytes);
      const compressed = zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: LEVEL } });
      return compressed.byteLength < bytes.byteLength ? tagged(COMPRESSED, compressed) : tagged(PLAIN, bytes);
    },
    decode(bytes) {
      const rest = bytes.subarray(1);
      if (bytes[0] === PLAIN) return rest;
      // A pooled result would keep much more memory alive than it holds: the copy is exact.
      return bytes[0] === COMPRESSED
        ? Uint8Array.from(zstdDecompressSync(rest, { maxOutputLength: maxBytes }))
        : undefined;
    },
  };
}

function tagged(tag: number, bytes: Uint8Array): Uint8Array {
  const result = Buffer.allocUnsafeSlow(bytes.byteLength + 1);
  result[0] = tag;
  result.set(bytes, 1);
  return result;
}
