import type { AnswerCache, CacheOption } from "@llmcache/core";
import { cachedFetch as cachedFetchWith, type CachedFetch, type CachedFetchOptions, type Fetch } from "@llmcache/fetch";
import type { OpenAI } from "openai";
import type { CachedOpenAI } from "./cached-methods.ts";
import { openAIFormats, type OpenAIFormatsOptions } from "./formats.ts";

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
