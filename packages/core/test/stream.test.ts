import { afterEach, describe, expect, it, vi } from "vitest";
import { type LLMCache, type Body, type Json, type Outcome, type Run, type StreamOptions } from "../src/index.ts";
import { StreamLog } from "../src/stream-log.ts";
import {
  abortListeners,
  all,
  GatedStore,
  Provider,
  refusal,
  request,
  stage,
  stored,
  timers,
  turn,
  type Staged,
} from "./stage.ts";

afterEach(() => void vi.useRealTimers());

/** A provider that streams when the test says so. */
class Source<C = Json> {
  pulls = 0;
  runs: Run[] = [];
  cleaned = 0;
  #waiting: ((result: IteratorResult<C>) => void) | undefined;
  #failing: ((error: unknown) => void) | undefined;
  readonly #queue: ({ readonly value: C } | { readonly error: unknown } | "end")[] = [];

  give(...chunks: C[]): this {
    for (const value of chunks) this.#queue.push({ value });
    this.#flush();
    return this;
  }

  end(): this {
    this.#queue.push("end");
    this.#flush();
    return this;
  }

  fail(error: unknown): this {
    this.#queue.push({ error });
    this.#flush();
    return this;
  }

  /** Ignores aborts, like a source that hangs in a call that cannot be interrupted. */
  readonly produce = (run: Run): AsyncIterable<C> => {
    this.runs.push(run);
    return this.#generate();
  };

  async *#generate(): AsyncGenerator<C> {
    try {
      for (;;) {
        this.pulls++;
        const next = await new Promise<IteratorResult<C>>((resolve, reject) => {
          this.#waiting = resolve;
          this.#failing = reject;
          this.#flush();
        });
        if (next.done === true) return;
        yield next.value;
      }
    } finally {
      this.cleaned++;
    }
  }

  #flush(): void {
    if (this.#waiting === undefined) return;
    const next = this.#queue.shift();
    if (next === undefined) return;
    const [waiting, failing] = [this.#waiting, this.#failing];
    this.#waiting = this.#failing = undefined;
    if (next === "end") waiting({ done: true, value: undefined });
    else if ("error" in next) failing?.(next.error);
    else waiting({ done: false, value: next.value });
  }
}

function options<C = Json>(more: Partial<StreamOptions<C>> = {}): StreamOptions<C> {
  return {
    encode: (chunks) => chunks as unknown as Json,
    decode: (body: Body) => (body.kind === "json" ? (body.json() as unknown as C[]) : undefined),
    ...more,
  };
}

type Streamed<C = Json> = Promise<Outcome<AsyncIterableIterator<C>>>;

function open<C = Json>(
  own: { readonly cache: LLMCache },
  source: Source<C>,
  more: Partial<StreamOptions<C>> = {},
): Streamed<C> {
  return own.cache.stream(request(), source.produce, options<C>(more));
}

const numbers = (count: number, from = 0): number[] => Array.from({ length: count }, (_, i) => from + i);

async function kept(own: Staged): Promise<unknown> {
  await own.cache.settled();
  return (await stored(own, request()))?.body.json();
}

