import { OptionChecks, type Codec } from "@llmcache/core";
import { isS3Client, type S3ClientLike } from "./client.ts";

/** Options of every S3 store, whoever made its client. */
export interface S3StoreSettings {
  /** Any name that the SDK takes: of a bucket, or the ARN of an access point. */
  readonly bucket: string;
  /**
   * Keys of objects are `<prefix><aa>/<id>`, where `aa` is how the id begins; it usually ends with a slash. May be empty: then the
   * store refuses `clear`, unless `wholeBucket` is set. @default "llmcache/"
   */
  readonly prefix?: string | undefined;
  /** The bucket is this cache's alone: `clear` is allowed without a prefix. @default false */
  readonly wholeBucket?: boolean | undefined;
  /** How long one request is waited for, from the call to the end of the answer, with waiting for its turn and the SDK's retries. Milliseconds. @default 5000 */
  readonly timeoutMs?: number | undefined;
  /** How many requests the store may have under way together; others wait for their turn. @default 32 */
  readonly maxRequests?: number | undefined;
  /** An entry of more bytes is not stored, and what was stored under its id is dropped; a larger object is not read. @default 67108864 (64 MiB) */
  readonly maxEntryBytes?: number | undefined;
  /** Compresses or encrypts what is stored. Entries of another codec are misses. */
  readonly codec?: Codec | undefined;
  /** The time in ms since the epoch, for `Cache-Control`; give it the cache's. @default Date.now */
  readonly clock?: (() => number) | undefined;
}

/** Options of `S3Store`. */
export interface S3StoreOptions extends S3StoreSettings {
  /** An `S3Client` of `@aws-sdk/client-s3`. Whoever made it destroys it. */
  readonly client: S3ClientLike;
}

/** {@link S3StoreOptions} after they were checked. */
export interface CheckedSettings {
  readonly client: S3ClientLike;
  readonly bucket: string;
  readonly prefix: string;
  readonly wholeBucket: boolean;
  readonly timeoutMs: number;
  readonly maxRequests: number;
  readonly maxEntryBytes: number;
  readonly codec: Codec | undefined;
  readonly clock: () => number;
}

export const check: OptionChecks = new OptionChecks("S3Store");

export const DEFAULT_PREFIX = "llmcache/";
const DEFAULT_TIMEOUT_MS = 5000;
/** The SDK keeps 50 sockets a client. */
const DEFAULT_MAX_REQUESTS = 32;
const DEFAULT_MAX_ENTRY_BYTES = 64 * 1024 ** 2;
/** S3 allows keys of 1024 bytes, and what follows the prefix takes 67. */
const MOST_PREFIX_BYTES = 1024 - 67;

/** @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming the option. */
export function checkedSettings(options: S3StoreOptions): CheckedSettings {
  const {
    client,
    bucket,
    prefix = DEFAULT_PREFIX,
    wholeBucket = false,
    timeoutMs = DEFAULT_TIMEOUT_MS,
    maxRequests = DEFAULT_MAX_REQUESTS,
    maxEntryBytes = DEFAULT_MAX_ENTRY_BYTES,
    codec,
    clock = Date.now,
  } = options;
  if (!isS3Client(client)) throw check.wrong("client", "an S3Client of @aws-sdk/client-s3", client);
  requireBucket(bucket);
  requirePrefix(prefix);
  check.flag("wholeBucket", wholeBucket);
  check.ms("timeoutMs", timeoutMs);
  check.whole("maxRequests", maxRequests);
  check.whole("maxEntryBytes", maxEntryBytes);
  check.clock(clock);
  check.codec(codec);
  return { client, bucket, prefix, wholeBucket, timeoutMs, maxRequests, maxEntryBytes, codec, clock };
}

function requireBucket(bucket: unknown): asserts bucket is string {
  if (typeof bucket === "string" && bucket !== "" && (bucket.startsWith("arn:") || /^[^/?#\s]+$/.test(bucket))) return;
  throw check.wrong("bucket", "the name of a bucket", bucket);
}

/** Servers and proxies tidy paths: what they would change cannot be part of a key. */
export function requirePrefix(prefix: unknown): asserts prefix is string {
  const fits =
    typeof prefix === "string" &&
    prefix.isWellFormed() &&
    Buffer.byteLength(prefix) <= MOST_PREFIX_BYTES &&
    !/^\/|\/\/|(?:^|\/)\.{1,2}(?:\/|$)/.test(prefix) &&
    !/\p{Cc}/u.test(prefix);
  if (!fits)
    throw check.wrong(
      "prefix",
      `a text of at most ${MOST_PREFIX_BYTES} bytes such as "llmcache/", without a leading slash, "//", "." or ".." as a part, and control characters`,
      prefix,
    );
}
