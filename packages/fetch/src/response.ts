import type { ErrorCode, LLMCacheError } from "@llmcache/core";
import type { AnswerHead } from "./exchange.ts";

/** How a stored stream is played: as fast as it is read, or as it came. */
export type Replay = "instant" | "recorded";

type ResponseBody = ConstructorParameters<typeof Response>[0];

/** Where a Response came from: what `new Response` cannot be told. */
export interface Origin {
  readonly url: string;
  readonly redirected: boolean;
}

const NULL_BODY: ReadonlySet<number> = new Set([204, 205, 304]);
/** The largest delay that a Node timer takes. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Where the answer to a request comes from: where the provider says, or where it was asked. */
export function originOf(asked: URL | undefined, response: Response | undefined): Origin {
  if (response !== undefined && response.url !== "") return { url: response.url, redirected: response.redirected };
  const url = asked?.href ?? "";
  const fragment = url.indexOf("#");
  return { url: fragment < 0 ? url : url.slice(0, fragment), redirected: false };
}

/** A Response as `fetch` gives it, with its URL. */
export function makeResponse(
  body: Uint8Array | ReadableStream<Uint8Array> | undefined,
  head: { readonly status: number; readonly statusText?: string | undefined },
  headers: Headers,
  origin: Origin,
): Response {
  const response = new Response(NULL_BODY.has(head.status) ? null : ((body ?? null) as ResponseBody), {
    status: head.status,
    statusText: reasonOf(head.statusText),
    headers,
  });
  return comingFrom(response, origin);
}

/** `fetch` hands on what a provider sends as its reason phrase in UTF-8, which `new Response` refuses. */
const REASON = /^[\t\x20-\x7e\x80-\xff]*$/;

function reasonOf(statusText = ""): string {
  return REASON.test(statusText) ? statusText : "";
}

function comingFrom(response: Response, origin: Origin): Response {
  const clone = response.clone.bind(response);
  return Object.defineProperties(response, {
    url: { value: origin.url },
    redirected: { value: origin.redirected },
    type: { value: "basic" },
    clone: { value: () => comingFrom(clone(), origin) },
  });
}

const STATUS_OF_ERRORS: Partial<Record<ErrorCode, number>> = {
  ERR_LLMCACHE_MISS: 504,
  ERR_LLMCACHE_STORE: 503,
  ERR_LLMCACHE_COUNT: 502,
  ERR_LLMCACHE_OPTION: 400,
  ERR_LLMCACHE_REQUEST: 400,
};

/** What an error of the cache says to a provider's client: JSON. */
export type ErrorBody = (error: LLMCacheError, status: number) => object;

const openAIErrorBody: ErrorBody = ({ message, code }) => ({ error: { message, type: "llmcache", code, param: null } });

/** An error of the cache, in the shape that providers' clients read: they show `code` and do not try again. */
export function errorResponse(error: LLMCacheError, origin: Origin, errorBody: ErrorBody = openAIErrorBody): Response {
  const status = STATUS_OF_ERRORS[error.code] ?? 500;
  const body = JSON.stringify(errorBody(error, status));
  const headers = new Headers({
    "content-type": "application/json",
    "x-should-retry": "false",
    "cache-status": `llmcache; detail=${error.code}`,
  });
  return makeResponse(Buffer.from(body, "utf8"), { status }, headers, origin);
}

/** Whoever drops a body unread never cancels it: its source is told when the body has been collected as garbage. */
const dropped: FinalizationRegistry<AsyncIterator<Uint8Array>> = new FinalizationRegistry(
  (source) => void leave(source),
);

/** Never rejects: a source that is broken off says so, which is no news to who broke it off. */
async function leave(source: AsyncIterator<Uint8Array>): Promise<void> {
  try {
    await source.return?.();
  } catch {
    // As intended.
  }
}

/** A body that is read as it is taken; cancelling it, or dropping it, leaves the source. */
export function streamOf(source: AsyncIterator<Uint8Array>): ReadableStream<Uint8Array> {
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        for (;;) {
          const next = await source.next();
          if (next.done === true) return controller.close();
          if (next.value.byteLength === 0) continue;
          return controller.enqueue(ownChunk(next.value));
        }
      },
      cancel: () => leave(source),
    },
    { highWaterMark: 0 },
  );
  dropped.register(stream, source);
  return stream;
}

/** A plain array with memory of its own, as `fetch` gives it: its buffer may be transferred, and shows nothing else. */
function ownChunk(chunk: Uint8Array): Uint8Array {
  const isWhole = chunk.byteLength === chunk.buffer.byteLength;
  return isWhole ? new Uint8Array(chunk.buffer, 0, chunk.byteLength) : new Uint8Array(chunk);
}

/** The bytes of a stored stream in the portions and with the pauses in which they came. Ends with the signal's reason. */
export function playRecorded(
  pieces: readonly Uint8Array[],
  pace: NonNullable<AnswerHead["pace"]>,
  signal: AbortSignal | undefined,
): AsyncIterator<Uint8Array> {
  const left = new AbortController();
  const playing = play(
    Buffer.concat(pieces),
    pace,
    signal === undefined ? left.signal : AbortSignal.any([signal, left.signal]),
  );
  return {
    next: () => playing.next(),
    return: async () => {
      left.abort(new DOMException("The reader left the stream.", "AbortError"));
      return playing.return(undefined);
    },
  };
}

async function* play(
  bytes: Uint8Array,
  pace: NonNullable<AnswerHead["pace"]>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let sent = 0;
  for (let step = 0; step + 1 < pace.length && sent < bytes.byteLength; step += 2) {
    const pause = pace[step + 1] as number;
    if (pause > 0) await wait(pause, signal);
    const end = Math.min(bytes.byteLength, sent + (pace[step] as number));
    if (end > sent) yield bytes.subarray(sent, end);
    sent = end;
  }
  if (sent < bytes.byteLength) yield bytes.subarray(sent);
}

function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(
      () => {
        signal.removeEventListener("abort", onAbort);
        resolve();
      },
      Math.min(ms, MAX_TIMER_MS),
    );
    signal.addEventListener("abort", onAbort, { once: true });
  });
}