describe("a stream", () => {
  it("resolves before its first chunk, is handed on as it comes, stored after its end, and replayed", async () => {
    const own = stage();
    const source = new Source();
    const outcome = await open(own, source);
    expect(outcome.status).toBe("miss");
    const first = outcome.value.next();
    source.give("a");
    expect(await first).toEqual({ done: false, value: "a" });
    expect(await stored(own, request())).toBeUndefined();
    source.give("b").end();
    expect(await all(outcome.value)).toEqual(["b"]);
    expect(await kept(own)).toEqual(["a", "b"]);
    const hit = await open(own, source);
    expect(hit.status).toBe("hit");
    expect(await all(hit.value)).toEqual(["a", "b"]);
    expect(await all(hit.value)).toEqual([]);
    expect(source.runs).toHaveLength(1);
    expect(own.cache.inFlight).toBe(0);
  });

  it("notes, judges and prices like a value", async () => {
    const own = stage();
    const stream = async function* (run: Run): AsyncGenerator<Json> {
      yield "a";
      own.clock.pass(50);
      run.note({ tokens: 7 });
    };
    await all(
      (
        await own.cache.stream(
          request(),
          stream,
          options({ judge: (chunks) => (chunks.length === 1 ? "store" : "fail") }),
        )
      ).value,
    );
    await own.cache.settled();
    expect((await stored(own, request()))?.metadata).toMatchObject({ tokens: 7, durationMs: 50 });
    await own.cache.clear();
    await all((await own.cache.stream(request(), stream, options({ judge: () => "fail" }))).value);
    expect(await kept(own)).toBeUndefined();
  });

  it("of nothing is an answer too", async () => {
    const own = stage();
    const source = new Source().end();
    expect(await all((await open(own, source)).value)).toEqual([]);
    expect(await kept(own)).toEqual([]);
    expect((await open(own, source)).status).toBe("hit");
  });

  it("whose encode gives undefined, or throws, is handed over and not stored", async () => {
    for (const encode of [
      () => undefined,
      () => {
        throw new Error("encode");
      },
    ]) {
      const own = stage();
      const outcome = await open(own, new Source().give(1, 2).end(), { encode });
      expect(await all(outcome.value)).toEqual([1, 2]);
      expect(await kept(own)).toBeUndefined();
      expect(own.cache.inFlight).toBe(0);
      expect(own.cache.stats().inFlight).toBe(0);
    }
  });

  it("under noStore, ttl 0 or onlyIfCached behaves as a value does", async () => {
    const own = stage();
    for (const control of [{ noStore: true }, { ttl: 0 }]) {
      expect(await all((await open(own, new Source().give(1).end(), control)).value)).toEqual([1]);
      expect(await kept(own)).toBeUndefined();
    }
    await expect(open(own, new Source(), { onlyIfCached: true })).rejects.toMatchObject({ code: "ERR_LLMCACHE_MISS" });
    expect(own.cache.inFlight).toBe(0);
  });

  it("goes past the cache under use false, and ends its source when it is left", async () => {
    const own = stage();
    const source = new Source<unknown>();
    const chunk = new Map();
    source.give(chunk);
    const outcome = await open(own, source, { use: false });
    expect(outcome.status).toBe("bypass");
    for await (const value of outcome.value) {
      expect(value).toBe(chunk);
      break;
    }
    expect(source.cleaned).toBe(1);
    expect(source.runs[0]?.signal.aborted).toBe(true);
    const unread = await open(own, source, { use: false });
    await unread.value.return?.();
    expect(source.runs[1]?.signal.aborted).toBe(true);
  });

  it("ends with isLast: whoever leaves after that chunk has cut nothing off", async () => {
    const own = stage();
    const source = new Source();
    const outcome = await open(own, source, { isLast: (chunk) => chunk === "[DONE]" });
    source.give("a", "[DONE]");
    for await (const chunk of outcome.value) if (chunk === "[DONE]") break;
    expect(await kept(own)).toEqual(["a", "[DONE]"]);
    await turn();
    expect(source.cleaned).toBe(1);
    expect(own.cache.inFlight).toBe(0);
  });
});

