import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { LLMCache } from "@llmcache/core";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  cachedWith,
  cacheStatus,
  events,
  handFed,
  json,
  Provider,
  streamed,
  wantsStream,
  type Asker,
} from "./stage.ts";

let cache: LLMCache;
let provider: Provider;
let ask: Asker;
beforeEach(() => {
  cache = new LLMCache();
  provider = new Provider();
  ask = cachedWith(cache, provider);
});
afterEach(() => {
  vi.useRealTimers();
});

const STREAM = { q: "hello", stream: true };

function readerOf(response: Response): ReadableStreamDefaultReader<Uint8Array> {
  if (response.body === null) throw new Error("There is no body.");
  return response.body.getReader() as ReadableStreamDefaultReader<Uint8Array>;
}

async function read(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string | undefined> {
  const { done, value } = await reader.read();
  return done ? undefined : Buffer.from(value).toString();
}

/** Lets everything go on that can go on without the outside. */
async function turns(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}

describe("a stream that comes", () => {
  test("is handed on chunk by chunk, at once", async () => {
    const source = handFed();
    provider.replies(() => source.response);
    const reader = readerOf(await ask(STREAM));
    for (const word of ["a", "b"]) {
      source.push(word);
      expect(await read(reader)).toBe(`data: ${word}\n\n`);
    }
    source.push("end");
    expect([await read(reader), await read(reader)]).toEqual(["data: end\n\n", undefined]);
  });

  test("is not drawn from the provider while nobody reads", async () => {
    let made = 0;
    const endless = new ReadableStream<Uint8Array>(
      { pull: (controller) => controller.enqueue(new Uint8Array(events(String(made++)))) },
      { highWaterMark: 0 },
    );
    provider.replies(() => new Response(endless, { headers: { "content-type": "text/event-stream" } }));
    const reader = readerOf(await ask(STREAM));
    await turns();
    const ahead = made;
    expect(ahead).toBeLessThan(20);
    for (let i = 0; i < 50; i++) await read(reader);
    await turns();
    expect(made - 50).toBeLessThanOrEqual(ahead);
    await reader.cancel();
  });

  test("whose only reader cancels ends the request, and nothing is stored", async () => {
    const source = handFed();
    provider.replies((_number, init) => {
      init?.signal?.addEventListener("abort", () => source.fail(init.signal?.reason as Error));
      return source.response;
    });
    const reader = readerOf(await ask(STREAM));
    source.push("a");
    await read(reader);
    await reader.cancel("enough");
    const signal = provider.asked[0]?.init?.signal;
    expect(signal?.aborted).toBe(true);
    await cache.settled();
    expect([cache.inFlight, cache.stats().stores]).toEqual([0, 0]);
  });

  test("past the cache ends with its reader too, also while nothing comes", async () => {
    const source = handFed();
    provider.replies((_number, init) => {
      init?.signal?.addEventListener("abort", () => source.fail(init.signal?.reason as Error));
      return source.response;
    });
    const reader = readerOf(await ask(STREAM, { llmcache: false }));
    const waiting = read(reader);
    await turns();
    await reader.cancel();
    expect(await waiting).toBeUndefined();
    expect(provider.asked[0]?.init?.signal?.aborted).toBe(true);
  });

  test("that one of two cancels goes on for the other and is stored", async () => {
    const source = handFed();
    provider.replies(() => source.response);
    const [leaver, stayer] = await Promise.all([ask(STREAM), ask(STREAM)]);
    source.push("a");
    await leaver.body?.cancel();
    source.push("b", "end");
    const all = Buffer.from(events("a", "b", "end")).toString();
    expect(await stayer.text()).toBe(all);
    await cache.settled();
    expect(await (await ask(STREAM)).text()).toBe(all);
    expect([provider.count, provider.asked[0]?.init?.signal?.aborted]).toEqual([1, false]);
  });

  test("is read from its beginning by who comes late, and waited for by who does not stream", async () => {
    const source = handFed();
    provider.replies(() => source.response);
    const first = readerOf(await ask(STREAM));
    source.push("a");
    await read(first);
    const late = await ask(STREAM);
    const whole = ask({ q: "hello" });
    expect(cacheStatus(late)).toEqual([{ cache: "llmcache", fwd: "miss", collapsed: true }]);
    source.push("b", "end");
    expect(await late.text()).toBe(Buffer.from(events("a", "b", "end")).toString());
    expect(await (await whole).json()).toEqual({ a: "a b" });
    await first.cancel();
    expect(provider.count).toBe(1);
  });

  test("is not read along by another variant", async () => {
    const source = handFed();
    provider.replies((number) => (number === 1 ? source.response : streamed([events("x", "end")])));
    const quiet = await ask({ ...STREAM, variant: "quiet" });
    const loud = ask({ ...STREAM, variant: "loud" });
    source.push("a", "end");
    expect(await quiet.text()).toContain("data: a\n");
    expect(await (await loud).text()).toContain("data: A\n");
    expect(provider.count).toBe(1);
  });

  test("of more bytes than may be kept is handed on whole and not stored", async () => {
    cache = new LLMCache({ maxStreamBytes: 1000 });
    ask = cachedWith(cache, provider);
    const words = Array.from({ length: 200 }, (_, index) => `word ${index}`);
    provider.replies(() => streamed([...words.map((word) => events(word)), events("end")]));
    expect(await (await ask(STREAM)).text()).toBe(Buffer.from(events(...words, "end")).toString());
    await cache.settled();
    expect([cache.stats().stores, cache.inFlight]).toEqual([0, 0]);
  });

  test("is judged and stored whole also where it is longer than the account of it", async () => {
    cache = new LLMCache({ maxStreamBytes: 64 * 1024 * 1024 });
    ask = cachedWith(cache, provider);
    const word = "x".repeat(1024 * 1024);
    provider.replies(() => streamed([...Array.from({ length: 17 }, () => events(word)), events("end")]));
    const first = await (await ask(STREAM)).arrayBuffer();
    await cache.settled();
    expect(Buffer.from(await (await ask(STREAM)).arrayBuffer()).equals(Buffer.from(first))).toBe(true);
    expect([provider.count, cache.stats().saved.tokens]).toEqual([1, 17]);
  });

  test("that nobody keeps is ended when its response has been collected as garbage", async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    let made = 0;
    const endless = new ReadableStream<Uint8Array>(
      { pull: (controller) => controller.enqueue(new Uint8Array(events(String(made++)))) },
      { highWaterMark: 0 },
    );
    provider.replies(() => new Response(endless, { headers: { "content-type": "text/event-stream" } }));
    await (async () => void (await ask(STREAM)))();
    const isEnded = (): boolean => provider.asked[0]?.init?.signal?.aborted === true;
    for (let i = 0; i < 200 && !isEnded(); i++) {
      collect();
      await turns();
    }
    expect(isEnded()).toBe(true);
    await cache.settled();
    expect(cache.inFlight).toBe(0);
  });
});

