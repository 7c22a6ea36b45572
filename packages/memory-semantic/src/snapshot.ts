import { randomUUID } from "node:crypto";
import { open, rename, rm, type FileHandle } from "node:fs/promises";
import { endianness } from "node:os";
import { crc32 } from "node:zlib";
import { decodeEntry, encodeEntry, ownEntry, type Entry } from "@llmcache/core";
import { entrySize } from "./entry-size.ts";

/**
 * The form of a snapshot: a line of JSON (format, version, embedder, dimensions); for each entry, the longest unused first, a part of kind `ENTRY`: three lengths,
 * the frame of the entry as core writes it, its vector, and the ids it was rejected for; one part of kind `END`: rejected pairs of absent
 * entries, the number of entries; and a CRC-32 of all before it. Numbers are little-endian. It is data: nothing in it is ever run.
 */
const FORMAT = "memory-semantic";
/** Raised when the form changes; others are not read. */
const VERSION = 1;

const ENTRY = 1;
const END = 0;
const NEWLINE = 0x0a;
const PART_BYTES = 13;
const CHECKSUM_BYTES = 4;
const MAX_LINE_BYTES = 4096;
const CHUNK_BYTES = 1024 * 1024;
const FLOAT_BYTES = 4;
/** Vectors are of unit length, but for the rounding of their numbers. */
const UNIT_TOLERANCE = 0.001;

/** Whose vectors they are. */
export interface SnapshotHeader {
  readonly embedder: string;
  /** `undefined`: there is no vector. */
  readonly dimensions: number | undefined;
}

/** One entry, and what is known of it besides. */
export interface SnapshotEntry {
  readonly entry: Entry;
  readonly vector: Float32Array | undefined;
  readonly rejected: readonly string[];
}

type Pairs = readonly (readonly [string, readonly string[]])[];

/** What a file holds, or why it cannot be used. */
export type Snapshot =
  | { readonly dimensions: number | undefined; readonly entries: readonly SnapshotEntry[]; readonly rejected: Pairs }
  | { readonly reason: string; readonly isAbsent?: boolean };

