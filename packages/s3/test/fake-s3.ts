import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import {
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3ServiceException,
  type DeleteObjectsCommandInput,
  type GetObjectCommandInput,
  type ListObjectsV2CommandInput,
  type PutObjectCommandInput,
} from "@aws-sdk/client-s3";
import type { S3ClientLike } from "@llmcache/s3";

interface FakeObject {
  readonly bytes: Buffer;
  readonly etag: string;
  readonly input: PutObjectCommandInput;
}

/** An error as the SDK makes them of what a server answers. */
export function serviceError(code: string, status: number, more: object = {}): S3ServiceException {
  const error = new S3ServiceException({
    name: code,
    $fault: status < 500 ? "client" : "server",
    message: `The server says ${code}.`,
    $metadata: { httpStatusCode: status, attempts: 1 },
  });
  return Object.assign(error, { Code: code }, more);
}

/** A client whose server can do what real ones cannot be made to do. */
export class FakeS3 implements S3ClientLike {
  readonly objects: Map<string, FakeObject> = new Map();
  /** Every command, with its name. */
  readonly sent: { readonly name: string; readonly input: object }[] = [];
  /** Bodies that were handed out. */
  readonly bodies: Readable[] = [];
  /** What it makes of conditions: heeds, ignores, or refuses (501) them. */
  conditions: Readonly<Record<"ifNothing" | "ifMatch", "heeds" | "ignores" | "refuses">> = {
    ifNothing: "heeds",
    ifMatch: "heeds",
  };
  /** Comes before each command: throws to fail it. */
  before: (name: string, input: object, signal: AbortSignal | undefined) => void | Promise<void> = () => undefined;
  /** Comes after each command was carried out: throws to lose the answer. */
  after: (name: string, input: object) => void = () => undefined;
  /** Changes a body before it is sent. */
  body: (bytes: Buffer) => Readable = (bytes) => Readable.from(bytes.byteLength === 0 ? [] : [bytes]);
  /** Without them, DeleteObjects says 501. */
  batches = true;
  pageKeys = 1000;
  #count = 0;

  async send(command: unknown, options?: { readonly abortSignal?: AbortSignal }): Promise<unknown> {
    const { name } = (command as object).constructor;
    const { input } = command as { readonly input: object };
    this.sent.push({ name, input });
    await this.before(name, input, options?.abortSignal);
    options?.abortSignal?.throwIfAborted();
    await Promise.resolve();
    const output = this.#answer(command);
    this.after(name, input);
    return output;
  }

  /** The names of the commands that were sent. */
  get names(): string[] {
    return this.sent.map(({ name }) => name.replace("Command", ""));
  }

  put(key: string, bytes: Uint8Array | string): void {
    this.#store({ Bucket: "b", Key: key, Body: bytes });
  }

  #answer(command: unknown): unknown {
    if (command instanceof GetObjectCommand) return this.#get(command.input);
    if (command instanceof PutObjectCommand) return this.#put(command.input);
    if (command instanceof DeleteObjectCommand) return this.objects.delete(command.input.Key ?? "") ? {} : {};
    if (command instanceof DeleteObjectsCommand) return this.#deleteAll(command.input);
    if (command instanceof ListObjectsV2Command) return this.#list(command.input);
    throw new Error(`FakeS3 does not know ${(command as object).constructor.name}.`);
  }

  #get({ Key = "", Range }: GetObjectCommandInput): unknown {
    const object = this.objects.get(Key);
    if (object === undefined) throw serviceError("NoSuchKey", 404);
    const last = /bytes=0-(\d+)/.exec(Range ?? "")?.[1];
    if (last !== undefined && object.bytes.byteLength === 0) throw serviceError("InvalidRange", 416);
    const bytes = last === undefined ? object.bytes : object.bytes.subarray(0, Number(last) + 1);
    const body = this.body(bytes);
    this.bodies.push(body);
    return { Body: body, ContentLength: bytes.byteLength, ETag: object.etag, Metadata: lowered(object.input.Metadata) };
  }

  #put(input: PutObjectCommandInput): unknown {
    const there = this.objects.get(input.Key ?? "");
    const checks = [
      ["ifNothing", input.IfNoneMatch, there === undefined],
      ["ifMatch", input.IfMatch, there?.etag === input.IfMatch],
    ] as const;
    for (const [kind, given, holds] of checks) {
      if (given === undefined) continue;
      if (this.conditions[kind] === "refuses") throw serviceError("NotImplemented", 501);
      if (this.conditions[kind] === "heeds" && !holds) throw serviceError("PreconditionFailed", 412);
    }
    return { ETag: this.#store(input).etag };
  }

  #store(input: PutObjectCommandInput): FakeObject {
    const bytes = Buffer.from(input.Body as Uint8Array | string);
    const object = {
      bytes,
      etag: `"${createHash("md5")
        .update(bytes)
        .update(String(this.#count++))
        .digest("hex")}"`,
      input,
    };
    this.objects.set(input.Key ?? "", object);
    return object;
  }

  #deleteAll({ Delete }: DeleteObjectsCommandInput): unknown {
    if (!this.batches) throw serviceError("NotImplemented", 501);
    for (const { Key = "" } of Delete?.Objects ?? []) this.objects.delete(Key);
    return {};
  }

  #list({ Prefix = "", StartAfter = "", MaxKeys = 1000 }: ListObjectsV2CommandInput): unknown {
    const keys = [...this.objects.keys()].filter((key) => key.startsWith(Prefix) && key > StartAfter).toSorted();
    const page = keys.slice(0, Math.min(MaxKeys, this.pageKeys));
    return {
      Contents: page.map((Key) => ({ Key: encodeURIComponent(Key), Size: this.objects.get(Key)?.bytes.byteLength })),
      IsTruncated: page.length < keys.length,
      EncodingType: "url",
    };
  }
}

function lowered(metadata: Readonly<Record<string, string>> | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata ?? {}).map(([name, value]) => [name.toLowerCase(), value]));
}
