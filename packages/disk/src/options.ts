import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { OptionChecks, type Codec } from "@llmcache/core";

/** Options of `DiskStore`. */
export interface DiskStoreOptions {
  /**
   * Where the cache is. A path that ends in `.db` is the file itself, any other a directory with a file `llmcache.db` in it;
   * `~` is the home directory. A missing directory is made. @default ".cache"
   */
  readonly path?: string | undefined;
  /** Bytes of the file kept at most; the least recently used entries go first. From 262144 on. @default 1073741824 (1 GiB) */
  readonly maxBytes?: number | undefined;
  /**
   * An entry of more bytes, or of more than half of `maxBytes`, is not stored, and what was stored under its id is dropped.
   * @default 67108864 (64 MiB)
   */
  readonly maxEntryBytes?: number | undefined;
  /**
   * How long a call may wait, blocking, while another process writes. After one that waited so long in vain, writes reject at once
   * until one succeeds. Milliseconds. @default 1000
   */
  readonly busyTimeoutMs?: number | undefined;
  /** Only reads: writes throw, and nothing is migrated or moved aside. The file must be there. @default false */
  readonly readOnly?: boolean | undefined;
  /** Compresses or encrypts what is stored. Entries of another codec are misses. */
  readonly codec?: Codec | undefined;
  /** The time in ms since the epoch, for use and for entries past their `deleteAt`; give it the cache's. @default Date.now */
  readonly clock?: (() => number) | undefined;
}

/** {@link DiskStoreOptions} after they were checked. */
export interface DiskSettings {
  readonly file: string;
  readonly maxBytes: number;
  readonly maxEntryBytes: number;
  readonly busyTimeoutMs: number;
  readonly readOnly: boolean;
  readonly codec: Codec | undefined;
  readonly clock: () => number;
}

const check: OptionChecks = new OptionChecks("DiskStore");

const DEFAULT_PATH = ".cache";
const FILE_NAME = "llmcache.db";
const DEFAULT_MAX_BYTES = 1024 ** 3;
const DEFAULT_MAX_ENTRY_BYTES = 64 * 1024 ** 2;
const DEFAULT_BUSY_TIMEOUT_MS = 1000;
/** An empty database takes a tenth of it. */
const LEAST_MAX_BYTES = 256 * 1024;

/** @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming the field. */
export function diskSettings(options: DiskStoreOptions): DiskSettings {
  const {
    path = DEFAULT_PATH,
    maxBytes = DEFAULT_MAX_BYTES,
    maxEntryBytes = DEFAULT_MAX_ENTRY_BYTES,
    busyTimeoutMs = DEFAULT_BUSY_TIMEOUT_MS,
    readOnly = false,
    codec,
    clock = Date.now,
  } = options;
  check.whole("maxBytes", maxBytes, LEAST_MAX_BYTES);
  check.whole("maxEntryBytes", maxEntryBytes);
  check.ms("busyTimeoutMs", busyTimeoutMs, 0);
  check.flag("readOnly", readOnly);
  check.clock(clock);
  check.codec(codec);
  const largest = Math.min(maxEntryBytes, Math.floor(maxBytes / 2));
  return { file: fileAt(path), maxBytes, maxEntryBytes: largest, busyTimeoutMs, readOnly, codec, clock };
}

function fileAt(path: unknown): string {
  if (typeof path !== "string" || path === "" || path.includes("\0"))
    throw check.wrong("path", "the path of a directory or a .db file", path);
  const home = path === "~" || path.startsWith("~/") || path.startsWith("~\\");
  const absolute = resolve(home ? join(homedir(), path.slice(1)) : path);
  return absolute.endsWith(".db") ? absolute : join(absolute, FILE_NAME);
}
