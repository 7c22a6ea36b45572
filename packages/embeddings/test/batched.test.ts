import { afterEach, describe, expect, test, vi } from "vitest";
import { isLLMCacheError } from "@llmcache/core";
import { batched, type BatchOptions, type TextModel } from "../src/index.ts";
import { FakeModel, turn, vectorOf } from "./fake-model.ts";

afterEach(() => void vi.useRealTimers());

function answering(options: BatchOptions = {}) {
  const model = new FakeModel();
  return { model, embedder: batched(model, options) };
}

function waiting(options: BatchOptions = {}) {
  const model = new FakeModel({ byItself: false });
  return { model, embedder: batched(model, options) };
}

/** How a call ended, without ever being an unhandled rejection. */
function ending(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => "answered",
    (error: unknown) => error,
  );
}

describe("texts", () => {
  test("are answered in their order, each copy of one with a vector", async () => {
    const { embedder } = answering();
    expect(await embedder.embed(["b", "a", "b", "ccc"])).toEqual(["b", "a", "b", "ccc"].map(vectorOf));
    expect(await embedder.embed([])).toEqual([]);
  });

  test("of calls in one turn go in one request, equal ones once", async () => {
    const { model, embedder } = answering();
    const calls = [embedder.embed(["a", "b"]), Promise.resolve().then(() => embedder.embed(["b", "c", "c"]))];
    expect(await Promise.all(calls)).toEqual([["a", "b"].map(vectorOf), ["b", "c", "c"].map(vectorOf)]);
    expect(model.asked).toEqual([["a", "b", "c"]]);
  });

  test("that are being asked for are waited for", async () => {
    const { model, embedder } = waiting();
    const one = embedder.embed(["a", "b"]);
    await turn();
    const other = embedder.embed(["b", "c"]);
    await turn();
    expect(model.asked).toEqual([["a", "b"], ["c"]]);
    for (const request of model.requests) request.answer();
    expect([await one, await other]).toEqual([["a", "b"].map(vectorOf), ["b", "c"].map(vectorOf)]);
  });

  test("are gathered for windowMs, from the first on, and sent at once when a batch is full", async () => {
    vi.useFakeTimers();
    const { model, embedder } = answering({ windowMs: 20, maxBatch: 3 });
    void embedder.embed(["a"]);
    await vi.advanceTimersByTimeAsync(15);
    void embedder.embed(["b"]);
    await vi.advanceTimersByTimeAsync(4);
    expect(model.asked).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(model.asked).toEqual([["a", "b"]]);
    void embedder.embed(["c", "d", "e"]);
    await vi.advanceTimersByTimeAsync(0);
    expect(model.asked[1]).toEqual(["c", "d", "e"]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("go in requests of maxBatch, so many at a time as concurrency says", async () => {
    const { model, embedder } = waiting({ maxBatch: 2, concurrency: 2 });
    const call = embedder.embed(["a", "b", "c", "d", "e"]);
    await turn();
    expect(model.asked).toEqual([
      ["a", "b"],
      ["c", "d"],
    ]);
    model.requests[1]!.answer();
    await turn();
    expect(model.asked[2]).toEqual(["e"]);
    model.requests[0]!.answer();
    model.requests[2]!.answer();
    expect(await call).toEqual(["a", "b", "c", "d", "e"].map(vectorOf));
  });

  test.each([
    [["a", ""], "a text is empty"],
    [["a", "x".repeat(11)], "11 characters, more than maxTextChars (10)"],
  ])("that cannot be asked for fail their own call only: %j", async (texts, message) => {
    const { model, embedder } = answering({ maxTextChars: 10 });
    const other = embedder.embed(["good"]);
    const error = await ending(embedder.embed(texts));
    expect(isLLMCacheError(error, "ERR_LLMCACHE_EMBEDDER")).toBe(true);
    expect(String(error)).toContain(`fake: `);
    expect(String(error)).toContain(message);
    expect(await other).toHaveLength(1);
    expect(model.asked).toEqual([["good"]]);
  });

  test.each([undefined, "text", [1], ["a", undefined]])("that are none are refused: %j", async (texts) => {
    const { model, embedder } = answering();
    await expect(embedder.embed(texts as unknown as string[])).rejects.toMatchObject({ code: "ERR_LLMCACHE_OPTION" });
    expect(model.asked).toEqual([]);
  });
});

describe("the memo", () => {
  test("answers without a request", async () => {
    const { model, embedder } = answering();
    await embedder.embed(["a", "b"]);
    expect(await embedder.embed(["b", "c"])).toEqual(["b", "c"].map(vectorOf));
    expect(model.asked).toEqual([["a", "b"], ["c"]]);
  });

  test("cannot be spoiled, by a caller nor by the model", async () => {
    const given = vectorOf("a");
    const model = new FakeModel({ byItself: false });
    const embedder = batched(model);
    const calls = [embedder.embed(["a", "a"]), embedder.embed(["a"])];
    await turn();
    model.requests[0]!.answer([given]);
    const [[first, second] = [], [third] = []] = await Promise.all(calls);
    for (const vector of [given, first, third]) vector!.fill(7);
    expect(second).toEqual(vectorOf("a"));
    const [later] = await embedder.embed(["a"]);
    expect(later).toEqual(vectorOf("a"));
    later!.fill(8);
    expect(await embedder.embed(["a"])).toEqual([vectorOf("a")]);
  });

  test("is right also where the model empties the list it got", async () => {
    const embed = async (texts: readonly string[]): Promise<Float32Array[]> =>
      (texts as string[]).splice(0).map((text) => vectorOf(text));
    const embedder = batched({ id: "x", dimensions: 3, embed });
    expect(await embedder.embed(["a", "b"])).toEqual(["a", "b"].map(vectorOf));
    expect(await embedder.embed(["b", "a"])).toEqual(["b", "a"].map(vectorOf));
  });

  test("does not keep the buffer that a vector was a part of", async () => {
    const large = new Float32Array(10_000).fill(1);
    const embedder = batched({ id: "x", dimensions: 3, embed: async () => [large.subarray(3, 6)] });
    expect((await embedder.embed(["a"]))[0]?.buffer.byteLength).toBe(12);
  });

  test("keeps the texts used last, so many as memoEntries says", async () => {
    const { model, embedder } = answering({ memoEntries: 2 });
    for (const text of ["a", "b", "a", "c", "a", "b"]) await embedder.embed([text]);
    expect(model.asked).toEqual([["a"], ["b"], ["c"], ["b"]]);
  });

  test("keeps no more bytes than memoBytes", async () => {
    // A text of 100 characters and three numbers: 200 + 12 bytes, and 200 for the entry.
    const { model, embedder } = answering({ memoBytes: 2 * 412 });
    const [a, b, c] = ["a", "b", "c"].map((letter) => letter.repeat(100)) as [string, string, string];
    for (const text of [a, b, b, a, c, a, b]) await embedder.embed([text]);
    expect(model.asked).toEqual([[a], [b], [c], [b]]);
    const long = "l".repeat(1000);
    for (const text of [long, a, b]) await embedder.embed([text]);
    expect(model.asked.slice(4)).toEqual([[long]]);
  });

  test.each([{ memoEntries: 0 }, { memoBytes: 0 }])("can be switched off: %j", async (options) => {
    const { model, embedder } = answering(options);
    expect(await embedder.embed(["a"])).toEqual(await embedder.embed(["a"]));
    expect(model.asked).toHaveLength(2);
  });

  test("does not keep failures", async () => {
    const { model, embedder } = waiting();
    const calls = [ending(embedder.embed(["a"])), ending(embedder.embed(["a", "b"]))];
    await turn();
    const down = new Error("down");
    model.requests[0]!.fail(down);
    expect(await Promise.all(calls)).toEqual([down, down]);
    const again = embedder.embed(["a"]);
    await turn();
    model.requests[1]!.answer();
    expect(await again).toEqual([vectorOf("a")]);
  });
});

describe("an abort", () => {
  test("ends one caller's waiting with the signal's reason, and not the others' request", async () => {
    const { model, embedder } = waiting();
    const controller = new AbortController();
    const one = ending(embedder.embed(["a", "b"], { signal: controller.signal }));
    const other = embedder.embed(["b"]);
    await turn();
    controller.abort(new Error("enough"));
    expect(await one).toEqual(new Error("enough"));
    expect(model.requests[0]!.signal.aborted).toBe(false);
    model.requests[0]!.answer();
    expect(await other).toEqual([vectorOf("b")]);
  });

  test("of the last one ends the request; who comes then begins another", async () => {
    const { model, embedder } = waiting();
    const controllers = [new AbortController(), new AbortController()];
    const calls = controllers.map(({ signal }) => ending(embedder.embed(["a"], { signal })));
    await turn();
    for (const controller of controllers) controller.abort();
    await Promise.all(calls);
    const later = embedder.embed(["a"]);
    expect(model.requests[0]!.signal.aborted).toBe(true);
    await turn();
    // Too late, and not looked at.
    model.requests[0]!.answer([Float32Array.of(9, 9)]);
    await turn();
    model.requests[1]?.answer();
    expect(await later).toEqual([vectorOf("a")]);
  });

  test("before the request was sent takes its texts out of it", async () => {
    const { model, embedder } = answering();
    const controller = new AbortController();
    const one = ending(embedder.embed(["a", "b"], { signal: controller.signal }));
    const other = embedder.embed(["b"]);
    controller.abort();
    await one;
    await other;
    expect(model.asked).toEqual([["b"]]);
  });

  test("or a failure of a long list asks for nothing more of it", async () => {
    for (const end of ["abort", "fail"]) {
      const { model, embedder } = waiting({ concurrency: 1, maxBatch: 2 });
      const controller = new AbortController();
      const list = ["a", "b", "c", "d", "e", "f", "g"];
      const call = ending(embedder.embed(list, { signal: controller.signal }));
      await turn();
      if (end === "abort") controller.abort();
      else model.requests[0]!.fail(new Error("down"));
      await call;
      await turn();
      expect(model.asked).toEqual([["a", "b"]]);
    }
  });

  test("before the call asks for nothing", async () => {
    const { model, embedder } = answering();
    await expect(embedder.embed(["a"], { signal: AbortSignal.abort(new Error("no")) })).rejects.toThrow("no");
    await turn();
    expect(model.asked).toEqual([]);
  });

  test("leaves neither timers nor listeners behind, and makes room for the next request", async () => {
    vi.useFakeTimers();
    const { model, embedder } = waiting({ concurrency: 1, windowMs: 5 });
    const controller = new AbortController();
    const removed = vi.spyOn(controller.signal, "removeEventListener");
    const one = ending(embedder.embed(["a"], { signal: controller.signal }));
    await vi.advanceTimersByTimeAsync(5);
    const other = embedder.embed(["b"]);
    await vi.advanceTimersByTimeAsync(5);
    expect(model.asked).toEqual([["a"]]);
    controller.abort();
    await one;
    expect(removed).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(0);
    expect(model.asked).toEqual([["a"], ["b"]]);
    model.requests[1]!.answer();
    await other;
    expect(vi.getTimerCount()).toBe(0);
    const late = new AbortController();
    const queued = ending(embedder.embed(["c"], { signal: late.signal }));
    late.abort();
    await queued;
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("the deadline", () => {
  const late = { code: "ERR_LLMCACHE_EMBEDDER", message: "fake: no answer within 2000 ms (deadlineMs)." };

  test("ends a request that hangs, for all who wait, also who came late", async () => {
    vi.useFakeTimers();
    const { model, embedder } = waiting();
    const one = ending(embedder.embed(["a"]));
    await vi.advanceTimersByTimeAsync(1500);
    const other = ending(embedder.embed(["a"]));
    await vi.advanceTimersByTimeAsync(500);
    expect([await one, await other]).toMatchObject([late, late]);
    expect(model.requests[0]!.signal.reason).toMatchObject(late);
    expect(vi.getTimerCount()).toBe(0);
    const again = embedder.embed(["a"]);
    await vi.advanceTimersByTimeAsync(0);
    model.requests[1]!.answer();
    expect(await again).toHaveLength(1);
  });

  test("counts what a call waits behind others", async () => {
    vi.useFakeTimers();
    const { model, embedder } = waiting({ concurrency: 1, deadlineMs: 1000 });
    const first = ending(embedder.embed(["a"]));
    await vi.advanceTimersByTimeAsync(400);
    const second = ending(embedder.embed(["b"]));
    await vi.advanceTimersByTimeAsync(600);
    expect(await first).toMatchObject({ code: "ERR_LLMCACHE_EMBEDDER" });
    await vi.advanceTimersByTimeAsync(1);
    expect(model.asked).toEqual([["a"], ["b"]]);
    await vi.advanceTimersByTimeAsync(399);
    expect(await second).toMatchObject({ code: "ERR_LLMCACHE_EMBEDDER" });
    expect(model.requests[1]!.signal.aborted).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("gives a long list the time of the batches it fills", async () => {
    vi.useFakeTimers();
    const { model, embedder } = waiting({ concurrency: 1, maxBatch: 2, deadlineMs: 1000 });
    const call = embedder.embed(["a", "b", "c", "d", "e"]);
    for (let batch = 0; batch < 3; batch++) {
      await vi.advanceTimersByTimeAsync(batch === 0 ? 0 : 900);
      model.requests[batch]!.answer();
      await vi.advanceTimersByTimeAsync(0);
    }
    expect(await call).toHaveLength(5);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("an answer", () => {
  const three = Float32Array.of(1, 2, 3);
  test.each<[string, unknown, string]>([
    ["of too few vectors", [three], "1 vectors came for 2 texts"],
    ["of too many vectors", [three, three, three], "3 vectors came for 2 texts"],
    ["that is no list", "text", "no list of vectors"],
    ["with a hole", [three, undefined], "text 2 of 2 is no Float32Array"],
    ["with an empty place", Object.assign([three], { length: 2 }), "text 2 of 2 is no Float32Array"],
    ["of plain numbers", [[1, 2, 3], three], "text 1 of 2 is no Float32Array"],
    ["of doubles", [three, Float64Array.of(1, 2, 3)], "text 2 of 2 is no Float32Array"],
    ["with an empty vector", [new Float32Array(), three], "the vector of text 1 of 2 is empty"],
    ["of different lengths", [three, Float32Array.of(1)], "1 dimensions came where 3 came before"],
  ])("%s is an error of all, and nothing of it is kept", async (_name, vectors, message) => {
    const { model, embedder } = waiting();
    const calls = [ending(embedder.embed(["a"])), ending(embedder.embed(["b"]))];
    await turn();
    model.requests[0]!.answer(vectors);
    for (const error of await Promise.all(calls)) {
      expect(error).toMatchObject({ code: "ERR_LLMCACHE_EMBEDDER" });
      expect(String(error)).toContain(`fake: `);
      expect(String(error)).toContain(message);
    }
    expect(embedder.dimensions).toBeUndefined();
    const again = embedder.embed(["a"]);
    await turn();
    model.requests[1]!.answer();
    expect(await again).toHaveLength(1);
  });

  test.each<[string, Float32Array | Error, string]>([
    ["NaN", Float32Array.of(1, Number.NaN, 0), "NaN"],
    ["infinity", Float32Array.of(1, -Infinity, 0), "infinite"],
    ["only zeros", Float32Array.of(0, -0, 0), "is zero"],
    ["an error", new Error("not this one"), "not this one"],
  ])("with %s in it fails only those who asked for that text", async (_name, vector, message) => {
    const { model, embedder } = waiting();
    const calls = [ending(embedder.embed(["a", "b"])), ending(embedder.embed(["b"])), embedder.embed(["a", "c"])];
    await turn();
    model.requests[0]!.answer([three, vector, three]);
    const [one, other, good] = await Promise.all(calls);
    expect(String(one)).toContain(message);
    expect(String(other)).toContain(message);
    expect(good).toEqual([three, three]);
    const again = embedder.embed(["b"]);
    await turn();
    expect(model.asked[1]).toEqual(["b"]);
    model.requests[1]!.answer();
    await again;
  });

  test("of another length than was stated is refused before anything is handed out", async () => {
    const embedder = batched(new FakeModel({ dimensions: 4 }));
    await expect(embedder.embed(["a"])).rejects.toThrow(
      "fake: a vector of 3 dimensions came where 4 dimensions were stated.",
    );
    expect(embedder.dimensions).toBe(4);
  });

  test("of another length than came before is refused: the model has changed", async () => {
    const { model, embedder } = waiting();
    const first = embedder.embed(["a"]);
    await turn();
    model.requests[0]!.answer();
    await first;
    expect(embedder.dimensions).toBe(3);
    const second = ending(embedder.embed(["b"]));
    await turn();
    model.requests[1]!.answer([Float32Array.of(1, 2)]);
    expect(String(await second)).toContain("a vector of 2 dimensions came where 3 came before");
  });

  test("may be thrown", async () => {
    const embed = (): never => {
      throw new Error("at once");
    };
    const embedder = batched({ id: "x", dimensions: undefined, embed });
    await expect(embedder.embed(["a"])).rejects.toThrow("at once");
  });
});

test("an embedder that its own request asks says so, instead of waiting for itself", async () => {
  const model: TextModel = {
    id: "circle",
    dimensions: undefined,
    embed: async (texts) => {
      await turn();
      return embedder.embed(texts.map((text) => `${text}!`));
    },
  };
  const embedder = batched(model);
  await expect(embedder.embed(["a"])).rejects.toThrow("circle: it is asked by its own request");
  // Who was called by nobody but himself is none.
  const good = batched(new FakeModel());
  await good.embed(["a"]);
  expect(await good.embed(["b"])).toHaveLength(1);
});

describe("disposing", () => {
  test("ends calls and requests, clears timers, and refuses what comes then", async () => {
    vi.useFakeTimers();
    const { model, embedder } = waiting({ concurrency: 1, maxBatch: 1 });
    const calls = ["a", "b"].map((text) => ending(embedder.embed([text])));
    await vi.advanceTimersByTimeAsync(0);
    await embedder[Symbol.asyncDispose]();
    const closed = { code: "ERR_LLMCACHE_CLOSED", message: "fake: the embedder was disposed." };
    expect(await Promise.all(calls)).toMatchObject([closed, closed]);
    expect(model.requests[0]!.signal.aborted).toBe(true);
    expect(model.asked).toEqual([["a"]]);
    expect(vi.getTimerCount()).toBe(0);
    await expect(embedder.embed(["c"])).rejects.toMatchObject(closed);
    await expect(embedder.embed([])).rejects.toMatchObject(closed);
    await expect(embedder.load()).rejects.toMatchObject(closed);
    await embedder[Symbol.asyncDispose]();
  });
});

describe("options", () => {
  test.each<[BatchOptions, string]>([
    [{ maxBatch: 0 }, "maxBatch must be a whole number from 1"],
    [{ concurrency: 1.5 }, "concurrency must be"],
    [{ deadlineMs: 0 }, "deadlineMs must be"],
    [{ deadlineMs: 2 ** 31 }, "deadlineMs must be"],
    [{ windowMs: -1 }, "windowMs must be"],
    [{ windowMs: 2000 }, "windowMs (2000) must be less than deadlineMs (2000)"],
    [{ maxTextChars: Number.NaN }, "maxTextChars must be"],
    [{ memoEntries: -1 }, "memoEntries must be a whole number from 0"],
    [{ memoBytes: "1" as unknown as number }, "memoBytes must be"],
  ])("%j is refused", (options, message) => {
    expect(() => batched(new FakeModel(), options)).toThrow(`batched: ${message}`);
  });

  test.each<[unknown, string]>([
    [undefined, "model must be an embedder"],
    [{ id: "x" }, "model must be an embedder"],
    [{ id: "", embed: () => undefined }, "model.id must be"],
    [{ id: "x", dimensions: 0, embed: () => undefined }, "model.dimensions must be"],
  ])("%j is no model", (model, message) => {
    expect(() => batched(model as TextModel)).toThrow(`batched: ${message}`);
  });
});
