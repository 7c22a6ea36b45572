import { OptionChecks, type EmbedOptions } from "@llmcache/core";
import { AnsweringModel } from "./answering-model.ts";
import { batchSettings, type BatchOptions } from "./batch-options.ts";
import { BatchingEmbedder } from "./batching-embedder.ts";
import { embedderError } from "./embedder-error.ts";
import { answeredVectors } from "./endpoint-answer.ts";
import { EndpointError, failed } from "./endpoint-error.ts";
import { askByFetch, type AskEndpoint, type EmbeddingsRequest } from "./endpoint.ts";
import type { BatchedEmbedder } from "./text-model.ts";

/** Options of {@link openAIEmbedder}. */
export interface OpenAIEmbedderOptions extends BatchOptions {
  /** As the endpoint calls it. */
  readonly model: string;
  /** A client of the `openai` package, or of its shape. It stays the caller's: its retries and time-outs hold, within the deadline. */
  readonly client?: EmbeddingsClient | undefined;
  /** Instead of a client: what `/embeddings` is behind. @default OPENAI_BASE_URL, else OpenAI's own */
  readonly baseURL?: string | undefined;
  /** Sent as a bearer token. @default OPENAI_API_KEY, but only where `baseURL` is not given either */
  readonly apiKey?: string | undefined;
  /** Further headers, with `baseURL`: `{ "api-key": … }`. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** @default the global `fetch`, looked up at each call */
  readonly fetch?: typeof globalThis.fetch | undefined;
  /** How often 429, 5xx and broken connections are tried again, with `baseURL`. @default 2 */
  readonly maxRetries?: number | undefined;
  /** Asked of the endpoint, and checked. @default the model's own */
  readonly dimensions?: number | undefined;
  /** How the endpoint is asked to write vectors; either is read. One that refuses base64 is asked for numbers. @default "base64" */
  readonly encoding?: "base64" | "float" | undefined;
  /** What the endpoint calls the model in its answers, where that is not `model` or a version of it. */
  readonly answersAs?: string | undefined;
  /**
   * Names the vectors. @default `openai/` and the model for OpenAI's own endpoint, else host, path and model; with the dimensions where they are
   * given. Give one id to endpoints that serve the same model, so that their vectors are compared.
   */
  readonly id?: string | undefined;
}

/** What is used of a client. */
export interface EmbeddingsClient {
  readonly baseURL?: string;
  readonly embeddings: {
    create(body: EmbeddingsRequest, options?: { readonly signal?: AbortSignal }): PromiseLike<unknown>;
  };
}

/** Their names, besides those that all embedders have. */
export const OPENAI_OPTIONS: readonly (keyof OpenAIEmbedderOptions)[] = [
  "model",
  "client",
  "baseURL",
  "apiKey",
  "headers",
  "fetch",
  "maxRetries",
  "dimensions",
  "encoding",
  "answersAs",
  "id",
];

const OWNER = "openAIEmbedder";
const OPENAI_URL = "https://api.openai.com/v1";
const DEFAULT_MAX_RETRIES = 2;
/** Of vectors at OpenAI's own endpoint, where no others are asked for. */
const DIMENSIONS: Readonly<Record<string, number>> = {
  "text-embedding-ada-002": 1536,
  "text-embedding-3-small": 1536,
  "text-embedding-3-large": 3072,
};
/** The models of OpenAI. */
export const OPENAI_MODELS: readonly string[] = Object.keys(DIMENSIONS);

const BAD_REQUEST = 400;
const UNPROCESSABLE = 422;

/**
 * Embeddings of any endpoint that speaks OpenAI's `/embeddings`, by a client or by `fetch`.
 *
 * Its requests never go through a cache: a client of `cachedOpenAI` and a `cachedFetch` are told to keep out (`cache: false`), so that a
 * cache that asks the embedder is not asked by it. Vectors are remembered by the embedder itself.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming the field.
 */
export function openAIEmbedder(options: OpenAIEmbedderOptions): BatchedEmbedder {
  const { model, client, encoding = "base64", answersAs, dimensions } = options;
  const check = new OptionChecks(OWNER);
  const texts = { model, ...given({ answersAs, id: options.id }) };
  for (const [name, value] of Object.entries(texts))
    if (typeof value !== "string" || value === "") throw check.wrong(name, "a text that is not empty", value);
  if (encoding !== "base64" && encoding !== "float") throw check.wrong("encoding", '"base64" or "float"', encoding);
  if (dimensions !== undefined) check.whole("dimensions", dimensions);
  const settings = batchSettings(OWNER, options);
  const { ask, base } =
    client === undefined ? byFetch(options, settings.deadlineMs, check) : byClient(client, options, check);
  const place = placeOf(base);
  if (options.id === undefined && place === undefined)
    throw check.error("the client has no baseURL that could name its vectors: give id.");
  const id = options.id ?? `${place}${model}${dimensions === undefined ? "" : `:${dimensions}d`}`;
  const own = place === "openai/" && Object.hasOwn(DIMENSIONS, model) ? DIMENSIONS[model] : undefined;

  const endpoint = new Endpoint(ask, { model, answersAs, encoding, dimensions });
  const embed = async (asked: readonly string[], { signal }: EmbedOptions): Promise<readonly Float32Array[]> => {
    try {
      return await endpoint.vectors(asked, signal);
    } catch (error) {
      throw error instanceof EndpointError ? embedderError(id, error.message) : error;
    }
  };
  return new BatchingEmbedder({ id, dimensions: dimensions ?? own, embed }, settings);
}

