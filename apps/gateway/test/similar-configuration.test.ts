import { describe, expect, test } from "vitest";
import { ConfigurationError } from "../src/configuration.ts";
import { configuration, type Sources } from "./configuring.ts";

/** The sentence that ends the start. */
function errorOf(sources: Sources): string {
  try {
    configuration(sources);
  } catch (error) {
    if (error instanceof ConfigurationError) return error.message;
    throw error;
  }
  return "no error";
}

const store = { LLMCACHE_STORE: "memory: redis-semantic://h?embedder=use-lite" };
const file = (yaml: string): { readonly "llmcache.yaml": string } => ({ "llmcache.yaml": yaml });

describe("what a semantic store compares", () => {
  test.each<[string, unknown]>([
    ["", undefined],
    ["similar: false\n", false],
    ["similar: true\n", {}],
    ["similar: { maxTurns: 3, maxChars: 500, maxTemperature: 0 }\n", { maxTurns: 3, maxChars: 500, maxTemperature: 0 }],
  ])("%j is %j for the cache", (yaml, similar) => {
    expect(configuration({ env: store, files: file(yaml) }).cache.similar).toEqual(similar);
  });

  test.each([
    ["similar: always\n", "llmcache.yaml:1: similar must be true, false, or limits"],
    ["similar: { maxTurns: 0 }\n", "similar.maxTurns must be a whole number from 1, not 0"],
    ["similar: { maxTemperature: -1 }\n", "similar.maxTemperature must be a number from 0"],
    ["similar: { threshold: 0.9 }\n", "similar.threshold is no option; known are maxTurns, maxChars, maxTemperature"],
  ])("%j is refused", (yaml, message) => {
    expect(errorOf({ env: store, files: file(yaml) })).toContain(message);
  });

  test("limits that no store would read are refused; switching it off is not", () => {
    const similar = "similar: { maxTurns: 3 }\n";
    expect(errorOf({ files: file(similar) })).toContain("similar needs a store that compares texts");
    expect(errorOf({ files: file(`tiers: [memory, "redis://h"]\n${similar}`) })).toContain("redis-semantic:");
    expect(configuration({ files: file("similar: false\n") }).cache.similar).toBe(false);
  });

  test.each(["memory-semantic:?embedder=e", "redis-semantic://h", "rediss-semantic://h", "dual-semantic://h"])(
    "%s is a store",
    (url) => expect(configuration({ env: { LLMCACHE_STORE: url } }).tiers).toMatchObject([{ url }]),
  );

  test("a key of an endpoint in the URL is a secret in a file", () => {
    const error = errorOf({ files: file("store: redis-semantic://h?embedder=e&apiKey=hunter22\n") });
    expect(error).toContain("store holds a password or a key");
    expect(error).not.toContain("hunter22");
  });
});