describe("an error in the middle", () => {
  it("reaches all readers and waiters behind the chunks before it, and nothing is stored", async () => {
    const own = stage();
    const source = new Source();
    const outcome = await open(own, source);
    source.give("a");
    await turn();
    const second = await open(own, source);
    const waiting = own.cache.through(request(), async () => "never");
    const failed = refusal(waiting, "cut");
    source.fail(new Error("cut"));
    for (const { value } of [outcome, second]) {
      expect(await value.next()).toEqual({ done: false, value: "a" });
      await expect(value.next()).rejects.toThrow("cut");
    }
    await failed;
    expect(await kept(own)).toBeUndefined();
    expect(own.events).toContainEqual(expect.objectContaining({ type: "miss", answer: "failed" }));
    expect(own.cache.inFlight).toBe(0);
    expect(own.cache.stats().inFlight).toBe(0);
  });

  it("before the first chunk reaches the reader and those who wait to join", async () => {
    const own = stage();
    const source = new Source();
    const outcome = await open(own, source);
    const joining = refusal(open(own, source), "400");
    await turn();
    source.fail(new Error("400"));
    await joining;
    await expect(outcome.value.next()).rejects.toThrow("400");
    expect(own.cache.inFlight).toBe(0);
  });

  it("thrown by produce itself, or by what is no iterable, is the reader's", async () => {
    const own = stage();
    const thrown = await own.cache.stream<Json>(
      request(),
      () => {
        throw new Error("sync");
      },
      options(),
    );
    await expect(thrown.value.next()).rejects.toThrow("sync");
    const odd = await own.cache.stream<Json>(request(), () => 7 as never, options());
    await expect(odd.value.next()).rejects.toThrow(TypeError);
    expect(own.cache.inFlight).toBe(0);
  });

  it("nobody listens to is no unhandled rejection", async () => {
    const own = stage();
    const source = new Source();
    await open(own, source);
    source.fail(new Error("unheard"));
    await turn();
    expect(own.cache.inFlight).toBe(0);
  });
});

