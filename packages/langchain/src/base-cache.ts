import { BaseCache, deserializeStoredGeneration, serializeGeneration } from "@langchain/core/caches";
import type { Generation } from "@langchain/core/outputs";
import { registerOperation, type CacheControl, type CacheRequest, type Json, type LLMCache } from "@llmcache/core";
import { plainJson } from "./plain-json.ts";

const OPERATION = "langchain.base-cache";

/**
 * LangChain's own cache, kept in an {@link LLMCache}: `new ChatOpenAI({ cache: new LLMCacheBaseCache(cache) })`. It is lossy by LangChain's
 * design: messages are flattened to one text before it is asked, so that different conversations can look the same; streams pass by it; equal
 * calls at once are asked one by one; and whatever was answered is stored. `withCache` has none of these limits.
 */
export class LLMCacheBaseCache extends BaseCache {
  readonly #cache: LLMCache;
  readonly #control: CacheControl;

  /** @param control of all calls: `ttl`, `namespace` … */
  constructor(cache: LLMCache, control: CacheControl = {}) {
    super();
    this.#cache = cache;
    this.#control = control;
    registerOperation(OPERATION);
  }

  /** Generations made anew: nobody else holds any part of them. */
  override async lookup(prompt: string, llmKey: string): Promise<Generation[] | null> {
    const outcome = await this.#cache.get<Generation[]>(requestOf(prompt, llmKey), {
      ...this.#control,
      decode: (body) => (body.json() as unknown as StoredGeneration[]).map(restored),
    });
    return outcome?.value ?? null;
  }

  override async update(prompt: string, llmKey: string, value: Generation[]): Promise<void> {
    await this.#cache.set(requestOf(prompt, llmKey), value.map(stored), this.#control);
  }
}

interface StoredGeneration {
  readonly generation: Json;
  readonly info?: Json;
}

function requestOf(prompt: string, llmKey: string): CacheRequest {
  return { operation: OPERATION, settings: { llmKey }, prompt };
}

function stored(generation: Generation): Json {
  const { generationInfo: info } = generation;
  return {
    generation: plainJson(serializeGeneration(generation)),
    ...(info === undefined ? {} : { info: plainJson(info) }),
  };
}

function restored({ generation, info }: StoredGeneration): Generation {
  const own = deserializeStoredGeneration(generation as never) as Generation;
  return info === undefined ? own : { ...own, generationInfo: info as Record<string, unknown> };
}
