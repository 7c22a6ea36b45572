import OpenAI, { AzureOpenAI } from "openai";
import type { ParsedChatCompletion } from "openai/resources/chat/completions";
import { LLMCache } from "@llmcache/core";
import { createChunkGate, createGate, startModelServer, type ModelServer } from "@llmcache/testing/model-server";
import { afterEach, beforeEach, describe, expect, expectTypeOf, test } from "vitest";
import { cachedFetch, cachedOpenAI, type CachedOpenAI } from "../src/index.ts";

type APIError = InstanceType<typeof OpenAI.APIError>;

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

const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: "user", content: "hello" }];
const ask = { model: "gpt-4o-mini", messages };
const streaming = { ...ask, stream: true as const };
const retryAtOnce = { "retry-after-ms": "1" };

async function chunksOf<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const chunks: T[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

function textOf(chunks: readonly OpenAI.ChatCompletionChunk[]): string {
  return chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("");
}

/** What the SDK adds to the data from the response's headers, which belong to one exchange. */
function status(response: Response): string {
  return response.headers.get("cache-status") ?? "";
}

describe("create", () => {
  test("asks once and gives equal data the second time", async () => {
    const first = await client.chat.completions.create(ask);
    await cache.settled();
    const second = await client.chat.completions.create(ask);
    expect(second).toStrictEqual(first);
    expect(second.choices[0]?.message.content).toBe("answer 1 to: hello");
    expect(server.count()).toBe(1);
  });

  test("gives no request id of another request", async () => {
    const first = await client.chat.completions.create(ask);
    await cache.settled();
    const second = await client.chat.completions.create(ask);
    expect([first._request_id, second._request_id]).toEqual(["req_000001", null]);
  });

  test("keeps answers apart that differ only in what counts", async () => {
    const contents = [];
    for (const more of [{}, { temperature: 0 }, { seed: 1 }, { model: "gpt-4o" }]) {
      const answer = await client.chat.completions.create({ ...ask, ...more });
      contents.push(answer.choices[0]?.message.content);
    }
    expect(new Set(contents).size).toBe(4);
  });

  test("answers all of 1000 callers at once from one request", async () => {
    const gate = createGate();
    server.reply({ gate: gate.opened });
    const calls = Array.from({ length: 1000 }, () => client.chat.completions.create(ask));
    await server.waitFor(1);
    gate.open();
    const answers = await Promise.all(calls);
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(server.count()).toBe(1);
  });

  test("gives every caller an answer of his own", async () => {
    const [first, second] = await Promise.all([
      client.chat.completions.create(ask),
      client.chat.completions.create(ask),
    ]);
    (first.choices[0] as { message: { content: string } }).message.content = "changed";
    expect(second.choices[0]?.message.content).toBe("answer 1 to: hello");
    await cache.settled();
    const third = await client.chat.completions.create(ask);
    expect(third.choices[0]?.message.content).toBe("answer 1 to: hello");
  });

  test.each([
    [
      "parallel tool calls",
      {
        toolCalls: [
          { name: "weather", arguments: '{"city":"Paris"}' },
          { name: "time", arguments: "{}" },
        ],
      },
    ],
    ["a custom tool", { toolCalls: [{ name: "shell", input: "ls -l" }] }],
    ["reasoning", { content: "4", reasoning: "two and two" }],
    ["several choices", { choices: [{ content: "one" }, { content: "two" }] }],
    ["log probabilities", { logprobs: true, content: "yes no" }],
  ])("gives %s back the second time as they came", async (_name, script) => {
    server.reply(script);
    const first = await client.chat.completions.create(ask);
    await cache.settled();
    const second = await client.chat.completions.create(ask);
    expect(second).toStrictEqual(first);
    expect(server.count()).toBe(1);
  });
});

describe("stream: true", () => {
  test("replays event by event", async () => {
    const first = await chunksOf(await client.chat.completions.create(streaming));
    await cache.settled();
    const second = await chunksOf(await client.chat.completions.create(streaming));
    expect(second).toStrictEqual(first);
    expect(first.length).toBeGreaterThan(3);
    expect(server.count()).toBe(1);
  });

  test.each(["events", "bytes", "utf8", "lines", 7] as const)(
    "replays byte for byte what came cut by %s",
    async (split) => {
      server.reply({ content: "Grüße 🙂 aus Köln", stream: { split, newline: "\r\n", comments: true } });
      const bytes = async (): Promise<string> => {
        const response = await client.chat.completions.create(streaming).asResponse();
        return response.text();
      };
      const first = await bytes();
      await cache.settled();
      const second = await bytes();
      expect(second).toBe(first);
      expect(first).toContain(": ping");
      expect(first).toContain("data: [DONE]");
      expect(server.count()).toBe(1);
    },
  );

  test("serves a call without stream, once it knows the usage", async () => {
    await chunksOf(await client.chat.completions.create({ ...streaming, stream_options: { include_usage: true } }));
    await cache.settled();
    const answer = await client.chat.completions.create(ask);
    server.reset();
    const straight = await plain.chat.completions.create(ask);
    expect(server.count()).toBe(1);
    const [choice] = straight.choices as unknown as { message: Record<string, unknown> }[];
    const { annotations: _, ...message } = choice?.message ?? {};
    expect(answer).toStrictEqual({ ...straight, choices: [{ ...straight.choices[0], message }] });
  });

  test("is served from an answer that came in one piece", async () => {
    const whole = await client.chat.completions.create(ask);
    await cache.settled();
    const chunks = await chunksOf(await client.chat.completions.create(streaming));
    expect(textOf(chunks)).toBe(whole.choices[0]?.message.content);
    expect(
      chunks.every((chunk) => chunk.id === whole.id && chunk.object === "chat.completion.chunk" && !("usage" in chunk)),
    ).toBe(true);
    const told = await chunksOf(
      await client.chat.completions.create({ ...streaming, stream_options: { include_usage: true } }),
    );
    expect(told.at(-1)?.usage).toEqual(whole.usage);
    expect(told.slice(0, -1).every((chunk) => chunk.usage === null)).toBe(true);
    expect(server.count()).toBe(1);
  });

  test("without usage answers neither a call in one piece nor one that wants the usage", async () => {
    await chunksOf(await client.chat.completions.create(streaming));
    await cache.settled();
    const told = await chunksOf(
      await client.chat.completions.create({ ...streaming, stream_options: { include_usage: true } }),
    );
    expect(told.at(-1)?.usage).toMatchObject({ prompt_tokens: expect.any(Number) });
    expect(server.count()).toBe(2);
    await cache.clear();
    await chunksOf(await client.chat.completions.create(streaming));
    await cache.settled();
    const whole = await client.chat.completions.create(ask);
    expect(whole.usage?.total_tokens).toBeGreaterThan(0);
    expect(server.count()).toBe(4);
  });

  test("with usage answers a call that did not ask for it, without it", async () => {
    const told = await chunksOf(
      await client.chat.completions.create({ ...streaming, stream_options: { include_usage: true } }),
    );
    await cache.settled();
    const chunks = await chunksOf(await client.chat.completions.create(streaming));
    expect(chunks).toStrictEqual(told.slice(0, -1).map(({ usage: _usage, ...chunk }) => chunk));
    expect(server.count()).toBe(1);
  });

  test("while it comes, is not read along by a call that wants the usage where this one does not", async () => {
    const gate = createChunkGate();
    server.enqueue({ content: "a b c", stream: { gate } });
    const first = await client.chat.completions.create(streaming);
    const second = client.chat.completions.create({ ...streaming, stream_options: { include_usage: true } });
    gate.open();
    const [bare, told] = await Promise.all([chunksOf(first), second.then(chunksOf)]);
    expect(bare.some((chunk) => chunk.usage)).toBe(false);
    expect(told.at(-1)?.usage).toMatchObject({ total_tokens: expect.any(Number) });
  });

  test("is read along from its beginning by who comes late", async () => {
    const gate = createChunkGate();
    server.enqueue({ stream: { gate, pieces: ["one ", "two ", "three"] } });
    const first = (await client.chat.completions.create(streaming))[Symbol.asyncIterator]();
    gate.pass(3);
    await first.next();
    await first.next();
    const { data, response } = await client.chat.completions.create(streaming).withResponse();
    const late = data[Symbol.asyncIterator]();
    await late.next();
    expect((await late.next()).value?.choices[0]?.delta.content).toBe("one ");
    expect(status(response)).toContain("collapsed");
    gate.open();
    expect(textOf([...(await chunksOf({ [Symbol.asyncIterator]: () => late }))])).toBe("two three");
    await first.return?.();
    expect(server.count()).toBe(1);
  });

  test("is one request for 1000 callers at once, some of them not streaming", async () => {
    const gate = createGate();
    server.reply({ gate: gate.opened });
    const options = { ...streaming, stream_options: { include_usage: true } };
    const streams = Array.from({ length: 500 }, async () =>
      textOf(await chunksOf(await client.chat.completions.create(options))),
    );
    await server.waitFor(1);
    const wholes = Array.from(
      { length: 500 },
      async () => (await client.chat.completions.create(ask)).choices[0]?.message.content,
    );
    gate.open();
    expect(new Set(await Promise.all([...streams, ...wholes]))).toEqual(new Set(["answer 1 to: hello"]));
    expect(server.count()).toBe(1);
  });

  test("that is left early aborts the request and is not stored", async () => {
    const gate = createChunkGate();
    server.enqueue({ content: "a b c d", stream: { gate } });
    const stream = await client.chat.completions.create(streaming);
    gate.pass(2);
    for await (const _ of stream) break;
    const request = await server.waitFor(1);
    await request.ended;
    expect(request.aborted).toBe(true);
    await cache.settled();
    const again = await chunksOf(await client.chat.completions.create(streaming));
    expect(textOf(again)).toBe("answer 2 to: hello");
  });

  test("that one of two leaves goes on for the other, and is stored", async () => {
    const gate = createChunkGate();
    server.enqueue({ content: "a b c d", stream: { gate } });
    const [leaver, stayer] = await Promise.all([
      client.chat.completions.create(streaming),
      client.chat.completions.create(streaming),
    ]);
    gate.pass(2);
    for await (const _ of leaver) break;
    gate.open();
    expect(textOf(await chunksOf(stayer))).toBe("a b c d");
    await cache.settled();
    expect(textOf(await chunksOf(await client.chat.completions.create(streaming)))).toBe("a b c d");
    expect(server.count()).toBe(1);
  });

  test("can be split in two", async () => {
    for (const expected of [1, 1]) {
      const [left, right] = (await client.chat.completions.create(streaming)).tee();
      const [a, b] = await Promise.all([chunksOf(left), chunksOf(right)]);
      expect(a).toStrictEqual(b);
      expect(textOf(a)).toBe("answer 1 to: hello");
      await cache.settled();
      expect(server.count()).toBe(expected);
    }
  });

  test("can be passed on as a readable stream", async () => {
    const read = async (): Promise<string> => {
      const stream = await client.chat.completions.create(streaming);
      return new Response(stream.toReadableStream() as ReadableStream<Uint8Array>).text();
    };
    const first = await read();
    await cache.settled();
    expect(await read()).toBe(first);
    expect(server.count()).toBe(1);
  });

  test("that breaks off fails like without a cache and is asked again", async () => {
    server.enqueue({ content: "a b c d e", stream: { dropAfter: 3 } });
    await expect(client.chat.completions.create(streaming).then(chunksOf)).rejects.toThrow();
    await cache.settled();
    expect(textOf(await chunksOf(await client.chat.completions.create(streaming)))).toBe("answer 2 to: hello");
  });

  test("in which an error comes fails like without a cache and is asked again", async () => {
    server.enqueue(
      { content: "a b c d e", stream: { errorAfter: 3 } },
      { content: "a b c d e", stream: { errorAfter: 3 } },
    );
    const failure = async (asked: OpenAI): Promise<unknown> =>
      asked.chat.completions
        .create(streaming)
        .then(chunksOf)
        .catch((error: unknown) => (error as APIError).error);
    const [cached, straight] = [await failure(client), await failure(plain)];
    expect(cached).toStrictEqual(straight);
    await cache.settled();
    expect(textOf(await chunksOf(await client.chat.completions.create(streaming)))).toBe("answer 3 to: hello");
  });
});

describe("the helpers", () => {
  test(".stream() gives the same events and the same final completion", async () => {
    const run = async (): Promise<unknown[]> => {
      const events: unknown[] = [];
      const stream = client.chat.completions.stream({ ...ask, stream_options: { include_usage: true } });
      stream.on("content", (delta, snapshot) => events.push([delta, snapshot]));
      stream.on("chunk", (chunk) => events.push(chunk));
      events.push(await stream.finalChatCompletion(), await stream.finalContent(), await stream.totalUsage());
      return events;
    };
    const first = await run();
    await cache.settled();
    expect(await run()).toStrictEqual(first);
    expect(first).toContain("answer 1 to: hello");
    expect(server.count()).toBe(1);
  });

  test(".stream() can be aborted", async () => {
    const gate = createChunkGate();
    server.enqueue({ stream: { gate } });
    const stream = client.chat.completions.stream(ask);
    gate.pass(1);
    stream.on("chunk", () => stream.abort());
    await expect(stream.done()).rejects.toThrow(OpenAI.APIUserAbortError);
    const request = await server.waitFor(1);
    await request.ended;
    expect(request.aborted).toBe(true);
  });

  test(".parse() gives the parsed value, typed, both times", async () => {
    server.reply({ content: '{"city":"Paris","people":2100000}' });
    const format = {
      type: "json_schema" as const,
      json_schema: {
        name: "place",
        strict: true,
        schema: {
          type: "object",
          properties: { city: { type: "string" }, people: { type: "number" } },
          required: ["city", "people"],
          additionalProperties: false,
        },
      },
    };
    const read = (): Promise<ParsedChatCompletion<unknown>> =>
      client.chat.completions.parse({ ...ask, response_format: format });
    const first = await read();
    await cache.settled();
    const second = await read();
    expect(second).toStrictEqual(first);
    expect(second.choices[0]?.message.content).toBe('{"city":"Paris","people":2100000}');
    expect(server.count()).toBe(1);
  });

  test("runTools calls the tools anew and repeats the answers", async () => {
    server.enqueue(
      { toolCalls: [{ id: "call_a", name: "weather", arguments: '{"city":"Paris"}' }] },
      { content: "It rains." },
    );
    const cities: string[] = [];
    const run = async (): Promise<string | null> =>
      client.chat.completions
        .runTools({
          ...ask,
          tools: [
            {
              type: "function",
              function: {
                name: "weather",
                description: "The weather in a city.",
                parameters: { type: "object", properties: { city: { type: "string" } } },
                parse: (text: string) => JSON.parse(text) as { city: string },
                function: ({ city }: { city: string }) => {
                  cities.push(city);
                  return "rain";
                },
              },
            },
          ],
        })
        .finalContent();
    expect(await run()).toBe("It rains.");
    await cache.settled();
    expect(await run()).toBe("It rains.");
    expect(cities).toEqual(["Paris", "Paris"]);
    expect(server.count()).toBe(2);
  });

  test("withResponse() and asResponse() give what plain fetch gives, and how it was answered", async () => {
    const { data, response, request_id: id } = await client.chat.completions.create(ask).withResponse();
    expect(id).toBe("req_000001");
    expect(response.headers.getSetCookie()).toHaveLength(1);
    expect(response.url).toBe(`${server.baseURL}/chat/completions`);
    expect(status(response)).toBe("llmcache; fwd=miss; stored");
    await cache.settled();
    const again = await client.chat.completions.create(ask).asResponse();
    expect(again.url).toBe(response.url);
    expect(status(again)).toBe("llmcache; hit");
    expect(again.headers.get("x-llmcache-key")).toBe(response.headers.get("x-llmcache-key"));
    expect(await again.json()).toStrictEqual(data);
  });
});

describe("failures", () => {
  test.each([400, 401, 429, 500, 529])("%i is the client's own error, and is not stored", async (code) => {
    const error = { error: { status: code, headers: { "retry-after": "7" } } };
    server.enqueue(error, error);
    const failure = async (asked: OpenAI): Promise<APIError> =>
      asked.chat.completions.create(ask).then(
        () => Promise.reject(new Error("It did not fail.")),
        (thrown: unknown) => thrown as APIError,
      );
    const [cached, straight] = [await failure(client), await failure(plain)];
    expect(cached.constructor).toBe(straight.constructor);
    expect([cached.status, cached.code, cached.error]).toStrictEqual([straight.status, straight.code, straight.error]);
    expect(cached.headers?.get("retry-after")).toBe("7");
    await cache.settled();
    expect((await client.chat.completions.create(ask)).choices[0]?.message.content).toBe("answer 3 to: hello");
  });

  test("that the client retries end in one stored answer", async () => {
    const stubborn = client.withOptions({ maxRetries: 2 });
    server.enqueue({ error: { status: 429, headers: retryAtOnce } }, { error: { status: 500, headers: retryAtOnce } });
    const first = await stubborn.chat.completions.create(ask);
    await cache.settled();
    expect(await stubborn.chat.completions.create(ask)).toStrictEqual(first);
    expect(server.count()).toBe(3);
  });

  test("reach all who wait, with when to try again", async () => {
    const gate = createGate();
    server.enqueue({ error: { status: 429, headers: { "retry-after": "3" } }, gate: gate.opened });
    const calls = [1, 2, 3].map(() => client.chat.completions.create(ask).catch((error: unknown) => error as APIError));
    await server.waitFor(1);
    gate.open();
    const errors = await Promise.all(calls);
    expect(
      errors.map((error) => (error instanceof OpenAI.RateLimitError ? error.headers.get("retry-after") : error)),
    ).toEqual(["3", "3", "3"]);
    expect(server.count()).toBe(1);
  });

  test("of the connection are the client's connection errors", async () => {
    server.enqueue({ drop: "before-headers" });
    await expect(client.chat.completions.create(ask)).rejects.toThrow(OpenAI.APIConnectionError);
    await cache.settled();
    expect((await client.chat.completions.create(ask)).choices[0]?.message.content).toBe("answer 2 to: hello");
  });

  test("a body that breaks off is not stored", async () => {
    server.enqueue({ drop: 40 });
    await expect(client.chat.completions.create(ask)).rejects.toThrow();
    await cache.settled();
    expect((await client.chat.completions.create(ask)).choices[0]?.message.content).toBe("answer 2 to: hello");
  });

  test("a time-out ends only the call that is out of time", async () => {
    const gate = createGate();
    server.enqueue({ gate: gate.opened });
    const patient = client.chat.completions.create(ask);
    await server.waitFor(1);
    await expect(client.chat.completions.create(ask, { timeout: 1 })).rejects.toThrow(OpenAI.APIConnectionTimeoutError);
    gate.open();
    expect((await patient).choices[0]?.message.content).toBe("answer 1 to: hello");
    expect(server.count()).toBe(1);
  });

  test("an abort ends only the call that is aborted; the last one ends the request", async () => {
    server.enqueue({ hang: true });
    const [one, two] = [new AbortController(), new AbortController()];
    const calls = [one, two].map(({ signal }) =>
      client.chat.completions.create(ask, { signal }).catch((error: unknown) => error),
    );
    const request = await server.waitFor(1);
    one.abort();
    expect(await calls[0]).toBeInstanceOf(OpenAI.APIUserAbortError);
    expect(request.aborted).toBe(false);
    two.abort();
    expect(await calls[1]).toBeInstanceOf(OpenAI.APIUserAbortError);
    await request.ended;
    expect(request.aborted).toBe(true);
    expect(cache.inFlight).toBe(0);
  });

  test("a call that is aborted before it begins asks nobody", async () => {
    await expect(client.chat.completions.create(ask, { signal: AbortSignal.abort() })).rejects.toThrow(
      OpenAI.APIUserAbortError,
    );
    expect(server.count()).toBe(0);
  });

  test("a miss under onlyIfCached is an error with our code, not tried again", async () => {
    const error = (await client
      .withOptions({ maxRetries: 3 })
      .chat.completions.create(ask, { cache: { onlyIfCached: true } } as object)
      .catch((thrown: unknown) => thrown)) as APIError;
    expect([error.status, error.code]).toEqual([504, "ERR_LLMCACHE_MISS"]);
    expect(server.count()).toBe(0);
  });
});

describe("the cache option of a call", () => {
  test("is not sent, and does what it says", async () => {
    await client.chat.completions.create(ask, { cache: false });
    await client.chat.completions.create(ask, { cache: { noStore: true } });
    await client.chat.completions.create(ask, { cache: { namespace: "a" } });
    await cache.settled();
    await client.chat.completions.create(ask, { cache: { namespace: "a" } });
    expect(server.count()).toBe(3);
    await client.chat.completions.create(ask);
    expect(server.count()).toBe(4);
    expect(server.requests.map((request) => request.json())).toStrictEqual(Array.from({ length: 4 }, () => ask));
  });

  test("may be another cache", async () => {
    const other = new LLMCache();
    await client.chat.completions.create(ask, { cache: other });
    await other.settled();
    await client.chat.completions.create(ask);
    const { response } = await client.chat.completions.create(ask, { cache: other }).withResponse();
    expect(status(response)).toBe("llmcache; hit");
    expect([server.count(), other.stats().hits]).toEqual([2, 1]);
  });

  test("holds for streams, helpers and tool runs too", async () => {
    await chunksOf(await client.chat.completions.create(streaming, { cache: false }));
    await client.chat.completions.stream(ask, { cache: false }).finalChatCompletion();
    await client.chat.completions.parse(ask, { cache: false });
    await client.chat.completions.runTools({ ...ask, tools: [] }, { cache: false }).done();
    expect(cache.stats()).toMatchObject({ bypasses: 4, misses: 0, stores: 0 });
  });

  test("survives the client's retries", async () => {
    server.enqueue({ error: { status: 429, headers: retryAtOnce } });
    await client.withOptions({ maxRetries: 1 }).chat.completions.create(ask, { cache: { noStore: true } });
    await cache.settled();
    expect([server.count(), cache.stats().stores]).toEqual([2, 0]);
  });

  test("leaves the caller's options as they were", async () => {
    const options = { cache: { noStore: true }, fetchOptions: {} };
    await client.chat.completions.create(ask, options);
    expect(options).toStrictEqual({ cache: { noStore: true }, fetchOptions: {} });
  });

  test("is typed, and the rest of the client stays typed as it was", () => {
    const { completions } = client.chat;
    const create = () => completions.create(ask);
    expectTypeOf<Awaited<ReturnType<typeof create>>>().toExtend<OpenAI.ChatCompletion>();
    const stream = () => completions.create(streaming);
    expectTypeOf<Awaited<ReturnType<typeof stream>>>().toExtend<AsyncIterable<OpenAI.ChatCompletionChunk>>();
    expectTypeOf(client.models.list).toEqualTypeOf<OpenAI["models"]["list"]>();
    expectTypeOf(
      cachedOpenAI(new AzureOpenAI({ apiKey: "k", endpoint: "http://localhost", apiVersion: "v" }), cache).apiVersion,
    ).toBeString();
    const unused = (): void => {
      // @ts-expect-error -- no such control
      void completions.create(ask, { cache: { noCash: true } });
      // @ts-expect-error -- a client without a cache has no such option
      void plain.chat.completions.create(ask, { cache: false });
      void completions.create(ask, { cache: cache });
      void completions.stream(ask, { cache: { ttl: "1h" } });
    };
    expect(unused).toBeTypeOf("function");
  });
});

describe("clients", () => {
  test("the one given stays as it was", async () => {
    const fetch = (plain as unknown as { fetch: unknown }).fetch;
    await client.chat.completions.create(ask);
    await cache.settled();
    expect((plain as unknown as { fetch: unknown }).fetch).toBe(fetch);
    await plain.chat.completions.create(ask);
    expect(server.count()).toBe(2);
  });

  test("made from a cached one are cached, also with a fetch of their own", async () => {
    await client.chat.completions.create(ask);
    await cache.settled();
    let asked = 0;
    const fetch: typeof globalThis.fetch = (input, init) => {
      asked++;
      return globalThis.fetch(input, init);
    };
    const others = [
      client.withOptions({ timeout: 5000 }),
      client.withOptions({ fetch }),
      client.withOptions({ fetch }).withOptions({}),
    ];
    for (const other of others) await other.chat.completions.create(ask);
    expect([server.count(), asked]).toEqual([1, 0]);
    await others[2]?.chat.completions.create(ask, { cache: false } as object);
    expect([server.count(), asked]).toEqual([2, 1]);
  });

  test("wrapped twice with one cache ask once and do not wait for themselves", async () => {
    const twice = cachedOpenAI(client, cache);
    await twice.chat.completions.create(ask);
    await chunksOf(await twice.chat.completions.create({ ...streaming, seed: 1 }));
    await cache.settled();
    await twice.chat.completions.create(ask);
    expect([server.count(), cache.stats().stores, cache.stats().hits]).toEqual([2, 2, 1]);
  });

  test("need no wrapper: a fetch will do, and without a cache it uses the one in force", async () => {
    const free = new OpenAI({ apiKey: "k", baseURL: server.baseURL, fetch: cachedFetch() });
    await free.chat.completions.create(ask);
    await free.chat.completions.create(ask);
    expect(server.count()).toBe(2);
    await cache.run(async () => {
      await free.chat.completions.create(ask);
      await cache.settled();
      await free.chat.completions.create(ask);
    });
    expect(server.count()).toBe(3);
  });

  test("of Azure keep deployments and API versions apart", async () => {
    const azure = (deployment: string, apiVersion: string, provider?: string): CachedOpenAI<AzureOpenAI> =>
      cachedOpenAI(new AzureOpenAI({ apiKey: "k", endpoint: server.url, deployment, apiVersion }), cache, { provider });
    for (const provider of [undefined, "shared"]) {
      server.reset();
      for (const [deployment, version] of [
        ["one", "2024-10-21"],
        ["two", "2024-10-21"],
        ["one", "2024-10-21"],
      ] as const) {
        await azure(deployment, version, provider).chat.completions.create(ask);
        await cache.settled();
      }
      expect(server.count()).toBe(2);
    }
    await azure("one", "2025-01-01").chat.completions.create(ask);
    expect(server.count()).toBe(3);
    const streamed = await azure("one", "2025-01-01")
      .withOptions({ maxRetries: 1 })
      .chat.completions.create(ask)
      .withResponse();
    expect(status(streamed.response)).toMatch(/hit|collapsed/);
  });

  test("with another key share entries; with another base URL they do not, unless an alias says so", async () => {
    const [one, two] = [server, await startModelServer()];
    try {
      const asking = (baseURL: string, apiKey: string, provider?: string): Promise<unknown> =>
        cachedOpenAI(new OpenAI({ apiKey, baseURL }), cache, { provider })
          .chat.completions.create(ask)
          .then(() => cache.settled());
      await asking(one.baseURL, "a");
      await asking(one.baseURL, "b");
      await asking(two.baseURL, "a");
      expect([one.count(), two.count()]).toEqual([1, 1]);
      await asking(one.baseURL, "a", "both");
      await asking(two.baseURL, "a", "both");
      expect([one.count(), two.count()]).toEqual([2, 1]);
    } finally {
      await two.close();
    }
  });

  test("other endpoints pass untouched", async () => {
    const { data } = await client.models.list();
    expect(data.length).toBeGreaterThan(0);
    await expect(client.responses.cancel("resp_1")).rejects.toThrow(OpenAI.NotFoundError);
    expect(cache.stats()).toMatchObject({ misses: 0, bypasses: 0 });
  });
});
