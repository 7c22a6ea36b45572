import {
  currentCache,
  isLLMCacheError,
  LLMCacheError,
  resolveCacheOption,
  type AnswerCache,
  type CacheControl,
  type CacheOption,
} from "@llmcache/core";
import type { FetchInit, FetchInput } from "./fetch-input.ts";
import { listed } from "./listed.ts";
import { isSigned } from "./signed.ts";
import { controlFromHeaders, mergeControls } from "./request-control.ts";
import { errorResponse, originOf, type ErrorBody, type Replay } from "./response.ts";
import { streamed } from "./streamed.ts";
import { isPlain, Upstream, type Fetch } from "./upstream.ts";
import { whole } from "./whole.ts";
import type { ListCall, WireCall, WireFormat } from "./wire-format.ts";

/** Options of {@link cachedFetch}. */
export interface CachedFetchOptions {
  /** Which requests are understood; the first that knows one has it. All others pass untouched. */
  readonly formats: readonly WireFormat[];
  /** What asks the provider. @default the global `fetch`, looked up at each call */
  readonly fetch?: Fetch | undefined;
  /** How stored streams are played: as fast as they are read, or with the pauses they came with. @default "instant" */
  readonly replay?: Replay | undefined;
  /** The JSON of an error of the cache, in the shape that the provider's clients read. @default that of OpenAI's errors */
  readonly errorBody?: ErrorBody | undefined;
}

/** What a call's `init` may carry for {@link cachedFetch}, besides what `fetch` takes: a cache or a control of its own. */
export interface CachedFetchInit {
  readonly llmcache?: CacheOption | undefined;
}

/** A `fetch` that takes {@link CachedFetchInit} too. */
export type CachedFetch = (input: FetchInput, init?: NonNullable<FetchInit> & CachedFetchInit) => Promise<Response>;

/**
 * A `fetch` that answers from a cache what it has answered before. Without a cache it uses the one in force (`cache.run`), and
 * with none it is the plain `fetch`. Failures of the cache itself come as responses: 504 for a miss under `onlyIfCached`, 503
 * where store trouble may not be passed over, 400 for wrong options, with the error's code in the body.
 */
export function cachedFetch(cache: AnswerCache | undefined, options: CachedFetchOptions): CachedFetch {
  const { formats, replay = "instant", errorBody } = options;
  const upstream: Fetch = options.fetch ?? ((input, init) => globalThis.fetch(input, init));

  return async (input, init) => {
    const { llmcache, plain } = withoutOption(init);
    const own = resolveCacheOption(llmcache, cache);
    const ask = new Upstream(upstream, input, plain);
    const using = own.cache ?? currentCache();
    const { wire } = ask;
    const format = using === undefined || wire === undefined ? undefined : formats.find((each) => each.knows(wire));
    if (using === undefined || wire === undefined || format === undefined || ask.askedBy(using)) return ask.untouched();
    const control = mergeControls(mergeControls(ask.control, headerControl(wire.headers)), own.control);
    const call = await understand(format, ask);
    if (call === undefined) {
      return control.onlyIfCached === true
        ? errorResponse(notUnderstood(format), originOf(wire.url, undefined), errorBody)
        : ask.untouched();
    }
    try {
      ask.mark(using, control);
      if ("requests" in call) return await listed(using, call, control, ask, format);
      return await (call.streaming
        ? streamed(using, call, control, ask, format, replay)
        : whole(using, call, control, ask));
    } catch (error) {
      if (!isLLMCacheError(error)) throw error;
      return errorResponse(error, originOf(wire.url, undefined), errorBody);
    }
  };
}

/** What is meant for us and what is meant for `fetch`; an `init` without our option stays the object it is. */
function withoutOption(init: FetchInit): { readonly llmcache?: CacheOption | undefined; readonly plain: FetchInit } {
  if (init === undefined || init === null || !("llmcache" in init) || !isPlain(init)) return { plain: init };
  const { llmcache, ...plain } = init as NonNullable<FetchInit> & CachedFetchInit;
  return { llmcache: llmcache ?? undefined, plain };
}

/** Whatever a format cannot make sense of goes on as if we were not there. */
async function understand(format: WireFormat, ask: Upstream): Promise<ListCall | WireCall | undefined> {
  try {
    const read = await ask.read();
    if (read === undefined) return undefined;
    const { request, body } = read;
    const list = isSigned(request.headers) ? undefined : format.readList?.(request, body);
    return list ?? format.read(request, body);
  } catch {
    return undefined;
  }
}

function notUnderstood(format: WireFormat): LLMCacheError {
  return new LLMCacheError(
    "ERR_LLMCACHE_MISS",
    `Nothing can be stored for this ${format.name} request, which could not be read, and onlyIfCached forbids to ask the provider.`,
  );
}

/** A header that is no Cache-Control worked without a cache: the call goes past it. */
function headerControl(headers: Headers): CacheControl {
  try {
    return controlFromHeaders(headers);
  } catch {
    return { use: false };
  }
}
