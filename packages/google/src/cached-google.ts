import type { GoogleGenAI } from "@google/genai";
import type { AnswerCache, CacheOption } from "@llmcache/core";
import {
  cachedFetch as cachedFetchWith,
  patientFetch,
  type CachedFetch,
  type CachedFetchOptions,
  type Fetch,
} from "@llmcache/fetch";
import type { CachedGoogle } from "./cached-methods.ts";
import type { GoogleFormatOptions } from "./format-options.ts";
import { googleFormats } from "./formats.ts";

/** Options of {@link cachedFetch} and {@link cachedGoogle}. */
export interface CachedGoogleOptions extends GoogleFormatOptions, Omit<CachedFetchOptions, "formats"> {}

/** The methods of `models` that ask for what is cached, and what their parameters have in common. */
const METHODS = ["generateContent", "generateContentStream", "embedContent"] as const;

interface Params {
  readonly config?: { readonly cache?: CacheOption; readonly httpOptions?: { readonly fetch?: Fetch } };
}

type Method = (params: Params) => Promise<unknown>;

/**
 * A `fetch` for `new GoogleGenAI({ httpOptions: { fetch } })`, and for anything else that speaks Gemini's wire format. Without a cache it
 * uses the one in force (`cache.run`), or none.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming a wrong option.
 */
export function cachedFetch(cache?: AnswerCache, options: CachedGoogleOptions = {}): CachedFetch {
  return cachedFetchWith(cache, { fetch: patientFetch, ...options, formats: googleFormats(options) });
}

/**
 * A client like the given one that answers from the cache what it has answered before; the given one stays as it is. What asks is handed to
 * each call as the SDK's own `httpOptions.fetch`; all that the client does around a request stays the client's. So do its chats.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming a wrong option.
 */
export function cachedGoogle<C extends GoogleGenAI>(
  client: C,
  cache?: AnswerCache,
  options: CachedGoogleOptions = {},
): CachedGoogle<C> {
  const formats = googleFormats(options);
  const models = client.models as unknown as Record<string, Method>;
  const through = ({ config }: Params): Fetch => {
    // The SDK's own order: what the call says goes before what the client was made with.
    const fetch = options.fetch ?? config?.httpOptions?.fetch ?? clientsFetch(client) ?? patientFetch;
    const cached = cachedFetchWith(cache, { ...options, fetch, formats });
    return (input, init) => cached(input, { ...init, llmcache: config?.cache });
  };
  const asking = METHODS.map((name): readonly [string, Method] => [
    name,
    (params) => {
      const { cache: _cache, ...config } = params.config ?? {};
      const httpOptions = { ...config.httpOptions, fetch: through(params) };
      return (models[name] as Method)({ ...params, config: { ...config, httpOptions } });
    },
  ]);
  const cachedModels = withMembers(models, Object.fromEntries(asking));
  // A chat asks through the models that it was made with.
  const chats =
    "modelsModule" in client.chats ? withMembers(client.chats, { modelsModule: cachedModels }) : client.chats;
  const view: object = withMembers(client, { models: cachedModels, chats });
  return view as CachedGoogle<C>;
}

/** The `fetch` that a client was made with. */
function clientsFetch(client: GoogleGenAI): Fetch | undefined {
  const { apiClient } = client as unknown as { readonly apiClient?: { getFetch?(): Fetch | undefined } };
  return apiClient?.getFetch?.();
}

/** The object, with these members in the place of its own. */
function withMembers<T extends object>(value: T, members: Readonly<Record<string, unknown>>): T {
  return new Proxy(value, {
    get: (target, name) => {
      if (typeof name === "string" && Object.hasOwn(members, name)) return members[name];
      const member: unknown = Reflect.get(target, name);
      return member;
    },
  });
}
