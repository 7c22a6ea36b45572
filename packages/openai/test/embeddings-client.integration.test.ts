import OpenAI from "openai";
import { LLMCache, MapStore, type CacheOption } from "@llmcache/core";
import { createGate, startModelServer, type EmbeddingsScript, type ModelServer } from "@llmcache/testing/model-server";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { cachedOpenAI, type CachedOpenAI } from "../src/index.ts";

type APIError = InstanceType<typeof OpenAI.APIError>;
type Params = OpenAI.EmbeddingCreateParams;

let server: ModelServer;
let cache: LLMCache;
let plain: OpenAI;
let client: CachedOpenAI<OpenAI>;

beforeEach(async () => {
  server = await startModelServer();
  cache = new LLMCache();
  plain = new OpenAI({ apiKey: "sk-test", baseURL: server.baseURL, maxRetries: 0, logLevel: "off" });
  client = cachedOpenAI(plain, cache);
});
afterEach(() => server.close());

const model = "text-embedding-3-small";

/** What the n-th request to the server was for. */
function askedFor(n: number): unknown {
  return (server.requests[n - 1]?.json() as { input: unknown } | undefined)?.input;
}

async function ask(input: Params["input"], more: Partial<Params> = {}): Promise<OpenAI.CreateEmbeddingResponse> {
  const answer = await client.embeddings.create({ model, input, ...more });
  await cache.settled();
  return answer;
}

/** What the provider says, by another way than through the cache. */
async function truth(input: Params["input"], more: Partial<Params> = {}): Promise<OpenAI.CreateEmbeddingResponse> {
  const other = await startModelServer();
  try {
    return await plain.withOptions({ baseURL: other.baseURL }).embeddings.create({ model, input, ...more });
  } finally {
    await other.close();
  }
}

async function status(input: Params["input"], more: Partial<Params> = {}): Promise<string | null> {
  const { response } = await client.embeddings.create({ model, input, ...more }).withResponse();
  await cache.settled();
  return response.headers.get("cache-status");
}

const INPUTS: Record<string, Params["input"]> = {
  "one text": "hello",
  "a list of one": ["hello"],
  "a list": ["one", "two", "three"],
  "a list with equal texts": ["one", "two", "one", "one"],
  "one list of tokens": [1, 2, 3],
  "lists of tokens": [[1, 2, 3], [4], [1, 2, 3]],
};
const OPTIONS: Record<string, Partial<Params>> = {
  "the SDK's own encoding": {},
  float: { encoding_format: "float" },
  base64: { encoding_format: "base64" },
  "other dimensions": { dimensions: 3 },
};

describe.each(Object.entries(INPUTS))("%s", (_name, input) => {
  test.each(Object.entries(OPTIONS))("with %s: asked once, equal the second time", async (_kind, more) => {
    const expected = await truth(input, more);
    const first = await ask(input, more);
    const second = await ask(input, more);
    expect(server.count("/embeddings")).toBe(1);
    expect(first.data).toStrictEqual(expected.data);
    expect(second).toStrictEqual(first);
    expect(second.data[0]?.embedding.constructor).toBe(expected.data[0]?.embedding.constructor);
  });
});

