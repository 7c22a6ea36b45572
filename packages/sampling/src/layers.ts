import { isAnswerCache, LLMCacheError, type AnswerCache } from "@llmcache/core";
import { ForeignLayer } from "./foreign-layer.ts";
import { IndependentLayer } from "./independent-layer.ts";
import { layerOf, type Layer } from "./layer.ts";
import { LayeredSampler } from "./layered-sampler.ts";
import { RepeatableLayer } from "./repeatable-layer.ts";
import type { Sampler } from "./sampler.ts";
import { independentView, repeatableView } from "./view.ts";

/**
 * The same sequence for every `sample` call: it is remembered in this object, replayed from the start and extended when needed. It
 * keeps every sample until it is dropped. Of a cache: a view in which what was answered once is answered again.
 */
export function repeatable<P, S>(sampler: Sampler<P, S>): Sampler<P, S>;
export function repeatable(cache: AnswerCache): AnswerCache;
export function repeatable<P, S>(from: Sampler<P, S> | AnswerCache): Sampler<P, S> | AnswerCache {
  if (isAnswerCache(from)) return repeatableView(from);
  return new LayeredSampler<P, S>(from, new RepeatableLayer(layerBelow("repeatable", from)));
}

/**
 * A new value with every pull, whoever pulls: one cursor per prompt, which begins at the first value that a cache below has. Of a
 * cache: a view in which every identical call gets the next of its samples. It keeps a cursor per prompt until it is dropped.
 */
export function independent<P, S>(sampler: Sampler<P, S>): Sampler<P, S>;
export function independent(cache: AnswerCache): AnswerCache;
export function independent<P, S>(from: Sampler<P, S> | AnswerCache): Sampler<P, S> | AnswerCache {
  if (isAnswerCache(from)) return independentView(from);
  const below = layerBelow("independent", from);
  // Two cursors, one over the other, are the lower one.
  if (below instanceof IndependentLayer) return new LayeredSampler<P, S>(from, below);
  return new LayeredSampler<P, S>(from, new IndependentLayer(below));
}

/** The layer to build on. @throws LLMCacheError `ERR_LLMCACHE_OPTION` if this is no sampler. */
export function layerBelow<P, S>(what: string, sampler: Sampler<P, S>): Layer {
  if (typeof sampler !== "object" || sampler === null || typeof (sampler as Partial<Sampler>).sample !== "function")
    throw new LLMCacheError("ERR_LLMCACHE_OPTION", `${what} takes a sampler, or a cache.`);
  return layerOf(sampler) ?? new ForeignLayer(sampler);
}
