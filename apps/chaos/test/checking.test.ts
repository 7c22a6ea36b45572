import { describe, expect, test } from "vitest";
import { Body, encodeEntry, LLMCache, storeFrom } from "@llmcache/core";
import { answerTo, faultOf, requestOf } from "../src/answer.ts";
import { rewritten } from "../src/document.ts";
import { recoveredAfterMs } from "../src/figures.ts";
import { Load, type Asked } from "../src/load.ts";
import { Provider } from "../src/provider.ts";

const answer = answerTo(3, 7, 1_000_000);

describe("an answer", () => {
  test("that is right has no fault", () => {
    expect(faultOf(answer, 3)).toBeUndefined();
  });

  test.each([
    ["to another question", { ...answer, question: 4 }, /^foreign/],
    ["of which a part is missing", { ...answer, text: answer.text.slice(1) }, /^torn/],
    ["of which a part is another's", { ...answer, production: 8 }, /^torn/],
  ])("%s is told", (_, wrong, told) => {
    expect(faultOf(wrong, 3)).toMatch(told);
  });
});

describe("recovery", () => {
  const calls = (from: number, statuses: readonly Asked["status"][]): Asked[] =>
    statuses.map((status, index) => ({
      startedAt: from + index,
      endedAt: from + index + 1,
      addedMs: 0,
      status,
      production: 0,
      fault: undefined,
      overdueMs: 0,
    }));
  const misses = calls(
    0,
    Array.from({ length: 50 }, () => "miss"),
  );
  const hits = calls(
    50,
    Array.from({ length: 50 }, () => "hit"),
  );

  test("is when nearly as many calls as usual are hits, of those that began after the fault", () => {
    expect(recoveredAfterMs([...misses, ...hits], 0, 1)).toBe(82);
    expect(recoveredAfterMs([...misses, ...hits], 50, 1)).toBe(40);
  });

  test("is not there while calls are misses, or too few", () => {
    expect(recoveredAfterMs(misses, 0, 1)).toBeUndefined();
    expect(recoveredAfterMs(hits, 80, 1)).toBeUndefined();
  });
});

describe("a load", () => {
  /** A store that gives every question what `answer` makes of the right one. */
  const faultsOver = async (answer: (question: number) => unknown): Promise<string[]> => {
    const ids = new Map([0, 1].map((question) => [new LLMCache().key(requestOf(question)).id, question]));
    const store = storeFrom({
      get: async (id) =>
        encodeEntry({ id, createdAt: Date.now(), metadata: {}, body: Body.json(answer(ids.get(id)!)) }),
      set: async () => undefined,
    });
    const load = new Load(new LLMCache({ store }), new Provider(), { callers: 2, questions: 2, ttlMs: 1000 });
    while (load.asked.length < 10) await new Promise((resolve) => setImmediate(resolve));
    await load.stop();
    return load.faults();
  };

  test("finds nothing where nothing is wrong, and answers that are foreign, torn or stale", async () => {
    const long = 100_000;
    expect(await faultsOver((question) => answerTo(question, 1, Date.now()))).toEqual([]);
    expect((await faultsOver((question) => answerTo(1 - question, 1, Date.now())))[0]).toMatch(/^foreign/);
    expect((await faultsOver((question) => ({ ...answerTo(question, 1, Date.now()), text: "" })))[0]).toMatch(/^torn/);
    expect((await faultsOver((question) => answerTo(question, 1, Date.now() - long)))[0]).toMatch(/^stale/);
  });
});

test("what stands between the two comments of a name is replaced, and nothing else", () => {
  const text = "A\n<!-- x: begin -->\nold\n<!-- x: end -->\nB\n";
  expect(rewritten(text, "x", "new")).toBe("A\n<!-- x: begin -->\n\nnew\n\n<!-- x: end -->\nB\n");
  expect(() => rewritten(text, "y", "new")).toThrow(/lacks the comments/);
});
