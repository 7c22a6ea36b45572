import { LLMCache, MapStore, TieredStore, withBreaker } from "@llmcache/core";
import { FaultyStore } from "@llmcache/core/conformance";
import { register } from "prom-client";
import { PerformanceObserver } from "node:perf_hooks";
import { afterEach, expect, test, vi } from "vitest";
import type { RequestRecord } from "../src/gateway-options.ts";
import { LabelValues } from "../src/label-values.ts";
import { GatewayMetrics, type MetricsOptions } from "../src/metrics.ts";
import { parseExposition, type Sample } from "./exposition.ts";

const open: GatewayMetrics[] = [];
afterEach(() => {
  for (const metrics of open.splice(0)) metrics.close();
});

function metricsOf(cache: LLMCache, more: Partial<MetricsOptions> = {}): GatewayMetrics {
  const stores = [{ name: "map", store: cache.store }];
  const metrics = new GatewayMetrics({ cache, stores, processMetrics: false, ...more });
  open.push(metrics);
  return metrics;
}

async function scrape(metrics: GatewayMetrics): Promise<readonly Sample[]> {
  return parseExposition(await metrics.text());
}

function valueOf(
  samples: readonly Sample[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const found = samples.filter(
    (sample) =>
      sample.name === name && Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
  );
  return found.length === 0 ? undefined : found.reduce((sum, { value }) => sum + value, 0);
}

const record: RequestRecord = {
  upstream: "main",
  operation: "chat.completions",
  status: 200,
  cache: "hit",
  durationMs: 3,
  bytesIn: 100,
  bytesOut: 4000,
};

test("requests by upstream, operation, cache and status class, their durations and bytes", async () => {
  const metrics = metricsOf(new LLMCache());
  metrics.observe(record);
  metrics.observe({ ...record, cache: "miss", status: 201, durationMs: 1500 });
  metrics.observe({ ...record, cache: "none", status: 429, upstream: undefined, operation: undefined });
  const samples = await scrape(metrics);
  const about = { upstream: "main", operation: "chat.completions" };
  expect(valueOf(samples, "llmcache_requests_total", { ...about, cache: "hit", status: "2xx" })).toBe(1);
  expect(valueOf(samples, "llmcache_requests_total", { ...about, cache: "miss", status: "2xx" })).toBe(1);
  expect(
    valueOf(samples, "llmcache_requests_total", { upstream: "", operation: "", cache: "none", status: "4xx" }),
  ).toBe(1);
  expect(valueOf(samples, "llmcache_request_duration_seconds_sum", { cache: "miss" })).toBe(1.5);
  expect(valueOf(samples, "llmcache_request_duration_seconds_bucket", { cache: "hit", le: "0.0025" })).toBe(0);
  expect(valueOf(samples, "llmcache_request_duration_seconds_bucket", { cache: "hit", le: "0.005" })).toBe(1);
  expect(valueOf(samples, "llmcache_request_bytes_total", about)).toBe(200);
  expect(valueOf(samples, "llmcache_response_bytes_total", about)).toBe(8000);
});

test("what the cache tells: hits, misses by reason, what was stored, saved and spent", async () => {
  const cache = new LLMCache({ price: () => 0.5 });
  const metrics = metricsOf(cache);
  const ask = (model: string): Promise<unknown> =>
    cache.through({ operation: "chat.completions", model, prompt: "x" }, async (run) => {
      run.note({ tokens: { input: 10, output: 20 } });
      return "answer";
    });
  await ask("gpt-4o");
  await cache.settled();
  await ask("gpt-4o");
  await ask("gpt-4o");
  await cache.through({ operation: "chat.completions", prompt: "y" }, async () => "z", { use: false });
  const samples = await scrape(metrics);
  expect(valueOf(samples, "llmcache_hits_total", { kind: "hit", operation: "chat.completions" })).toBe(2);
  expect(valueOf(samples, "llmcache_misses_total", { reason: "absent", answer: "stored" })).toBe(1);
  expect(valueOf(samples, "llmcache_bypasses_total", { reason: "use-false" })).toBe(1);
  expect(valueOf(samples, "llmcache_stored_total")).toBe(1);
  expect(valueOf(samples, "llmcache_stored_bytes_total")).toBeGreaterThan(0);
  expect(valueOf(samples, "llmcache_model_calls_total", { model: "gpt-4o", result: "hit" })).toBe(2);
  expect(valueOf(samples, "llmcache_input_tokens_total", { ledger: "spent" })).toBe(10);
  expect(valueOf(samples, "llmcache_output_tokens_total", { ledger: "saved" })).toBe(40);
  expect(valueOf(samples, "llmcache_cost_total", { ledger: "saved" })).toBe(1);
  expect(valueOf(samples, "llmcache_hit_ratio")).toBeCloseTo(2 / 3);
  // A second scrape adds nothing.
  expect(valueOf(await scrape(metrics), "llmcache_hits_total")).toBe(2);
  expect(valueOf(await scrape(metrics), "llmcache_input_tokens_total", { ledger: "spent" })).toBe(10);
});

test("failures by step, and a store that is left alone until it works again", async () => {
  let now = 0;
  const clock = (): number => now;
  const faulty = new FaultyStore(new MapStore());
  const far = withBreaker(faulty, { failures: 2, pauseMs: 1000, clock });
  const cache = new LLMCache({
    store: new TieredStore([
      { store: new MapStore(), name: "near" },
      { store: far, name: "far" },
    ]),
  });
  const metrics = metricsOf(cache, {
    stores: [
      { name: "near", store: new MapStore() },
      { name: "far", store: far },
    ],
  });
  const ask = async (prompt: string): Promise<void> => {
    await cache.through({ operation: "chat", prompt }, async () => "x");
    await cache.settled();
  };
  expect(valueOf(await scrape(metrics), "llmcache_store_degraded", { store: "far" })).toBe(0);
  faulty.fail();
  await ask("one");
  await ask("two");
  const failing = await scrape(metrics);
  expect(valueOf(failing, "llmcache_store_degraded", { store: "far" })).toBe(1);
  expect(valueOf(failing, "llmcache_store_degraded", { store: "near" })).toBe(0);
  expect(valueOf(failing, "llmcache_failures_total", { during: "get" })).toBeGreaterThan(0);
  expect(valueOf(failing, "llmcache_store_events_total", { store: "far", type: "degraded" })).toBeGreaterThan(0);
  faulty.heal();
  now += 1000;
  await ask("three");
  expect(valueOf(await scrape(metrics), "llmcache_store_degraded", { store: "far" })).toBe(0);
});

test("ten thousand invented names take no more series than there are places", async () => {
  const cache = new LLMCache();
  const metrics = metricsOf(cache);
  for (let index = 0; index < 10_000; index++) {
    await cache.through({ operation: `function:f${index}`, model: `model-${index}`, prompt: "x" }, async () => "x");
    metrics.observe({ ...record, operation: `operation-${index}`, upstream: `upstream-${index}`, status: 100 + index });
  }
  await cache.settled();
  const samples = await scrape(metrics);
  expect(new Set(samples.map(({ labels }) => labels["model"])).size).toBeLessThanOrEqual(52);
  expect(samples.length).toBeLessThan(3000);
  expect(valueOf(samples, "llmcache_model_calls_total")).toBe(10_000);
  expect(valueOf(samples, "llmcache_model_calls_total", { model: "other" })).toBe(9950);
});

test("a model whose provider refused it takes no place from those that exist", async () => {
  const cache = new LLMCache();
  const metrics = metricsOf(cache);
  for (let index = 0; index < 100; index++) {
    const invented = { operation: "chat", model: `invented-${index}`, prompt: "x" };
    await cache.through(invented, async () => "no such model", { judge: () => (index % 2 === 0 ? "fail" : "pass") });
  }
  // Who joins a stream is answered before anybody knows how it ends.
  const gate = Promise.withResolvers<void>();
  const produce = async function* (): AsyncGenerator<string> {
    yield "one";
    await gate.promise;
    throw new Error("no such model");
  };
  const options = { encode: (chunks: readonly string[]) => [...chunks], decode: () => undefined };
  const readers = await Promise.all(
    [0, 1].map(() => cache.stream({ operation: "chat", model: "streamed", prompt: "x" }, produce, options)),
  );
  gate.resolve();
  const read = async (stream: AsyncIterable<string>): Promise<void> => {
    for await (const _ of stream);
  };
  await Promise.all(readers.map(({ value }) => expect(read(value)).rejects.toThrow("no such model")));
  await cache.through({ operation: "chat", model: "real", prompt: "x" }, async () => "x");
  await cache.settled();
  const samples = await scrape(metrics);
  expect(valueOf(samples, "llmcache_model_calls_total", { model: "real" })).toBe(1);
  expect(valueOf(samples, "llmcache_model_calls_total", { model: "other", result: "joined" })).toBe(1);
  expect(valueOf(samples, "llmcache_model_calls_total", { model: "other" })).toBe(102);
});

test("with a list of models no other is told apart", async () => {
  const cache = new LLMCache();
  const metrics = metricsOf(cache, { models: ["a", "b"] });
  for (const model of ["a", "c", "b", "c"])
    await cache.through({ operation: "chat", model, prompt: model }, async () => "x");
  await cache.settled();
  const models = new Set((await scrape(metrics)).flatMap(({ labels }) => labels["model"] ?? []));
  expect([...models].sort()).toEqual(["a", "b", "other"]);
});

test("names that would break the format, or are very long, do not", async () => {
  const cache = new LLMCache();
  const metrics = metricsOf(cache);
  const names = ['"} 1\nevil 2', "\\", "x".repeat(100_000), "\ud800", "🙂".repeat(80)];
  for (const model of names) await cache.through({ operation: "chat", model, prompt: model }, async () => "x");
  await cache.settled();
  const samples = await scrape(metrics);
  const models = samples.flatMap(({ labels }) => labels["model"] ?? []);
  expect(models).toContain('"} 1\nevil 2');
  expect(models).toContain("\\");
  for (const model of models) {
    expect(model.length).toBeLessThanOrEqual(100);
    expect(model.isWellFormed()).toBe(true);
  }
});

test("amounts that are none stop no counting", async () => {
  const metrics = metricsOf(new LLMCache());
  metrics.observe({ ...record, durationMs: Number.NaN, bytesIn: -5, bytesOut: Number.POSITIVE_INFINITY, status: 0 });
  expect(valueOf(await scrape(metrics), "llmcache_requests_total", { status: "none" })).toBe(1);
});

test("stores that tell how large they are", async () => {
  const telling = Object.assign(new MapStore(), { usage: () => ({ entries: 7, bytes: 700 }) });
  const failing = Object.assign(new MapStore(), {
    usage: () => {
      throw new Error("closed");
    },
  });
  const stores = [telling, failing, new MapStore()].map((store, index) => ({ name: `store-${index}`, store }));
  const samples = await scrape(metricsOf(new LLMCache(), { stores }));
  expect(samples.filter(({ name }) => /^llmcache_store_(entries|bytes)$/.test(name))).toEqual([
    { name: "llmcache_store_entries", labels: { store: "store-0" }, value: 7 },
    { name: "llmcache_store_bytes", labels: { store: "store-0" }, value: 700 },
  ]);
});

test("in a registry of its own, two beside each other, and of the process if wanted", async () => {
  const [one, two] = [metricsOf(new LLMCache()), metricsOf(new LLMCache(), { processMetrics: true })];
  one.observe(record);
  expect(valueOf(await scrape(two), "llmcache_requests_total")).toBeUndefined();
  expect(valueOf(await scrape(two), "process_resident_memory_bytes")).toBeGreaterThan(0);
  expect(valueOf(await scrape(one), "process_resident_memory_bytes")).toBeUndefined();
  expect(register.getMetricsAsArray()).toEqual([]);
});

test("a label's values: those given, or the first that may be added", () => {
  const values = new LabelValues(undefined, 2);
  expect(["a", undefined, "b", "c", "a"].map((value) => values.of(value))).toEqual(["a", "", "b", "other", "a"]);
  const careful = new LabelValues(undefined, 2);
  expect([careful.of("a", false), careful.of("a"), careful.of("a", false)]).toEqual(["other", "a", "a"]);
});

test("gateways that come and go leave one observer of the process behind, and not one each", async () => {
  const observe = vi.spyOn(PerformanceObserver.prototype, "observe");
  try {
    for (let n = 0; n < 5; n++) {
      const metrics = metricsOf(new LLMCache(), { processMetrics: true });
      expect(valueOf(await scrape(metrics), "nodejs_eventloop_lag_seconds")).toBeGreaterThanOrEqual(0);
      metrics.close();
    }
    expect(observe.mock.calls.length).toBeLessThanOrEqual(1);
  } finally {
    observe.mockRestore();
  }
});
