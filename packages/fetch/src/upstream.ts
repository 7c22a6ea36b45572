import type { AnswerCache, CacheControl, Run } from "@llmcache/core";
import { readBody, readRequest, readSignal, type FetchInit, type FetchInput } from "./fetch-input.ts";
import { CONTROL_HEADERS } from "./request-control.ts";
import type { WireRequest } from "./wire-format.ts";

/** The type of `fetch`. */
export type Fetch = typeof globalThis.fetch;

/**
 * What caches on the way tell each other: who has been asked (a client wrapped twice with one cache would wait for itself), and
 * what the call wants of all of them. Rides on `init`, where `fetch` ignores it.
 */
const ASKED: unique symbol = Symbol.for("@llmcache/fetch/asked") as never;

interface Asked {
  readonly caches: readonly AnswerCache[];
  readonly control: CacheControl;
}

type MarkedInit = NonNullable<FetchInit> & { readonly [ASKED]?: Asked };

/** What is less is no answer. */
const LOWEST_STATUS = 200;

/** One request to the provider: what `fetch` was given, less what was meant for the cache. */
export class Upstream {
  /** `undefined` where `fetch` would have refused, or `init` cannot be changed without losing something. */
  readonly wire: WireRequest | undefined;
  readonly signal: AbortSignal | undefined;
  readonly #fetch: Fetch;
  readonly #input: FetchInput;
  #init: MarkedInit | undefined;

  constructor(fetch: Fetch, input: FetchInput, init: FetchInit) {
    this.#fetch = fetch;
    this.#input = input;
    this.#init = init;
    const read = isPlain(init)
      ? safely(() => ({ wire: readRequest(input, init), signal: readSignal(input, init) }))
      : undefined;
    this.wire = read?.wire;
    this.signal = read?.signal;
  }

  /** What a cache further out was told. */
  get control(): CacheControl {
    return this.#init?.[ASKED]?.control ?? {};
  }

  askedBy(cache: AnswerCache): boolean {
    return this.#init?.[ASKED]?.caches.includes(cache) === true;
  }

  mark(cache: AnswerCache, control: CacheControl): void {
    this.#init = { ...this.#init, [ASKED]: { caches: [...(this.#init?.[ASKED]?.caches ?? []), cache], control } };
  }

  /** The bytes of the body, and the request as it will be sent with them; `undefined` where there are none to be had. */
  async read(): Promise<{ readonly request: WireRequest; readonly body: Uint8Array } | undefined> {
    const { wire } = this;
    if (wire === undefined) return undefined;
    const body = await readBody(this.#input, this.#init, this.signal);
    if (body?.instead !== undefined) this.#init = { ...this.#init, body: body.instead };
    if (body?.bytes === undefined) return undefined;
    return { request: withType(wire, body.type), body: body.bytes };
  }

  untouched(): Promise<Response> {
    return this.#fetch(this.#input, this.#withoutControls());
  }

  /** Asks the provider; with `body`, for something else than the caller did. */
  async send(run: Run, body?: string): Promise<Response> {
    const init = body === undefined ? this.#withoutControls() : this.#withBody(body);
    const response = await this.#fetch(this.#input, { ...init, signal: run.signal });
    // What `Response.error()` stands for.
    if (response.status < LOWEST_STATUS) throw new TypeError("fetch failed: the answer is a network error.");
    return response;
  }

  #withBody(body: string): FetchInit {
    const init = this.#withoutControls();
    const headers = new Headers(init?.headers ?? this.wire?.headers);
    headers.delete("content-length");
    return { ...init, headers, body };
  }

  #withoutControls(): FetchInit {
    const { wire } = this;
    const init = this.#init;
    if (wire === undefined || !CONTROL_HEADERS.some((name) => wire.headers.has(name))) return init;
    const headers = new Headers(wire.headers);
    for (const name of CONTROL_HEADERS) headers.delete(name);
    return { ...init, headers };
  }
}

/** What `fetch` will say of a body that knows its type, where the caller says nothing. */
function withType(wire: WireRequest, type: string | undefined): WireRequest {
  if (type === undefined || type === "" || wire.headers.has("content-type")) return wire;
  const headers = new Headers(wire.headers);
  headers.set("content-type", type);
  return { ...wire, headers };
}

/** May be copied member by member; a Request in the place of `init`, with its getters, may not. */
export function isPlain(init: FetchInit): boolean {
  if (init === undefined || init === null) return true;
  const prototype: unknown = Object.getPrototypeOf(init);
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null;
}

function safely<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
