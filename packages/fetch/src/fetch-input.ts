import { readStream } from "./body-stream.ts";
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
  /** `undefined` where there are too many, or they cannot be had. */
  readonly bytes?: Uint8Array | undefined;
  /** What was given may change under our hands, or has been read: this is sent in its place. */
  readonly instead?: NonNullable<FetchInit>["body"] | undefined;
  /** The content type that `fetch` sends with this body if nobody says another. */
  readonly type?: string | undefined;
}

/** The body in bytes, leaving what was given usable or giving something in its place; `undefined` where there is none. */
export async function readBody(
  input: FetchInput,
  init: FetchInit,
  signal: AbortSignal | undefined,
): Promise<ReadBody | undefined> {
  const body: unknown = init?.body;
  if (typeof body === "string") return { bytes: Buffer.from(body, "utf8") };
  // Like `fetch`, which takes the bytes when it is called: whoever fills his buffer anew changes nothing.
  if (body instanceof ArrayBuffer) return copied(new Uint8Array(body.slice(0)));
  if (ArrayBuffer.isView(body)) {
    return copied(new Uint8Array(new Uint8Array(body.buffer, body.byteOffset, body.byteLength)));
  }
  if (body instanceof FormData) return readForm(body);
  if (body instanceof Blob) return { bytes: new Uint8Array(await body.arrayBuffer()), type: body.type };
  if (body instanceof ReadableStream && !body.locked) return readStream(body, signal);
  if ((body === undefined || body === null) && isRequest(input) && input.body !== null) {
    return { bytes: new Uint8Array(await input.clone().arrayBuffer()) };
  }
  return undefined;
}

function copied(bytes: Uint8Array<ArrayBuffer>): ReadBody {
  return { bytes, instead: bytes };
}

/** A form is sent with a boundary that `fetch` makes up, so that its bytes are others each time: a format has to look inside. */
async function readForm(given: FormData): Promise<ReadBody> {
  const form = new FormData();
  for (const [name, value] of given) {
    if (typeof value === "string") form.append(name, value);
    else form.append(name, value, value.name);
  }
  const written = new Response(form);
  return {
    bytes: new Uint8Array(await written.arrayBuffer()),
    instead: form,
    type: written.headers.get("content-type") ?? undefined,
  };
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
