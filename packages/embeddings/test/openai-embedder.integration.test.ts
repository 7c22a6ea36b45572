import OpenAI from "openai";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { LLMCache } from "@llmcache/core";
import { cachedFetch, cachedOpenAI } from "@llmcache/openai";
import { startModelServer, type EmbeddingsScript, type ModelServer } from "@llmcache/testing/model-server";
import { openAIEmbedder, type BatchedEmbedder, type OpenAIEmbedderOptions } from "../src/index.ts";

const model = "text-embedding-3-small";
const apiKey = "sk-secret-1234";
let server: ModelServer;

beforeEach(async () => {
  server = await startModelServer();
});
afterEach(async () => server.close());

type Options = Partial<OpenAIEmbedderOptions>;
/** The SDK, and plain fetch: what holds for one holds for the other. */
const WAYS: Record<string, (options?: Options) => BatchedEmbedder> = {
  "by the client": (options) => openAIEmbedder({ model, client: clientOf(), ...options }),
  "by fetch": (options) => openAIEmbedder({ model, baseURL: server.baseURL, apiKey, maxRetries: 0, ...options }),
};

function clientOf(): OpenAI {
  return new OpenAI({ apiKey, baseURL: server.baseURL, maxRetries: 0, logLevel: "off" });
}

function asked(n = 1): { input: string[]; encoding_format: string; dimensions?: number; model: string } {
  return server.requests[n - 1]?.json() as ReturnType<typeof asked>;
}

/** What the provider says, by another way. */
async function truth(input: string[], dimensions?: number): Promise<readonly Float32Array[]> {
  const other = await startModelServer();
  try {
    const client = clientOf().withOptions({ baseURL: other.baseURL });
    const { data } = await client.embeddings.create({
      model,
      input,
      ...(dimensions === undefined ? {} : { dimensions }),
    });
    return data.map(({ embedding }) => Float32Array.from(embedding));
  } finally {
    await other.close();
  }
}

/** A call's error, of which no part tells a prompt or a key. */
async function failure(embedder: BatchedEmbedder, texts: string[] = ["prompt one", "prompt two"]): Promise<string> {
  const error: unknown = await embedder.embed(texts).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: "ERR_LLMCACHE_EMBEDDER" });
  const { message, stack, cause } = error as Error;
  expect(cause).toBeUndefined();
  expect(`${String(stack)}${JSON.stringify(error)}${embedder.id}`).not.toMatch(/secret|prompt/);
  expect(message).toContain(`${embedder.id}: `);
  return message;
}

