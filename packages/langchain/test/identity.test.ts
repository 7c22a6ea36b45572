import { Embeddings } from "@langchain/core/embeddings";
import { BaseChatModel, SimpleChatModel } from "@langchain/core/language_models/chat_models";
import { AIMessageChunk, ChatMessageChunk } from "@langchain/core/messages";
import { ChatGenerationChunk } from "@langchain/core/outputs";
import { tool } from "@langchain/core/tools";
import { AzureChatOpenAI, ChatOpenAI } from "@langchain/openai";
import { LLMCache } from "@llmcache/core";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { CachedEmbeddings, cachedTool, withCache } from "../src/index.ts";
import { plainAddress } from "../src/counted-data.ts";
import { modelNameOf, providerOf, settingsOf } from "../src/model-identity.ts";

let cache: LLMCache;
let bypasses: number;
beforeEach(() => {
  cache = new LLMCache();
  bypasses = 0;
  cache.on(({ type }) => {
    if (type === "bypass") bypasses++;
  });
});
afterEach(() => vi.unstubAllEnvs());

/** Says what it was made with. */
class Echo extends SimpleChatModel {
  readonly fields: object;
  constructor(fields: object) {
    super(fields);
    this.fields = fields;
  }
  override _llmType(): string {
    return "echo";
  }
  override async _call(): Promise<string> {
    return Object.keys(this.fields).includes("loop") ? "loop" : JSON.stringify(this.fields);
  }
}

/** Answers as the model in it. */
class Around extends SimpleChatModel {
  readonly inner: Echo;
  constructor(fields: { readonly inner: Echo }) {
    super(fields as object);
    this.inner = fields.inner;
  }
  override _llmType(): string {
    return "around";
  }
  override _call(): Promise<string> {
    return this.inner._call();
  }
}

async function ask(model: BaseChatModel, options: object = {}): Promise<unknown> {
  const { content } = await withCache(model, cache).invoke("x", options);
  await cache.settled();
  return content;
}

const identity = (model: BaseChatModel, hasAlias = false) =>
  JSON.stringify([hasAlias ? "" : providerOf(model), modelNameOf(model), settingsOf(model, {}, hasAlias)]);

describe("a chat model", () => {
  test.each([
    ["names inside of arguments", { functions: [{ name: "a" }] }, { functions: [{ name: "b" }] }],
    ["metadata that is sent", { body: { metadata: { route: 1 } } }, { body: { metadata: { route: 2 } } }],
    ["what is called like a credential in data", { shots: [{ password: "a" }] }, { shots: [{ password: "b" }] }],
    ["an address further inside", { body: { endpoint: "a" } }, { body: { endpoint: "b" } }],
    ["an own __proto__", JSON.parse('{"a":{"__proto__":1}}') as object, JSON.parse('{"a":{"__proto__":2}}') as object],
  ])("%s counts", async (_, one, other) => {
    expect(await ask(new Echo(one))).toBe(JSON.stringify(one));
    expect(await ask(new Echo(other))).toBe(JSON.stringify(other));
  });

  test("a model in it counts", async () => {
    const around = (say: string) => ask(new Around({ inner: new Echo({ say }) }));
    expect([await around("a"), await around("b"), await around("a")]).toEqual([
      '{"say":"a"}',
      '{"say":"b"}',
      '{"say":"a"}',
    ]);
  });

  test("what it has from the environment counts", () => {
    const made = (instance: string, deployment: string) => {
      vi.stubEnv("AZURE_OPENAI_API_KEY", "SECRET");
      vi.stubEnv("AZURE_OPENAI_API_VERSION", "v");
      vi.stubEnv("AZURE_OPENAI_API_INSTANCE_NAME", instance);
      vi.stubEnv("AZURE_OPENAI_API_DEPLOYMENT_NAME", deployment);
      return identity(new AzureChatOpenAI({}));
    };
    const first = made("i", "d");
    expect(made("i", "d")).toBe(first);
    expect(new Set([first, made("j", "d"), made("i", "e")]).size).toBe(3);
    expect(first).not.toContain("SECRET");
  });

  test("tracing, retries and time-outs do not count, also a client's; no credential is in it", () => {
    const made = (n: number, change: object = {}) =>
      identity(
        new ChatOpenAI({
          model: "m",
          apiKey: `SECRET ${n}`,
          tags: [`${n}`],
          maxRetries: n,
          configuration: {
            baseURL: `https://u:SECRET${n}@h/v1?api-key=SECRET${n}&v=1`,
            timeout: n,
            defaultHeaders: { "x-api-key": `SECRET ${n}`, Authorization: `SECRET ${n}`, Cookie: `SECRET ${n}` },
            defaultQuery: { key: `SECRET ${n}` },
            ...change,
          },
        }),
      );
    expect(made(2)).toBe(made(1));
    expect(made(1)).not.toContain("SECRET");
    expect(made(1, { defaultHeaders: { "OpenAI-Beta": "a" } })).not.toBe(made(1));
    expect(made(1, { baseURL: "https://h/v2" })).not.toBe(made(1));
  });

  test("an alias stands for its address", () => {
    const made = (baseURL: string, hasAlias: boolean) =>
      identity(new ChatOpenAI({ model: "m", apiKey: "k", configuration: { baseURL } }), hasAlias);
    expect(made("https://a/v1", true)).toBe(made("https://b/v1", true));
    expect(made("https://a/v1", false)).not.toBe(made("https://b/v1", false));
    const inside = (endpoint: string) => identity(new Echo({ body: { endpoint } }), true);
    expect(inside("a")).not.toBe(inside("b"));
    expect(plainAddress("https://u:p@h/v1/?sig=a&v=1")).toBe("https://h/v1?v=1");
  });

  const loop: Record<string, unknown> = {};
  loop["loop"] = loop;
  test.each([
    ["a bigint", {}, { n: 5n }],
    ["a schema that has no JSON form", {}, { schema: z.object({ at: z.date() }) }],
    ["a cycle in an option", {}, { loop }],
    ["a cycle in an argument", { loop }, {}],
  ])("%s makes a call pass, with an event", async (_, fields, options) => {
    const said = "loop" in fields ? "loop" : "{}";
    expect(await ask(new Echo(fields), options)).toBe(said);
    expect(bypasses).toBe(1);
  });

  test("what a tool says to some models counts", async () => {
    const bound = (extras: object) => ({
      tools: [tool(() => "", { name: "f", description: "d", schema: z.object({}), extras: { ...extras } })],
    });
    const model = new Echo({});
    expect(settingsOf(model, bound({ a: 1 }), false)).not.toEqual(settingsOf(model, bound({ a: 2 }), false));
    expect(settingsOf(model, bound({ a: 1 }), false)).toEqual(settingsOf(model, bound({ a: 1 }), false));
  });

  test("a stream of what has no stored form comes as it is, and is not stored", async () => {
    let asked = 0;
    class Others extends BaseChatModel {
      override _llmType(): string {
        return "others";
      }
      override async _generate(): Promise<never> {
        throw new Error("not asked");
      }
      override async *_streamResponseChunks(): AsyncGenerator<ChatGenerationChunk> {
        asked++;
        const message = new ChatMessageChunk({ content: "a", role: "r" });
        yield new ChatGenerationChunk({ text: "a", message });
        yield new ChatGenerationChunk({ text: "b", message: new AIMessageChunk({ content: "b" }) });
      }
    }
    const model = withCache(new Others({}), cache);
    for (let i = 1; i <= 2; i++) {
      const read: unknown[] = [];
      for await (const { content } of await model.stream("x")) read.push(content);
      await cache.settled();
      expect([read.join(""), asked]).toEqual(["ab", i]);
    }
  });
});

