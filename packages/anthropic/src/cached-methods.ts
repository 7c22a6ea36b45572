import type {
  APIPromise,
  BaseAnthropic,
  ExtractParsedContentFromParams,
  ParsedMessage,
  Anthropic,
} from "@anthropic-ai/sdk";
import type { Stream } from "@anthropic-ai/sdk/core/streaming";
import type { ExtractParsedContentFromBetaParams, ParsedBetaMessage } from "@anthropic-ai/sdk/lib/beta-parser";
import type { BetaMessageStream } from "@anthropic-ai/sdk/lib/BetaMessageStream";
import type { MessageStream } from "@anthropic-ai/sdk/lib/MessageStream";
import type {
  BetaToolRunner,
  BetaToolRunnerParams,
  BetaToolRunnerRequestOptions,
} from "@anthropic-ai/sdk/lib/tools/BetaToolRunner";
import type {
  BetaMessage,
  BetaMessageStreamParams,
  BetaRawMessageStreamEvent,
  MessageCreateParams as BetaParams,
  MessageCreateParamsNonStreaming as BetaParamsNonStreaming,
  MessageCreateParamsStreaming as BetaParamsStreaming,
} from "@anthropic-ai/sdk/resources/beta/messages/messages";
import type {
  Message,
  MessageCreateParams,
  MessageCreateParamsNonStreaming,
  MessageCreateParamsStreaming,
  MessageStreamParams,
  RawMessageStreamEvent,
} from "@anthropic-ai/sdk/resources/messages/messages";
import type { CacheOption } from "@llmcache/core";

interface WithCache {
  readonly cache?: CacheOption | undefined;
}

/** A client's per-call options, with one more: whether and how this call uses the cache, or which other cache it uses. */
export type CachedRequestOptions = Anthropic.RequestOptions & WithCache;

/** The same for `toolRunner`: it holds for every request of the run. */
export type CachedRunnerOptions = BetaToolRunnerRequestOptions & WithCache;

/** The methods of `messages` that take the `cache` option. */
export interface CachedMessages {
  create(params: MessageCreateParamsNonStreaming, options?: CachedRequestOptions): APIPromise<Message>;
  create(
    params: MessageCreateParamsStreaming,
    options?: CachedRequestOptions,
  ): APIPromise<Stream<RawMessageStreamEvent>>;
  create(
    params: MessageCreateParams,
    options?: CachedRequestOptions,
  ): APIPromise<Stream<RawMessageStreamEvent> | Message>;
  parse<Params extends MessageCreateParamsNonStreaming>(
    params: Params,
    options?: CachedRequestOptions,
  ): APIPromise<ParsedMessage<ExtractParsedContentFromParams<Params>>>;
  stream<Params extends MessageStreamParams>(
    body: Params,
    options?: CachedRequestOptions,
  ): MessageStream<ExtractParsedContentFromParams<Params>>;
}

/** The methods of `beta.messages` that take the `cache` option. */
export interface CachedBetaMessages {
  create(params: BetaParamsNonStreaming, options?: CachedRequestOptions): APIPromise<BetaMessage>;
  create(params: BetaParamsStreaming, options?: CachedRequestOptions): APIPromise<Stream<BetaRawMessageStreamEvent>>;
  create(
    params: BetaParams,
    options?: CachedRequestOptions,
  ): APIPromise<Stream<BetaRawMessageStreamEvent> | BetaMessage>;
  parse<Params extends BetaParamsNonStreaming>(
    params: Params,
    options?: CachedRequestOptions,
  ): APIPromise<ParsedBetaMessage<ExtractParsedContentFromBetaParams<Params>>>;
  stream<Params extends BetaMessageStreamParams>(
    body: Params,
    options?: CachedRequestOptions,
  ): BetaMessageStream<ExtractParsedContentFromBetaParams<Params>>;
  toolRunner(
    body: BetaToolRunnerParams & { readonly stream?: false },
    options?: CachedRunnerOptions,
  ): BetaToolRunner<false>;
  toolRunner(
    body: BetaToolRunnerParams & { readonly stream: true },
    options?: CachedRunnerOptions,
  ): BetaToolRunner<true>;
  toolRunner(body: BetaToolRunnerParams, options?: CachedRunnerOptions): BetaToolRunner<boolean>;
}

/** The same client, whose methods take a `cache` option per call, and which takes back what turned out to be bad. */
export type CachedAnthropic<C extends BaseAnthropic> = C & {
  readonly messages: CachedMessages;
  readonly beta: { readonly messages: CachedBetaMessages };
  /**
   * An answer turned out to be bad: removes the entry behind it if it still is the one handed out, so that the next call asks again.
   * Takes what `create` of a cached client has handed out: a message, a `Stream`, a `Response`. Where nothing was stored, nothing happens.
   *
   * Rejects with `LLMCacheError`: `ERR_LLMCACHE_OPTION` for any other object, copies included; `ERR_LLMCACHE_STORE` if the store fails;
   * and under a sampling view, from whose samples none is taken out.
   */
  reject(answer: object): Promise<void>;
};
