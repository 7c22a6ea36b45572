import Anthropic, {
  APIConnectionTimeoutError,
  APIError,
  APIUserAbortError,
  BaseAnthropic,
  InternalServerError,
  OverloadedError,
  RateLimitError,
  type Middleware,
} from "@anthropic-ai/sdk";
import { betaTool } from "@anthropic-ai/sdk/helpers/beta/json-schema";
import { Messages } from "@anthropic-ai/sdk/resources/messages/messages";
import { LLMCache } from "@llmcache/core";
import { startModelServer, createGate, type ModelServer } from "@llmcache/testing/model-server";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { cachedAnthropic, cachedFetch, cacheMiddleware } from "../src/index.ts";

let server: ModelServer;
let cache: LLMCache;

beforeEach(async () => {
  server = await startModelServer();
  cache = new LLMCache();
});
afterEach(async () => {
  await server.close();
  await cache[Symbol.asyncDispose]();
});

const plain = (options: object = {}): Anthropic =>
  new Anthropic({ apiKey: "secret", baseURL: server.url, maxRetries: 0, ...options });
const ask = { model: "claude-sonnet-5", max_tokens: 100, messages: [{ role: "user" as const, content: "hello" }] };

async function all<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const each of stream) list.push(each);
  return list;
}

/** The SDK sends texts. */
function bodyOf({ body }: { readonly body?: unknown }): string {
  return body as string;
}

async function failure(promise: PromiseLike<unknown>): Promise<APIError> {
  try {
    await promise;
  } catch (error) {
    return error as APIError;
  }
  throw new Error("It did not fail.");
}

describe("one entry", () => {
  test("serves a stream what was asked in one piece, and the other way round", async () => {
    server.reply({ reasoning: "hm", content: "Grüße", toolCalls: [{ name: "f", arguments: '{"a":1}' }] });
    const client = cachedAnthropic(plain(), cache);
    const whole = await client.messages.create(ask);
    await cache.settled();
    expect((await client.messages.stream(ask).finalMessage()).content).toEqual(whole.content);
    const other = { ...ask, max_tokens: 7 };
    const said = await client.messages.stream(other).finalMessage();
    await cache.settled();
    const again = await client.messages.create(other);
    expect(again.content).toEqual(said.content);
    expect(again.usage).toEqual(said.usage);
    expect(server.count()).toBe(2);
  });

  test("is not made of a stream with an error in it, and of none that was cut", async () => {
    const client = cachedAnthropic(plain(), cache);
    server.enqueue({ stream: { errorAfter: 4 } }, { stream: { dropAfter: 4 } }, { stream: { done: false } });
    const overloaded = await failure(client.messages.create({ ...ask, stream: true }).then(all));
    expect(overloaded).toBeInstanceOf(APIError);
    expect(overloaded.type).toBe("overloaded_error");
    await failure(client.messages.create({ ...ask, stream: true }).then(all));
    await client.messages.create({ ...ask, stream: true }).then(all);
    expect(server.count()).toBe(3);
    await client.messages.create(ask);
    expect(server.count()).toBe(4);
  });

  test("of a stream in any pieces is the same events", async () => {
    for (const split of ["bytes", "utf8", "lines", 7] as const) {
      server.reply({ content: "Grüße 🙂 aus Köln", stream: { split } });
      const client = cachedAnthropic(plain(), new LLMCache());
      const first = await all(await client.messages.create({ ...ask, stream: true }));
      const second = await all(await client.messages.create({ ...ask, stream: true }));
      expect(second).toEqual(first);
    }
    expect(server.count()).toBe(4);
  });

  test("is shared by calls at the same time", async () => {
    const gate = createGate();
    server.reply({ gate: gate.opened });
    const client = cachedAnthropic(plain(), cache);
    const calls = [1, 2, 3].map(async () => client.messages.create(ask));
    await server.waitFor(1);
    gate.open();
    const [one, two, three] = await Promise.all(calls);
    expect([two, three]).toEqual([one, one]);
    expect(two).not.toBe(one);
    expect(server.count()).toBe(1);
  });
});

