import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import type { Codec, CodecPart } from "./codec.ts";
import { LLMCacheError } from "./errors.ts";

/** Options of {@link aesCodec}. */
export interface AesOptions {
  /**
   * New entries are sealed with the first; the others are for reading what was sealed before: put a new key first to rotate, and
   * take an old one out when its entries have expired. One key seals some billions of entries safely (its nonces are random).
   */
  readonly keys: readonly AesKey[];
}

/** A key of the ring. */
export interface AesKey {
  /** Stored in clear beside what it sealed. */
  readonly id: string;
  /** 32 bytes: as bytes, 64 hex digits or base64. */
  readonly key: string | Uint8Array;
}

const ALGORITHM = "aes-256-gcm";
const FORMAT = 1;
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const MAX_ID_BYTES = 255;

/**
 * Encryption and authentication by AES-256-GCM (NIST SP 800-38D): head and body are sealed separately, each under a random nonce of
 * its own, bound to the frame's line and to which of the two they are. Entries that are not sealed are not read: who can write to the
 * store cannot slip one in.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` for a key that is none; the message does not hold it.
 */
export function aesCodec(options: AesOptions): Codec {
  if (!Array.isArray(options.keys)) throw wrong("keys must be a list of { id, key }.");
  const keys = new Map(options.keys.map(({ id, key }: AesKey) => [id, keyBytes(id, key)]));
  const [current] = keys;
  if (current === undefined) throw wrong("keys must hold at least one { id, key }.");
  if (keys.size !== options.keys.length) throw wrong("keys: each id may stand there once.");
  const [currentId, currentKey] = current;
  return {
    name: ALGORITHM,
    readsPlain: false,
    encode(bytes, part) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(ALGORITHM, currentKey, nonce, { authTagLength: TAG_BYTES });
      cipher.setAAD(boundTo(part));
      const sealed = cipher.update(bytes);
      const rest = cipher.final();
      const id = Buffer.from(currentId, "utf8");
      return Buffer.concat([Buffer.from([FORMAT, id.byteLength]), id, nonce, sealed, rest, cipher.getAuthTag()]);
    },
    decode(bytes, part) {
      const idEnd = 2 + (bytes[1] ?? 0);
      const nonceEnd = idEnd + NONCE_BYTES;
      const tagStart = bytes.byteLength - TAG_BYTES;
      if (bytes[0] !== FORMAT || tagStart < nonceEnd) return undefined;
      const key = keys.get(Buffer.from(bytes.subarray(2, idEnd)).toString("utf8"));
      if (key === undefined) return undefined;
      const decipher = createDecipheriv(ALGORITHM, key, bytes.subarray(idEnd, nonceEnd), { authTagLength: TAG_BYTES });
      decipher.setAAD(boundTo(part));
      decipher.setAuthTag(bytes.subarray(tagStart));
      try {
        return Buffer.concat([decipher.update(bytes.subarray(nonceEnd, tagStart)), decipher.final()]);
      } catch {
        return undefined;
      }
    },
  };
}

function boundTo(part: CodecPart): Uint8Array {
  return Buffer.concat([Buffer.from(`${part.part}\n`, "utf8"), part.clear]);
}

function keyBytes(id: string, key: string | Uint8Array): Uint8Array {
  if (id === "" || Buffer.byteLength(id, "utf8") > MAX_ID_BYTES)
    throw wrong(`keys: an id must have 1 to ${MAX_ID_BYTES} bytes.`);
  const bytes = typeof key === "string" ? textBytes(key) : Uint8Array.from(key);
  if (bytes.byteLength !== KEY_BYTES)
    throw wrong(
      `keys: ${JSON.stringify(id)} must be ${KEY_BYTES} bytes (or 64 hex digits, or base64), not ${bytes.byteLength}.`,
    );
  return bytes;
}

function textBytes(key: string): Uint8Array {
  return /^[0-9a-f]{64}$/i.test(key) ? Buffer.from(key, "hex") : Buffer.from(key, "base64");
}

function wrong(message: string): LLMCacheError {
  return new LLMCacheError("ERR_LLMCACHE_OPTION", message);
}