describe("an abort", () => {
  const reason = new Error("changed my mind");

  test("before the call rejects with its reason, asking nobody", async () => {
    for (const asked of [{ q: "hello" }, STREAM])
      await expect(ask(asked, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(provider.count).toBe(0);
  });

  test.each([[{ q: "hello" }], [STREAM]])(
    "while the provider is asked rejects with its reason and ends the request: %j",
    async (asked) => {
      const controller = new AbortController();
      provider.replies(
        (_number, init) =>
          new Promise((_resolve, reject) =>
            init?.signal?.addEventListener("abort", () => reject(init.signal?.reason as Error)),
          ),
      );
      const call = ask(asked, { signal: controller.signal });
      call.catch(() => undefined);
      await turns();
      controller.abort(reason);
      await expect(call).rejects.toBe(reason);
      expect([provider.asked[0]?.init?.signal?.aborted, cache.inFlight]).toEqual([true, 0]);
    },
  );

  test("of one of two leaves the other", async () => {
    const controller = new AbortController();
    const gate = Promise.withResolvers<Response>();
    provider.replies(() => gate.promise);
    const [one, two] = [ask({ q: "hello" }, { signal: controller.signal }), ask({ q: "hello" })];
    one.catch(() => undefined);
    await turns();
    controller.abort(reason);
    await expect(one).rejects.toBe(reason);
    gate.resolve(json({ a: "b" }));
    expect(await (await two).json()).toEqual({ a: "b" });
    expect(provider.count).toBe(1);
  });

  test("while a stream comes ends its body with the reason", async () => {
    const controller = new AbortController();
    const source = handFed();
    provider.replies(() => source.response);
    const reader = readerOf(await ask(STREAM, { signal: controller.signal }));
    source.push("a");
    await read(reader);
    const next = reader.read();
    next.catch(() => undefined);
    controller.abort(reason);
    await expect(next).rejects.toBe(reason);
    await cache.settled();
    expect(provider.asked[0]?.init?.signal?.aborted).toBe(true);
  });

  test("while a stored stream is played ends its body with the reason", async () => {
    provider.replies(() => streamed([events("a", "b", "end")]));
    await (await ask(STREAM)).text();
    await cache.settled();
    const controller = new AbortController();
    const reader = readerOf(await ask(STREAM, { signal: controller.signal }));
    await read(reader);
    controller.abort(reason);
    await expect(reader.read()).rejects.toBe(reason);
  });

  test("leaves no listener behind on a signal that lives long", async () => {
    const controller = new AbortController();
    const { signal } = controller;
    let listening = 0;
    const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
    const known = new Set<unknown>();
    signal.addEventListener = (type: string, listener: never, options: never) => {
      if (!known.has(listener)) listening++;
      known.add(listener);
      add(type, listener, options);
    };
    signal.removeEventListener = (type: string, listener: never, options: never) => {
      if (known.delete(listener)) listening--;
      remove(type, listener, options);
    };
    provider.replies((_number, init) => (wantsStream(init) ? streamed([events("a", "end")]) : json({ a: "b" })));
    for (const asked of [{ q: "1" }, { q: "1" }, { q: "2", stream: true }, { q: "2", stream: true }]) {
      await (await ask(asked, { signal })).text();
      await cache.settled();
    }
    expect(known.size).toBe(0);
    expect(listening).toBe(0);
  });
});

describe("a stored stream", () => {
  const chunks = [events("a", "b"), events("c"), "data: e", "nd\n\n"];

  test("is played event by event, byte for byte, as fast as it is read", async () => {
    provider.replies(() => streamed(chunks));
    const first = await (await ask(STREAM)).text();
    await cache.settled();
    vi.useFakeTimers();
    const reader = readerOf(await ask(STREAM));
    const pieces: string[] = [];
    for (let piece = await read(reader); piece !== undefined; piece = await read(reader)) pieces.push(piece);
    expect(pieces).toEqual(["data: a\n\n", "data: b\n\n", "data: c\n\n", "data: end\n\n"]);
    expect(pieces.join("")).toBe(first);
  });

  describe("with its recorded pace", () => {
    beforeEach(async () => {
      vi.useFakeTimers();
      ask = cachedWith(cache, provider, { replay: "recorded" });
      const source = handFed();
      provider.replies(() => source.response);
      const reader = readerOf(await ask(STREAM));
      for (const [pause, words] of [
        [100, ["a", "b"]],
        [0, ["c"]],
        [2000, ["end"]],
      ] as const) {
        await vi.advanceTimersByTimeAsync(pause);
        source.push(...words);
        await read(reader);
      }
      await read(reader);
      await cache.settled();
    });

    test("comes in the portions and with the pauses in which it came", async () => {
      const reader = readerOf(await ask(STREAM));
      const arrived: [string | undefined, number][] = [];
      const began = Date.now();
      const reading = (async () => {
        for (let piece = await read(reader); piece !== undefined; piece = await read(reader))
          arrived.push([piece, Date.now() - began]);
      })();
      await vi.advanceTimersByTimeAsync(99);
      expect(arrived).toEqual([]);
      await vi.advanceTimersByTimeAsync(5000);
      await reading;
      expect(arrived).toEqual([
        ["data: a\n\ndata: b\n\n", 100],
        ["data: c\n\n", 100],
        ["data: end\n\n", 2100],
      ]);
      expect([provider.count, vi.getTimerCount()]).toEqual([1, 0]);
    });

    test("can be cancelled and aborted in a pause; no timer is left", async () => {
      const cancelled = readerOf(await ask(STREAM));
      // The cache's own, for its store calls.
      const idle = vi.getTimerCount();
      const pending = cancelled.read();
      await vi.advanceTimersByTimeAsync(1);
      await cancelled.cancel();
      expect(await pending).toEqual({ done: true, value: undefined });
      expect(vi.getTimerCount()).toBe(idle);

      const controller = new AbortController();
      const aborted = readerOf(await ask(STREAM, { signal: controller.signal })).read();
      aborted.catch(() => undefined);
      await vi.advanceTimersByTimeAsync(1);
      controller.abort(new Error("changed my mind"));
      await expect(aborted).rejects.toThrow("changed my mind");
      expect(vi.getTimerCount()).toBe(idle);
    });
  });

  test("made from an answer in one piece has no pace to keep", async () => {
    provider.replies(() => json({ a: "b c" }));
    ask = cachedWith(cache, provider, { replay: "recorded" });
    await (await ask({ q: "hello" })).text();
    await cache.settled();
    expect(await (await ask(STREAM)).text()).toBe(Buffer.from(events("b", "c", "end")).toString());
  });
});

describe("the account", () => {
  test("holds what a stream used: stored, not stored, and saved", async () => {
    provider.replies(() => streamed([events("a", "b", "end")]));
    await (await ask(STREAM)).text();
    await cache.settled();
    await (await ask(STREAM)).text();
    await (await ask({ q: "other", stream: true }, { llmcache: { noStore: true } })).text();
    await cache.settled();
    expect(cache.stats()).toMatchObject({ spent: { tokens: 4 }, saved: { tokens: 2 } });
  });
});