describe("failures", () => {
  test("are the SDK's own, with status, type and request id, and are not stored", async () => {
    const client = cachedAnthropic(plain(), cache);
    server.enqueue({ error: { status: 529 } }, { error: { status: 429 } }, { error: { status: 500 } });
    const overloaded = await failure(client.messages.create(ask));
    expect(overloaded).toBeInstanceOf(OverloadedError);
    expect(overloaded).toMatchObject({ status: 529, type: "overloaded_error", requestID: "req_000001" });
    expect(await failure(client.messages.create(ask))).toBeInstanceOf(RateLimitError);
    expect(await failure(client.messages.create({ ...ask, stream: true }))).toBeInstanceOf(InternalServerError);
    expect((await client.messages.create(ask)).id).toBe("msg_000004");
  });

  test("are tried again as the client is told to", async () => {
    const client = cachedAnthropic(plain({ maxRetries: 2 }), cache);
    const again = { "retry-after-ms": "1" };
    server.enqueue({ error: { status: 529, headers: again } }, { error: { status: 429, headers: again } });
    await client.messages.create(ask);
    expect(server.count()).toBe(3);
    server.enqueue({ drop: "before-headers" });
    await client.messages.create({ ...ask, max_tokens: 7 });
    expect(server.count()).toBe(5);
  });

  test("of the connection are the SDK's", async () => {
    const client = cachedAnthropic(plain(), cache);
    server.enqueue({ drop: "before-headers" });
    expect((await failure(client.messages.create(ask))).constructor.name).toBe("APIConnectionError");
  });

  test("of time are too, also for who waits for what another asked", async () => {
    server.reply({ hang: true });
    const client = cachedAnthropic(plain(), cache);
    const first = failure(client.messages.create(ask, { timeout: 60_000 }));
    await server.waitFor(1);
    expect(await failure(client.messages.create(ask, { timeout: 20 }))).toBeInstanceOf(APIConnectionTimeoutError);
    expect(await failure(client.messages.create({ ...ask, max_tokens: 7 }, { timeout: 20 }))).toBeInstanceOf(
      APIConnectionTimeoutError,
    );
    expect(server.requests[0]?.aborted).toBe(false);
    await server.close();
    await first;
  });

  test("of the cache say what is wrong, and are not tried again", async () => {
    const client = cachedAnthropic(plain({ maxRetries: 2 }), cache);
    const missing = await failure(client.messages.create(ask, { cache: { onlyIfCached: true } }));
    expect(missing).toBeInstanceOf(APIError);
    expect(missing).toMatchObject({ status: 504, error: { error: { code: "ERR_LLMCACHE_MISS" } } });
    const wrong = await failure(client.messages.create(ask, { cache: { ttl: "soon" } as never }));
    expect(wrong).toMatchObject({ status: 400, error: { error: { code: "ERR_LLMCACHE_OPTION" } } });
    expect(server.count()).toBe(0);
  });
});

describe("who leaves", () => {
  test("early gets the SDK's error, and the others their answer", async () => {
    server.reply({ hang: true });
    const client = cachedAnthropic(plain(), cache);
    const leaving = new AbortController();
    const gone = failure(client.messages.create(ask, { signal: leaving.signal }));
    const staying = client.messages.create(ask);
    void staying.catch(() => undefined);
    const { ended } = await server.waitFor(1);
    leaving.abort();
    expect(await gone).toBeInstanceOf(APIUserAbortError);
    server.release();
    expect((await staying).id).toBe("msg_000001");
    await ended;
    expect(server.requests[0]?.aborted).toBe(false);
  });

  test("last ends the request", async () => {
    server.reply({ hang: true });
    const client = cachedAnthropic(plain(), cache);
    const leaving = new AbortController();
    const gone = failure(client.messages.create(ask, { signal: leaving.signal }));
    const request = await server.waitFor(1);
    leaving.abort();
    expect(await gone).toBeInstanceOf(APIUserAbortError);
    await request.ended;
    expect(request.aborted).toBe(true);
  });

  test("a stream, by break, leaves nothing stored", async () => {
    const client = cachedAnthropic(plain(), cache);
    const gate = createGate();
    server.enqueue({ stream: { gate: (index) => (index === 3 ? gate.opened : undefined) } });
    for await (const _event of await client.messages.create({ ...ask, stream: true })) break;
    await server.requests[0]?.ended;
    await client.messages.create(ask);
    expect(server.count()).toBe(2);
  });
});

