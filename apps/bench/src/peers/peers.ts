import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LanguageModelV4, LanguageModelV4GenerateResult } from "@ai-sdk/provider";
import { InMemoryCache } from "@langchain/core/caches";
import { LLMCache, MapStore, type JsonObject, type Store } from "@llmcache/core";
import { DiskStore } from "@llmcache/disk";
import { MemoryStore } from "@llmcache/memory";
import { redisStore } from "@llmcache/redis";
import { wrapLanguageModel } from "ai";
import { BentoCache, bentostore } from "bentocache";
import { memoryDriver } from "bentocache/drivers/memory";
import { createCache } from "cache-manager";
import { Cacheable, createKeyv, Keyv as CacheableKeyv } from "cacheable";
import { Keyv } from "keyv";
import type { ChatSample } from "../samples.ts";
import { documented } from "../documented-middleware.ts";

export type Ask = () => Promise<unknown>;

/** A cache that does the work of one: looks, asks where there is nothing, keeps. */
export interface Peer {
  /** The answer to a request, made by `ask` where there is none. */
  through(request: ChatSample, ask: Ask): Promise<unknown>;
  /** What is stored under a key that was made before. */
  lookup?(key: string): unknown;
  /** The key of a request, for `lookup`. */
  keyOf(request: ChatSample): string;
  clear(): unknown;
  close?(): Promise<unknown>;
}

/** Where `kind` is `ours`, this project; `copies` give each hit an object of its own, `shared` all the same. */
export interface PeerKind {
  readonly name: string;
  readonly kind: "ours" | "copies" | "shared";
  /** Keeps up to so many entries; makes keys of requests with `keyOf` if it makes none itself. */
  open(entries: number, keyOf: (request: ChatSample) => string): Peer | Promise<Peer>;
}

export function ours(name: string, open: (entries: number) => Store | Promise<Store>): PeerKind {
  return {
    name,
    kind: "ours",
    async open(entries) {
      const store = await open(entries);
      const cache = new LLMCache({ store, ttl: "1h" });
      return {
        async through(request, ask) {
          const { value } = await cache.through(request, ask);
          return value;
        },
        lookup: (id) => cache.get({ id }),
        keyOf: (request) => cache.key(request).id,
        async clear() {
          await cache.settled();
          await cache.clear();
        },
        async close() {
          await cache[Symbol.asyncDispose]();
          await store[Symbol.asyncDispose]();
        },
      };
    },
  };
}

/** In the process. */
export const OURS: readonly PeerKind[] = [
  ours("LLMCache over MemoryStore", (entries) => new MemoryStore({ maxEntries: entries, maxBytes: 4 * 1024 ** 3 })),
  ours("LLMCache over MapStore", (entries) => new MapStore({ maxEntries: entries })),
];

/** Out of it. */
export function oursElsewhere(redisUrl: string): readonly PeerKind[] {
  return [
    ours("LLMCache over DiskStore", async () => {
      const folder = await mkdtemp(join(tmpdir(), "llmcache-bench-"));
      const store = new DiskStore({ path: join(folder, "cache.db") });
      return withCleanUp(store, () => rm(folder, { recursive: true }));
    }),
    ours("LLMCache over RedisStore", () => redisStore({ url: redisUrl, prefix: "peers" })),
  ];
}

function withCleanUp(store: Store, cleanUp: () => Promise<void>): Store {
  const dispose = store[Symbol.asyncDispose].bind(store);
  return Object.assign(store, {
    async [Symbol.asyncDispose]() {
      await dispose();
      await cleanUp();
    },
  });
}

const TTL_MS = 3_600_000;