/** Writes beside the file, and then in its place. */
export async function writeSnapshot(
  path: string,
  { embedder, dimensions }: SnapshotHeader,
  entries: Iterable<SnapshotEntry>,
  rejected: Pairs,
): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const file = await open(temporary, "wx", 0o600);
    try {
      const writer = new Writer(file);
      const header = { llmcache: FORMAT, version: VERSION, embedder, dimensions };
      await writer.write(Buffer.from(`${JSON.stringify(header)}\n`));
      let count = 0;
      for (const each of entries) {
        await writer.write(partOf(each));
        count++;
      }
      const end = Buffer.from(JSON.stringify({ count, rejected }));
      await writer.write(Buffer.concat([lengths(END, end.byteLength, 0, 0), end]));
      await writer.end();
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Reads all of it before anything is given; of more than `maxBytes` the last used. */
export async function readSnapshot(
  path: string,
  expected: SnapshotHeader,
  bounds: { readonly maxBytes: number; readonly maxEntries: number },
): Promise<Snapshot> {
  let file: FileHandle;
  try {
    file = await open(path, "r");
  } catch (error) {
    if ((error as { readonly code?: unknown }).code !== "ENOENT") throw error;
    return { reason: "there is no such file", isAbsent: true };
  }
  try {
    return await read(new Reader(file, (await file.stat()).size), expected, bounds);
  } catch (error) {
    if (error instanceof Unusable) return { reason: error.message };
    throw error;
  } finally {
    await file.close();
  }
}

async function read(
  reader: Reader,
  expected: SnapshotHeader,
  { maxBytes, maxEntries }: { readonly maxBytes: number; readonly maxEntries: number },
): Promise<Snapshot> {
  const dimensions = checkedHeader(await reader.line(), expected);
  const kept = new Map<string, { readonly part: SnapshotEntry; readonly bytes: number }>();
  let bytes = 0;
  let count = 0;
  for (;;) {
    const [kind, first, second, third] = await reader.lengths();
    if (kind === END) {
      const end = jsonOf(await reader.take(first)) as { readonly count?: unknown; readonly rejected?: unknown };
      await reader.checkEnd();
      if (end?.count !== count) throw new Unusable("it is damaged: entries are missing");
      return { dimensions, entries: [...kept.values()].map(({ part }) => part), rejected: pairsOf(end.rejected) };
    }
    if (kind !== ENTRY) throw new Unusable("it is damaged: there is a part of an unknown kind");
    const part = entryOf(await reader.take(first), await reader.take(second), await reader.take(third), dimensions);
    count++;
    const size = entrySize(part.entry, part.vector?.length ?? 0);
    kept.set(part.entry.id, { part, bytes: size });
    bytes += size;
    // As the store itself would: the longest unused go first.
    for (const [id, oldest] of kept) {
      if (bytes <= maxBytes && kept.size <= maxEntries) break;
      kept.delete(id);
      bytes -= oldest.bytes;
    }
  }
}

function checkedHeader(line: Buffer, expected: SnapshotHeader): number | undefined {
  const header = jsonOf(line) as Partial<Record<"llmcache" | "version" | "embedder" | "dimensions", unknown>> | null;
  if (header?.llmcache !== FORMAT) throw new Unusable("it is no snapshot of a memory-semantic store");
  if (header.version !== VERSION)
    throw new Unusable(`it is of version ${JSON.stringify(header.version)}, and this package reads ${VERSION}`);
  if (header.embedder !== expected.embedder)
    throw new Unusable(
      `its vectors are of ${JSON.stringify(header.embedder)}, not of ${JSON.stringify(expected.embedder)}`,
    );
  const { dimensions } = header;
  if (dimensions === undefined) return undefined;
  if (typeof dimensions !== "number" || !Number.isSafeInteger(dimensions) || dimensions < 1)
    throw new Unusable("it is damaged: its dimensions are no number");
  if (expected.dimensions !== undefined && dimensions !== expected.dimensions)
    throw new Unusable(`its vectors have ${dimensions} dimensions instead of ${expected.dimensions}`);
  return dimensions;
}

function partOf({ entry, vector, rejected }: SnapshotEntry): Buffer {
  const frame = encodeEntry(entry);
  const floats = vector === undefined ? Buffer.alloc(0) : littleEndian(Buffer.from(vector.slice().buffer));
  const ids = rejected.length === 0 ? Buffer.alloc(0) : Buffer.from(JSON.stringify(rejected));
  return Buffer.concat([lengths(ENTRY, frame.byteLength, floats.byteLength, ids.byteLength), frame, floats, ids]);
}

function entryOf(frame: Buffer, floats: Buffer, ids: Buffer, dimensions: number | undefined): SnapshotEntry {
  const decoded = decodeEntry(frame, { borrowed: true });
  if (decoded === undefined) throw new Unusable("it is damaged: an entry cannot be read");
  let entry: Entry;
  try {
    entry = ownEntry(decoded, decoded.body.asValue());
  } catch {
    throw new Unusable("it is damaged: an entry is no JSON");
  }
  return { entry, vector: vectorOf(floats, dimensions), rejected: idsOf(ids) };
}

function vectorOf(bytes: Buffer, dimensions: number | undefined): Float32Array | undefined {
  if (bytes.byteLength === 0) return undefined;
  if (dimensions === undefined || bytes.byteLength !== dimensions * FLOAT_BYTES)
    throw new Unusable("it is damaged: a vector has another length");
  // Aligned, and nobody else's.
  const own = new Uint8Array(bytes);
  littleEndian(Buffer.from(own.buffer));
  const vector = new Float32Array(own.buffer);
  let square = 0;
  for (const number of vector) square += number * number;
  if (!(Math.abs(square - 1) <= UNIT_TOLERANCE)) throw new Unusable("it is damaged: a vector is not of unit length");
  return vector;
}

function idsOf(bytes: Buffer): readonly string[] {
  if (bytes.byteLength === 0) return [];
  const ids = jsonOf(bytes);
  if (!Array.isArray(ids) || ids.some((id) => typeof id !== "string"))
    throw new Unusable("it is damaged: rejected pairs cannot be read");
  return ids as readonly string[];
}

function pairsOf(value: unknown): Pairs {
  if (!Array.isArray(value)) throw new Unusable("it is damaged: rejected pairs cannot be read");
  return value.map((pair: unknown) => {
    const [stored, asked] = Array.isArray(pair) ? (pair as readonly unknown[]) : [];
    if (typeof stored !== "string" || !Array.isArray(asked) || asked.some((id) => typeof id !== "string"))
      throw new Unusable("it is damaged: rejected pairs cannot be read");
    return [stored, asked as readonly string[]] as const;
  });
}

function jsonOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    throw new Unusable("it is damaged, or no snapshot");
  }
}