describe("the cache option", () => {
  test("holds for one call, of all methods", async () => {
    const client = cachedAnthropic(plain(), cache);
    await client.messages.create(ask);
    await cache.settled();
    await client.messages.create(ask, { cache: false });
    await client.messages.stream(ask, { cache: false }).finalMessage();
    await client.messages.parse(ask, { cache: { noCache: true } });
    await client.beta.messages.create(ask, { cache: false });
    await client.beta.messages.stream(ask, { cache: { namespace: "a" } }).finalMessage();
    await client.messages.create(ask, { cache: new LLMCache() });
    expect(server.count()).toBe(7);
    await cache.settled();
    await client.messages.create(ask);
    expect(server.count()).toBe(7);
  });

  test("holds for all requests of a tool runner; its message threads are not cached", async () => {
    server.reply(({ body }) =>
      body.toString().includes("tool_result") ? {} : { toolCalls: [{ name: "f", arguments: "{}" }] },
    );
    const client = cachedAnthropic(plain(), cache);
    const tool = betaTool({ name: "f", description: "f", inputSchema: { type: "object" }, run: () => "done" });
    const runs = { ...ask, tools: [tool] };
    for (const [thread, option, asked] of [
      [false, undefined, 2],
      [false, undefined, 2],
      [false, false, 4],
      [undefined, undefined, 6],
      [undefined, undefined, 8],
    ] as const) {
      const more = thread === undefined ? {} : { thread };
      await client.beta.messages.toolRunner({ ...runs, ...more }, option === undefined ? {} : { cache: option });
      await cache.settled();
      expect(server.count()).toBe(asked);
    }
  });

  test("may be the cache in force", async () => {
    const client = cachedAnthropic(plain());
    await client.messages.create(ask);
    await client.messages.create(ask);
    expect(server.count()).toBe(2);
    await cache.run(async () => {
      await client.messages.create(ask);
      await client.messages.create(ask);
    });
    expect(server.count()).toBe(3);
  });
});