describe.each(Object.entries(WAYS))("%s", (_name, make) => {
  test.each<[string, Options, EmbeddingsScript]>([
    ["base64", {}, {}],
    ["numbers, from an endpoint that knows no base64", {}, { ignoreEncoding: true, numbers: "exact" }],
    ["numbers, where they are asked for", { encoding: "float" }, { numbers: "exact" }],
    ["another order", {}, { order: "reversed" }],
    ["a shuffled order", { encoding: "float" }, { order: "shuffled", numbers: "exact" }],
    ["no indexes", {}, { indexes: false }],
  ])("vectors come as the provider has them: %s", async (_kind, options, embeddings) => {
    server.reply({ embeddings });
    const texts = ["one", "two", "three", "four"];
    expect(await make(options).embed(texts)).toEqual(await truth(texts));
    expect(asked()).toEqual({ model, input: texts, encoding_format: options.encoding ?? "base64" });
    expect(server.requests[0]?.headers.authorization).toBe(`Bearer ${apiKey}`);
  });

  test("dimensions are asked for, checked, and part of the id", async () => {
    const embedder = make({ dimensions: 5 });
    expect(embedder.id).toBe(`${new URL(server.baseURL).host}/v1#${model}:5d`);
    expect(await embedder.embed(["a"])).toEqual(await truth(["a"], 5));
    server.reply({ embeddings: { dimensions: 6 } });
    expect(await failure(embedder)).toContain("a vector of 6 dimensions came where 5 dimensions were stated");
  });

  test("calls of one turn are one request", async () => {
    const embedder = make();
    const texts = Array.from({ length: 50 }, (_, index) => `text ${index % 40}`);
    const vectors = await Promise.all(texts.map(async (text) => (await embedder.embed([text]))[0]));
    expect(server.count()).toBe(1);
    expect(vectors).toEqual(await truth(texts));
  });

  test("an endpoint that refuses base64 is asked for numbers, from then on", async () => {
    server.reply((request) =>
      (request.json() as { encoding_format: string }).encoding_format === "base64"
        ? { error: { status: 400, message: "encoding_format prompt" } }
        : { embeddings: { numbers: "exact" } },
    );
    const embedder = make();
    expect(await embedder.embed(["a"])).toEqual(await truth(["a"]));
    await embedder.embed(["b"]);
    expect([1, 2, 3].map((n) => asked(n).encoding_format)).toEqual(["base64", "float", "float"]);
  });

  test("an endpoint that has taken base64 is not asked again for what it refuses", async () => {
    const embedder = make();
    await embedder.embed(["a"]);
    server.reply({ error: { status: 400 } });
    await failure(embedder);
    expect(server.count()).toBe(2);
  });

  test.each([
    [401, "invalid_api_key", "the endpoint answered 401 (invalid_api_key)."],
    [404, "sk-secret-1234", "the endpoint answered 404"],
    [500, null, "the endpoint answered 500"],
  ])("a status of %i with the code %s is an error that repeats no words of the answer", async (status, code, told) => {
    server.reply({ error: { status, code, message: `Incorrect API key ${apiKey} for prompt one` } });
    expect(await failure(make())).toContain(told);
  });

  test("an endpoint that is not there is an error that says so", async () => {
    const embedder = make();
    await server.close();
    expect(await failure(embedder)).toContain("the endpoint could not be asked (ECONNREFUSED)");
  });

  test("a broken connection is an error", async () => {
    server.reply({ drop: "after-headers" });
    expect(await failure(make())).toMatch(/the endpoint could not be asked/);
  });

  test("an endpoint that hangs is given up at the deadline, and its request ended", async () => {
    server.reply({ hang: true });
    expect(await failure(make({ deadlineMs: 100 }))).toContain("no answer within 100 ms (deadlineMs)");
    await server.requests[0]?.ended;
    expect(server.requests[0]?.aborted).toBe(true);
  });

  test("the last caller's abort ends the request", async () => {
    server.reply({ hang: true });
    const controller = new AbortController();
    const call = make().embed(["a"], { signal: controller.signal });
    const request = await server.waitFor(1);
    controller.abort(new Error("enough"));
    await expect(call).rejects.toThrow("enough");
    await request.ended;
    expect(request.aborted).toBe(true);
  });

  const list = (data: unknown): string => JSON.stringify({ object: "list", model, data });
  const item = (index: unknown, embedding: unknown = [0.5, 0.25]): object => ({
    object: "embedding",
    index,
    embedding,
  });
  const base64 = (...numbers: number[]): string => Buffer.from(Float32Array.from(numbers).buffer).toString("base64");

  test.each<[string, string, string]>([
    ["too few vectors", list([item(0)]), "1 vectors came for 2 texts"],
    ["too many vectors", list([item(0), item(1), item(2)]), "3 vectors came for 2 texts"],
    ["an index twice", list([item(1), item(1)]), "two vectors have the index 1"],
    ["an index beyond the list", list([item(1), item(2)]), "a vector's index is none from 0 to 1"],
    ["an index that is no whole number", list([item(0), item(0.5)]), "a vector's index is none from 0 to 1"],
    ["an index that is a text", list([item("0"), item("1")]), "a vector's index is none from 0 to 1"],
    ["an index for some", list([item(0), item(undefined)]), "a vector's index is none from 0 to 1"],
    ["no list", "{}", "no list of vectors (data)"],
    ["null", "null", "no list of vectors (data)"],
    ["no embedding", list([{ index: 0 }, item(1)]), "the embedding of text 1 of 2 is neither"],
    ["items that are none", list([1, 2]), "the embedding of text 1 of 2 is neither"],
    ["numbers that are texts", list([item(0), item(1, ["0.5", "0.25"])]), "the embedding of text 2 of 2 is neither"],
    ["null among the numbers", list([item(0), item(1, [0.5, null])]), "the embedding of text 2 of 2 is neither"],
    ["what is no base64", list([item(0), item(1, "####")]), "the embedding of text 2 of 2 is neither"],
    ["base64 that ends within a number", list([item(0), item(1, "AAAA")]), "the embedding of text 2 of 2 is neither"],
    ["an empty vector", list([item(0, []), item(1)]), "the vector of text 1 of 2 is empty"],
    ["NaN in base64", list([item(0, base64(1, Number.NaN)), item(1)]), "holds NaN"],
    ["infinity in base64", list([item(0, base64(1, Infinity)), item(1)]), "holds an infinite number"],
    ["a number too large for a float32", list([item(0, [1e39, 1]), item(1)]), "holds an infinite number"],
    ["a number too small for a float32", list([item(0, [1e-60, 0]), item(1)]), "is zero"],
    ["different lengths", list([item(0), item(1, [1])]), "a vector of 1 dimensions came where 2 came before"],
  ])("%s in the answer: an error, and what failed is asked for again", async (_kind, body, told) => {
    server.enqueue({ raw: { headers: { "content-type": "application/json" }, body } });
    const embedder = make();
    expect(await failure(embedder)).toContain(told);
    server.reply({ embeddings: { dimensions: 2 } });
    expect(await embedder.embed(["prompt one", "prompt two"])).toHaveLength(2);
    expect(server.count()).toBe(2);
  });

  test("base64 without padding is read", async () => {
    const body = list([item(0, base64(0.5).replace(/=+$/, ""))]);
    server.enqueue({ raw: { headers: { "content-type": "application/json" }, body } });
    expect(await make().embed(["a"])).toEqual([Float32Array.of(0.5)]);
  });

  test.each([
    ["text-embedding-3-small-2025-01-01", "nothing"],
    ["openai/text-embedding-3-small", "nothing"],
    ["text-embedding-3-large", 'another model than "text-embedding-3-small"'],
    ["text-embedding-3-small-secret", 'another model than "text-embedding-3-small"'],
  ])("an answer of %s: %s is wrong", async (answered, told) => {
    server.reply({ model: answered });
    const embedder = make();
    if (told === "nothing") expect(await embedder.embed(["a"])).toHaveLength(1);
    else expect(await failure(embedder)).toContain(told);
  });

  test("a model that changes behind its name is noticed", async () => {
    server.enqueue({ model: `${model}-v1` });
    server.reply({ model: `${model}-v2` });
    const embedder = make();
    await embedder.embed(["a"]);
    expect(await failure(embedder)).toContain("another version of the model than before");
  });

  test("answersAs is the name that counts", async () => {
    server.reply({ model: "/models/x.gguf" });
    expect(await make({ answersAs: "/models/x.gguf" }).embed(["a"])).toHaveLength(1);
    expect(await failure(make({ answersAs: model }))).toContain("another model");
  });
});

