import { encodeEntry, type Codec, type Entry } from "@llmcache/core";

/** An entry on its way to the server. */
export interface Write {
  readonly id: string;
  readonly key: string;
  readonly frame: Buffer;
  /** For PXAT; absent where the entry never ends. */
  readonly deleteAt: number | undefined;
}

export function writeOf(entry: Entry, key: string, codec: Codec | undefined): Write {
  const frame = encodeEntry(entry, codec);
  return {
    id: entry.id,
    key,
    frame: Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength),
    deleteAt: instant(entry.deleteAt),
  };
}

/** A whole number from 1, as Redis wants it; instants beyond all that it can count never come. */
export function instant(deleteAt: number | undefined): number | undefined {
  if (deleteAt === undefined || deleteAt > Number.MAX_SAFE_INTEGER) return undefined;
  return Math.max(1, Math.ceil(deleteAt));
}