describe("the client", () => {
  test("that was given stays as it is, and those made of the cached one are cached", async () => {
    const given = plain();
    const client = cachedAnthropic(given, cache);
    expect(client).toBeInstanceOf(Anthropic);
    expect(given.middleware).toEqual([]);
    await client.messages.create(ask);
    await cache.settled();
    await client.withOptions({ timeout: 1000 }).messages.create(ask);
    const seen: string[] = [];
    const watching: Middleware = (request, next) => {
      seen.push(request.url);
      return next(request);
    };
    await client
      .withOptions({ middleware: [watching] })
      .withOptions({ maxRetries: 1 })
      .messages.create(ask);
    expect(server.count()).toBe(1);
    expect(seen).toHaveLength(1);
    await given.messages.create(ask);
    expect(server.count()).toBe(2);
  });

  test("asks nothing else through the cache", async () => {
    const client = cachedAnthropic(plain(), cache);
    const { max_tokens: _limit, ...counted } = ask;
    await client.messages.countTokens(counted);
    await client.messages.countTokens(counted);
    expect(server.count("/messages/count_tokens")).toBe(2);
    await failure(client.messages.batches.create({ requests: [] }));
    await failure(client.messages.batches.create({ requests: [] }));
    expect(server.count("/batches")).toBe(2);
    expect(cache.stats()).toMatchObject({ misses: 0, bypasses: 0 });
  });

  test("sees what other middleware make of a request, as the key does", async () => {
    const polite: Middleware = (request, next) =>
      next({ ...request, body: bodyOf(request).replace("hello", "hello, please") });
    const client = cachedAnthropic(plain({ middleware: [polite] }), cache);
    await client.messages.create(ask);
    await cache.settled();
    await cachedAnthropic(plain(), cache).messages.create(ask);
    expect(server.requests.map((request) => request.body.toString().includes("please"))).toEqual([true, false]);
  });

  test("sends its headers and credentials as ever, and stores none of them", async () => {
    const client = cachedAnthropic(plain(), cache);
    const { data: first, response } = await client.messages.create(ask).withResponse();
    expect(server.requests[0]?.headers).toMatchObject({
      authorization: "Bearer secret",
      "anthropic-version": expect.any(String) as string,
    });
    expect(response.headers.get("request-id")).toBe("req_000001");
    await cache.settled();
    const again = await client.messages.create(ask).withResponse();
    expect(again.response.headers.get("cache-status")).toBe("llmcache; hit");
    for (const name of ["request-id", "set-cookie", "anthropic-organization-id"])
      expect(again.response.headers.get(name)).toBeNull();
    expect(again.data).toEqual(first);
  });

  test("of another key and another user shares its entries; other betas do not", async () => {
    await cachedAnthropic(plain(), cache).messages.create({ ...ask, metadata: { user_id: "a" } });
    await cache.settled();
    const other = cachedAnthropic(plain({ apiKey: "another" }), cache);
    await other.messages.create({ ...ask, metadata: { user_id: "b" } });
    expect(server.count()).toBe(1);
    await other.beta.messages.create({ ...ask, betas: ["context-1m-2025-08-07"] });
    expect(server.count()).toBe(2);
  });

  test("asks anew for another profile or workspace, which the SDK sends as headers", async () => {
    const client = cachedAnthropic(plain(), cache);
    const bodies = [
      {},
      { user_profile_id: "a" },
      { user_profile_id: "b" },
      { workspace_id: "a" },
      { workspace_id: "b" },
    ];
    for (const more of [...bodies, ...bodies]) {
      await client.messages.create({ ...ask, ...more });
      await cache.settled();
    }
    expect(server.count()).toBe(bodies.length);
  });

  test("may be one whose fetch asks the same cache already", async () => {
    const client = cachedAnthropic(plain({ fetch: cachedFetch(cache) }), cache);
    await client.messages.create(ask);
    await cache.settled();
    await client.messages.create(ask);
    expect(server.count()).toBe(1);
    const simple = plain({ middleware: [cacheMiddleware(cache)] });
    await simple.messages.create(ask);
    expect(server.count()).toBe(1);
  });

  test("takes back what turned out to be bad", async () => {
    const client = cachedAnthropic(plain(), cache);
    await client.messages.create(ask);
    await cache.settled();
    await client.reject(await client.messages.create(ask));
    await client.messages.create(ask);
    expect(server.count()).toBe(2);
    await cache.settled();
    await client.reject(await client.messages.create(ask).asResponse());
    await client.messages.create(ask);
    expect(server.count()).toBe(3);
    await expect(client.reject({})).rejects.toMatchObject({ code: "ERR_LLMCACHE_OPTION" });
  });
});

/** A platform with a wire format of its own, as Bedrock's and Vertex's clients adapt to theirs. */
class Platform extends BaseAnthropic {
  readonly messages: Messages = new Messages(this);

  protected override backendMiddleware(): readonly Middleware[] {
    return [
      async (request, next) => {
        const { model, stream, ...body } = JSON.parse(bodyOf(request)) as Record<string, unknown>;
        const url = new URL(request.url);
        url.pathname = `/model/${String(model)}/${stream === true ? "stream" : "invoke"}`;
        return next({ ...request, url: url.href, body: JSON.stringify({ anthropic_version: "p-1", ...body }) });
      },
    ];
  }
}

test("a platform's client asks it in its own way, and is answered from the cache", async () => {
  const usage = { input_tokens: 1, output_tokens: 2 };
  const answer = {
    usage,
    type: "message",
    role: "assistant",
    content: [{ type: "text", text: "hi" }],
    stop_reason: "end_turn",
  };
  server.reply({ raw: { headers: { "content-type": "application/json" }, body: JSON.stringify(answer) } });
  const client = cachedAnthropic(new Platform({ apiKey: "secret", baseURL: server.url, maxRetries: 0 }), cache);
  expect(client).toBeInstanceOf(Platform);
  const first = await client.messages.create({ ...ask, model: "us.anthropic.claude-v1:0" });
  await cache.settled();
  expect(await client.messages.create({ ...ask, model: "us.anthropic.claude-v1:0" })).toEqual(first);
  expect((await client.messages.stream({ ...ask, model: "us.anthropic.claude-v1:0" }).finalMessage()).content).toEqual(
    first.content,
  );
  expect(server.requests.map(({ path }) => path)).toEqual(["/model/us.anthropic.claude-v1:0/invoke"]);
  expect(server.requests[0]?.json()).toMatchObject({ anthropic_version: "p-1" });
});