describe("by fetch", () => {
  const make = (options?: Options): BatchedEmbedder => openAIEmbedder({ model, baseURL: server.baseURL, ...options });

  test.each(["retry-after", "retry-after-ms"])("429 is tried again after what %s says", async (header) => {
    server.enqueue(
      { error: { status: 429, headers: { [header]: "0" } } },
      { error: { status: 503, headers: { [header]: "0" } } },
    );
    expect(await make().embed(["a"])).toEqual(await truth(["a"]));
    expect(server.count()).toBe(3);
  });

  test("a broken connection is tried again, an error that is the caller's is not", async () => {
    server.enqueue({ drop: "before-headers" });
    await make().embed(["a"]);
    server.reply({ error: { status: 401 } });
    await failure(make());
    server.reply({ error: { status: 429, code: "insufficient_quota" } });
    await failure(make());
    expect(server.count()).toBe(4);
  });

  test("what has to wait longer than the deadline fails at once", async () => {
    server.reply({ error: { status: 429, headers: { "retry-after": "3" } } });
    const setTimeouts = vi.spyOn(globalThis, "setTimeout");
    expect(await failure(make({ deadlineMs: 2500 }))).toContain("the endpoint answered 429");
    expect(server.count()).toBe(1);
    expect(setTimeouts.mock.calls.some(([, ms]) => ms === 3000)).toBe(false);
    setTimeouts.mockRestore();
  });

  test("maxRetries bounds the attempts", async () => {
    server.reply({ error: { status: 500, headers: { "retry-after-ms": "1" } } });
    await failure(make({ maxRetries: 3 }));
    expect(server.count()).toBe(4);
  });

  test("an abort ends a pause", async () => {
    server.reply({ error: { status: 429, headers: { "retry-after": "30" } } });
    const controller = new AbortController();
    const call = make({ deadlineMs: 60_000 }).embed(["a"], { signal: controller.signal });
    await server.waitFor(1);
    controller.abort(new Error("enough"));
    await expect(call).rejects.toThrow("enough");
  });

  test.each<[string, string | Uint8Array, string]>([
    ["an HTML page", "<!doctype html><p>secret prompt", "no JSON: is baseURL the one that /embeddings is behind?"],
    ["nothing", "", "no JSON"],
    ["JSON that ends early", '{"data": [{"index": 0, "embedding": [0.1', "no JSON"],
    ["a huge answer", Buffer.alloc(1024 * 1024, " "), "longer than that many vectors can be"],
  ])("%s instead of an answer is an error, and not asked for again", async (_kind, body, told) => {
    server.reply({ raw: { headers: { "content-type": "text/html" }, body } });
    expect(await failure(make())).toContain(told);
    expect(server.count()).toBe(1);
  });

  test("an answer that never ends is not read to its end", async () => {
    const part = Buffer.alloc(64 * 1024, " ");
    server.reply({ raw: { body: Array.from({ length: 1000 }, () => part) } });
    expect(await failure(make())).toContain("longer than that many vectors can be");
    await server.requests[0]?.ended;
    expect(server.requests[0]?.aborted).toBe(true);
  });

  test("a redirect is not followed: texts go nowhere else", async () => {
    server.reply({ raw: { status: 307, headers: { location: `${server.baseURL}/elsewhere` }, body: "" } });
    expect(await failure(make())).toContain("the endpoint answered 307");
    expect(server.count()).toBe(1);
  });

  test("headers and a query go along, a key of the environment does not", async () => {
    vi.stubEnv("OPENAI_API_KEY", apiKey);
    await make({ baseURL: `${server.baseURL}/?api-version=1`, headers: { "api-key": "k" } }).embed(["a"]);
    const [request] = server.requests;
    expect(request?.path).toBe("/v1/embeddings");
    expect(request?.query.get("api-version")).toBe("1");
    expect(request?.headers).toMatchObject({ "api-key": "k", "content-type": "application/json" });
    expect(request?.headers.authorization).toBeUndefined();
    vi.unstubAllEnvs();
  });
});

