import type {
  EmbedContentParameters,
  EmbedContentResponse,
  GenerateContentParameters,
  GenerateContentResponse,
  GoogleGenAI,
} from "@google/genai";
import type { CacheOption } from "@llmcache/core";

/** Parameters with one more member of `config`: whether and how this call uses the cache, or which other cache it uses. */
export type WithCache<Params extends { readonly config?: unknown }> = Omit<Params, "config"> & {
  config?: NonNullable<Params["config"]> & { readonly cache?: CacheOption | undefined };
};

/** The methods of `models` that take the `cache` option. */
export interface CachedModels {
  generateContent(params: WithCache<GenerateContentParameters>): Promise<GenerateContentResponse>;
  generateContentStream(params: WithCache<GenerateContentParameters>): Promise<AsyncGenerator<GenerateContentResponse>>;
  embedContent(params: WithCache<EmbedContentParameters>): Promise<EmbedContentResponse>;
}

/** The same client, whose methods take `config.cache` per call. */
export type CachedGoogle<C extends GoogleGenAI> = C & { readonly models: CachedModels };
