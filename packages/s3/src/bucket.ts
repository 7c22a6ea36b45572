import {
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type DeleteObjectsCommandOutput,
  type GetObjectCommandOutput,
  type ListObjectsV2CommandOutput,
} from "@aws-sdk/client-s3";
import { isLLMCacheError } from "@llmcache/core";
import {
  isBeyondEnd,
  isConflict,
  isMissing,
  isRefusedCondition,
  isUnknownBatch,
  isUnknownCondition,
  s3Error,
} from "./failure.ts";
import { discardBody, readBody } from "./object-body.ts";
import type { ObjectHeaders } from "./object-headers.ts";
import type { CheckedSettings } from "./options.ts";
import { Requests } from "./requests.ts";

/** An object as it was read. */
export interface StoredObject {
  /** `undefined`: more than may be read. */
  readonly bytes: Buffer | undefined;
  readonly etag: string | undefined;
  /** What whoever wrote it gave as {@link PutOptions.writer}. */
  readonly writer: string | undefined;
}

/** An object as a listing has it. */
export interface ListedObject {
  readonly key: string;
  readonly size: number;
}

export interface ListedPage {
  readonly objects: readonly ListedObject[];
  /** The key that the next page begins after, if there is one. */
  readonly next: string | undefined;
}

/** Write only if nothing is there, or only if what is there still has that ETag. */
export type Condition = { readonly ifNothing: true } | { readonly ifMatch: string };

export interface PutOptions {
  readonly condition?: Condition | undefined;
  /** Tells one writer from another, where it matters who it was. */
  readonly writer?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** `refused`: the condition does not hold. `unknown`: the server has no conditions. */
export type PutResult = "stored" | "refused" | "unknown";

/** Of a write that is to replace whatever is there, when others write at the same moment. */
const PUT_TRIES = 5;

/** Objects and listings of one bucket: bytes in, bytes out, errors with advice. Knows no entries. */
export class Bucket {
  readonly #name: string;
  readonly #where: string;
  readonly #maxBytes: number;
  readonly #requests: Requests;
  #deletesBatches = true;

  constructor(settings: CheckedSettings) {
    const { bucket, maxEntryBytes } = settings;
    this.#name = bucket;
    this.#where = `The S3 store of bucket ${JSON.stringify(bucket)}`;
    this.#maxBytes = maxEntryBytes;
    this.#requests = new Requests(settings, this.#where);
  }

  /** @throws LLMCacheError `ERR_LLMCACHE_CLOSED`, or the reason of the signal. */
  begin(signal: AbortSignal | undefined): void {
    this.#requests.begin(signal);
  }

  /** Waits for something that is no request, and no longer than for one. */
  wait(what: string, turn: Promise<unknown>, signal: AbortSignal | undefined): Promise<void> {
    return this.#requests.inTime(what, signal, async () => void (await turn));
  }

