import type { APIPromise, BaseAnthropic, ClientOptions, Middleware } from "@anthropic-ai/sdk";
import type { AnswerCache } from "@llmcache/core";
import type { Fetch } from "@llmcache/fetch";
import type { CachedAnthropic } from "./cached-methods.ts";
import { cacheMiddleware, type CacheMiddlewareOptions } from "./middleware.ts";
import { reject, remember } from "./reject.ts";

/** Options of {@link cachedAnthropic}. */
export interface CachedAnthropicOptions extends CacheMiddlewareOptions {
  /** What asks the provider. @default the client's own */
  readonly fetch?: Fetch | undefined;
}

/** What of the SDK's client we stand in front of. */
interface ClientInside {
  readonly middleware: readonly Middleware[];
  withOptions(options: Partial<ClientOptions>): BaseAnthropic;
  request(...asked: Parameters<BaseAnthropic["request"]>): APIPromise<unknown>;
}

/**
 * A client like the given one, of whatever platform, that answers from the cache what it has answered before; the given one stays as it
 * is. All that the client does around a request (retries, time-outs, helpers, types) stays the client's. So do clients made from it.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming a wrong option.
 */
export function cachedAnthropic<C extends BaseAnthropic>(
  client: C,
  cache?: AnswerCache,
  options: CachedAnthropicOptions = {},
): CachedAnthropic<C> {
  const { fetch, ...rest } = options;
  const inner = client as unknown as ClientInside;
  const given = fetch === undefined ? {} : { fetch };
  return derived(inner, given, cacheMiddleware(cache, rest)) as unknown as CachedAnthropic<C>;
}

/** A client made from `from`, asking through the cache last; so do those made from it, also with other middleware. */
function derived(
  from: Pick<ClientInside, "middleware" | "withOptions">,
  given: Partial<ClientOptions>,
  caching: Middleware,
): BaseAnthropic {
  const others = (given.middleware ?? from.middleware).filter((each) => each !== caching);
  const client = from.withOptions({ ...given, middleware: [...others, caching] });
  const inner = client as unknown as ClientInside;
  const withOptions = inner.withOptions.bind(client);
  const request = inner.request.bind(client);
  define(client, {
    withOptions: (more: Partial<ClientOptions>) =>
      derived({ withOptions, middleware: inner.middleware }, more, caching),
    /** Remembers which Response an answer was read from, so that it can be rejected. */
    request: (...asked: Parameters<ClientInside["request"]>) =>
      request(...asked)._thenUnwrap((answer, { response }) => {
        remember(answer, response);
        return answer;
      }),
    reject,
  });
  return client;
}

function define(client: BaseAnthropic, members: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(members))
    Object.defineProperty(client, name, { value, writable: true, configurable: true });
}
