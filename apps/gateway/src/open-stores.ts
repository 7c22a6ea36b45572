import { TieredStore, withBreaker, type Store } from "@llmcache/core";
import { openStore, registerScheme, type OpenStore } from "@llmcache/core/open";
import type { DiskStore } from "@llmcache/disk";
import type { NamedStore } from "./store-probe.ts";
import { isSemantic, type StoreTier } from "./store-tiers.ts";

/** Stores that are open. */
export interface OpenedStores {
  /** What the cache uses. */
  readonly store: Store;
  /** Each by itself. */
  readonly stores: readonly NamedStore[];
  /** The nearest store's file on this machine, if one has a file. */
  readonly file: string | undefined;
  /** Does nothing outlive the process? */
  readonly isVolatile: boolean;
  close(): Promise<void>;
}

/** What the gateway brings along; loaded when a URL names it. */
const OPENERS: Readonly<Record<string, () => Promise<{ readonly open: OpenStore }>>> = {
  memory: () => import("@llmcache/memory/open"),
  disk: () => import("@llmcache/disk/open"),
  redis: () => import("@llmcache/redis/open"),
  rediss: () => import("@llmcache/redis/open"),
  s3: () => import("@llmcache/s3/open"),
  keyv: () => import("@llmcache/keyv/open"),
  "memory-semantic": () => import("@llmcache/memory-semantic/open"),
  "redis-semantic": () => import("@llmcache/redis-semantic/open"),
  "rediss-semantic": () => import("@llmcache/redis-semantic/open"),
  "dual-semantic": () => import("@llmcache/dual-semantic/open"),
};
/** These are in this process: there is no connection that could be down. */
const LOCAL: ReadonlySet<string> = new Set(["memory", "disk", "memory-semantic"]);
/** Of these nothing is left when the process ends. */
const VOLATILE: ReadonlySet<string> = new Set(["memory", "memory-semantic"]);

/** No request has it. */
const NO_ID = "0".repeat(64);

/**
 * Opens the stores of a configuration; several are tiers, near to far. A server that is down keeps nothing from starting: its store fails
 * until it is up, and after some failures in a row it is left alone for a while. Keyv's adapters, and the packages of models that embed texts, are looked
 * for in the folder.
 *
 * @throws LLMCacheError, or what a file system says, for a store that cannot be opened.
 */
export async function openStores(tiers: readonly StoreTier[], folder: string): Promise<OpenedStores> {
  for (const [scheme, load] of Object.entries(OPENERS))
    registerScheme(scheme, async (url, options) => {
      const { open } = await load();
      if (!isSemantic(scheme)) return open(url, options);
      const { embedder } = await import("@llmcache/embeddings");
      return open(url, { embedder, ...options });
    });
  const opened: { readonly tier: StoreTier; readonly store: Store }[] = [];
  const close = async (): Promise<void> => {
    const closing = await Promise.allSettled(opened.map(async ({ store }) => store[Symbol.asyncDispose]()));
    for (const result of closing) if (result.status === "rejected") throw result.reason;
  };
  try {
    let file: string | undefined;
    for (const tier of tiers) {
      const store = await openStore(tier.url, { from: folder });
      opened.push({ tier, store: LOCAL.has(schemeOf(tier)) ? store : withBreaker(store) });
      if (schemeOf(tier) !== "disk") continue;
      file ??= (store as DiskStore).file;
      // It opens its file with the first call: a path that is none is a mistake to be told of now.
      await store.get({ id: NO_ID });
    }
    const tiered =
      opened.length === 1
        ? undefined
        : new TieredStore(opened.map(({ store, tier: { name, maxTtl, write } }) => ({ store, name, maxTtl, write })));
    return {
      store: tiered ?? (opened[0] as { readonly store: Store }).store,
      stores: opened.map(({ tier, store }) => ({
        name: tier.name ?? store.name,
        store,
        url: tier.url,
        isWritten: tier.write,
      })),
      file,
      isVolatile: tiers.every((tier) => VOLATILE.has(schemeOf(tier))),
      close: async () => {
        await tiered?.[Symbol.asyncDispose]();
        await close();
      },
    };
  } catch (error) {
    await close().catch(() => undefined);
    throw error;
  }
}

function schemeOf({ url }: StoreTier): string {
  return url.slice(0, url.indexOf(":")).toLowerCase();
}
