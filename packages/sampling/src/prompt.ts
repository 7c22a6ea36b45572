import { requestKey, type CacheRequest, type Json } from "@llmcache/core";
import type { SamplerIdentity } from "./sampler.ts";

/** A prompt as it was when a sequence was made: what the caller does to his messages later changes nothing. */
export interface Prompt {
  /** Of the request at position 0: tells prompts apart. */
  readonly id: string;
  readonly request: CacheRequest;
}

/** @throws LLMCacheError `ERR_LLMCACHE_REQUEST`, naming the path, for what is no JSON. */
export function promptOf(identity: SamplerIdentity, value: unknown): Prompt {
  const { id } = requestKey({ ...identity, prompt: value as Json });
  return { id, request: { ...identity, prompt: copyOf(value as Json) } };
}

/** The id under which this position is stored. */
export function sampleId(prompt: Prompt, position: number): string {
  return position === 0 ? prompt.id : requestKey({ ...prompt.request, sample: position }).id;
}

/** A copy of something that is known to be JSON but for members that are `undefined`, which vanish. */
export function copyOf<T extends Json>(value: T): T {
  return typeof value === "object" && value !== null ? (JSON.parse(JSON.stringify(value)) as T) : value;
}

/** An identity of our own, checked. @throws LLMCacheError `ERR_LLMCACHE_REQUEST` for what is no JSON. */
export function identityOf(identity: SamplerIdentity): SamplerIdentity {
  requestKey({ ...identity, prompt: "" });
  const { prompt: _prompt, sample: _sample, ...own } = { ...identity } as CacheRequest;
  return Object.freeze(copyOf(own as unknown as Json) as unknown as SamplerIdentity);
}