interface Asking {
  readonly model: string;
  readonly answersAs: string | undefined;
  readonly encoding: "base64" | "float";
  readonly dimensions: number | undefined;
}

class Endpoint {
  readonly #ask: AskEndpoint;
  readonly #asking: Asking;
  readonly #answering: AnsweringModel;
  #encoding: "base64" | "float";
  /** Whether the endpoint is known to take the encoding. */
  #proven = false;

  constructor(ask: AskEndpoint, asking: Asking) {
    this.#ask = ask;
    this.#asking = asking;
    this.#answering = new AnsweringModel(asking.model, asking.answersAs);
    this.#encoding = asking.encoding;
  }

  async vectors(texts: readonly string[], signal: AbortSignal | undefined): Promise<readonly Float32Array[]> {
    const encoding = this.#encoding;
    try {
      return await this.#vectorsAs(encoding, texts, signal);
    } catch (error) {
      const status = error instanceof EndpointError ? error.status : undefined;
      if (encoding === "float" || this.#proven || (status !== BAD_REQUEST && status !== UNPROCESSABLE)) throw error;
      const vectors = await this.#vectorsAs("float", texts, signal);
      this.#encoding = "float";
      return vectors;
    }
  }

  async #vectorsAs(
    encoding: "base64" | "float",
    texts: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<readonly Float32Array[]> {
    const { model, dimensions } = this.#asking;
    const request = { model, input: [...texts], encoding_format: encoding, ...given({ dimensions }) };
    const answer = await this.#ask(request, signal);
    this.#proven = true;
    this.#answering.check(answer);
    return answeredVectors(answer, texts.length);
  }
}

interface Way {
  readonly ask: AskEndpoint;
  readonly base: string | undefined;
}

function byClient(client: EmbeddingsClient, options: OpenAIEmbedderOptions, check: OptionChecks): Way {
  if (typeof client?.embeddings?.create !== "function")
    throw check.wrong("client", "a client of the openai package (client.embeddings.create)", client);
  for (const name of ["baseURL", "apiKey", "headers", "fetch", "maxRetries"] as const)
    if (options[name] !== undefined) throw check.error(`${name} is the client's where client is given: leave it out.`);
  const ask: AskEndpoint = async (request, signal) => {
    // `cache` is read by the clients of `cachedOpenAI` alone.
    const own = { cache: false };
    try {
      return await client.embeddings.create(request, { ...given({ signal }), ...own });
    } catch (error) {
      throw failed(error);
    }
  };
  return { ask, base: typeof client.baseURL === "string" ? client.baseURL : undefined };
}

function byFetch(options: OpenAIEmbedderOptions, deadlineMs: number, check: OptionChecks): Way {
  const { headers = {}, fetch, maxRetries = DEFAULT_MAX_RETRIES } = options;
  // The key of the environment goes where the environment says, and to no other endpoint.
  const base = options.baseURL ?? (process.env["OPENAI_BASE_URL"] || OPENAI_URL);
  const apiKey = options.apiKey ?? (options.baseURL === undefined ? process.env["OPENAI_API_KEY"] : undefined);
  if (typeof base !== "string" || !URL.canParse(base))
    throw check.error("baseURL must be a URL such as https://host/v1.");
  const url = new URL(base);
  if (!/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "")
    throw check.error("baseURL must begin with http: or https: and have no credentials in it: give apiKey or headers.");
  if (apiKey !== undefined && (typeof apiKey !== "string" || apiKey === ""))
    throw check.error("apiKey must be a text that is not empty.");
  if (apiKey === undefined && placeOf(base) === "openai/")
    throw check.error("give apiKey, client, or set the environment variable OPENAI_API_KEY.");
  if (fetch !== undefined && typeof fetch !== "function") throw check.wrong("fetch", "a function", fetch);
  check.whole("maxRetries", maxRetries, 0);
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/embeddings`;
  url.hash = "";
  const all = { ...headers, ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }) };
  try {
    new Headers(all).forEach(() => undefined);
  } catch {
    throw check.error(
      "apiKey and headers must be what HTTP headers can be: no line ends, no characters beyond Latin-1.",
    );
  }
  return { ask: askByFetch({ url: url.href, headers: all, fetch, maxRetries, deadlineMs }), base };
}

/** What an id begins with: never a query, which may hold a key. */
function placeOf(base: string | undefined): string | undefined {
  if (base === undefined || !URL.canParse(base)) return undefined;
  const { protocol, host, pathname } = new URL(base);
  const path = pathname.replace(/\/+$/, "");
  return `${protocol}//${host}${path}` === OPENAI_URL ? "openai/" : `${host}${path}#`;
}

/** Without the members that are `undefined`. */
function given<T extends object>(options: T): { [Name in keyof T]?: Exclude<T[Name], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [Name in keyof T]?: Exclude<T[Name], undefined>;
  };
}