describe("several readers", () => {
  it("two joiners, one of them not streaming, and one abort", async () => {
    const own = stage();
    const source = new Source();
    const controller = new AbortController();
    const leader = await open(own, source, { signal: controller.signal });
    source.give("a");
    await turn();
    const live = await open(own, source);
    const whole = own.cache.through<Json>(request(), async () => "not asked");
    expect(live.status).toBe("joined");
    expect(await leader.value.next()).toEqual({ done: false, value: "a" });
    controller.abort(new Error("bye"));
    await expect(leader.value.next()).rejects.toThrow("bye");
    expect(source.runs[0]?.signal.aborted).toBe(false);
    source.give("b").end();
    expect(await all(live.value)).toEqual(["a", "b"]);
    expect(await whole).toMatchObject({ status: "joined", value: ["a", "b"] });
    expect(await kept(own)).toEqual(["a", "b"]);
    expect(source.runs).toHaveLength(1);
    expect(abortListeners(controller.signal)).toBe(0);
    expect(own.cache.inFlight).toBe(0);
  });

  it("late ones get the beginning first, then live", async () => {
    const own = stage();
    const source = new Source<number>();
    const leader = await open(own, source);
    source.give(0, 1, 2);
    for (let i = 0; i < 3; i++) await leader.value.next();
    const late = await open(own, source);
    const got = [(await late.value.next()).value, (await late.value.next()).value, (await late.value.next()).value];
    expect(got).toEqual([0, 1, 2]);
    const live = late.value.next();
    source.give(3);
    expect((await live).value).toBe(3);
    source.end();
    expect(await all(late.value)).toEqual([]);
    expect(await all(leader.value)).toEqual([3]);
  });

  it("share no chunk with each other, the provider, or what is stored", async () => {
    const own = stage();
    const source = new Source<{ text: string[] } | Uint8Array>();
    const given = { text: ["a"] };
    const bytes = Uint8Array.of(1);
    const leader = await own.cache.stream(request(), source.produce, {
      encode: (chunks) => chunks.map((chunk) => (chunk instanceof Uint8Array ? [...chunk] : chunk)),
      decode: () => undefined,
    });
    source.give(given);
    await turn();
    given.text[0] = "spoiled";
    const joiner = await own.cache.stream(request(), source.produce, {
      encode: () => undefined,
      decode: () => undefined,
    });
    source.give(bytes);
    await turn();
    bytes[0] = 9;
    source.end();
    const spoil = (chunks: ({ text: string[] } | Uint8Array)[]): void => {
      (chunks[0] as { text: string[] }).text.push("spoiled");
      (chunks[1] as Uint8Array)[0] = 9;
    };
    const one = await all(leader.value);
    expect(one).toEqual(
      [{ text: ["a"] }, Uint8Array.of(1)].map((chunk) =>
        chunk instanceof Uint8Array ? expect.objectContaining({ 0: 1 }) : chunk,
      ),
    );
    spoil(one);
    const two = await all(joiner.value);
    expect(two[0]).toEqual({ text: ["a"] });
    expect([...(two[1] as Uint8Array)]).toEqual([1]);
    expect(await kept(own)).toEqual([{ text: ["a"] }, [1]]);
  });

  it("replayed chunks are private too", async () => {
    const own = stage();
    const source = new Source<{ n: number }>().give({ n: 1 }).end();
    await all((await open(own, source)).value);
    await own.cache.settled();
    for (let i = 0; i < 3; i++) {
      const chunks = await all((await open(own, source)).value);
      expect(chunks).toEqual([{ n: 1 }]);
      (chunks[0] as { n: number }).n = 99;
    }
  });

  it("joiners of another kind of chunk wait for the end and decode it", async () => {
    const own = stage();
    const source = new Source();
    const leader = await open(own, source, { chunkType: "events" });
    source.give("a");
    await turn();
    const joining = own.cache.stream<Uint8Array>(request(), () => expect.unreachable(), {
      chunkType: "bytes",
      encode: () => undefined,
      decode: (body) => (body.json() as string[]).map((text) => Buffer.from(text)),
    });
    source.give("b").end();
    await all(leader.value);
    const joined = await joining;
    expect(joined.status).toBe("joined");
    expect(Buffer.concat(await all(joined.value)).toString()).toBe("ab");
  });

  it("a stream joins a call that is not streaming", async () => {
    const own = stage();
    const provider = new Provider<Json>();
    const leader = own.cache.through(request(), provider.produce);
    const source = new Source();
    const joining = open(own, source);
    await turn();
    provider.last.answer(["x", "y"]);
    await leader;
    const joined = await joining;
    expect(joined.status).toBe("joined");
    expect(await all(joined.value)).toEqual(["x", "y"]);
    expect(source.runs).toHaveLength(0);
  });

  it("a stream that joined a run which only found what is too old asks for itself", async () => {
    const store = new GatedStore();
    const own = stage({ store });
    await own.cache.set(request(), ["old"]);
    own.clock.pass(10_000);
    const gate = Promise.withResolvers<void>();
    store.before.get = () => gate.promise;
    const source = new Source().give("new").end();
    const lenient = open(own, source);
    const strict = open(own, source, { sMaxAge: 1 });
    gate.resolve();
    expect(await all((await lenient).value)).toEqual(["old"]);
    const outcome = await strict;
    expect(outcome.status).toBe("miss");
    expect(await all(outcome.value)).toEqual(["new"]);
  });

  it("of a run that was deleted read on, and it is not stored; newcomers ask anew", async () => {
    const own = stage();
    const source = new Source();
    const leader = await open(own, source);
    source.give("a");
    await turn();
    const joiner = await open(own, source);
    await own.cache.delete(request());
    const other = new Source().give("new").end();
    const newcomer = await open(own, other);
    expect(newcomer.status).toBe("miss");
    expect(await all(newcomer.value)).toEqual(["new"]);
    await own.cache.settled();
    source.give("b").end();
    expect(await all(leader.value)).toEqual(["a", "b"]);
    expect(await all(joiner.value)).toEqual(["a", "b"]);
    expect(await kept(own)).toEqual(["new"]);
  });

  it("reject of a run that still streams keeps it out of the store", async () => {
    const own = stage();
    const source = new Source();
    const outcome = await open(own, source);
    source.give("a");
    await outcome.value.next();
    await outcome.reject();
    source.end();
    await all(outcome.value);
    expect(await kept(own)).toBeUndefined();
  });
});

