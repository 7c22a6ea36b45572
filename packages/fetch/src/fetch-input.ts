import type { WireRequest } from "./wire-format.ts";

/** What `fetch` was called with. */
export type FetchInput = Parameters<typeof globalThis.fetch>[0];
export type FetchInit = Parameters<typeof globalThis.fetch>[1];

/** Method, URL and headers that a `fetch` with these arguments would send. @throws TypeError like `fetch` for a bad URL. */
export function readRequest(input: FetchInput, init: FetchInit): WireRequest {
  const request = isRequest(input) ? input : undefined;
  const url = new URL(isRequest(input) ? input.url : input);
  const headers = init?.headers ?? request?.headers;
  return {
    method: (init?.method ?? request?.method ?? "GET").toUpperCase(),
    url,
    // Only read: what is a Headers already need not be copied.
    headers: headers instanceof Headers ? headers : new Headers(headers),
  };
}

/** A body in bytes. */
export interface ReadBody {
  readonly bytes: Uint8Array;
  /** What was given may change under our hands: these bytes are sent in its place. */
  readonly isCopy: boolean;
}

/** The body in bytes, leaving what was given usable; `undefined` for one that can be read only once, or none. */
export async function readBody(input: FetchInput, init: FetchInit): Promise<ReadBody | undefined> {
  const body: unknown = init?.body;
  if (typeof body === "string") return { bytes: Buffer.from(body, "utf8"), isCopy: false };
  // Like `fetch`, which takes the bytes when it is called: whoever fills his buffer anew changes nothing.
  if (body instanceof ArrayBuffer) return { bytes: new Uint8Array(body.slice(0)), isCopy: true };
  if (ArrayBuffer.isView(body)) {
    return { bytes: new Uint8Array(new Uint8Array(body.buffer, body.byteOffset, body.byteLength)), isCopy: true };
  }
  if (body instanceof Blob) return { bytes: new Uint8Array(await body.arrayBuffer()), isCopy: false };
  if ((body === undefined || body === null) && isRequest(input) && input.body !== null) {
    return { bytes: new Uint8Array(await input.clone().arrayBuffer()), isCopy: false };
  }
  return undefined;
}

/**
 * The caller's signal: that of `init`, also where it is `null`, before that of a Request.
 *
 * @throws TypeError for what is no signal.
 */
export function readSignal(input: FetchInput, init: FetchInit): AbortSignal | undefined {
  const given = init?.signal === undefined && isRequest(input) ? input.signal : init?.signal;
  if (given === undefined || given === null) return undefined;
  if (typeof given.aborted !== "boolean" || typeof given.addEventListener !== "function")
    throw new TypeError("No AbortSignal.");
  return given;
}

function isRequest(input: FetchInput): input is Request {
  return typeof input === "object" && input !== null && !(input instanceof URL) && "headers" in input;
}
