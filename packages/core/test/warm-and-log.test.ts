import { afterEach, describe, expect, it, vi } from "vitest";
import { type WarmItem, type WarmResult } from "../src/index.ts";
import { answering, GatedStore, Provider, request, stage, turn } from "./stage.ts";

afterEach(() => void vi.useRealTimers());

describe("warm", () => {
  const item = (prompt: string, produce: WarmItem<unknown>["produce"] = async () => prompt): WarmItem<unknown> => ({
    request: request(prompt),
    produce,
  });

  it("skips what is fresh, asks for the rest, survives failures, and reports each in its place", async () => {
    const { cache } = stage();
    await cache.set(request("there"), "x");
    const results = await cache.warm([
      item("there", async () => expect.unreachable()),
      item("new"),
      item("bad", async () => {
        throw new Error("bad");
      }),
      item("also new"),
    ]);
    expect(results.map(({ index, status }) => [index, status])).toEqual([
      [0, "fresh"],
      [1, "asked"],
      [2, "failed"],
      [3, "asked"],
    ]);
    expect(results[2]?.error).toEqual(new Error("bad"));
    await cache.settled();
    expect((await cache.get(request("also new")))?.value).toBe("also new");
  });

  it("asks for so many at a time, and tells of each as it is done", async () => {
    const { cache } = stage();
    const provider = new Provider();
    const told: [number, number][] = [];
    const warming = cache.warm(
      Array.from({ length: 5 }, (_, i) => item(`${i}`, provider.produce)),
      {
        concurrency: 2,
        onProgress: (result, done) => told.push([result.index, done]),
      },
    );
    await turn();
    expect(provider.count).toBe(2);
    provider.calls[1]?.answer("x");
    await turn();
    expect(provider.count).toBe(3);
    expect(told).toEqual([[1, 1]]);
    for (let i = 0; i < 5; i++) {
      provider.calls[i]?.answer("x");
      await turn();
    }
    expect((await warming).map(({ status }) => status)).toEqual(Array(5).fill("asked"));
    expect(told.map(([, done]) => done)).toEqual([1, 2, 3, 4, 5]);
  });

  it("ends with its signal: what is under way is given up, the rest is skipped", async () => {
    const { cache } = stage();
    const provider = new Provider();
    const controller = new AbortController();
    const warming = cache.warm([item("a", provider.abortable), item("b", provider.abortable)], {
      concurrency: 1,
      signal: controller.signal,
    });
    await turn();
    controller.abort(new Error("enough"));
    const results = await warming;
    expect(results).toMatchObject([{ status: "failed", error: new Error("enough") }, { status: "skipped" }]);
    await turn();
    expect(cache.inFlight).toBe(0);
  });

  it("honours the control of an item, and its signal too", async () => {
    const { cache } = stage();
    await cache.set(request("a"), "old");
    const results = await cache.warm(
      [
        { ...item("a"), control: { noCache: true } },
        { ...item("b"), control: { signal: AbortSignal.abort(new Error("not this one")) } },
      ],
      { signal: new AbortController().signal },
    );
    expect(results.map(({ status }) => status)).toEqual(["asked", "failed"]);
  });

  it("is not disturbed by a listener that throws or rejects; refuses a wrong concurrency", async () => {
    const { cache } = stage();
    const listeners: ((result: WarmResult<unknown>) => void)[] = [
      () => {
        throw new Error("listener");
      },
      () => Promise.reject(new Error("listener")) as never,
    ];
    for (const onProgress of listeners) expect(await cache.warm([item("a")], { onProgress })).toHaveLength(1);
    for (const concurrency of [0, 1.5, Number.NaN])
      await expect(cache.warm([], { concurrency })).rejects.toMatchObject({ code: "ERR_LLMCACHE_OPTION" });
  });
});

describe("logEvents", () => {
  it("writes one line per event: key, model, status, age; failures as warnings; never the prompt", async () => {
    const store = new GatedStore();
    const own = stage({ store });
    const lines: [string, Record<string, unknown>, string][] = [];
    const stop = own.cache.logEvents({
      info: (fields, message) => lines.push(["info", fields as never, message]),
      warn: (fields, message) => lines.push(["warn", fields as never, message]),
    });
    await own.cache.through(request("THE PROMPT"), answering("THE ANSWER"));
    await own.cache.settled();
    own.clock.pass(500);
    await own.cache.through(request("THE PROMPT"), answering());
    const failing = own.cache.through(
      request("OTHER"),
      async () => JSON.parse("THE PROMPT, quoted by a parser") as unknown,
    );
    await expect(failing).rejects.toThrow(SyntaxError);
    store.before.get = () => Promise.reject(new Error("connection lost"));
    await own.cache.through(request("third"), answering(), { noStore: true });
    expect(lines.map(([level, fields, message]) => [level, message, fields["status"]])).toEqual([
      ["info", "llmcache miss", "miss"],
      ["info", "llmcache store", "store"],
      ["info", "llmcache hit", "hit"],
      ["info", "llmcache miss", "miss"],
      ["warn", "llmcache failure produce", "failure"],
      ["warn", "llmcache failure get", "failure"],
      ["info", "llmcache miss", "miss"],
    ]);
    expect(lines[2]?.[1]).toMatchObject({
      key: own.cache.key(request("THE PROMPT")).id,
      model: "m",
      status: "hit",
      ageMs: 500,
    });
    expect(lines[4]?.[1]).toMatchObject({ during: "produce", error: "SyntaxError" });
    expect(lines[5]?.[1]).toMatchObject({ during: "get", error: "connection lost" });
    expect(JSON.stringify(lines)).not.toMatch(/THE PROMPT|THE ANSWER|quoted/);
    stop();
    await own.cache.through(request("THE PROMPT"), answering());
    expect(lines).toHaveLength(7);
  });
});

describe("logStats", () => {
  it("writes the rates every so often, until it is stopped; a logger that throws ends nothing", async () => {
    vi.useFakeTimers();
    const { cache } = stage();
    const lines: unknown[] = [];
    const stop = cache.logStats({ info: (fields) => lines.push(fields), warn: () => undefined }, { every: "10s" });
    const stopThrowing = cache.logStats({
      info: () => {
        throw new Error("logger");
      },
      warn: () => undefined,
    });
    await cache.through(request(), answering());
    await cache.settled();
    for (let i = 0; i < 3; i++) await cache.through(request(), answering());
    vi.advanceTimersByTime(9_999);
    expect(lines).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(lines).toMatchObject([{ hits: 3, misses: 1, hitRate: 0.75, missRate: 0.25 }]);
    vi.advanceTimersByTime(60_000);
    expect(lines).toHaveLength(7);
    stop();
    stopThrowing();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("keeps no process alive, and refuses nonsense", () => {
    const { cache } = stage();
    const timeouts = (): number => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
    const before = timeouts();
    const stop = cache.logStats({ info: () => undefined, warn: () => undefined });
    expect(timeouts()).toBe(before);
    stop();
    expect(() => cache.logStats({ info: () => undefined, warn: () => undefined }, { every: "soon" })).toThrow("every");
  });
});

it("statistics of nothing are zeros", () => {
  const { cache } = stage();
  const nothing = { calls: 0, tokens: 0, inputTokens: 0, outputTokens: 0, cost: 0, durationMs: 0 };
  expect(cache.stats()).toEqual({
    hits: 0,
    joined: 0,
    stale: 0,
    similar: 0,
    misses: 0,
    bypasses: 0,
    stores: 0,
    rejected: 0,
    failures: 0,
    hitRate: 0,
    inFlight: 0,
    spent: nothing,
    saved: nothing,
  });
});
