import { Redis } from "ioredis";
import { requestKey, type CacheKey, type Embedder } from "@llmcache/core";
import { cosine } from "@llmcache/similarity";
import {
  redisSemanticStore,
  type RedisSemanticConnectionOptions,
  type RedisSemanticStore,
} from "@llmcache/redis-semantic";
import { afterEach, beforeEach } from "vitest";
import { anyAbove, seeded, WordEmbedder } from "../../memory-semantic/test/stage.ts";

let count = 0;

export interface Stage {
  readonly embedder: WordEmbedder;
  readonly store: RedisSemanticStore;
  readonly raw: Redis;
  readonly prefix: string;
  /** Another store on the same prefix, unless told otherwise. */
  open(options?: Partial<RedisSemanticConnectionOptions>): RedisSemanticStore;
  /** Keys of one kind. */
  keys(kind: "entry" | "vectors"): Promise<string[]>;
  /** How many elements its vector sets have, taken together. */
  elements(): Promise<number>;
}

/** A store on a prefix of its own for each test, which leaves nothing behind. */
export function stageOn(redis: { readonly url: string }, given: Partial<RedisSemanticConnectionOptions> = {}): Stage {
  let stage: Stage | undefined;
  let opened: RedisSemanticStore[] = [];
  const current = (): Stage => {
    if (stage === undefined) throw new Error("The stage is set before each test.");
    return stage;
  };
  beforeEach(() => {
    const prefix = `semantic-${process.pid}-${++count}`;
    const embedder = new WordEmbedder();
    const raw = new Redis(redis.url);
    const open: Stage["open"] = (options = {}) => {
      const store = redisSemanticStore({
        url: redis.url,
        prefix,
        embedder,
        policy: anyAbove(0.6),
        ...given,
        ...options,
      });
      opened.push(store);
      return store;
    };
    const keys: Stage["keys"] = async (kind) => {
      const all = await raw.keys(`${prefix}:${kind}:*`);
      const types = await Promise.all(all.map((key) => raw.type(key)));
      // Not the locks beside the sets.
      return all.filter((_, index) => types[index] !== "string");
    };
    const elements: Stage["elements"] = async () => {
      const counts = await Promise.all((await keys("vectors")).map((key) => raw.call("vcard", key)));
      return counts.reduce<number>((sum, one) => sum + Number(one), 0);
    };
    stage = { embedder, raw, prefix, open, keys, elements, store: open() };
  });
  afterEach(async () => {
    const { raw, store } = current();
    await store.clear().catch(() => undefined);
    await Promise.all(opened.map((one) => one[Symbol.asyncDispose]()));
    raw.disconnect();
    opened = [];
  });
  return {
    get embedder() {
      return current().embedder;
    },
    get store() {
      return current().store;
    },
    get raw() {
      return current().raw;
    },
    get prefix() {
      return current().prefix;
    },
    open: (options) => current().open(options),
    keys: (kind) => current().keys(kind),
    elements: () => current().elements(),
  };
}

/** Gives vectors as they were put in, by text. */
export class TableEmbedder implements Embedder {
  readonly id: string;
  readonly dimensions: number;
  readonly vectors: Map<string, Float32Array> = new Map<string, Float32Array>();

  constructor(dimensions: number, id = "table") {
    this.dimensions = dimensions;
    this.id = id;
  }

  async embed(texts: readonly string[]): Promise<readonly Float32Array[]> {
    return texts.map((text) => this.vectors.get(text) ?? this.random(text));
  }

  /** A vector of its own for each text, which stays the same. */
  random(text: string): Float32Array {
    const random = seeded(text);
    const vector = Float32Array.from({ length: this.dimensions }, random);
    this.vectors.set(text, vector);
    return vector;
  }

  /** Puts in a vector for `text` at this cosine from that of `from`. */
  at(text: string, from: string, wanted: number): void {
    const base = unit(this.vectors.get(from) ?? this.random(from));
    const other = this.random(`${text} beside`);
    const along = dot(base, other);
    const beside = unit(other.map((number, index) => number - along * (base[index] as number)));
    const sine = Math.sqrt(1 - wanted * wanted);
    this.vectors.set(
      text,
      base.map((number, index) => wanted * number + sine * (beside[index] as number)),
    );
  }

  cosine(a: string, b: string): number {
    return cosine(this.vectors.get(a) as Float32Array, this.vectors.get(b) as Float32Array);
  }
}

function dot(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, number, index) => sum + number * (b[index] as number), 0);
}

function unit(vector: Float32Array): Float32Array {
  const norm = Math.sqrt(dot(vector, vector));
  return vector.map((number) => number / norm);
}

/** The key of a text, for a model and a tenant. */
export function keyFor(text: string, model: string, tenant: string): Required<CacheKey> {
  const request = { operation: "chat.completions", model, prompt: text, namespace: tenant };
  return requestKey(request, { similar: true }) as Required<CacheKey>;
}