describe("leaving", () => {
  it.each(["break", "return", "throw"] as const)(
    "by %s as the last one ends the run: the provider is told, its finally runs, nothing is stored",
    async (how) => {
      const own = stage();
      const source = new Source();
      const outcome = await open(own, source);
      source.give("a");
      if (how === "break") for await (const _ of outcome.value) break;
      if (how === "return") await outcome.value.return?.();
      if (how === "throw") await expect(outcome.value.throw?.(new Error("mine"))).rejects.toThrow("mine");
      expect(source.runs[0]?.signal.aborted).toBe(true);
      await turn();
      source.give("b");
      await turn();
      expect(source.cleaned).toBe(1);
      expect(own.cache.inFlight).toBe(0);
      expect(await kept(own)).toBeUndefined();
      expect(await outcome.value.next()).toEqual({ done: true, value: undefined });
      expect(own.events).toMatchObject([{ type: "miss", answer: "aborted" }]);
    },
  );

  it("by a throw in the loop does the same", async () => {
    const own = stage();
    const source = new Source().give("a");
    const outcome = await open(own, source);
    await expect(
      (async () => {
        for await (const _ of outcome.value) throw new Error("in the loop");
      })(),
    ).rejects.toThrow("in the loop");
    expect(source.runs[0]?.signal.aborted).toBe(true);
    await turn();
    expect(own.cache.inFlight).toBe(0);
  });

  it("of one leaves the run to the others, also to those who only wait for its end", async () => {
    const own = stage();
    const source = new Source();
    const outcome = await open(own, source);
    source.give("a");
    await turn();
    const whole = own.cache.through<Json>(request(), async () => "not asked");
    await outcome.value.return?.();
    source.give(...numbers(100)).end();
    expect((await whole).value).toEqual(["a", ...numbers(100)]);
  });

  it("a source that ignores the abort holds up neither settled nor the reader", async () => {
    const own = stage();
    const source = new Source();
    const outcome = await open(own, source);
    const reading = outcome.value.next();
    await turn();
    await outcome.value.return?.();
    expect(await reading).toEqual({ done: true, value: undefined });
    await own.cache.settled();
    await turn();
    expect(own.cache.inFlight).toBe(0);
    expect(source.cleaned).toBe(0);
  });

  it("an unread stream does not hold up settled", async () => {
    const own = stage();
    const source = new Source<number>().give(...numbers(100));
    await open(own, source);
    await turn();
    await own.cache.settled();
    expect(own.cache.inFlight).toBe(1);
  });

  it("leaves no listener and no timer, whether it ended, failed or was left", async () => {
    const before = timers();
    const own = stage({ readerTimeoutMs: 50_000 });
    const { signal } = new AbortController();
    for (const finish of ["end", "fail", "leave"] as const) {
      const source = new Source<number>();
      const outcome = await open(own, source, { signal });
      source.give(...numbers(40));
      await turn();
      const joiner = await open(own, source, { signal });
      await joiner.value.next();
      await turn();
      if (finish === "end") source.end();
      if (finish === "fail") source.fail(new Error("x"));
      if (finish === "leave") await outcome.value.return?.();
      await Promise.allSettled([all(outcome.value), finish === "leave" ? joiner.value.return?.() : all(joiner.value)]);
      await own.cache.settled();
      await turn();
      await own.cache.clear();
      expect([finish, abortListeners(signal), own.cache.inFlight]).toEqual([finish, 0, 0]);
      // The test runner's own may have gone meanwhile.
      expect(timers()).toBeLessThanOrEqual(before);
    }
  });

  it("with an abort before the call, and during the lookup, starts nothing", async () => {
    const store = new GatedStore();
    const own = stage({ store });
    const source = new Source();
    await expect(open(own, source, { signal: AbortSignal.abort() })).rejects.toThrow();
    const gate = Promise.withResolvers<void>();
    store.before.get = () => gate.promise;
    const controller = new AbortController();
    const opening = open(own, source, { signal: controller.signal });
    controller.abort(new Error("gone"));
    await expect(opening).rejects.toThrow("gone");
    gate.resolve();
    await turn();
    expect(source.runs).toHaveLength(0);
    expect(own.cache.inFlight).toBe(0);
  });

  it("of the leader during the lookup leaves the run to a joiner, who reads it live", async () => {
    const store = new GatedStore();
    const own = stage({ store });
    const gate = Promise.withResolvers<void>();
    store.before.get = () => gate.promise;
    const controller = new AbortController();
    const source = new Source();
    const leader = open(own, source, { signal: controller.signal });
    const joining = open(own, source);
    controller.abort(new Error("gone"));
    await expect(leader).rejects.toThrow("gone");
    gate.resolve();
    source.give("a");
    const joined = await joining;
    source.end();
    expect(joined.status).toBe("joined");
    expect(await all(joined.value)).toEqual(["a"]);
    expect(source.runs).toHaveLength(1);
    await own.cache.settled();
    expect(own.cache.inFlight).toBe(0);
  });

  it("a joiner's abort while he waits for the first chunk ends his call only", async () => {
    const own = stage();
    const source = new Source();
    const leader = await open(own, source);
    const controller = new AbortController();
    const joining = open(own, source, { signal: controller.signal });
    await turn();
    controller.abort(new Error("impatient"));
    await expect(joining).rejects.toThrow("impatient");
    source.give("a").end();
    expect(await all(leader.value)).toEqual(["a"]);
  });

  it("an abort of a replay ends it", async () => {
    const own = stage();
    await own.cache.set(request(), [1, 2, 3]);
    const controller = new AbortController();
    const hit = await open(own, new Source(), { signal: controller.signal });
    await hit.value.next();
    controller.abort(new Error("enough"));
    await expect(hit.value.next()).rejects.toThrow("enough");
    expect(abortListeners(controller.signal)).toBe(0);
  });
});

