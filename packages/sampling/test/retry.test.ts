import { OptionChecks } from "@llmcache/core";
import { describe, expect, test } from "vitest";
import { HTTP_FAILURES, retryAfterMs, retrying, type RetryOptions } from "../src/provider.ts";

const NOW = Date.UTC(2025, 0, 1);
const checks = new OptionChecks("mySampler");

/** As clients make them. */
function failure(status: number | undefined, headers: Record<string, string> = {}): Error {
  return Object.assign(new Error("no"), { status, headers: status === undefined ? undefined : new Headers(headers) });
}

describe("how long a provider wants to be left alone", () => {
  test.each<[Record<string, string>, number | undefined]>([
    [{}, undefined],
    [{ "retry-after-ms": "1234", "retry-after": "9" }, 1234],
    [{ "retry-after-ms": "soon", "retry-after": "1.5" }, 1500],
    [{ "retry-after": "Wed, 01 Jan 2025 00:00:30 GMT" }, 30_000],
    [{ "retry-after": "Tue, 31 Dec 2024 00:00:00 GMT" }, 0],
    [{ "retry-after": "soon" }, undefined],
    [{ "retry-after": "-1 day" }, undefined],
  ])("%j: %s ms", (headers, ms) => {
    expect(retryAfterMs((name) => headers[name], NOW)).toBe(ms);
  });
});

describe("what may pass, by errors of HTTP clients", () => {
  test.each<[string, unknown, boolean]>([
    ["408", failure(408), true],
    ["409", failure(409), true],
    ["429", failure(429), true],
    ["529", failure(529), true],
    ["400", failure(400), false],
    ["499", failure(499), false],
    ["what the provider says to be so", failure(400, { "x-should-retry": "true" }), true],
    ["what it says not to be so", failure(500, { "x-should-retry": "false" }), false],
    ["no answer", failure(undefined), true],
    ["an answer that broke off", new TypeError("terminated", { cause: { code: "UND_ERR_SOCKET" } }), true],
    ["a mistake in a program", new TypeError("x is not a function"), false],
    ["another error", new Error("no"), false],
    ["no error at all", undefined, false],
  ])("%s", (_, error, expected) => {
    expect(HTTP_FAILURES.mayPass(error)).toBe(expected);
  });
});

describe("retrying", () => {
  const ask = async (failures: unknown[], options: RetryOptions = {}, signal = new AbortController().signal) => {
    const slept: number[] = [];
    const retry = retrying(checks, { sleep: async (ms) => void slept.push(ms), clock: () => NOW, ...options });
    let retries = 0;
    const answer = async (): Promise<string> => {
      if (failures.length > 0) throw failures.shift();
      return "well";
    };
    const result = await retry(answer, HTTP_FAILURES, signal, () => retries++).catch((error: unknown) => error);
    return { result, retries, slept };
  };

  test("asks again after growing waits, of which a quarter at most is left to chance, and says so each time", async () => {
    const { result, retries, slept } = await ask(
      Array.from({ length: 6 }, () => failure(500)),
      { retries: 6 },
    );
    expect([result, retries]).toEqual(["well", 6]);
    const longest = [500, 1000, 2000, 4000, 8000, 8000];
    expect(slept).toHaveLength(longest.length);
    for (const [index, ms] of slept.entries()) {
      expect(ms).toBeLessThanOrEqual(longest[index] ?? 0);
      expect(ms).toBeGreaterThanOrEqual((longest[index] ?? 0) * 0.75);
    }
  });

  test("ends with the last failure: what does not pass, no retries left, or too long a wait", async () => {
    const last = failure(400);
    expect(await ask([failure(429), last])).toMatchObject({ result: last, retries: 1 });
    const fifth = failure(500);
    expect(await ask([...Array.from({ length: 4 }, () => failure(500)), fifth])).toMatchObject({
      result: fifth,
      retries: 4,
    });
    const late = failure(429, { "retry-after": "61" });
    expect(await ask([late])).toEqual({ result: late, retries: 0, slept: [] });
    expect(await ask([late], { maxRetryDelayMs: 61_000 })).toEqual({ result: "well", retries: 1, slept: [61_000] });
  });

  test("an abort ends it with the signal's reason, also while it waits in real time", async () => {
    const reason = new Error("enough");
    expect(await ask([failure(500)], {}, AbortSignal.abort(reason))).toMatchObject({ result: reason, slept: [] });
    const controller = new AbortController();
    const waiting = ask([failure(429, { "retry-after": "30" })], { sleep: undefined }, controller.signal);
    await new Promise(setImmediate);
    controller.abort(reason);
    expect(await waiting).toMatchObject({ result: reason, retries: 0 });
  });

  test.each([
    [{ retries: -1 }, "retries"],
    [{ maxRetryDelayMs: 1.5 }, "maxRetryDelayMs"],
    [{ clock: 0 as never }, "clock"],
  ])("a wrong option is an error that names it: %j", (options, name) => {
    expect(() => retrying(checks, options)).toThrow(
      expect.objectContaining({ code: "ERR_LLMCACHE_OPTION", message: expect.stringContaining(name) as string }),
    );
  });
});