describe("a list", () => {
  test("is asked for what is missing only, each item once, and answered as the provider would have", async () => {
    await ask("two");
    await ask(["four", "five"]);
    const answer = await ask(["one", "two", "three", "four", "one", "five"]);
    expect(askedFor(3)).toEqual(["one", "three"]);
    expect(answer.data).toStrictEqual((await truth(["one", "two", "three", "four", "one", "five"])).data);
    expect(answer.data.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test("keeps all that was asked besides", async () => {
    await ask("one", { dimensions: 3, user: "ann", encoding_format: "float" });
    await ask(["one", "two"], { dimensions: 3, user: "bob", encoding_format: "float" });
    expect(server.requests[1]?.json()).toEqual({
      model,
      input: ["two"],
      dimensions: 3,
      user: "bob",
      encoding_format: "float",
    });
  });

  test.each<NonNullable<EmbeddingsScript["order"]>>(["reversed", "shuffled"])(
    "is in the order of the question, though the provider's is %s",
    async (order) => {
      server.reply({ embeddings: { order } });
      const input = ["one", "two", "three", "four"];
      const expected = await truth(input);
      expect((await ask(input)).data).toStrictEqual(expected.data);
      expect((await ask(input)).data).toStrictEqual(expected.data);
      expect((await ask(["four", "five", "two"])).data).toStrictEqual((await truth(["four", "five", "two"])).data);
    },
  );

  test("has no index where the provider gives none", async () => {
    server.reply({ embeddings: { indexes: false } });
    const first = await ask(["one", "two"]);
    const second = await ask(["one", "two"]);
    expect(second).toStrictEqual(first);
    expect(second.data[0]).not.toHaveProperty("index");
  });

  test("shares the usage out so that it adds up", async () => {
    server.reply({ embeddings: { usage: { prompt_tokens: 10, total_tokens: 10 } } });
    expect((await ask(["a", "b", "c"])).usage).toEqual({ prompt_tokens: 10, total_tokens: 10 });
    const shares = [await ask("a"), await ask("b"), await ask("c")].map(({ usage }) => usage.prompt_tokens);
    expect(shares).toEqual([4, 3, 3]);
    // In the account, too: each hit has saved what its item took.
    expect(cache.stats()).toMatchObject({ spent: { tokens: 10 }, saved: { tokens: 10 } });
    expect((await ask(["c", "b", "a"])).usage.total_tokens).toBe(10);
    expect((await ask(["a", "a", "b"])).usage.total_tokens).toBe(11);
    expect((await ask(["c", "d"])).usage).toEqual({ prompt_tokens: 13, total_tokens: 13 });
    expect(server.count()).toBe(2);
  });

  test("says nothing of usage where the provider does not", async () => {
    server.reply({ embeddings: { usage: false } });
    await ask(["a", "b"]);
    expect(await ask(["b", "a"])).not.toHaveProperty("usage");
  });

  test("keeps what else the answer says", async () => {
    server.reply({ embeddings: { extra: { id: "e1", meta: { region: "eu" } } } });
    await ask(["a", "b"]);
    expect(await ask(["b"])).toMatchObject({ id: "e1", meta: { region: "eu" }, object: "list", model });
  });

  test("of 2048 items is asked once and found again in another order", async () => {
    cache = new LLMCache({ store: new MapStore({ maxEntries: 5000 }) });
    client = cachedOpenAI(plain, cache);
    const input = Array.from({ length: 2048 }, (_, index) => `item ${index}`);
    const first = await ask(input, { dimensions: 256 });
    const second = await ask(input.toReversed(), { dimensions: 256 });
    expect(second.data.map(({ embedding }) => embedding)).toStrictEqual(
      first.data.map(({ embedding }) => embedding).reverse(),
    );
    expect(server.count()).toBe(1);
  });

  test("that another call is just asking for is waited for, item by item", async () => {
    const gate = createGate();
    server.enqueue({ gate: gate.opened });
    const one = client.embeddings.create({ model, input: ["a", "b"] });
    await server.waitFor(1);
    const other = client.embeddings.create({ model, input: ["b", "c"] });
    await server.waitFor(2);
    gate.open();
    await one;
    expect((await other).data).toStrictEqual((await truth(["b", "c"])).data);
    expect(askedFor(2)).toEqual(["c"]);
  });
});

describe("Cache-Status", () => {
  test("tells a miss, a hit, a part and a bypass apart", async () => {
    expect(await status(["a", "b"])).toMatch(/^llmcache; fwd=miss/);
    expect(await status(["b", "a"])).toBe("llmcache; hit");
    expect(await status(["a", "c", "b"])).toMatch(/^llmcache; fwd=partial.*; detail="2 of 3 cached"$/);
    const { response } = await client.embeddings.create({ model, input: ["a"] }, { cache: false }).withResponse();
    expect(response.headers.get("cache-status")).toBe("llmcache; fwd=bypass");
  });
});

describe("the encodings", () => {
  test("share one entry: what was recorded as base64 is given as numbers, as the SDK would read it", async () => {
    const numbers = (await ask(["a", "b"])).data;
    const floats = await ask(["b", "a"], { encoding_format: "float" });
    expect(server.count()).toBe(1);
    expect(floats.data[1]?.embedding).toEqual([...(numbers[0]?.embedding ?? [])]);
  });

  test("numbers that are float32s to the last digit are given as base64 too", async () => {
    server.reply({ embeddings: { numbers: "exact" } });
    const floats = await ask(["a"], { encoding_format: "float" });
    const base64 = await ask(["a"], { encoding_format: "base64" });
    expect(server.count()).toBe(1);
    expect(base64.data).toStrictEqual((await truth(["a"], { encoding_format: "base64" })).data);
    expect((await ask(["a"])).data[0]?.embedding).toEqual(floats.data[0]?.embedding);
  });

  test.each<NonNullable<EmbeddingsScript["numbers"]>>(["shortest", "double"])(
    "%s decimals come back digit by digit, and are not taken for float32s",
    async (numbers) => {
      server.reply({ embeddings: { numbers } });
      const first = await ask(["a"], { encoding_format: "float" });
      expect(await ask(["a"], { encoding_format: "float" })).toStrictEqual(first);
      expect(server.count()).toBe(1);
      await ask(["a"], { encoding_format: "base64" });
      expect(server.count()).toBe(2);
    },
  );

  test("of a provider that knows none but numbers stay numbers", async () => {
    server.reply({ embeddings: { ignoreEncoding: true } });
    const first = await ask(["a", "b"]);
    expect(await ask(["a", "b"])).toStrictEqual(first);
    expect(await ask(["b"], { encoding_format: "float" })).toMatchObject({
      data: [{ embedding: first.data[1]?.embedding }],
    });
    expect(server.count()).toBe(1);
  });
});

describe("a failure", () => {
  test.each([400, 429, 500])("of status %i reaches the caller as it was, and nothing is stored", async (code) => {
    await ask("a");
    server.enqueue({ error: { status: code, message: "No.", headers: { "retry-after-ms": "1" } } });
    const failure = (await ask(["a", "b"]).catch((error: unknown) => error)) as APIError;
    expect([failure.status, failure.message, failure.headers?.get("x-request-id")]).toEqual([
      code,
      `${code} No.`,
      "req_000002",
    ]);
    expect((await ask(["a", "b"])).data).toStrictEqual((await truth(["a", "b"])).data);
    expect(server.count()).toBe(3);
  });

  test("is tried again as the client is told to", async () => {
    client = cachedOpenAI(plain.withOptions({ maxRetries: 1 }), cache);
    server.enqueue({ error: { status: 429, headers: { "retry-after-ms": "1" } } });
    expect((await ask(["a", "b"])).data).toHaveLength(2);
  });

  test("over one list is not that of another one that has an item in common", async () => {
    const gate = createGate();
    server.enqueue({ gate: gate.opened, error: { status: 400, message: "Too long." } });
    const one = client.embeddings.create({ model, input: ["a", "far too long"] });
    await server.waitFor(1);
    const other = client.embeddings.create({ model, input: ["a"] });
    gate.open();
    await expect(one).rejects.toThrow("Too long.");
    expect((await other).data).toStrictEqual((await truth(["a"])).data);
  });

  test.each([1, 3])("%i items in the place of two are an error, and nothing is stored", async (count) => {
    server.enqueue({ embeddings: { count } });
    const failure = (await ask(["a", "b"]).catch((error: unknown) => error)) as APIError;
    expect([failure.status, failure.code]).toEqual([502, "ERR_LLMCACHE_COUNT"]);
    expect((await ask(["a", "b"])).data).toHaveLength(2);
    expect(askedFor(2)).toEqual(["a", "b"]);
  });

  test("another number of items than asked is the same error where a part was asked", async () => {
    await ask("a");
    server.enqueue({ embeddings: { count: 1 } });
    const failure = (await ask(["a", "b", "c"]).catch((error: unknown) => error)) as APIError;
    expect([failure.status, failure.code]).toEqual([502, "ERR_LLMCACHE_COUNT"]);
    expect((await ask(["a", "b", "c"])).data).toStrictEqual((await truth(["a", "b", "c"])).data);
    expect(askedFor(3)).toEqual(["b", "c"]);
  });

  test.each([
    ["no list", { object: "list", model, data: {} }],
    ["an error in a good answer", { error: { message: "Oh." }, data: [] }],
    ["one position twice", { model, data: [0, 0].map((index) => ({ index, embedding: [1] })) }],
    ["a position that there is not", { model, data: [0, 2].map((index) => ({ index, embedding: [1] })) }],
    ["no vector", { model, data: [0, 1].map((index) => ({ index, embedding: [] })) }],
  ])("%s is handed on, and not stored", async (_name, body) => {
    const raw = { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
    server.enqueue({ raw });
    expect(await ask(["a", "b"], { encoding_format: "float" })).toEqual(body);
    await ask(["a", "b"], { encoding_format: "float" });
    expect(server.count()).toBe(2);
  });
});

describe("vectors of other kinds", () => {
  const answering = (embedding: string): void => {
    const body = `{"object":"list","model":"${model}","data":[{"object":"embedding","index":0,"embedding":${embedding}}]}`;
    server.reply({ raw: { headers: { "content-type": "application/json" }, body } });
  };

  test.each([
    ["several for one text", "[[0.5,0.25],[0.1]]"],
    ["whole numbers", "[-128,0,127]"],
    ["a text that is no base64", '"0101"'],
    ["a minus that stands before nothing", "[-0.0,1]"],
  ])("%s come back as they were", async (_name, embedding) => {
    answering(embedding);
    const first = await ask("a", { encoding_format: "float" });
    expect(first.data[0]?.embedding).toStrictEqual(JSON.parse(embedding));
    expect(await ask("a", { encoding_format: "float" })).toStrictEqual(first);
    expect(server.count()).toBe(1);
  });

  test("in a form that is not known are for those only who asked for the same encoding", async () => {
    answering("[[0.5]]");
    await ask("a", { encoding_format: "float" });
    await ask("a", { encoding_format: "base64" });
    expect(server.count()).toBe(2);
  });

  test.each(["[1e999]", "[[1e999]]"])("that JSON cannot hold are handed on and not stored: %s", async (embedding) => {
    answering(embedding);
    await ask("a", { encoding_format: "float" });
    await ask("a", { encoding_format: "float" });
    expect(server.count()).toBe(2);
  });
});

describe("models", () => {
  test("answers of two versions of a model are never mixed: all is asked anew", async () => {
    server.reply({ model: "text-embedding-3-small-2024-01-01" });
    await ask(["a", "b"]);
    server.reply({ model: "text-embedding-3-small-2025-01-01", embeddings: { version: "2" } });
    const answer = await ask(["a", "c"]);
    expect(askedFor(2)).toEqual(["c"]);
    expect(askedFor(3)).toEqual(["a", "c"]);
    expect(answer.model).toBe("text-embedding-3-small-2025-01-01");
    expect(await ask(["c", "a"])).toMatchObject({ model: "text-embedding-3-small-2025-01-01" });
    expect(server.count()).toBe(3);
  });

  test.each([
    ["text-embedding-ada-002", "text-embedding-ada-002-v2"],
    ["nomic-embed-text", "nomic-embed-text:latest"],
  ])("%s that calls itself %s is the same", async (asked, told) => {
    server.reply({ model: told });
    await ask(["a"], { model: asked });
    expect((await ask(["a"], { model: asked })).model).toBe(told);
    expect(server.count()).toBe(1);
  });

  test("a fallback's vectors are handed on and not stored", async () => {
    server.enqueue({ model: "another-model" });
    expect((await ask(["a"])).model).toBe("another-model");
    expect((await ask(["a"])).model).toBe(model);
    expect(server.count()).toBe(2);
  });
});

describe("what one call wants", () => {
  const with_ = (input: Params["input"], option: CacheOption): Promise<OpenAI.CreateEmbeddingResponse> =>
    client.embeddings.create({ model, input }, { cache: option });

  test("onlyIfCached never asks: all or nothing", async () => {
    await ask(["a"]);
    expect((await with_(["a"], { onlyIfCached: true })).data).toHaveLength(1);
    await expect(with_(["a", "b"], { onlyIfCached: true })).rejects.toMatchObject({ status: 504 });
    expect(server.count()).toBe(1);
  });

  test("noCache asks for all and stores", async () => {
    await ask(["a", "b"]);
    await with_(["a", "b"], { noCache: true });
    expect(askedFor(2)).toEqual(["a", "b"]);
  });

  test("noStore stores nothing", async () => {
    await with_(["a", "b"], { noStore: true });
    await ask(["a", "b"]);
    expect(server.count()).toBe(2);
  });

  test("namespaces do not see each other", async () => {
    await with_(["a"], { namespace: "one" });
    await with_(["a"], { namespace: "two" });
    expect(server.count()).toBe(2);
  });
});

test("an abort ends the call and its request", async () => {
  server.reply({ hang: true });
  const controller = new AbortController();
  const call = client.embeddings.create({ model, input: ["a", "b"] }, { signal: controller.signal });
  const request = await server.waitFor(1);
  controller.abort();
  await expect(call).rejects.toThrow(OpenAI.APIUserAbortError);
  await request.ended;
  expect(request.aborted).toBe(true);
});