describe("pace", () => {
  it("the provider is read as far ahead as 16 chunks of the slowest reader, and no further", async () => {
    const own = stage();
    const source = new Source<number>().give(...numbers(1000));
    const leader = await open(own, source);
    await turn(5);
    expect(source.pulls).toBe(16);
    for (let i = 0; i < 10; i++) await leader.value.next();
    await turn(5);
    expect(source.pulls).toBe(26);
    const joiner = await open(own, source);
    for (let i = 0; i < 16; i++) await leader.value.next();
    await turn(5);
    expect(source.pulls).toBe(26);
    for (let i = 0; i < 20; i++) await joiner.value.next();
    await turn(5);
    expect(source.pulls).toBe(36);
  });

  it("a slow reader loses nothing", async () => {
    const own = stage();
    const source = new Source<number>().give(...numbers(200)).end();
    const outcome = await open(own, source);
    const got: number[] = [];
    for await (const chunk of outcome.value) {
      got.push(chunk);
      if (chunk % 20 === 0) await turn();
    }
    expect(got).toEqual(numbers(200));
    expect(await kept(own)).toEqual(numbers(200));
  });

  it("several next() at once are answered in order", async () => {
    const own = stage();
    const source = new Source<number>();
    const outcome = await open(own, source);
    const three = Promise.all([outcome.value.next(), outcome.value.next(), outcome.value.next()]);
    source.give(0, 1).end();
    expect(await three).toEqual([
      { done: false, value: 0 },
      { done: false, value: 1 },
      { done: true, value: undefined },
    ]);
  });
});

