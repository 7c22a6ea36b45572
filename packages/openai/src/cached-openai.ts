import type { AnswerCache, CacheOption } from "@llmcache/core";
import { cachedFetch as cachedFetchWith, type CachedFetch, type CachedFetchOptions, type Fetch } from "@llmcache/fetch";
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
  ChatCompletion,
  ChatCompletionChunk,
  ChatCompletionCreateParams,
  ChatCompletionCreateParamsNonStreaming,
  ChatCompletionCreateParamsStreaming,
  ChatCompletionParseParams,
  ParsedChatCompletion,
} from "openai/resources/chat/completions";
import { openAIChat, type OpenAIChatOptions } from "./chat-format.ts";

/** Options of {@link cachedFetch} and {@link cachedOpenAI}. */
export interface CachedOpenAIOptions extends OpenAIChatOptions, Omit<CachedFetchOptions, "formats"> {}

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

/** The same client, whose chat completions take a `cache` option per call. */
export type CachedOpenAI<C extends OpenAI> = C & { readonly chat: { readonly completions: CachedChatCompletions } };

/**
 * A `fetch` for `new OpenAI({ fetch })`, and for anything else that speaks OpenAI's wire format. Without a cache it uses the one
 * in force (`cache.run`), or none.
 */
export function cachedFetch(cache?: AnswerCache, options: CachedOpenAIOptions = {}): CachedFetch {
  return cachedFetchWith(cache, { ...options, formats: [openAIChat(options)] });
}

/**
 * A client like the given one that answers from the cache what it has answered before; the given one stays as it is. All that
 * the client does around a request (retries, time-outs, helpers, types) stays the client's.
 */
export function cachedOpenAI<C extends OpenAI>(
  client: C,
  cache?: AnswerCache,
  options: CachedOpenAIOptions = {},
): CachedOpenAI<C> {
  const inner = insideOf(client);
  const through = (fetch: Fetch | undefined): Fetch =>
    cachedFetch(cache, fetch === undefined ? options : { ...options, fetch });
  return derived(inner, {}, through, options.fetch ?? inner.fetch) as unknown as CachedOpenAI<C>;
}

/** What of a client is not in its public type: its `fetch`, and the hook that sees the options of each request. */
interface ClientInside {
  readonly fetch?: Fetch;
  prepareOptions(options: FinalOptions): Promise<void>;
  withOptions(options: DerivedOptions): OpenAI;
}

interface FinalOptions {
  readonly cache?: CacheOption | undefined;
  fetchOptions?: object | undefined;
}

interface DerivedOptions {
  readonly fetch?: Fetch | undefined;
}

function insideOf(client: OpenAI): ClientInside {
  return client as unknown as ClientInside;
}

/** A client made from `from`, asking through the cache; so do those made from it, also with another `fetch`. */
function derived(
  from: Pick<ClientInside, "withOptions">,
  options: DerivedOptions,
  through: (fetch: Fetch | undefined) => Fetch,
  fetch: Fetch | undefined,
): OpenAI {
  const client = from.withOptions({ ...options, fetch: through(fetch) });
  const inner = insideOf(client);
  const prepare = inner.prepareOptions.bind(client);
  const withOptions = inner.withOptions.bind(client);
  const own = {
    /** Hands the per-call option to our `fetch`. */
    prepareOptions: async (request: FinalOptions): Promise<void> => {
      await prepare(request);
      const { cache } = request;
      if (cache !== undefined) request.fetchOptions = { ...request.fetchOptions, llmcache: cache };
    },
    withOptions: (more: DerivedOptions): OpenAI => derived({ withOptions }, more, through, more.fetch ?? fetch),
  };
  for (const [name, value] of Object.entries(own))
    Object.defineProperty(client, name, { value, writable: true, configurable: true });
  return client;
}
