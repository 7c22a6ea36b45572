import { LLMCache, MapStore, type CacheRequest, type Run } from "@llmcache/core";
import { FaultyStore } from "@llmcache/core/conformance";
import { diag, DiagLogLevel, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { BasicTracerProvider, SimpleSpanProcessor, type ReadableSpan } from "@opentelemetry/sdk-trace-base";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { instrument, type Instrumented } from "../src/index.ts";
import { followContexts, startSdk } from "./sdk.ts";

followContexts();

const SECRET = "what is my diagnosis";
const request: CacheRequest = {
  operation: "chat.completions",
  provider: "https://api.openai.com/v1",
  model: "gpt-4o",
  prompt: SECRET,
};

let now: number;
let sdk: ReturnType<typeof startSdk>;
let cache: LLMCache;
let stop: Instrumented;

beforeEach(() => {
  now = Date.UTC(2026, 0, 1);
  sdk = startSdk();
  cache = new LLMCache({ store: new MapStore(), clock: () => now, price: () => 0.25 });
  stop = instrument(cache, sdk);
});

afterEach(async () => {
  stop();
  await cache.settled();
  await sdk.tracerProvider.shutdown();
  await sdk.meterProvider.shutdown();
});

async function answer(run: Run): Promise<string> {
  now += 1500;
  run.note({ model: "gpt-4o-2024-08-06", tokens: { input: 12, output: 34 } });
  return "a secret answer";
}

async function ask(more: Partial<CacheRequest> = {}, produce: (run: Run) => Promise<string> = answer): Promise<void> {
  await cache.through({ ...request, ...more }, produce);
  await cache.settled();
}

function finished(): readonly ReadableSpan[] {
  return sdk.spans.getFinishedSpans();
}

function ms([seconds, nanos]: readonly [number, number]): number {
  return seconds * 1000 + nanos / 1e6;
}

describe("spans", () => {
  test("a miss is a client's span with the convention's names, from the call's beginning to its end", async () => {
    await ask();
    const [span] = finished();
    expect(span?.name).toBe("chat gpt-4o");
    expect(span?.kind).toBe(SpanKind.CLIENT);
    expect(ms(span!.startTime)).toBe(Date.UTC(2026, 0, 1));
    expect(ms(span!.endTime)).toBe(Date.UTC(2026, 0, 1) + 1500);
    expect(span?.attributes).toEqual({
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": "openai",
      "gen_ai.request.model": "gpt-4o",
      "gen_ai.response.model": "gpt-4o-2024-08-06",
      "gen_ai.usage.input_tokens": 12,
      "gen_ai.usage.output_tokens": 34,
      "llmcache.key": cache.key(request).id,
      "llmcache.status": "miss",
      "llmcache.reason": "absent",
      "llmcache.answer": "stored",
      "llmcache.cost": 0.25,
    });
  });

  test("a hit has no usage, which nobody pays, but what was saved", async () => {
    await ask();
    now += 5000;
    await ask();
    const span = finished()[1];
    expect(span?.kind).toBe(SpanKind.INTERNAL);
    expect(span?.attributes).toMatchObject({
      "gen_ai.request.model": "gpt-4o",
      "gen_ai.response.model": "gpt-4o-2024-08-06",
      "llmcache.status": "hit",
      "llmcache.age": 5,
      "llmcache.saved.input_tokens": 12,
      "llmcache.saved.output_tokens": 34,
      "llmcache.saved.cost": 0.25,
    });
    expect(Object.keys(span!.attributes).filter((name) => name.startsWith("gen_ai.usage"))).toEqual([]);
  });

  test("a provider that fails makes an error", async () => {
    const failing = async (): Promise<string> => {
      throw new Error(`no: ${SECRET}`);
    };
    await expect(ask({}, failing)).rejects.toThrow("no:");
    const [span] = finished();
    expect(span?.status.code).toBe(SpanStatusCode.ERROR);
    expect(span?.attributes["error.type"]).toBe("_OTHER");
    expect(JSON.stringify([span?.name, span?.attributes, span?.events, span?.status])).not.toContain(SECRET);
  });

  test("are children of the span that is active where the cache is called: hits, misses, who joins, streams and lists", async () => {
    const tracer = sdk.tracerProvider.getTracer("test");
    const parents = new Map<string, string>();
    const under = (name: string, call: () => Promise<unknown>): Promise<unknown> =>
      tracer.startActiveSpan(name, async (span) => {
        parents.set(name, span.spanContext().spanId);
        await call();
        span.end();
      });
    const gate = Promise.withResolvers<void>();
    const slow = async (run: Run): Promise<string> => {
      await gate.promise;
      return answer(run);
    };
    const read = async (): Promise<void> => {
      const produce = async function* (): AsyncGenerator<string> {
        yield "one";
        await Promise.resolve();
        yield "two";
      };
      const encode = (chunks: readonly string[]): string[] => [...chunks];
      const decode = (body: { json(): unknown }): string[] => body.json() as string[];
      const outcome = await cache.stream({ ...request, prompt: "stream" }, produce, { encode, decode });
      for await (const _ of outcome.value);
      await cache.settled();
    };
    const first = under("first", () => ask({}, slow));
    const second = under("second", () => ask({}, slow));
    gate.resolve();
    await Promise.all([first, second]);
    await under("third", () => ask());
    await under("stream", read);
    await under("stream again", read);
    const items = ["a", "b"].map((prompt) => ({ ...request, operation: "embeddings", prompt }));
    await under("list", () => cache.throughMany(items, async (missing) => missing.map(String)));

    const found = finished().filter(({ attributes }) => "llmcache.status" in attributes);
    const seen = found.map((span) => [span.attributes["llmcache.status"], span.parentSpanContext?.spanId]);
    expect(seen).toEqual([
      ["miss", parents.get("first")],
      ["joined", parents.get("second")],
      ["hit", parents.get("third")],
      ["miss", parents.get("stream")],
      ["hit", parents.get("stream again")],
      ["miss", parents.get("list")],
      ["miss", parents.get("list")],
    ]);
  });

  test("without an active span they are roots", async () => {
    await ask();
    expect(finished()[0]?.parentSpanContext).toBeUndefined();
    expect(trace.getActiveSpan()).toBeUndefined();
  });

  test("long names are cut, credentials in a provider's URL left out", async () => {
    await ask({ model: "m".repeat(5000), provider: "https://user:pa55@llm.example:8443/v1" });
    const [span] = finished();
    expect(span?.attributes["gen_ai.provider.name"]).toBe("llm.example:8443");
    for (const value of Object.values(span!.attributes)) expect(String(value).length).toBeLessThanOrEqual(200);
    expect(span!.name.length).toBeLessThanOrEqual(210);
  });
});

describe("metrics", () => {
  const ABOUT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.response.model": "gpt-4o-2024-08-06",
  };

  test("what providers did is counted by the conventions, once for a miss and not for hits", async () => {
    await ask();
    await ask();
    const durations = await sdk.collect("gen_ai.client.operation.duration");
    expect(durations).toMatchObject([{ attributes: ABOUT, value: { count: 1, sum: 1.5 } }]);
    const tokens = await sdk.collect("gen_ai.client.token.usage");
    expect(tokens).toMatchObject([
      { attributes: { ...ABOUT, "gen_ai.token.type": "input" }, value: { count: 1, sum: 12 } },
      { attributes: { ...ABOUT, "gen_ai.token.type": "output" }, value: { count: 1, sum: 34 } },
    ]);
    expect(await sdk.collect("llmcache.cost")).toMatchObject([{ attributes: ABOUT, value: 0.25 }]);
  });

  test("calls by status, what was saved, what was stored", async () => {
    await ask();
    await ask();
    await ask();
    expect(await sdk.collect("llmcache.calls")).toMatchObject([
      { attributes: { "llmcache.status": "miss", "llmcache.reason": "absent", "llmcache.answer": "stored" }, value: 1 },
      { attributes: { "llmcache.status": "hit" }, value: 2 },
    ]);
    expect(await sdk.collect("llmcache.saved.tokens")).toMatchObject([
      { attributes: { ...ABOUT, "gen_ai.token.type": "input" }, value: 24 },
      { attributes: { ...ABOUT, "gen_ai.token.type": "output" }, value: 68 },
    ]);
    expect(await sdk.collect("llmcache.saved.cost")).toMatchObject([{ value: 0.5 }]);
    expect(await sdk.collect("llmcache.entry.size")).toMatchObject([{ value: { count: 1 } }]);
    expect(await sdk.collect("llmcache.call.duration")).toMatchObject([
      { value: { count: 1 } },
      { value: { count: 2 } },
    ]);
  });

  test("nobody was asked where only the cache might answer: no provider's time is counted, and no client's span made", async () => {
    await expect(cache.through(request, answer, { onlyIfCached: true })).rejects.toThrow("Nothing usable is stored");
    expect(await sdk.collect("gen_ai.client.operation.duration")).toEqual([]);
    expect(await sdk.collect("llmcache.calls")).toMatchObject([{ attributes: { "llmcache.answer": "not-asked" } }]);
    expect(finished()[0]?.kind).toBe(SpanKind.INTERNAL);
  });

  test("failures of the store are counted by step and code, and nothing of their messages", async () => {
    const store = new FaultyStore(new MapStore());
    store.fail("get");
    const failing = new LLMCache({ store });
    using _ = instrument(failing, sdk);
    await failing.through(request, answer);
    await failing.settled();
    const points = await sdk.collect("llmcache.failures");
    expect(points.map(({ attributes }) => attributes["llmcache.during"])).toContain("get");
    expect(JSON.stringify(points)).not.toContain(SECRET);
  });

  test("ten thousand invented models take no more places than there are", async () => {
    stop();
    using _ = instrument(cache, { ...sdk, tracerProvider: false, maxModels: 10 });
    for (let index = 0; index < 10_000; index++)
      await cache.through({ ...request, model: `model-${index}` }, async () => "x");
    await cache.settled();
    const models = new Set(
      (await sdk.collect("llmcache.calls")).map((each) => each.attributes["gen_ai.request.model"]),
    );
    expect(models.size).toBe(11);
    expect(models).toContain("other");
  });

  test("a model that only ever failed takes no place", async () => {
    const failing = async (): Promise<string> => {
      throw new Error("no such model");
    };
    await expect(ask({ model: "invented" }, failing)).rejects.toThrow("no such model");
    expect((await sdk.collect("llmcache.calls"))[0]?.attributes["gen_ai.request.model"]).toBe("other");
  });
});

