import { LLMCacheError, type Store } from "@llmcache/core";
import {
  importInstalled,
  masked,
  parametersOf,
  schemeOf,
  type EmbedderByName,
  type NamedEmbedder,
  type OpenOptions,
  type ParameterKind,
  type ParametersOf,
} from "@llmcache/core/open";
import { defaultThreshold } from "./default-threshold.ts";
import type { SimilarStoreOptions } from "./store-options.ts";

/** What URLs of all stores of similar answers have: which embedder, and who decides. */
export type SimilarParameters = {
  readonly embedder: "text";
  readonly dimensions: "number";
  readonly threshold: "number";
  readonly guard: "boolean";
  readonly maxCandidates: "number";
  readonly maxEntryBytes: "bytes";
};

/** What {@link openSimilar} takes care of. */
interface OfEmbedder {
  readonly embedder?: string | undefined;
  readonly dimensions?: number | undefined;
  readonly threshold?: number | undefined;
  readonly guard?: boolean | undefined;
}

const PARAMETERS: SimilarParameters = {
  embedder: "text",
  dimensions: "number",
  threshold: "number",
  guard: "boolean",
  maxCandidates: "number",
  maxEntryBytes: "bytes",
};
/** What such a parameter says belongs to the endpoint, and into no URL. */
const OF_ENDPOINT = /key|token|secret|password|authorization|credential|header|base_?url/i;
const PACKAGE = "@llmcache/embeddings";
/** A model that takes longer to be loaded goes on being loaded while the store is in use. */
const MOST_LOADING_MS = 10_000;

/**
 * The parameters of such a store's URL: its own, and those that all have.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION`, naming the parameter.
 */
export function similarParameters<const K extends Readonly<Record<string, ParameterKind>>>(
  url: string,
  kinds: K,
): ParametersOf<K & SimilarParameters> {
  const query = url.replace(/^[^?]*\??/s, "").replace(/#.*$/s, "");
  for (const name of new URLSearchParams(query).keys()) {
    if (!OF_ENDPOINT.test(name) || Object.hasOwn(kinds, name)) continue;
    throw wrong(
      url,
      `${name} is no parameter. What an endpoint of embeddings needs stands in the environment, OPENAI_API_KEY and OPENAI_BASE_URL, and never in the URL`,
    );
  }
  return parametersOf<K & SimilarParameters>(url, { ...kinds, ...PARAMETERS });
}

/**
 * Makes the embedder that a URL names, and the store over it. The store owns the embedder: disposing of the store disposes of the
 * embedder after it.
 *
 * A model on this machine is loaded before the store is handed over, unless that takes longer than ten seconds. That it cannot be loaded
 * keeps nothing from opening: lookups by similarity say so, and those by id do without it.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` for an embedder that is missing, not known or not installed, and without a threshold where
 * none was measured for the embedder with its guard.
 */
export async function openSimilar<S extends Store>(
  url: string,
  { embedder: name, dimensions, threshold, guard }: OfEmbedder,
  { embedder: given, from }: OpenOptions,
  make: (similar: Pick<SimilarStoreOptions, "embedder" | "threshold" | "guard">) => S,
): Promise<S> {
  if (name === undefined || name === "")
    throw wrong(url, "embedder is missing: which one makes vectors of texts, such as embedder=text-embedding-3-small");
  const byName = given ?? (await installedEmbedder(url, from));
  const embedder = byName(name, { from, ...(dimensions === undefined ? {} : { dimensions }) });
  try {
    const least = threshold ?? (guard === false ? undefined : defaultThreshold(embedder.id)?.threshold);
    if (least === undefined) {
      const why = guard === false ? "without the guard" : `for ${embedder.id}`;
      throw wrong(
        url,
        `threshold is missing, and none was measured ${why}: give a number from 0 to 1, such as threshold=0.9 (calibrate of @llmcache/similarity finds one)`,
      );
    }
    const store = owning(make({ embedder, threshold: least, ...(guard === undefined ? {} : { guard }) }), embedder);
    await loaded(embedder);
    return store;
  } catch (error) {
    await embedder[Symbol.asyncDispose]();
    throw error;
  }
}

async function installedEmbedder(url: string, from: string | URL | undefined): Promise<EmbedderByName> {
  const module = await importInstalled(PACKAGE, from, `${schemeOf(url)}: URLs name an embedder of`);
  const { embedder } = module as { readonly embedder?: unknown };
  if (typeof embedder !== "function")
    throw new LLMCacheError("ERR_LLMCACHE_OPTION", `The installed ${PACKAGE} makes no embedders by name: update it.`);
  return embedder as EmbedderByName;
}

function owning<S extends Store>(store: S, embedder: AsyncDisposable): S {
  const closeStore = store[Symbol.asyncDispose].bind(store);
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    try {
      await closeStore();
    } finally {
      await embedder[Symbol.asyncDispose]();
    }
  };
  return Object.assign(store, { [Symbol.asyncDispose]: () => (closing ??= close()) });
}

async function loaded(embedder: NamedEmbedder): Promise<void> {
  if (embedder.load === undefined) return;
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, MOST_LOADING_MS);
  await Promise.race([embedder.load().catch(() => undefined), late.promise]);
  clearTimeout(timer);
}

function wrong(url: string, what: string): LLMCacheError {
  return new LLMCacheError("ERR_LLMCACHE_OPTION", `${masked(url)} cannot be opened: ${what}.`);
}