export const PEERS: readonly PeerKind[] = [
  {
    name: "Map of JSON texts, by hand",
    kind: "copies",
    open(_, keyOf) {
      const texts = new Map<string, string>();
      const lookup = (key: string): unknown => {
        const text = texts.get(key);
        return text === undefined ? undefined : (JSON.parse(text) as unknown);
      };
      return {
        keyOf,
        lookup,
        async through(request, ask) {
          const key = keyOf(request);
          const there = lookup(key);
          if (there !== undefined) return there;
          const value = await ask();
          texts.set(key, JSON.stringify(value));
          return value;
        },
        clear: () => texts.clear(),
      };
    },
  },
  { name: "keyv", kind: "copies", open: (_, keyOf) => overKeyv(new Keyv(), keyOf) },
  {
    name: "keyv, serialization: false",
    kind: "shared",
    open: (_, keyOf) => overKeyv(new Keyv({ serialization: false }), keyOf),
  },
  { name: "cacheable", kind: "copies", open: (_, keyOf) => overCacheable(new Cacheable(), keyOf) },
  {
    name: "cacheable, a Keyv with JSON",
    kind: "copies",
    open: (_, keyOf) => overCacheable(new Cacheable({ primary: new CacheableKeyv() }), keyOf),
  },
  {
    name: "cacheable, useClone: false",
    kind: "shared",
    open: (_, keyOf) => overCacheable(new Cacheable({ primary: createKeyv({ useClone: false }) }), keyOf),
  },
  { name: "cache-manager", kind: "shared", open: (_, keyOf) => overManager(createCache(), keyOf) },
  {
    name: "cache-manager, a Keyv with JSON",
    kind: "copies",
    // The Keyv that cache-manager is made for, which cacheable hands on.
    open: (_, keyOf) => overManager(createCache({ stores: [new CacheableKeyv()] }), keyOf),
  },
  { name: "bentocache", kind: "copies", open: (entries, keyOf) => overBento(entries, true, keyOf) },
  { name: "bentocache, serialize: false", kind: "shared", open: (entries, keyOf) => overBento(entries, false, keyOf) },
  {
    name: "LangChain's InMemoryCache",
    kind: "shared",
    open() {
      const map = new Map();
      const cache = new InMemoryCache(map);
      return {
        // LangChain gives it the messages as one text, and the rest as another.
        keyOf: () => "",
        async through({ prompt, ...rest }, ask) {
          const text = JSON.stringify(prompt);
          const llmKey = JSON.stringify(rest);
          const there = await cache.lookup(text, llmKey);
          if (there !== null) return (there as unknown as readonly [{ readonly answer: unknown }])[0].answer;
          const answer = await ask();
          await cache.update(text, llmKey, [{ text: "", answer }] as never);
          return answer;
        },
        clear: () => map.clear(),
      };
    },
  },
  {
    name: "AI SDK middleware of its documentation, Map",
    kind: "shared",
    open() {
      const map = new Map<string, unknown>();
      const asking: { ask?: Ask } = {};
      const model = wrapLanguageModel({ model: modelOf(asking), middleware: documented(map) });
      return {
        keyOf: () => "",
        async through(request, ask) {
          asking.ask = ask;
          const { providerMetadata } = await model.doGenerate({
            prompt: [{ role: "user", content: [{ type: "text", text: request.prompt }] }],
            providerOptions: { bench: request as unknown as JsonObject },
          } as never);
          return (providerMetadata as { readonly answer?: unknown } | undefined)?.answer;
        },
        clear: () => map.clear(),
      };
    },
  },
];

function overKeyv(keyv: Keyv, keyOf: (request: ChatSample) => string): Peer {
  return {
    keyOf,
    async through(request, ask) {
      const key = keyOf(request);
      const there = await keyv.get<unknown>(key);
      if (there !== undefined) return there;
      const value = await ask();
      await keyv.set(key, value, TTL_MS);
      return value;
    },
    lookup: (key) => keyv.get(key),
    clear: () => keyv.clear(),
    close: () => keyv.disconnect(),
  };
}

function overCacheable(cache: Cacheable, keyOf: (request: ChatSample) => string): Peer {
  // What fails is told by an event, too, which must not end the process.
  cache.on("error", () => undefined);
  return {
    keyOf,
    through: (request, ask) => cache.getOrSet(keyOf(request), ask, { ttl: TTL_MS }),
    lookup: (key) => cache.get(key),
    clear: () => cache.clear(),
    close: () => cache.disconnect(),
  };
}

function overManager(cache: ReturnType<typeof createCache>, keyOf: (request: ChatSample) => string): Peer {
  return {
    keyOf,
    through: (request, ask) => cache.wrap(keyOf(request), ask, TTL_MS),
    lookup: (key) => cache.get(key),
    clear: () => cache.clear(),
    close: () => cache.disconnect(),
  };
}

function overBento(maxItems: number, serialize: boolean, keyOf: (request: ChatSample) => string): Peer {
  const layer = memoryDriver({ maxItems, serialize });
  const bento = new BentoCache({ default: "memory", stores: { memory: bentostore().useL1Layer(layer) } });
  return {
    keyOf,
    through: (request, ask) => bento.getOrSet({ key: keyOf(request), factory: ask, ttl: TTL_MS }),
    lookup: (key) => bento.get({ key }),
    clear: () => bento.clear(),
    close: () => bento.disconnectAll(),
  };
}

/** A model whose answer carries what `ask` says. */
function modelOf(asking: { readonly ask?: Ask }): LanguageModelV4 {
  return {
    specificationVersion: "v4",
    provider: "bench",
    modelId: "instant",
    supportedUrls: {},
    doGenerate: async (): Promise<LanguageModelV4GenerateResult> => ({
      content: [],
      finishReason: { unified: "stop", raw: "stop" },
      usage: {
        inputTokens: { total: 900, noCache: 900, cacheRead: undefined, cacheWrite: undefined },
        outputTokens: { total: 1000, text: 1000, reasoning: undefined },
      },
      providerMetadata: { answer: (await asking.ask?.()) as never },
      warnings: [],
    }),
    doStream: () => Promise.reject(new Error("no streams here")),
  };
}
