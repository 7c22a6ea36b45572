import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { transformersEmbedder, type BatchedEmbedder } from "../src/index.ts";

/** What the fake library was asked to compute, and the answers that it owes. */
let runs: { readonly texts: readonly string[]; answer(): void }[];
let loads: number;
let disposed: number;

beforeEach(() => {
  vi.useFakeTimers();
  runs = [];
  loads = disposed = 0;
});
afterEach(() => void vi.useRealTimers());

function extract(texts: readonly string[]): Promise<object> {
  const { promise, resolve } = Promise.withResolvers<object>();
  const answer = (): void => resolve({ dims: [texts.length, 2], data: texts.flatMap((text) => [text.length, 1]) });
  runs.push({ texts, answer });
  return promise;
}

function made(): BatchedEmbedder {
  const pipeline = async (): Promise<unknown> => {
    loads++;
    const tokenizer = { encode: (text: string) => [text.length], model_max_length: 512, unk_token_id: 0 };
    return Object.assign(extract, { tokenizer, model: {}, dispose: async () => void disposed++ });
  };
  return transformersEmbedder({ model: "fake", library: { pipeline }, deadlineMs: 1000 });
}

const ending = (call: Promise<unknown>): Promise<unknown> => call.catch((error: unknown) => error);

test("a model is loaded once, when it is first used, and computes one batch at a time, also after a deadline", async () => {
  const embedder = made();
  expect(loads).toBe(0);
  const calls = [ending(embedder.embed(["a"]))];
  for (const text of ["bb", "ccc"]) {
    await vi.advanceTimersByTimeAsync(500);
    calls.push(ending(embedder.embed([text])));
  }
  await vi.advanceTimersByTimeAsync(600);
  // "a" was given up, and is computed still: nothing else is begun.
  expect(await calls[0]).toMatchObject({ code: "ERR_LLMCACHE_EMBEDDER" });
  expect(runs.map(({ texts }) => texts)).toEqual([["a"]]);
  await vi.advanceTimersByTimeAsync(5000);
  expect(await Promise.all(calls)).toMatchObject(calls.map(() => ({ code: "ERR_LLMCACHE_EMBEDDER" })));
  const last = embedder.embed(["dddd"]);
  await vi.advanceTimersByTimeAsync(0);
  runs[0]!.answer();
  await vi.advanceTimersByTimeAsync(0);
  // What nobody waits for any more is not computed at all.
  expect(runs.map(({ texts }) => texts)).toEqual([["a"], ["dddd"]]);
  runs[1]!.answer();
  expect(await last).toEqual([Float32Array.of(4, 1)]);
  expect(loads).toBe(1);
});

test("disposing waits for what is being computed, and frees the model once", async () => {
  const embedder = made();
  const call = ending(embedder.embed(["a"]));
  await vi.advanceTimersByTimeAsync(0);
  const disposing = embedder[Symbol.asyncDispose]();
  expect(await call).toMatchObject({ code: "ERR_LLMCACHE_CLOSED" });
  await vi.advanceTimersByTimeAsync(0);
  expect(disposed).toBe(0);
  runs[0]!.answer();
  await disposing;
  await embedder[Symbol.asyncDispose]();
  expect(disposed).toBe(1);
});

test("disposing of what was never used loads nothing", async () => {
  await made()[Symbol.asyncDispose]();
  expect([loads, disposed]).toEqual([0, 0]);
});

test("a tensor of another shape is an error", async () => {
  const tensor = { dims: [1, 3, 2], data: [1, 2, 3, 4, 5, 6] };
  const tokenizer = { encode: () => [5] };
  const pipeline = async (): Promise<unknown> => Object.assign(async () => tensor, { tokenizer, model: {} });
  const embedder = transformersEmbedder({ model: "fake", library: { pipeline } });
  const call = ending(embedder.embed(["a"]));
  await vi.advanceTimersByTimeAsync(0);
  expect(await call).toMatchObject({ message: "local/fake: the model gave a tensor of 1 × 3 × 2 for 1 texts." });
});
