import { EndpointError, failed, refused } from "./endpoint-error.ts";

/** A request to `/embeddings`. */
export interface EmbeddingsRequest {
  readonly model: string;
  readonly input: string[];
  readonly encoding_format: "base64" | "float";
  readonly dimensions?: number;
}

/** Sends a request and gives the JSON of the answer. Rejects with an {@link EndpointError}. */
export type AskEndpoint = (request: EmbeddingsRequest, signal: AbortSignal | undefined) => Promise<unknown>;

/** What an endpoint is asked with. */
export interface EndpointSettings {
  /** Of `/embeddings` itself. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly fetch: typeof globalThis.fetch | undefined;
  readonly maxRetries: number;
  /** No attempt begins that would end later. */
  readonly deadlineMs: number;
}

/** An answer may have so many bytes, and so many more for each text: 8192 numbers with all their digits and indentation. */
const ANSWER_BYTES = 64 * 1024;
const ANSWER_BYTES_A_TEXT = 320 * 1024;
/** The first pause; each further one is twice as long. */
const PAUSE_MS = 100;
const TOO_MANY = 429;
const SERVER_ERROR = 500;
/** No pause helps against that. */
const NO_QUOTA = "insufficient_quota";

/** Asks by `fetch`. 429, 5xx and broken connections are tried again, as long as the deadline leaves time for what the endpoint asks to wait. */
export function askByFetch(settings: EndpointSettings): AskEndpoint {
  return async (request, signal) => {
    const startedAt = performance.now();
    for (let attempt = 0; ; attempt++) {
      const answer = await once(settings, request, signal);
      if (!(answer instanceof Failure)) return answer.json;
      const pauseMs = answer.pauseMs ?? PAUSE_MS * 2 ** attempt * (1 + Math.random());
      const late = performance.now() - startedAt + pauseMs >= settings.deadlineMs;
      if (!answer.again || attempt >= settings.maxRetries || late) throw answer.error;
      await pause(pauseMs, signal);
    }
  };
}

class Failure {
  readonly error: EndpointError;
  readonly again: boolean;
  readonly pauseMs: number | undefined;

  constructor(error: EndpointError, again: boolean, pauseMs?: number) {
    this.error = error;
    this.again = again;
    this.pauseMs = pauseMs;
  }
}

async function once(
  { url, headers, fetch = globalThis.fetch }: EndpointSettings,
  request: EmbeddingsRequest,
  signal: AbortSignal | undefined,
): Promise<Failure | { readonly json: unknown }> {
  // A caching fetch is told to keep out, as a client is: see `openAIEmbedder`.
  const own = { llmcache: false };
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { accept: "application/json", ...headers, "content-type": "application/json" },
      body: JSON.stringify(request),
      // Texts go where they were sent, and nowhere else.
      redirect: "manual",
      ...(signal === undefined ? {} : { signal }),
      ...own,
    });
    if (!response.ok) return await failure(response);
    const text = await boundedText(response, ANSWER_BYTES + ANSWER_BYTES_A_TEXT * request.input.length);
    if (text === undefined)
      return new Failure(new EndpointError("its answer is longer than that many vectors can be."), false);
    return { json: parsed(text) };
  } catch (error) {
    if (signal?.aborted === true || error instanceof EndpointError) throw error;
    return new Failure(failed(error), true);
  }
}

async function failure(response: Response): Promise<Failure> {
  const { status, headers } = response;
  const again = status === TOO_MANY || status >= SERVER_ERROR;
  const text = await boundedText(response, ANSWER_BYTES).catch(() => undefined);
  const error = refused(status, errorIn(text));
  return new Failure(error, again && error.code !== NO_QUOTA, retryAfterMs(headers));
}

function errorIn(text: string | undefined): unknown {
  try {
    return (JSON.parse(text ?? "") as { readonly error?: unknown } | null)?.error;
  } catch {
    return undefined;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new EndpointError("its answer is no JSON: is baseURL the one that /embeddings is behind?");
  }
}

/** `undefined` for a body that is longer; the rest of it is not read. */
async function boundedText(response: Response, most: number): Promise<string | undefined> {
  const { body } = response;
  if (body === null) return "";
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of body) {
    bytes += part.byteLength;
    // Leaving the loop cancels the body.
    if (bytes > most) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

/** How long the endpoint asks to wait: seconds, an HTTP date, or milliseconds under a name of OpenAI's. */
function retryAfterMs(headers: Headers): number | undefined {
  const ms = headers.get("retry-after-ms");
  const after = headers.get("retry-after");
  const candidates = [
    ms === null ? Number.NaN : Number(ms),
    after === null ? Number.NaN : Number(after) * 1000,
    after === null ? Number.NaN : Date.parse(after) - Date.now(),
  ];
  const wanted = candidates.find(Number.isFinite);
  return wanted === undefined ? undefined : Math.max(0, wanted);
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, ms);
    if (signal?.aborted === true) abort();
    else signal?.addEventListener("abort", abort, { once: true });
  });
}
