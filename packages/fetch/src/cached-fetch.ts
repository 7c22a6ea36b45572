import {
  currentCache,
  isLLMCacheError,
  LLMCacheError,
  resolveCacheOption,
  type AnswerCache,
  type CacheControl,
  type CacheOption,
  type Json,
  type Outcome,
  type Run,
  type Verdict,
} from "@llmcache/core";
import { addStatus, statusHeaders } from "./cache-status.ts";
import {
  decodeAnswer,
  encodeAnswer,
  headLine,
  headOfResponse,
  parseJson,
  readHeadLine,
  type Answer,
  type AnswerHead,
} from "./exchange.ts";
import { readBody, readRequest, readSignal, type FetchInit, type FetchInput } from "./fetch-input.ts";
import { CONTROL_HEADERS, controlFromHeaders, mergeControls } from "./request-control.ts";
import { errorResponse, makeResponse, originOf, playRecorded, streamOf, type Replay } from "./response.ts";
import { EventReader, readEvents, type ServerSentEvent } from "./sse.ts";
import type { WireCall, WireFormat, WireRequest } from "./wire-format.ts";

/** Options of {@link cachedFetch}. */
export interface CachedFetchOptions {
  /** Which requests are understood; the first that knows one has it. All others pass untouched. */
  readonly formats: readonly WireFormat[];
  /** What asks the provider. @default the global `fetch`, looked up at each call */
  readonly fetch?: Fetch | undefined;
  /** How stored streams are played: as fast as they are read, or with the pauses they came with. @default "instant" */
  readonly replay?: Replay | undefined;
}

/** The type of `fetch`. */
export type Fetch = typeof globalThis.fetch;

/** What a call's `init` may carry for {@link cachedFetch}, besides what `fetch` takes: a cache or a control of its own. */
export interface CachedFetchInit {
  readonly llmcache?: CacheOption | undefined;
}

/** A `fetch` that takes {@link CachedFetchInit} too. */
export type CachedFetch = (input: FetchInput, init?: NonNullable<FetchInit> & CachedFetchInit) => Promise<Response>;

/**
 * A `fetch` that answers from a cache what it has answered before. Without a cache it uses the one in force (`cache.run`), and
 * with none it is the plain `fetch`. Failures of the cache itself come as responses: 504 for a miss under `onlyIfCached`, 503
 * where store trouble may not be passed over, 400 for wrong options, with the error's code in the body.
 */
export function cachedFetch(cache: AnswerCache | undefined, options: CachedFetchOptions): CachedFetch {
  const { formats, replay = "instant" } = options;
  const upstream: Fetch = options.fetch ?? ((input, init) => globalThis.fetch(input, init));

  return async (input, init) => {
    const { llmcache, plain } = withoutOption(init);
    const own = resolveCacheOption(llmcache, cache);
    const ask = new Upstream(upstream, input, plain);
    const using = own.cache ?? currentCache();
    const { wire } = ask;
    const format = using === undefined || wire === undefined ? undefined : formats.find((each) => each.knows(wire));
    if (using === undefined || wire === undefined || format === undefined || ask.askedBy(using)) return ask.untouched();
    const control = mergeControls(mergeControls(ask.control, headerControl(wire.headers)), own.control);
    const call = await understand(format, wire, ask);
    if (call === undefined) {
      return control.onlyIfCached === true
        ? errorResponse(notUnderstood(format), originOf(wire.url, undefined))
        : ask.untouched();
    }
    try {
      ask.mark(using, control);
      return await (call.streaming
        ? streamed(using, call, control, ask, format, replay)
        : whole(using, call, control, ask));
    } catch (error) {
      if (!isLLMCacheError(error)) throw error;
      return errorResponse(error, originOf(wire.url, undefined));
    }
  };
}

/** What is meant for us and what is meant for `fetch`; an `init` without our option stays the object it is. */
function withoutOption(init: FetchInit): { readonly llmcache?: CacheOption | undefined; readonly plain: FetchInit } {
  if (init === undefined || init === null || !("llmcache" in init) || !isPlain(init)) return { plain: init };
  const { llmcache, ...plain } = init as NonNullable<FetchInit> & CachedFetchInit;
  return { llmcache: llmcache ?? undefined, plain };
}

/** Whatever a format cannot make sense of goes on as if we were not there. */
async function understand(format: WireFormat, wire: WireRequest, ask: Upstream): Promise<WireCall | undefined> {
  try {
    const body = await ask.readBody();
    return body === undefined ? undefined : format.read(wire, body);
  } catch {
    return undefined;
  }
}