describe("what goes wrong", () => {
  test("an exporter that fails affects no call", async () => {
    const broken = {
      export: () => {
        throw new Error("exporter");
      },
      shutdown: () => Promise.reject(new Error("exporter")),
    };
    const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(broken)] });
    using _ = instrument(cache, { tracerProvider: provider, meterProvider: false });
    await ask();
    await ask();
    expect(cache.stats()).toMatchObject({ hits: 1, misses: 1 });
  });

  test("spans that cannot be made are told to diag, and the metrics are taken all the same", async () => {
    const error = vi.fn();
    const logger = { error, warn: error, info: error, debug: error, verbose: error };
    diag.setLogger(logger, { logLevel: DiagLogLevel.ERROR, suppressOverrideMessage: true });
    stop();
    const tracerProvider = {
      getTracer: () => ({
        startSpan: () => {
          throw new Error("tracer");
        },
      }),
    } as never;
    using _ = instrument(cache, { tracerProvider, meterProvider: sdk.meterProvider });
    await ask();
    diag.disable();
    expect(error).toHaveBeenCalledOnce();
    expect(await sdk.collect("llmcache.calls")).toMatchObject([{ value: 1 }]);
  });

  test("no prompt and no answer is anywhere", async () => {
    await ask();
    await ask();
    const names = ["llmcache.calls", "llmcache.failures", "gen_ai.client.operation.duration", "llmcache.entry.size"];
    const told = JSON.stringify([
      finished().map(({ name, attributes, events }) => ({ name, attributes, events })),
      await Promise.all(names.map((name) => sdk.collect(name))),
    ]);
    expect(told).not.toContain(SECRET);
    expect(told).not.toContain("a secret answer");
  });

  test("it stops when it is told to, twice too", async () => {
    stop();
    stop[Symbol.dispose]();
    await ask();
    expect(finished()).toEqual([]);
    expect(await sdk.collect("llmcache.calls")).toEqual([]);
  });

  test("an option that is none is named", () => {
    expect(() => instrument({} as never)).toThrow("cache must be an LLMCache");
    expect(() => instrument(cache, { maxModels: -1 })).toThrow("maxModels must be a whole number from 0, not -1");
  });
});
