import { describe, expect, test } from "vitest";
import { CONTROL_HEADERS, controlFromHeaders } from "@llmcache/fetch";

describe("x-llmcache-similar", () => {
  const similar = (value: string): unknown => controlFromHeaders(new Headers({ "x-llmcache-similar": value })).similar;

  test("says whether a similar answer may be served, and for which requests", () => {
    expect(controlFromHeaders(new Headers())).toEqual({});
    expect(similar("false")).toBe(false);
    expect(similar(" True ")).toEqual({});
    expect(similar("max-chars=500")).toEqual({ maxChars: 500 });
    expect(similar("max-turns=3, max-temperature=0.5")).toEqual({ maxTurns: 3, maxTemperature: 0.5 });
  });

  test.each([
    "",
    "yes",
    "max-chars",
    "max-chars=",
    "max-chars=-5",
    "max-chars=1e3",
    "maxChars=5",
    "false, max-chars=5",
  ])("is an error where it is %j", (value) => {
    expect(() => similar(value)).toThrow(expect.objectContaining({ code: "ERR_LLMCACHE_OPTION" }));
  });

  test("does not go on to the provider", () => {
    expect(CONTROL_HEADERS).toContain("x-llmcache-similar");
  });
});
