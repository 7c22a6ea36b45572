import type { CacheOption } from "@llmcache/core";
import type { Fetch } from "@llmcache/fetch";
import type { APIPromise, OpenAI } from "openai";
import type { Stream } from "openai/core/streaming";

/** What of the SDK's client is not in its public type. All of it is asked for before it is used: other versions may lack it. */
export interface ClientInside {
  readonly baseURL: string;
  readonly apiKey: unknown;
  readonly fetch?: Fetch;
  readonly fetchOptions?: object | undefined;
  readonly logLevel?: string | undefined;
  readonly idempotencyHeader?: string | undefined;
  readonly _options: {
    readonly apiKey?: unknown;
    readonly defaultHeaders?: unknown;
    readonly defaultQuery?: object | undefined;
  };
  readonly _provider?: unknown;
  readonly _workloadIdentityAuth?: unknown;
  /** Sees, and may change, the options of each request. */
  prepareOptions(options: FinalOptions): Promise<void>;
  withOptions(options: DerivedOptions): OpenAI;
  buildURL(path: string, query: undefined, defaultBaseURL: undefined): string;
  makeRequest(
    options: FinalOptions | Promise<FinalOptions>,
    retriesRemaining: number | null | undefined,
    retryOf: string | undefined,
  ): Promise<ResponseProps>;
  responsePromise(request: Promise<ResponseProps>, parse?: Parse): APIPromise<unknown>;
  parseResponseWithTimeout(client: OpenAI, props: ResponseProps): Promise<unknown>;
}

/** Options of a request, with the one that we add. */
export interface FinalOptions {
  readonly method?: unknown;
  readonly path?: unknown;
  readonly cache?: CacheOption | undefined;
  readonly signal?: AbortSignal | null | undefined;
  readonly timeout?: number | undefined;
  readonly __metadata?: Readonly<Record<string, unknown>> | undefined;
  readonly __security?: Readonly<Record<string, unknown>> | undefined;
  body?: unknown;
  stream?: boolean | undefined;
  fetchOptions?: object | undefined;
}

export interface DerivedOptions {
  readonly fetch?: Fetch | undefined;
}

/** What the SDK makes of an answer before it is read. */
export interface ResponseProps {
  readonly response: Response;
  readonly options: FinalOptions;
  readonly controller: AbortController;
  readonly requestSignal?: AbortSignal | null | undefined;
  readonly requestLogID: string;
  readonly retryOfRequestLogID: string | undefined;
  readonly startTime: number;
}

export type Parse = (client: OpenAI, props: ResponseProps) => unknown;

/** Classes of the copy of the SDK that a client comes from. */
export interface StreamParts {
  readonly Stream: typeof Stream;
  readonly OpenAIError: new (message: string) => Error;
}

export function insideOf(client: OpenAI): ClientInside {
  return client as unknown as ClientInside;
}
