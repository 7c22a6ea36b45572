import { LLMCacheError, type AnswerCache } from "@llmcache/core";
import { cachedFetch as cachedFetchWith, type CachedFetch, type CachedFetchOptions, type Fetch } from "@llmcache/fetch";
import type { OpenAI } from "openai";
import type { CachedOpenAI } from "./cached-methods.ts";
import { hasSeams, isPlainClient } from "./fast-client.ts";
import { FastPath } from "./fast-path.ts";
import { openAIFormats, type OpenAIFormatsOptions } from "./formats.ts";
import { reject } from "./reject.ts";
import { insideOf, type ClientInside, type DerivedOptions, type FinalOptions } from "./sdk-inside.ts";
import { seamsOf } from "./sdk-seams.ts";

/** Options of {@link cachedFetch} and {@link cachedOpenAI}. */
export interface CachedOpenAIOptions extends OpenAIFormatsOptions, Omit<CachedFetchOptions, "formats"> {}

/**
 * A `fetch` for `new OpenAI({ fetch })`, and for anything else that speaks OpenAI's wire format. Without a cache it uses the one
 * in force (`cache.run`), or none.
 */
export function cachedFetch(cache?: AnswerCache, options: CachedOpenAIOptions = {}): CachedFetch {
  return cachedFetchWith(cache, { ...options, formats: openAIFormats(options) });
}

/**
 * A client like the given one that answers from the cache what it has answered before; the given one stays as it is. All that
 * the client does around a request (retries, time-outs, helpers, types) stays the client's. What is stored is answered without a
 * request being built, wherever that makes no difference.
 */
export function cachedOpenAI<C extends OpenAI>(
  client: C,
  cache?: AnswerCache,
  options: CachedOpenAIOptions = {},
): CachedOpenAI<C> {
  const inner = insideOf(client);
  const { fetch = inner.fetch } = options;
  return derived(inner, {}, { cache, options }, fetch) as unknown as CachedOpenAI<C>;
}

interface Caching {
  readonly cache: AnswerCache | undefined;
  readonly options: CachedOpenAIOptions;
}

/** A client made from `from`, asking through the cache; so do those made from it, also with another `fetch`. */
function derived(
  from: Pick<ClientInside, "withOptions">,
  more: DerivedOptions,
  caching: Caching,
  fetch: Fetch | undefined,
): OpenAI {
  const { cache, options } = caching;
  const formats = openAIFormats(options);
  const through = cachedFetchWith(cache, { ...options, ...(fetch === undefined ? {} : { fetch }), formats });
  const client = from.withOptions({ ...more, fetch: through });
  const inner = insideOf(client);
  const prepare = inner.prepareOptions.bind(client);
  const withOptions = inner.withOptions.bind(client);
  // A client that has been wrapped before asks the cache that it was wrapped with first.
  const isFirst = isPlainClient(client);
  define(client, {
    /** Hands the per-call option to our `fetch`. */
    prepareOptions: async (request: FinalOptions): Promise<void> => {
      await prepare(request);
      const { cache: option } = request;
      if (option !== undefined) request.fetchOptions = { ...request.fetchOptions, llmcache: option };
    },
    withOptions: (given: DerivedOptions): OpenAI => derived({ withOptions }, given, caching, given.fetch ?? fetch),
    reject: hasSeams(client) ? reject : rejectNothing,
  });
  if (!hasSeams(client)) return client;
  const isFast = isFirst && (options.countedHeaders ?? []).length === 0;
  const canStream = (options.replay ?? "instant") === "instant";
  define(client, { ...seamsOf(client, isFast ? new FastPath(client, cache, formats, { canStream }) : undefined) });
  return client;
}

function rejectNothing(): Promise<never> {
  return Promise.reject(
    new LLMCacheError(
      "ERR_LLMCACHE_UNSUPPORTED",
      "reject: this version of the openai package does not let us see what it hands out; 7.55 does.",
    ),
  );
}

function define(client: OpenAI, members: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(members))
    Object.defineProperty(client, name, { value, writable: true, configurable: true });
}