function lengths(kind: number, first: number, second: number, third: number): Buffer {
  const bytes = Buffer.alloc(PART_BYTES);
  bytes.writeUInt8(kind, 0);
  bytes.writeUInt32LE(first, 1);
  bytes.writeUInt32LE(second, 5);
  bytes.writeUInt32LE(third, 9);
  return bytes;
}

/** Turns floats around where the machine's order is another one. */
function littleEndian(floats: Buffer): Buffer {
  return endianness() === "LE" ? floats : floats.swap32();
}

/** Why a file cannot be used. */
class Unusable extends Error {}

/** Gathers small parts. */
class Writer {
  readonly #file: FileHandle;
  #parts: Buffer[] = [];
  #bytes = 0;
  #checksum = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  async write(part: Buffer): Promise<void> {
    this.#checksum = crc32(part, this.#checksum);
    this.#parts.push(part);
    this.#bytes += part.byteLength;
    if (this.#bytes >= CHUNK_BYTES) await this.#flush();
  }

  async end(): Promise<void> {
    const checksum = Buffer.alloc(CHECKSUM_BYTES);
    checksum.writeUInt32LE(this.#checksum);
    this.#parts.push(checksum);
    await this.#flush();
  }

  async #flush(): Promise<void> {
    const all = Buffer.concat(this.#parts);
    this.#parts = [];
    this.#bytes = 0;
    await this.#file.writeFile(all);
  }
}

/** Reads what was announced, and never more than there is. */
class Reader {
  readonly #file: FileHandle;
  /** Bytes of the file that were not handed out. */
  #left: number;
  #buffer: Buffer = Buffer.alloc(0);
  #checksum = 0;

  constructor(file: FileHandle, size: number) {
    this.#file = file;
    this.#left = size;
  }

  /** Up to a newline, without it. */
  async line(): Promise<Buffer> {
    await this.#fill(Math.min(this.#left, MAX_LINE_BYTES));
    const end = this.#buffer.subarray(0, MAX_LINE_BYTES).indexOf(NEWLINE);
    if (end < 0) throw new Unusable("it is no snapshot of a memory-semantic store");
    return (await this.take(end + 1)).subarray(0, end);
  }

  async lengths(): Promise<readonly [number, number, number, number]> {
    const part = await this.take(PART_BYTES);
    return [part.readUInt8(0), part.readUInt32LE(1), part.readUInt32LE(5), part.readUInt32LE(9)];
  }

  async take(count: number): Promise<Buffer> {
    if (count > this.#left) throw new Unusable("it is damaged: its end is missing");
    await this.#fill(count);
    const taken = this.#buffer.subarray(0, count);
    this.#buffer = this.#buffer.subarray(count);
    this.#left -= count;
    this.#checksum = crc32(taken, this.#checksum);
    return taken;
  }

  async checkEnd(): Promise<void> {
    const wanted = this.#checksum;
    if (this.#left !== CHECKSUM_BYTES || (await this.take(CHECKSUM_BYTES)).readUInt32LE(0) !== wanted)
      throw new Unusable("it is damaged: its checksum is another");
  }

  async #fill(count: number): Promise<void> {
    while (this.#buffer.byteLength < count) {
      const chunk = Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES, count - this.#buffer.byteLength));
      const { bytesRead } = await this.#file.read(chunk, 0, chunk.byteLength);
      if (bytesRead === 0) throw new Unusable("it is damaged: its end is missing");
      this.#buffer = Buffer.concat([this.#buffer, chunk.subarray(0, bytesRead)]);
    }
  }
}
