import type { Middleware } from "@anthropic-ai/sdk";
import type { AnswerCache, CacheOption } from "@llmcache/core";
import { cachedFetch as cachedFetchWith, type CachedFetch, type CachedFetchOptions, type Fetch } from "@llmcache/fetch";
import type { AnthropicFormatOptions } from "./format-options.ts";
import { anthropicMessages } from "./messages-format.ts";
import { Waiting } from "./waiting.ts";

/** Options of {@link cacheMiddleware}. */
export interface CacheMiddlewareOptions extends AnthropicFormatOptions, Omit<CachedFetchOptions, "formats" | "fetch"> {}

/** Options of {@link cachedFetch}. */
export interface CachedAnthropicFetchOptions extends AnthropicFormatOptions, Omit<CachedFetchOptions, "formats"> {}

/**
 * A middleware of the SDK that answers from the cache what was answered before: `new Anthropic({ middleware: [cacheMiddleware(cache)] })`.
 * It sees what is asked as Anthropic's own API has it, whatever the platform (Bedrock, Vertex, Foundry). Last in the list, so that
 * others see all calls, and it what they make of them. Without a cache it uses the one in force (`cache.run`), or none.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming a wrong option.
 */
export function cacheMiddleware(cache?: AnswerCache, options: CacheMiddlewareOptions = {}): Middleware {
  const format = anthropicMessages(options);
  const formats = [format];
  return async (request, next, context) => {
    const { url, ...init } = request;
    const { method = "GET", headers } = request;
    if (!format.knows({ method: method.toUpperCase(), url: new URL(url), headers })) return next(request);
    const asked = context.options as
      | { readonly timeout?: number; readonly cache?: CacheOption | undefined }
      | undefined;
    const waiting = new Waiting(init.signal, asked?.timeout);
    const ask: Fetch = (_input, sent) => {
      // From here on the SDK's own clock runs.
      waiting.end();
      return next({ ...sent, headers: new Headers(sent?.headers), url });
    };
    const through = cachedFetchWith(cache, { ...options, formats, fetch: ask });
    try {
      return await through(url, {
        ...(init as NonNullable<Parameters<CachedFetch>[1]>),
        signal: waiting.signal,
        llmcache: asked?.cache,
      });
    } finally {
      waiting.end();
    }
  };
}

/**
 * A `fetch` for anything that speaks Anthropic's wire format over HTTP. Without a cache it uses the one in force (`cache.run`),
 * or none.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming a wrong option.
 */
export function cachedFetch(cache?: AnswerCache, options: CachedAnthropicFetchOptions = {}): CachedFetch {
  return cachedFetchWith(cache, { ...options, formats: [anthropicMessages(options)] });
}
