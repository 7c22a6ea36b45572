import type { Codec } from "./codec.ts";
import type { Embedder } from "./embedder.ts";
import { LLMCacheError } from "./errors.ts";
import { importInstalled } from "./installed.ts";
import { masked, schemeOf } from "./store-url.ts";
import type { Store } from "./store.ts";
import { splitTierUrl } from "./tier-url.ts";
import type { TierOptions } from "./tier-options.ts";
import { TieredStore } from "./tiered-store.ts";

export { importInstalled } from "./installed.ts";
export { masked, parametersOf, pathOf, schemeOf, type ParameterKind, type ParametersOf } from "./store-url.ts";
export { splitTierUrl, type TierUrl } from "./tier-url.ts";

/** What stores opened by URL have in common. */
export interface OpenOptions {
  /** For stores that write bytes: compression, encryption. */
  readonly codec?: Codec | undefined;
  /**
   * Where the application is installed: the package of the store is looked for there, and what its embedder needs.
   *
   * @default the working directory
   */
  readonly from?: string | URL | undefined;
  /** Milliseconds since the epoch. @default Date.now */
  readonly clock?: (() => number) | undefined;
  /**
   * Makes the embedder that the URL of a semantic store names, for programs that are bundled, and for embedders of your own.
   *
   * @default `embedder` of the installed `@llmcache/embeddings`
   */
  readonly embedder?: EmbedderByName | undefined;
}

/** Makes the embedder that a name stands for, as `embedder` of `@llmcache/embeddings` does. Whoever calls it disposes of what it made. */
export type EmbedderByName = (
  name: string,
  options: {
    /** Where packages are looked for. */
    readonly from?: string | URL | undefined;
    /** Length of the vectors, where the URL says it. */
    readonly dimensions?: number | undefined;
  },
) => NamedEmbedder;

/** An embedder that was made for a store. `load` makes it ready, so that the first lookup does not wait for a model. */
export interface NamedEmbedder extends Embedder, AsyncDisposable {
  load?(): Promise<void>;
}

/**
 * Opens the store that a URL of its scheme names. Exported as `open` by the entry `./open` of each store's package. The store owns
 * what it opens: disposing of it closes the connection.
 */
export type OpenStore = (url: string, options: OpenOptions) => Store | Promise<Store>;

/** Which package has the opener of a scheme; its entry is `<package>/open`. */
const PACKAGES: Readonly<Record<string, string>> = {
  memory: "@llmcache/memory",
  disk: "@llmcache/disk",
  redis: "@llmcache/redis",
  rediss: "@llmcache/redis",
  s3: "@llmcache/s3",
  keyv: "@llmcache/keyv",
  "memory-semantic": "@llmcache/memory-semantic",
  "redis-semantic": "@llmcache/redis-semantic",
  "rediss-semantic": "@llmcache/redis-semantic",
  "dual-semantic": "@llmcache/dual-semantic",
};

const registered = new Map<string, OpenStore>();

/** Makes a scheme known: for stores of your own, and for programs that are bundled. It comes before the built-in ones. */
export function registerScheme(scheme: string, open: OpenStore): void {
  if (!/^[a-z][a-z0-9+.-]*$/.test(scheme)) {
    throw new LLMCacheError(
      "ERR_LLMCACHE_OPTION",
      `scheme must be a lower-case name such as "mystore", not ${JSON.stringify(scheme)}.`,
    );
  }
  registered.set(scheme, open);
}

/** The environment variable that names a deployment's store. */
const STORE_VARIABLE = "LLMCACHE_STORE";

/**
 * The store that a URL names, or the environment variable `LLMCACHE_STORE` where none is given: `memory:`, `disk:./cache.db`, `redis://localhost`, `rediss://…`, `s3://bucket/prefix`, `keyv:…`, `redis-semantic://localhost?embedder=use-lite` … Its
 * package is imported on demand. Whoever opens it disposes of it.
 *
 * Several URLs with white space between them become a `TieredStore`, near to far, that disposes of what it opened:
 * `memory:?maxTtl=60s redis://localhost`. Each may have the parameters `maxTtl`, `write` and `tier` (its name) beside its own.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` for a URL that is none, an unknown scheme or parameter, and a package that is not
 * installed: the message says which.
 */
export async function openStore(
  url: string | undefined = process.env[STORE_VARIABLE],
  options: OpenOptions = {},
): Promise<Store> {
  if (typeof url !== "string" || url.trim() === "") {
    throw new LLMCacheError(
      "ERR_LLMCACHE_OPTION",
      `Give the URL of a store, or set ${STORE_VARIABLE}: memory:, disk:./cache.db, redis://localhost …`,
    );
  }
  const tiers = url.trim().split(/\s+/).map(splitTierUrl);
  const [only] = tiers;
  if (only !== undefined && tiers.length === 1) {
    const [parameter] = Object.keys(only.tier);
    if (parameter === undefined) return openOne(only.url, options);
    throw new LLMCacheError(
      "ERR_LLMCACHE_OPTION",
      `${parameter === "name" ? "tier" : parameter} is a parameter of tiers, and ${masked(only.url)} is the only URL: give others beside it, or leave it out.`,
    );
  }
  const opened: TierOptions[] = [];
  try {
    for (const { url: one, tier } of tiers) opened.push({ ...tier, store: await openOne(one, options) });
    return new OwningTiers(opened, options.clock);
  } catch (error) {
    await Promise.allSettled(opened.map(async ({ store }) => store[Symbol.asyncDispose]()));
    throw error;
  }
}

async function openOne(url: string, options: OpenOptions): Promise<Store> {
  const scheme = schemeOf(url);
  const open = registered.get(scheme) ?? (await openerOf(scheme, url, options.from));
  return open(url, options);
}

/** Tiers that were opened for it: disposing it disposes of them, of all though one fails. */
class OwningTiers extends TieredStore {
  readonly #opened: readonly TierOptions[];

  constructor(opened: readonly TierOptions[], clock: (() => number) | undefined) {
    super(opened, { clock });
    this.#opened = opened;
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]();
    const closing = await Promise.allSettled(this.#opened.map(async ({ store }) => store[Symbol.asyncDispose]()));
    for (const result of closing) if (result.status === "rejected") throw result.reason;
  }
}

async function openerOf(scheme: string, url: string, from: string | URL | undefined): Promise<OpenStore> {
  const name = Object.hasOwn(PACKAGES, scheme) ? PACKAGES[scheme] : undefined;
  if (name === undefined) {
    const known = [...new Set([...registered.keys(), ...Object.keys(PACKAGES)])].join(", ");
    throw new LLMCacheError(
      "ERR_LLMCACHE_OPTION",
      `No store has the scheme of ${masked(url)}; known are ${known}. Others are made known by registerScheme.`,
    );
  }
  const module = await importInstalled(`${name}/open`, from, `${scheme}: stores come with`);
  const open = (module as { readonly open?: unknown }).open;
  if (typeof open !== "function")
    throw new LLMCacheError("ERR_LLMCACHE_OPTION", `The installed ${name} cannot open stores by URL: update it.`);
  return open as OpenStore;
}
