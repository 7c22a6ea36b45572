import { crc32 } from "node:zlib";
import { ownBytes, type CacheControl } from "@llmcache/core";
import { CONTROL_HEADERS, controlFromHeaders, mergeControls } from "./request-control.ts";
import { DIGESTS, isSigned } from "./signed.ts";
import { watchHeaders } from "./watched-headers.ts";
import type { WireCall, WireFormat, WireRequest } from "./wire-format.ts";

/** A request as it came in, before anything is made of it. */
export interface ArrivedRequest {
  readonly method: string;
  /** Path and query, as they were sent. */
  readonly url: string;
  /** By lower-case names, as `node:http` gives them. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Uint8Array;
  /** What else tells requests apart: the caller's namespace, say, and where his requests go. */
  readonly around: string;
}

/** What a request was understood as. */
export interface RememberedCall {
  readonly call: WireCall;
  /** What it asks of the cache, in headers and elsewhere. */
  readonly control: CacheControl;
}

/** What is made of an {@link ArrivedRequest} before it is sent on. */
export interface SentRequest {
  /** With all headers that are sent on, also those that speak to the cache. */
  readonly wire: WireRequest;
  readonly body: Uint8Array;
  readonly formats: readonly WireFormat[];
  /** What is asked of the cache elsewhere than in headers; it is stronger than they. */
  readonly control: CacheControl;
}

/** Options of {@link CallMemo}. */
export interface CallMemoOptions {
  /** About so many bytes of memory at most. @default 32 MiB */
  readonly maxBytes?: number | undefined;
}

const DEFAULT_MAX_BYTES = 32 * 1024 * 1024;
/** One request takes no more than this part of it. */
const LARGEST = 1 / 16;
/** The body is kept; what it is understood as holds its texts anew, at up to two bytes for each. */
const BYTES_PER_BYTE = 3;
/** Requests with one checksum, which is rare unless somebody wants it so. */
const MAX_ALIKE = 4;
const BYTES_PER_CALL = 2048;

/**
 * Headers that count whatever the format reads: what they say decides which headers are sent on (`connection`), how the body is read, and
 * what is asked of the cache.
 */
const ALWAYS: readonly string[] = [
  "connection",
  "content-type",
  "content-encoding",
  "transfer-encoding",
  "cache-control",
  ...CONTROL_HEADERS,
  ...DIGESTS,
];
const AWS = "AWS4-";

interface Entry<T> {
  readonly sum: number;
  readonly method: string;
  readonly url: string;
  readonly around: string;
  readonly body: Uint8Array;
  readonly names: readonly string[];
  readonly values: readonly (string | undefined)[];
  readonly size: number;
  readonly value: T;
  isUsed: boolean;
}

/**
 * Remembers what requests were understood as, so that one that comes again need not be parsed. It is the same request if body, method,
 * URL, what the caller says counts besides, and the value of every header that the format looked at are the same: they are compared, and not
 * only a digest of them. Bounded; what is not asked for again goes first. It holds no answers, and says nothing of whether one is stored:
 * that is asked of the cache each time.
 */
export class CallMemo<T extends RememberedCall = RememberedCall> {
  readonly #maxBytes: number;
  /** By their checksums. */
  readonly #alike: Map<number, Entry<T>[]> = new Map<number, Entry<T>[]>();
  /** In the order in which they came, or came back. */
  readonly #entries: Set<Entry<T>> = new Set<Entry<T>>();
  #bytes = 0;

  constructor({ maxBytes = DEFAULT_MAX_BYTES }: CallMemoOptions = {}) {
    this.#maxBytes = maxBytes;
  }

  /** How many requests are remembered. */
  get size(): number {
    return this.#entries.size;
  }

  /** What {@link learn} was told of a request that says the same. */
  find(request: ArrivedRequest): T | undefined {
    const entry = this.#find(request, sumOf(request));
    if (entry === undefined || !hasSame(entry, request.headers)) return undefined;
    entry.isUsed = true;
    return entry.value;
  }

