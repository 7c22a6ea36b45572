import { countedQuery } from "@llmcache/fetch";
import type { Api, Upstream } from "./gateway-options.ts";

/** Where each API's answers come from as a rule: the paths that an upstream's name in keys stands for. */
const USUAL: Readonly<Record<Api, RegExp>> = {
  openai: /^\/v1\/(?:chat\/completions|completions|responses|embeddings|moderations|images\/[a-z]+|audio\/[a-z]+)$/,
  anthropic: /^\/v1\/messages(?:\?|$)/,
  google: /^\/v1beta\/models\/[^/?\\]+(?:\?|$)/,
};
const MODEL_AND_METHOD = /\/[^/]+\/[^/]+$/;

/**
 * What an upstream is called in keys. Its name there stands in the place of its base URL, and callers may ask for other paths of its
 * host, where others may answer: these count beside the name, with an OpenAI upstream's query, which is part of its base URL (Azure's
 * API version). `undefined`: it has no such name.
 */
export function providerFor(
  { api, provider }: Pick<Upstream, "api" | "provider">,
  path: string,
  target: URL,
): string | undefined {
  if (provider === undefined || USUAL[api].test(path)) return provider;
  // In Gemini's paths the end is told from others by itself, and streams are the same answers.
  if (api === "google") return `${provider} ${target.pathname.replace(MODEL_AND_METHOD, "")}`;
  return `${provider} ${target.pathname}${api === "openai" ? countedQuery(target) : ""}`;
}
