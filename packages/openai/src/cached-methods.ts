import type { CacheOption } from "@llmcache/core";
import type { APIPromise, OpenAI } from "openai";
import type { Stream } from "openai/core/streaming";
import type { RunnerOptions } from "openai/lib/AbstractChatCompletionRunner";
import type {
  ChatCompletionRunner,
  ChatCompletionToolRunnerParamsWithoutContext,
} from "openai/lib/ChatCompletionRunner";
import type { ChatCompletionStream, ChatCompletionStreamParams } from "openai/lib/ChatCompletionStream";
import type {
  ChatCompletionStreamingRunner,
  ChatCompletionStreamingToolRunnerParamsWithoutContext,
} from "openai/lib/ChatCompletionStreamingRunner";
import type { ExtractParsedContentFromParams } from "openai/lib/parser";
import type {
  ExtractParsedContentFromParams as ExtractParsedResponseFromParams,
  ResponseCreateParamsWithTools,
} from "openai/lib/ResponsesParser";
import type { ResponseStream, ResponseStreamParams } from "openai/lib/responses/ResponseStream";
import type {
  ChatCompletion,
  ChatCompletionChunk,
  ChatCompletionCreateParams,
  ChatCompletionCreateParamsNonStreaming,
  ChatCompletionCreateParamsStreaming,
  ChatCompletionParseParams,
  ParsedChatCompletion,
} from "openai/resources/chat/completions";
import type {
  Completion,
  CompletionCreateParams,
  CompletionCreateParamsNonStreaming,
  CompletionCreateParamsStreaming,
} from "openai/resources/completions";
import type {
  ParsedResponse,
  Response,
  ResponseCreateParams,
  ResponseCreateParamsNonStreaming,
  ResponseCreateParamsStreaming,
  ResponseStreamEvent,
} from "openai/resources/responses/responses";
import type { CachedListMethods } from "./cached-list-methods.ts";

/** A client's per-call options, with one more: whether and how this call uses the cache, or which other cache it uses. */
export type CachedRequestOptions = OpenAI.RequestOptions & { readonly cache?: CacheOption | undefined };

/** The same for `runTools`: it holds for every request of the run. */
export type CachedRunnerOptions = RunnerOptions & { readonly cache?: CacheOption | undefined };

/** Any functions with their arguments, as the SDK types them. */
// oxlint-disable-next-line typescript/no-explicit-any -- the SDK's constraint
type ToolFunctions = any;

/** The methods of chat completions that take the `cache` option. */
export interface CachedChatCompletions {
  create(body: ChatCompletionCreateParamsNonStreaming, options?: CachedRequestOptions): APIPromise<ChatCompletion>;
  create(
    body: ChatCompletionCreateParamsStreaming,
    options?: CachedRequestOptions,
  ): APIPromise<Stream<ChatCompletionChunk>>;
  create(
    body: ChatCompletionCreateParams,
    options?: CachedRequestOptions,
  ): APIPromise<Stream<ChatCompletionChunk> | ChatCompletion>;
  parse<Params extends ChatCompletionParseParams, ParsedT = ExtractParsedContentFromParams<Params>>(
    body: Params,
    options?: CachedRequestOptions,
  ): APIPromise<ParsedChatCompletion<ParsedT>>;
  stream<Params extends ChatCompletionStreamParams, ParsedT = ExtractParsedContentFromParams<Params>>(
    body: Params,
    options?: CachedRequestOptions,
  ): ChatCompletionStream<ParsedT>;
  runTools<
    Params extends ChatCompletionToolRunnerParamsWithoutContext<ToolFunctions>,
    ParsedT = ExtractParsedContentFromParams<Params>,
  >(
    body: Params,
    options?: CachedRunnerOptions,
  ): ChatCompletionRunner<ParsedT>;
  runTools<
    Params extends ChatCompletionStreamingToolRunnerParamsWithoutContext<ToolFunctions>,
    ParsedT = ExtractParsedContentFromParams<Params>,
  >(
    body: Params,
    options?: CachedRunnerOptions,
  ): ChatCompletionStreamingRunner<ParsedT>;
}

/** The methods of Responses that take the `cache` option. */
export interface CachedResponses {
  create(body: ResponseCreateParamsNonStreaming, options?: CachedRequestOptions): APIPromise<Response>;
  create(body: ResponseCreateParamsStreaming, options?: CachedRequestOptions): APIPromise<Stream<ResponseStreamEvent>>;
  create(
    body: ResponseCreateParams,
    options?: CachedRequestOptions,
  ): APIPromise<Stream<ResponseStreamEvent> | Response>;
  parse<Params extends ResponseCreateParamsWithTools, ParsedT = ExtractParsedResponseFromParams<Params>>(
    body: Params,
    options?: CachedRequestOptions,
  ): APIPromise<ParsedResponse<ParsedT>>;
  stream<Params extends ResponseStreamParams, ParsedT = ExtractParsedResponseFromParams<Params>>(
    body: Params,
    options?: CachedRequestOptions,
  ): ResponseStream<ParsedT>;
}

/** The methods of completions that take the `cache` option. */
export interface CachedCompletions {
  create(body: CompletionCreateParamsNonStreaming, options?: CachedRequestOptions): APIPromise<Completion>;
  create(body: CompletionCreateParamsStreaming, options?: CachedRequestOptions): APIPromise<Stream<Completion>>;
  create(body: CompletionCreateParams, options?: CachedRequestOptions): APIPromise<Stream<Completion> | Completion>;
}

/** The same client, whose methods take a `cache` option per call, and which takes back what turned out to be bad. */
export type CachedOpenAI<C extends OpenAI> = C & {
  readonly chat: { readonly completions: CachedChatCompletions };
  readonly responses: CachedResponses;
  readonly completions: CachedCompletions;
  /**
   * An answer turned out to be bad: removes the entry behind it (of embeddings all of them) if it still is the one handed out, so that
   * the next call asks again. Takes what a cached client has handed out: answers, parsed ones, a `Stream`, a `Response`. Where nothing
   * was stored, nothing happens.
   *
   * Rejects with `LLMCacheError`: `ERR_LLMCACHE_OPTION` for any other object, copies included; `ERR_LLMCACHE_STORE` if the store fails;
   * and under a sampling view, from whose samples none is taken out.
   */
  reject(answer: object): Promise<void>;
} & CachedListMethods<CachedRequestOptions>;
