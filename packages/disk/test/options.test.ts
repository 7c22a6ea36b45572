import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { isLLMCacheError } from "@llmcache/core";
import { DiskStore } from "@llmcache/disk";

test.each([
  [undefined, resolve(".cache/llmcache.db")],
  ["cache", resolve("cache/llmcache.db")],
  ["./some/where", resolve("some/where/llmcache.db")],
  ["/var/cache/x/", "/var/cache/x/llmcache.db"],
  ["answers.db", resolve("answers.db")],
  ["/var/answers.db", "/var/answers.db"],
  ["~", join(homedir(), "llmcache.db")],
  ["~/.cache/llm", join(homedir(), ".cache/llm/llmcache.db")],
  ["~/answers.db", join(homedir(), "answers.db")],
  ["~user/x", resolve("~user/x/llmcache.db")],
  ["a%20b?x=1#y", resolve("a%20b?x=1#y/llmcache.db")],
])("path %j is the file %s", (path, file) => {
  expect(new DiskStore({ path }).file).toBe(file);
});

test.each<[string, unknown]>([
  ["path", ""],
  ["path", 5],
  ["path", "a\0b"],
  ["maxBytes", 0],
  ["maxBytes", 1000],
  ["maxBytes", Number.POSITIVE_INFINITY],
  ["maxEntryBytes", 0],
  ["maxEntryBytes", "1"],
  ["busyTimeoutMs", -1],
  ["busyTimeoutMs", 2 ** 31],
  ["busyTimeoutMs", 0.5],
  ["readOnly", "yes"],
  ["clock", 0],
  ["codec", {}],
  ["codec", null],
])("%s may not be %j", (field, value) => {
  expect(() => new DiskStore({ [field]: value })).toThrow(
    expect.toSatisfy(
      (error) =>
        isLLMCacheError(error, "ERR_LLMCACHE_OPTION") && error.message.startsWith(`DiskStore: ${field} must be`),
    ),
  );
});

test("undefined means the default", () => {
  const options = {
    path: undefined,
    maxBytes: undefined,
    maxEntryBytes: undefined,
    busyTimeoutMs: undefined,
    readOnly: undefined,
    codec: undefined,
    clock: undefined,
  };
  expect(() => new DiskStore(options)).not.toThrow();
});