  /** `undefined`: there is no such object. With `first`, no more than so many bytes of it. */
  async get(key: string, signal: AbortSignal | undefined, first?: number): Promise<StoredObject | undefined> {
    const range = first === undefined ? {} : { Range: `bytes=0-${first - 1}` };
    const command = new GetObjectCommand({ Bucket: this.#name, Key: key, ...range });
    try {
      return await this.#requests.send("read", command, signal, async (output, reading) => {
        const { Body, ContentLength, ETag, Metadata } = output as GetObjectCommandOutput;
        return {
          bytes: await readBody(Body, ContentLength, this.#maxBytes, reading),
          etag: ETag,
          writer: Metadata?.["writer"],
        };
      });
    } catch (error) {
      if (isMissing(error)) return undefined;
      if (first !== undefined && isBeyondEnd(error))
        return { bytes: Buffer.alloc(0), etag: undefined, writer: undefined };
      throw this.#failed("read", error, signal);
    }
  }

  /** Replaces the object, unless a condition is given that does not hold. */
  async put(
    key: string,
    bytes: Uint8Array,
    headers: ObjectHeaders,
    { condition, writer, signal }: PutOptions,
  ): Promise<PutResult> {
    const command = new PutObjectCommand({
      Bucket: this.#name,
      Key: key,
      // A Buffer, not a stream: its length is known, it can be sent again, and servers that know no trailers take it.
      Body: bytes,
      ContentLength: bytes.byteLength,
      ...headers,
      ...(writer === undefined ? {} : { Metadata: { ...headers.Metadata, writer } }),
      ...(condition === undefined
        ? {}
        : "ifMatch" in condition
          ? { IfMatch: condition.ifMatch }
          : { IfNoneMatch: "*" }),
    });
    for (let tries = 1; ; tries++) {
      try {
        return await this.#requests.send("write", command, signal, (): PutResult => "stored");
      } catch (error) {
        if (!isOurs(error, signal)) {
          if (condition === undefined && isConflict(error) && tries < PUT_TRIES) continue;
          if (condition !== undefined && (isRefusedCondition(error) || ("ifMatch" in condition && isMissing(error))))
            return "refused";
          if (condition !== undefined && isUnknownCondition(error)) return "unknown";
        }
        throw this.#failed("write", error, signal);
      }
    }
  }

  /** Nothing there is no error. */
  async delete(key: string, signal: AbortSignal | undefined): Promise<void> {
    try {
      await this.#requests.send("delete", new DeleteObjectCommand({ Bucket: this.#name, Key: key }), signal, nothing);
    } catch (error) {
      if (!isMissing(error)) throw this.#failed("delete", error, signal);
    }
  }

  /** At most 1000 at a time. Rejects if one of them stays. */
  async deleteAll(keys: readonly string[], signal: AbortSignal | undefined): Promise<void> {
    if (keys.length === 0) return;
    if (!this.#deletesBatches) return this.#deleteOneByOne(keys, signal);
    const command = new DeleteObjectsCommand({
      Bucket: this.#name,
      Delete: { Objects: keys.map((Key) => ({ Key })), Quiet: true },
    });
    try {
      const errors = await this.#requests.send(
        "delete",
        command,
        signal,
        (output) => (output as DeleteObjectsCommandOutput).Errors ?? [],
      );
      const failed = errors.filter(({ Code }) => Code !== "NoSuchKey");
      if (failed.length > 0)
        throw Object.assign(
          new Error(`${failed.length} of ${keys.length} objects were not deleted: ${failed[0]?.Message ?? ""}`),
          { name: failed[0]?.Code ?? "Error" },
        );
    } catch (error) {
      if (isOurs(error, signal) || !isUnknownBatch(error)) throw this.#failed("delete", error, signal);
      this.#deletesBatches = false;
      return this.#deleteOneByOne(keys, signal);
    }
  }

  /** In the order of keys, beginning after `after`. */
  async list(
    prefix: string,
    after: string | undefined,
    count: number,
    signal: AbortSignal | undefined,
  ): Promise<ListedPage> {
    const command = new ListObjectsV2Command({
      Bucket: this.#name,
      Prefix: prefix,
      MaxKeys: count,
      EncodingType: "url",
      ...(after === undefined ? {} : { StartAfter: after }),
    });
    try {
      return await this.#requests.send("list", command, signal, (output) => {
        const { Contents = [], IsTruncated, EncodingType } = output as ListObjectsV2CommandOutput;
        const objects = Contents.flatMap(({ Key, Size = 0 }) =>
          Key === undefined ? [] : [{ key: EncodingType === "url" ? decoded(Key) : Key, size: Size }],
        );
        const next = IsTruncated === true ? objects.at(-1)?.key : undefined;
        if (next !== undefined && next === after)
          throw new Error("the server gives the same page of the listing again and again (it ignores start-after)");
        return { objects, next };
      });
    } catch (error) {
      throw this.#failed("list", error, signal);
    }
  }

  /** Ends what is under way. */
  close(): void {
    this.#requests.close();
  }

  async #deleteOneByOne(keys: readonly string[], signal: AbortSignal | undefined): Promise<void> {
    for (const key of keys) await this.delete(key, signal);
  }

  /** What the caller did himself, and what has advice already, stays as it is. */
  #failed(what: string, error: unknown, signal: AbortSignal | undefined): unknown {
    return isOurs(error, signal) ? error : s3Error(what, this.#where, error);
  }
}

function isOurs(error: unknown, signal: AbortSignal | undefined): boolean {
  return (signal?.aborted === true && error === signal.reason) || isLLMCacheError(error);
}

/** Keys may hold what XML cannot. */
function decoded(key: string): string {
  try {
    return decodeURIComponent(key.replaceAll("+", "%20"));
  } catch {
    return key;
  }
}

function nothing(output: unknown): void {
  discardBody((output as { readonly Body?: unknown } | undefined)?.Body);
}