describe("with a cache around", () => {
  test.each<[string, (cache: LLMCache) => Options]>([
    ["a cached client", (cache) => ({ client: cachedOpenAI(clientOf(), cache) })],
    ["a client with a caching fetch of the cache in force", () => ({ client: cachedOpenAI(clientOf()) })],
    ["a caching fetch", (cache) => ({ baseURL: server.baseURL, fetch: cachedFetch(cache) })],
  ])("%s is told to keep out", async (_kind, way) => {
    const cache = new LLMCache();
    const embedder = openAIEmbedder({ model, memoEntries: 0, ...way(cache) });
    for (let time = 0; time < 2; time++) expect(await cache.run(() => embedder.embed(["a"]))).toHaveLength(1);
    await cache.settled();
    expect(server.count()).toBe(2);
    expect(cache.stats()).toMatchObject({ hits: 0 });
    await cache[Symbol.asyncDispose]();
  });
});

test("the client that was given stays as it was, and open", async () => {
  const client = clientOf();
  const embedder = openAIEmbedder({ model, client });
  await embedder.embed(["a"]);
  await embedder[Symbol.asyncDispose]();
  await expect(embedder.embed(["a"])).rejects.toMatchObject({ code: "ERR_LLMCACHE_CLOSED" });
  expect((await client.embeddings.create({ model, input: "a" })).data).toHaveLength(1);
});