  /**
   * Understands a request as {@link cachedFetch} does, and remembers it; `undefined` for what has to go that way each time: lists, signed
   * requests, calls that ask for more than they show, and what no format knows. `make` adds what else is to be remembered.
   *
   * @throws LLMCacheError `ERR_LLMCACHE_OPTION` for headers that ask of the cache what nobody can do.
   */
  learn(request: ArrivedRequest, sent: SentRequest, make: (remembered: RememberedCall) => T): T | undefined {
    const size = request.body.byteLength * BYTES_PER_BYTE + request.url.length + BYTES_PER_CALL;
    if (size > this.#maxBytes * LARGEST) return undefined;
    const understood = understand(sent);
    const values = understood && valuesOf(understood.names, request, sent.wire);
    if (understood === undefined || values === undefined) return undefined;
    const control = mergeControls(controlFromHeaders(sent.wire.headers), sent.control);
    const value = make({ call: understood.call, control });
    const sum = sumOf(request);
    const there = this.#find(request, sum);
    if (there !== undefined) this.#drop(there);
    const { method, url, around } = request;
    const body = ownBytes(request.body);
    const held = size + around.length + values.reduce((chars, text) => chars + (text?.length ?? 0), 0);
    if (held > this.#maxBytes * LARGEST) return undefined;
    this.#keep({ sum, method, url, around, body, names: understood.names, values, size: held, value, isUsed: false });
    return value;
  }

  /** Forgets a request, if it is still remembered as this. */
  forget(request: ArrivedRequest, value: T): void {
    const entry = this.#find(request, sumOf(request));
    if (entry?.value === value) this.#drop(entry);
  }

  #find({ method, url, around, body }: ArrivedRequest, sum: number): Entry<T> | undefined {
    return this.#alike
      .get(sum)
      ?.find(
        (each) =>
          each.url === url && each.around === around && each.method === method && asBuffer(body).equals(each.body),
      );
  }

  #keep(entry: Entry<T>): void {
    const alike = this.#alike.get(entry.sum);
    if (alike === undefined) this.#alike.set(entry.sum, [entry]);
    else {
      const [oldest] = alike;
      if (alike.length >= MAX_ALIKE && oldest !== undefined) this.#drop(oldest);
      alike.push(entry);
      this.#alike.set(entry.sum, alike);
    }
    this.#entries.add(entry);
    this.#bytes += entry.size;
    while (this.#bytes > this.#maxBytes) this.#makeRoom();
  }

  /** The oldest goes, unless it was asked for since it came, or came back. */
  #makeRoom(): void {
    for (const entry of this.#entries) {
      if (!entry.isUsed) return this.#drop(entry);
      entry.isUsed = false;
      this.#entries.delete(entry);
      this.#entries.add(entry);
    }
  }

  #drop(entry: Entry<T>): void {
    this.#entries.delete(entry);
    this.#bytes -= entry.size;
    const alike = this.#alike.get(entry.sum) ?? [];
    const index = alike.indexOf(entry);
    if (index >= 0) alike.splice(index, 1);
    if (alike.length === 0) this.#alike.delete(entry.sum);
  }
}

/** Where to look; it decides nothing. */
function sumOf({ url, around, body }: ArrivedRequest): number {
  return crc32(around, crc32(url, crc32(body)));
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function hasSame(
  { names, values }: Pick<Entry<unknown>, "names" | "values">,
  headers: ArrivedRequest["headers"],
): boolean {
  for (let i = 0; i < names.length; i++) if (headers[names[i] as string] !== values[i]) return false;
  return !isSignedByAws(headers);
}

function isSignedByAws({ authorization }: ArrivedRequest["headers"]): boolean {
  return authorization !== undefined && (typeof authorization !== "string" || authorization.startsWith(AWS));
}

function understand({
  wire,
  body,
  formats,
}: SentRequest): { readonly call: WireCall; readonly names: readonly string[] } | undefined {
  if (isSigned(wire.headers)) return undefined;
  const { headers, seen } = watchHeaders(wire.headers);
  const request: WireRequest = { method: wire.method, url: wire.url, headers };
  const format = formats.find((each) => each.knows(request));
  try {
    if (format === undefined || format.readList?.(request, body) !== undefined) return undefined;
    const call = format.read(request, body);
    const names = seen();
    if (call === undefined || call.more !== undefined || names === undefined) return undefined;
    return { call, names: [...new Set([...ALWAYS, ...names])] };
  } catch {
    // It passes untouched.
    return undefined;
  }
}

/** The headers' values; `undefined` where what is sent on is not what came in, so that what came in does not tell what was understood. */
function valuesOf(
  names: readonly string[],
  { headers }: ArrivedRequest,
  wire: WireRequest,
): readonly (string | undefined)[] | undefined {
  if (isSignedByAws(headers)) return undefined;
  const values: (string | undefined)[] = [];
  for (const name of names) {
    const value = headers[name];
    if (typeof value === "object") return undefined;
    const sent = wire.headers.get(name);
    if (sent !== null ? sent !== value?.trim() : value !== undefined && !NOT_SENT.has(name)) return undefined;
    values.push(value);
  }
  return values;
}

/** Are never sent on, and never looked at by formats: they count all the same. */
const NOT_SENT: ReadonlySet<string> = new Set(["connection", "transfer-encoding"]);