describe("embeddings", () => {
  /** Gives what it was made with, as a number. */
  class Fields extends Embeddings {
    readonly numberOf: () => number;
    constructor(fields: object, numberOf: () => number) {
      super({});
      Object.assign(this, fields);
      this.numberOf = numberOf;
    }
    override async embedDocuments(texts: string[]): Promise<number[][]> {
      return texts.map(() => [this.numberOf()]);
    }
    override async embedQuery(): Promise<number[]> {
      return [this.numberOf()];
    }
  }

  test.each([
    ["options in an object", { pipelineOptions: { pooling: "cls" } }, { pipelineOptions: { pooling: "mean" } }],
    ["a limit of tokens", { maxTokens: 1 }, { maxTokens: 2 }],
    ["a tokenizer", { tokenizer: "a" }, { tokenizer: "b" }],
    ["a name", { name: "a" }, { name: "b" }],
    [
      "embeddings in it",
      { inner: new Fields({ model: "a" }, () => 1) },
      { inner: new Fields({ model: "b" }, () => 2) },
    ],
  ])("%s count", async (_, one, other) => {
    const embed = async (fields: object, n: number) => {
      const vectors = await new CachedEmbeddings(new Fields(fields, () => n), cache).embedDocuments(["x"]);
      await cache.settled();
      return vectors;
    };
    expect([await embed(one, 1), await embed(other, 2), await embed(one, 3)]).toEqual([[[1]], [[2]], [[1]]]);
  });

  test("credentials and sizes of batches do not; a cycle makes a call pass", async () => {
    const embed = async (fields: object, n: number) => {
      const [vector] = await new CachedEmbeddings(new Fields(fields, () => n), cache).embedDocuments(["x"]);
      await cache.settled();
      return vector?.[0];
    };
    expect([await embed({ apiKey: "a", batchSize: 1 }, 1), await embed({ apiKey: "b", batchSize: 2 }, 2)]).toEqual([
      1, 1,
    ]);
    const loop: Record<string, unknown> = {};
    loop["loop"] = loop;
    expect([await embed({ loop }, 3), await embed({ loop }, 4)]).toEqual([3, 4]);
    expect(bypasses).toBe(2);
  });
});

describe("a tool", () => {
  const schema = z.object({ q: z.string() });
  const options = { ttl: "1h", tenant: false } as const;

  test("is not answered by what other packages keep of a tool of its name", async () => {
    const search = tool(async () => "found", { name: "search", description: "d", schema });
    await cache.set({ operation: "tool:search", settings: { tenant: null }, prompt: { q: "a" } }, { value: "theirs" });
    await cache.settled();
    expect(await cachedTool(search, { ...options, cache }).invoke({ q: "a" })).toBe("found");
  });

  test("who joins a run is not affected when the one who began it leaves", async () => {
    const began: PromiseWithResolvers<string>[] = [];
    const search = tool(
      (_: { q: string }, { signal }: { signal?: AbortSignal }) => {
        const run = Promise.withResolvers<string>();
        signal?.addEventListener("abort", () => run.reject(signal.reason as Error));
        began.push(run);
        return run.promise;
      },
      { name: "search", description: "d", schema },
    );
    const kept = cachedTool(search, { ...options, cache });
    const leaves = new AbortController();
    const first: Promise<unknown> = kept.invoke({ q: "a" }, { signal: leaves.signal });
    await vi.waitFor(() => expect(began).toHaveLength(1));
    const second: Promise<unknown> = kept.invoke({ q: "a" });
    await new Promise(setImmediate);
    leaves.abort();
    await expect(first).rejects.toThrow();
    for (const { resolve } of began) resolve("found");
    expect(await second).toBe("found");
    expect(began).toHaveLength(1);
  });
});