function notUnderstood(format: WireFormat): LLMCacheError {
  return new LLMCacheError(
    "ERR_LLMCACHE_MISS",
    `Nothing can be stored for this ${format.name} request, which could not be read, and onlyIfCached forbids to ask the provider.`,
  );
}

/** A header that is no Cache-Control worked without a cache: the call goes past it. */
function headerControl(headers: Headers): CacheControl {
  try {
    return controlFromHeaders(headers);
  } catch {
    return { use: false };
  }
}

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

/** The only status whose answers are stored; what is less is no answer. */
const OK = 200;

/** One request to the provider: what `fetch` was given, less what was meant for the cache. */
class Upstream {
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

  async readBody(): Promise<Uint8Array | undefined> {
    const body = await readBody(this.#input, this.#init);
    if (body?.isCopy === true) this.#init = { ...this.#init, body: body.bytes as Uint8Array<ArrayBuffer> };
    return body?.bytes;
  }

  untouched(): Promise<Response> {
    return this.#fetch(this.#input, this.#withoutControls());
  }

  async send(run: Run): Promise<Response> {
    const response = await this.#fetch(this.#input, { ...this.#withoutControls(), signal: run.signal });
    // What `Response.error()` stands for.
    if (response.status < OK) throw new TypeError("fetch failed: the answer is a network error.");
    return response;
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

/** May be copied member by member; a Request in the place of `init`, with its getters, may not. */
function isPlain(init: FetchInit): boolean {
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

/** An answer in one piece. */
async function whole(cache: AnswerCache, call: WireCall, control: CacheControl, ask: Upstream): Promise<Response> {
  let fresh: { readonly response: Response; readonly answer: Answer; readonly json: unknown } | undefined;
  const produce = async (run: Run): Promise<Answer> => {
    const response = await ask.send(run);
    const bytes = new Uint8Array(await response.arrayBuffer());
    const answer: Answer = { head: headOfResponse(response), pieces: [bytes] };
    const json = response.status === OK && answer.head.form === "whole" ? parseJson(bytes) : undefined;
    fresh = { response, answer, json };
    if (json !== undefined) run.note(call.note(json as Json));
    return answer;
  };
  const outcome = await cache.through<Answer>(call.request, produce, {
    ...control,
    signal: ask.signal,
    unkeyable: "bypass",
    encode: (answer) => encodeAnswer(answer.head, answer.pieces),
    decode: (body) => decodeAnswer(body, call),
    judge: (answer) => judgeWhole(answer.head, fresh?.json, call),
  });
  // Who asked gets exactly what the provider sent, with all its headers.
  const own = outcome.status === "miss" || outcome.status === "bypass" ? fresh : undefined;
  const { head, pieces } = own?.answer ?? outcome.value;
  const headers = answerHeaders(outcome, own?.response, head, control);
  const [only] = pieces;
  const body = pieces.length === 1 ? only : Buffer.concat(pieces);
  const { status } = head;
  return makeResponse(
    body,
    { status, statusText: own?.response.statusText },
    headers,
    originOf(ask.wire?.url, own?.response),
  );
}

/** An answer as an event stream. Its first chunk is the line with the head. */
async function streamed(
  cache: AnswerCache,
  call: WireCall,
  control: CacheControl,
  ask: Upstream,
  format: WireFormat,
  replay: Replay,
): Promise<Response> {
  const incoming = new Incoming(call, ask);
  const outcome = await cache.stream<Uint8Array>(call.request, (run) => incoming.chunks(run), {
    ...control,
    signal: ask.signal,
    unkeyable: "bypass",
    chunkType: `${format.name} ${call.variant ?? ""}`,
    isLast: () => incoming.ended,
    judge: (chunks) => incoming.judge(chunks),
    encode: ([, ...pieces]) => (incoming.head === undefined ? undefined : encodeAnswer(incoming.head, pieces)),
    decode: (body) => {
      const answer = decodeAnswer(body, call);
      return answer === undefined ? undefined : [headLine(answer.head), ...answer.pieces];
    },
  });
  const chunks = outcome.value;
  const first = await chunks.next();
  const head = first.done === true ? undefined : readHeadLine(first.value);
  if (head === undefined) {
    await chunks.return?.();
    throw new TypeError("fetch failed: a cached stream began without its head.");
  }
  const own = outcome.status === "miss" || outcome.status === "bypass" ? incoming.response : undefined;
  const headers = answerHeaders(outcome, own, head, control);
  const source = replay === "recorded" && head.pace !== undefined ? await paced(chunks, head.pace, ask.signal) : chunks;
  const { status } = head;
  return makeResponse(streamOf(source), { status, statusText: own?.statusText }, headers, originOf(ask.wire?.url, own));
}

/** Only answers that are stored have a pace: all their chunks are here. */
async function paced(
  chunks: AsyncIterable<Uint8Array>,
  pace: NonNullable<AnswerHead["pace"]>,
  signal: AbortSignal | undefined,
): Promise<AsyncIterator<Uint8Array>> {
  const pieces: Uint8Array[] = [];
  for await (const piece of chunks) pieces.push(piece);
  return playRecorded(pieces, pace, signal);
}

/** Above so many bytes nothing more is kept for the account: a stream may be endless. */
const MAX_ACCOUNT_BYTES = 16 * 1024 * 1024;

/** A stream that is just coming in from the provider. */
class Incoming {
  response: Response | undefined;
  /** An event has ended the stream, whatever the connection does. */
  ended = false;
  readonly #call: WireCall;
  readonly #ask: Upstream;
  readonly #reader: EventReader = new EventReader();
  #head: AnswerHead | undefined;
  #run: Run | undefined;
  #bytes = 0;
  /** `undefined` when it has become too much. */
  #account: { readonly events: ServerSentEvent[]; readonly pace: number[] } | undefined = { events: [], pace: [] };

  constructor(call: WireCall, ask: Upstream) {
    this.#call = call;
    this.#ask = ask;
  }

  /** Of the stored form. */
  get head(): AnswerHead | undefined {
    return this.#head?.form === "events"
      ? { ...this.#head, pace: this.#account?.pace, variant: this.#call.variant }
      : this.#head;
  }

  async *chunks(run: Run): AsyncGenerator<Uint8Array> {
    this.#run = run;
    const response = await this.#ask.send(run);
    const head = headOfResponse(response);
    this.response = response;
    this.#head = head;
    yield headLine(head);
    if (response.body === null) return;
    let before = performance.now();
    for await (const bytes of response.body) {
      if (head.form === "events") {
        const now = performance.now();
        this.#take(bytes, Math.max(0, Math.round(now - before)));
        before = now;
      }
      yield bytes;
    }
    if (!this.ended) this.#note(this.#account?.events);
  }

  judge([, ...pieces]: readonly Uint8Array[]): Verdict {
    const head = this.#head;
    if (head === undefined) return "pass";
    if (head.status !== OK) return judgeStatus(head.status);
    if (head.form === "whole") {
      const json = parseJson(Buffer.concat(pieces));
      if (json !== undefined) this.#run?.note(this.#call.note(json as Json));
      return judgeWhole(head, json, this.#call);
    }
    if (!this.ended && !this.#endedWell()) return "pass";
    const events = this.#account?.events ?? readEvents(Buffer.concat(pieces)).events;
    if (this.#account === undefined) this.#note(events);
    return this.#call.judgeEvents(events);
  }

  /** The connection ended between two events, or only the empty line behind the closing event is missing. */
  #endedWell(): boolean {
    if (this.#reader.isBetweenEvents) return true;
    const last = this.#reader.unfinished;
    if (last === undefined || !this.#call.endsStream(last)) return false;
    this.#account?.events.push(last);
    return true;
  }

  #take(bytes: Uint8Array, afterMs: number): void {
    this.#bytes += bytes.byteLength;
    if (this.#bytes > MAX_ACCOUNT_BYTES) this.#account = undefined;
    this.#account?.pace.push(bytes.byteLength, afterMs);
    if (this.ended) return;
    for (const event of this.#reader.push(bytes)) {
      this.#account?.events.push(event);
      this.ended = this.#call.endsStream(event);
      if (this.ended) return this.#note(this.#account?.events);
    }
  }

  #note(events: readonly ServerSentEvent[] | undefined): void {
    if (events !== undefined && this.#head?.status === OK) this.#run?.note(this.#call.noteEvents(events));
  }
}

function judgeWhole(head: AnswerHead, json: unknown, call: WireCall): Verdict {
  if (head.status !== OK) return judgeStatus(head.status);
  return head.form === "whole" && json !== undefined ? call.judge(json as Json) : "pass";
}

/** Which failures are the provider's, and which are the request's own. */
function judgeStatus(status: number): Verdict {
  return status === 408 || status === 409 || status === 429 || status >= 500 ? "fail" : "pass";
}

function answerHeaders(
  outcome: Outcome<unknown>,
  fresh: Response | undefined,
  head: AnswerHead,
  control: CacheControl,
): Headers {
  const headers = new Headers(fresh?.headers ?? head.headers);
  addStatus(headers, statusHeaders(outcome, control.noCache === true));
  return headers;
}
