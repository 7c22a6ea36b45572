import { expect, test } from "vitest";
import { storeAnywaySet, verdictOn } from "../src/index.ts";

const KINDS = ["empty", "truncated"] as const;

test("an answer is stored if all of its flaws are wanted all the same", () => {
  const wanted = storeAnywaySet(KINDS, ["empty"]);
  expect(verdictOn([], wanted)).toBe("store");
  expect(verdictOn<string>(["empty"], wanted)).toBe("store");
  expect(verdictOn<string>(["empty", "truncated"], wanted)).toBe("pass");
  expect(verdictOn<string>(["empty"], storeAnywaySet(KINDS))).toBe("pass");
});

test("a kind that there is not is an error that names those that there are", () => {
  expect(() => storeAnywaySet<string>(KINDS, ["emtpy"])).toThrow(
    expect.objectContaining({
      code: "ERR_LLMCACHE_OPTION",
      message: `storeAnyway: "emtpy" is no kind; known are empty, truncated.`,
    }),
  );
});