describe("a reader who takes nothing", () => {
  const setUp = async (): Promise<{
    own: Staged;
    source: Source<number>;
    idle: Outcome<AsyncIterableIterator<number>>;
  }> => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const own = stage({ readerTimeoutMs: 1000 });
    const source = new Source<number>().give(...numbers(100)).end();
    const idle = await open(own, source);
    await turn();
    return { own, source, idle };
  };

  it("is let go after readerTimeoutMs while others wait, and only he", async () => {
    const { own, source, idle } = await setUp();
    const eager = await open(own, source);
    const reading = all(eager.value);
    await turn();
    vi.advanceTimersByTime(999);
    await turn();
    expect(source.pulls).toBe(16);
    vi.advanceTimersByTime(1);
    expect(await reading).toEqual(numbers(100));
    await expect(idle.value.next()).rejects.toMatchObject({ code: "ERR_LLMCACHE_READER" });
    expect(await kept(own)).toEqual(numbers(100));
    await own.cache[Symbol.asyncDispose]();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("is never let go while he is the only one, but nobody joins him then", async () => {
    const { own, source, idle } = await setUp();
    vi.advanceTimersByTime(1_000_000);
    const other = new Source<number>().give(7).end();
    const newcomer = await open(own, other);
    expect(newcomer.status).toBe("miss");
    expect(await all(newcomer.value)).toEqual([7]);
    expect(await all(idle.value)).toEqual(numbers(100));
    expect(source.runs).toHaveLength(1);
    await own.cache.settled();
    expect(own.cache.inFlight).toBe(0);
    await own.cache[Symbol.asyncDispose]();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("is let go for those who only wait for the end, too", async () => {
    const { own, idle } = await setUp();
    const whole = own.cache.through<Json>(request(), async () => "not asked");
    await turn();
    vi.advanceTimersByTime(1000);
    expect((await whole).value).toEqual(numbers(100));
    await expect(idle.value.next()).rejects.toMatchObject({ code: "ERR_LLMCACHE_READER" });
  });

  it("is not saved by newcomers who read the beginning again and again", async () => {
    const { own, source, idle } = await setUp();
    const waiting: Promise<number[]>[] = [];
    for (let i = 0; i < 4; i++) {
      const newcomer = await open(own, source);
      waiting.push(all(newcomer.value));
      await turn();
      vi.advanceTimersByTime(300);
      await turn();
    }
    expect(await Promise.all(waiting)).toEqual(Array(4).fill(numbers(100)));
    await expect(idle.value.next()).rejects.toMatchObject({ code: "ERR_LLMCACHE_READER" });
  });

  it("is not let go while nobody waits for him: others are as idle", async () => {
    const { own, source, idle } = await setUp();
    const also = await open(own, source);
    for (let i = 0; i < 5; i++) await also.value.next();
    vi.advanceTimersByTime(1_000_000);
    await turn();
    const both = await Promise.all([all(idle.value), all(also.value)]);
    expect(both).toEqual([numbers(100), numbers(95, 5)]);
  });

  it("who comes late and catches up slowly stays, while the others wait for him", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const own = stage({ readerTimeoutMs: 1000 });
    const source = new Source<number>().give(...numbers(100)).end();
    const leader = await open(own, source);
    for (let i = 0; i < 40; i++) await leader.value.next();
    const late = await open(own, source);
    const reading = all(leader.value);
    const got: number[] = [];
    for (let i = 0; i < 100; i++) {
      await turn();
      vi.advanceTimersByTime(700);
      got.push((await late.value.next()).value as number);
    }
    expect(got).toEqual(numbers(100));
    expect(await reading).toEqual(numbers(60, 40));
  });

  it("who takes something now and then stays", async () => {
    const { own, source, idle } = await setUp();
    const eager = await open(own, source);
    const reading = all(eager.value);
    const got: number[] = [];
    for (let i = 0; i < 100; i++) {
      vi.advanceTimersByTime(700);
      await turn();
      got.push((await idle.value.next()).value as number);
      await turn();
    }
    expect(got).toEqual(numbers(100));
    expect(await reading).toEqual(numbers(100));
  });
});

describe("bounds", () => {
  const chunk = "x".repeat(1000);

  it("above maxStreamBytes a stream is handed on, and neither stored nor joined any more", async () => {
    const own = stage({ maxStreamBytes: 10_000 });
    const source = new Source<string>();
    const outcome = await open(own, source);
    source.give(...Array<string>(12).fill(chunk));
    await turn();
    const other = new Source<string>().give("own").end();
    const newcomer = await open(own, other);
    expect(newcomer.status).toBe("miss");
    await all(newcomer.value);
    source.give(...Array<string>(100).fill(chunk)).end();
    expect(await all(outcome.value)).toHaveLength(112);
    await own.cache.settled();
    expect(await kept(own)).toEqual(["own"]);
    expect(own.cache.inFlight).toBe(0);
  });

  it("readers who joined before read on to the end; those who wait for the end ask for themselves", async () => {
    const own = stage({ maxStreamBytes: 10_000 });
    const source = new Source<string>();
    const outcome = await open(own, source);
    source.give(chunk);
    await turn();
    const joined = await open(own, source);
    const whole = own.cache.through<Json>(request(), async () => "asked");
    source.give(...Array<string>(50).fill(chunk)).end();
    const both = await Promise.all([all(outcome.value), all(joined.value)]);
    expect(both.map(({ length }) => length)).toEqual([51, 51]);
    expect(await whole).toMatchObject({ status: "miss", value: "asked" });
  });

  it("a log that is not to be kept holds only what a reader has not taken, and nothing where nobody reads", async () => {
    const log = new StreamLog<number>({
      maxBytes: 1e9,
      readerTimeoutMs: 1000,
      keep: false,
      onUnjoinable: () => undefined,
      participants: () => 1,
    });
    const reader = log.read(() => undefined, undefined);
    for (const n of numbers(100)) {
      log.push(n);
      if (n >= 10) await reader.next();
      expect(log.held).toBeLessThanOrEqual(11);
    }
    await reader.return();
    for (const n of numbers(100)) log.push(n);
    expect(log.held).toBe(0);
    expect(log.chunks).toBeUndefined();
    expect(log.isWhole).toBe(false);
  });

  it("noStore streams are such, and are not joined", async () => {
    const own = stage();
    const source = new Source<number>();
    const outcome = await open(own, source, { noStore: true });
    source.give(1).end();
    await turn();
    expect((await open(own, new Source<number>().end())).status).toBe("miss");
    expect(await all(outcome.value)).toEqual([1]);
  });
});

describe("chunks that are neither JSON nor bytes", () => {
  class Chunk {
    readonly text: string;
    constructor(text: string) {
      this.text = text;
    }
  }

  it("are handed to who asked, as they are, told as a failure, and neither stored nor shared", async () => {
    const own = stage();
    const source = new Source<Chunk>();
    const outcome = await open(own, source);
    const second = new Source<Chunk>();
    const joining = open(own, second);
    await turn();
    const [a, b] = [new Chunk("a"), new Chunk("b")];
    source.give(a);
    await turn();
    second.give(b).end();
    const other = await joining;
    expect(other.status).toBe("miss");
    source.end();
    const [mine] = await all(outcome.value);
    const [theirs] = await all(other.value);
    expect(mine).toBe(a);
    expect(theirs).toBe(b);
    expect(await kept(own)).toBeUndefined();
    expect(own.events.find(({ type }) => type === "failure")).toMatchObject({
      during: "encode",
      error: { code: "ERR_LLMCACHE_VALUE" },
    });
    expect(own.cache.inFlight).toBe(0);
  });

  it("past the cache, a reader who leaves is not told that the source ended because of it", async () => {
    const { cache } = stage();
    const { value } = await cache.stream(
      request(),
      async function* source(run: Run) {
        try {
          yield 1;
          yield 2;
        } finally {
          run.signal.throwIfAborted();
        }
      },
      { use: false, encode: (chunks) => chunks as Json, decode: () => undefined },
    );
    await value.next();
    await expect(value.return!()).resolves.toEqual({ done: true, value: undefined });
  });
});
