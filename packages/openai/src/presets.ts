import { LLMCacheError, type AnswerCache } from "@llmcache/core";
import OpenAI, { type ClientOptions } from "openai";
import type { CachedOpenAI } from "./cached-methods.ts";
import { cachedOpenAI, type CachedOpenAIOptions } from "./cached-openai.ts";

/** Options of a preset: each takes the place of what the preset says. */
export interface PresetOptions extends Omit<CachedOpenAIOptions, "fetch"> {
  /** @default the one in force (`cache.run`), or none */
  readonly cache?: AnswerCache | undefined;
  /** @default what the environment's variable says */
  readonly apiKey?: ClientOptions["apiKey"];
  readonly baseURL?: string | undefined;
  /** What else the official client takes: time-outs, headers, retries, `fetch` … */
  readonly client?: Omit<ClientOptions, "apiKey" | "baseURL"> | undefined;
}

/** Options of {@link openAICompatible}. */
export interface CompatibleOptions extends PresetOptions {
  readonly baseURL: string;
  /** Any text, for a server that wants none. */
  readonly apiKey: NonNullable<ClientOptions["apiKey"]>;
}

interface Preset {
  readonly name: string;
  readonly baseURL: string;
  /** The environment's variable that holds the key; `undefined` where none is needed. */
  readonly variable: string | undefined;
  readonly storeOtherModels: boolean;
}

const NO_KEY = "none";

/** A cached client for 302.AI. @throws LLMCacheError `ERR_LLMCACHE_OPTION` if there is neither `apiKey` nor `AI302_API_KEY`. */
export function ai302(options: PresetOptions = {}): CachedOpenAI<OpenAI> {
  const baseURL = "https://api.302.ai/v1";
  return clientOf({ name: "ai302", baseURL, variable: "AI302_API_KEY", storeOtherModels: false }, options);
}

/** A cached client for CloseAI. @throws LLMCacheError `ERR_LLMCACHE_OPTION` if there is neither `apiKey` nor `CLOSEAI_API_KEY`. */
export function closeAI(options: PresetOptions = {}): CachedOpenAI<OpenAI> {
  const baseURL = "https://api.openai-proxy.org/v1";
  return clientOf({ name: "closeAI", baseURL, variable: "CLOSEAI_API_KEY", storeOtherModels: false }, options);
}

/** A cached client for Fireworks AI. @throws LLMCacheError `ERR_LLMCACHE_OPTION` if there is neither `apiKey` nor `FIREWORKS_API_KEY`. */
export function fireworksAI(options: PresetOptions = {}): CachedOpenAI<OpenAI> {
  const baseURL = "https://api.fireworks.ai/inference/v1";
  return clientOf({ name: "fireworksAI", baseURL, variable: "FIREWORKS_API_KEY", storeOtherModels: false }, options);
}

/** A cached client for XMCP. @throws LLMCacheError `ERR_LLMCACHE_OPTION` if there is neither `apiKey` nor `XMCP_API_KEY`. */
export function xmcp(options: PresetOptions = {}): CachedOpenAI<OpenAI> {
  const baseURL = "https://llm.xmcp.ltd";
  return clientOf({ name: "xmcp", baseURL, variable: "XMCP_API_KEY", storeOtherModels: false }, options);
}

/** A cached client for Ollama on this machine, which needs no key and falls back on no other model. */
export function ollama(options: PresetOptions = {}): CachedOpenAI<OpenAI> {
  const baseURL = "http://localhost:11434/v1";
  return clientOf({ name: "ollama", baseURL, variable: undefined, storeOtherModels: true }, options);
}

/** A cached client for anybody who speaks OpenAI's wire format. @throws LLMCacheError `ERR_LLMCACHE_OPTION` without `baseURL` or `apiKey`. */
export function openAICompatible(options: CompatibleOptions): CachedOpenAI<OpenAI> {
  const { baseURL, apiKey } = options;
  for (const [name, value] of Object.entries({ baseURL, apiKey })) {
    if (!value) throw new LLMCacheError("ERR_LLMCACHE_OPTION", `openAICompatible: ${name} is not set.`);
  }
  return clientOf({ name: "openAICompatible", baseURL, variable: undefined, storeOtherModels: false }, options);
}

/** OpenAI's own variables of the environment say nothing to other providers: neither its key nor its organization is theirs to see. */
function clientOf(preset: Preset, options: PresetOptions): CachedOpenAI<OpenAI> {
  const { cache, apiKey, baseURL, client, ...caching } = options;
  const made = new OpenAI({
    organization: null,
    project: null,
    adminAPIKey: null,
    ...client,
    baseURL: baseURL ?? preset.baseURL,
    apiKey: apiKey === undefined || apiKey === null || apiKey === "" ? keyOf(preset) : apiKey,
  });
  return cachedOpenAI(made, cache, {
    ...caching,
    storeOtherModels: caching.storeOtherModels ?? preset.storeOtherModels,
  });
}

function keyOf({ name, variable }: Preset): string {
  if (variable === undefined) return NO_KEY;
  const key = process.env[variable]?.trim();
  if (key) return key;
  throw new LLMCacheError("ERR_LLMCACHE_OPTION", `${name}: set ${variable} in the environment, or give apiKey.`);
}
