import { expect, test } from "vitest";
import { exampleRunner } from "./example.ts";

const run = exampleRunner();

test("the first run asks once for each question, the second only past the cache", async () => {
  const first = await run("openai-chat.ts");
  expect(first).toEqual([
    "first call: answer 1 to: Name a prime number. (llmcache; fwd=miss; stored)",
    expect.stringMatching(/^the same again: answer 1 to: Name a prime number\. \(llmcache; hit; ttl=60\d{4}\)$/),
    "its own seed: answer 2 to: Name a prime number. (llmcache; fwd=miss; stored)",
    expect.stringMatching(/^its own seed again: answer 2 .*hit/),
    expect.stringMatching(/^not older than an hour: answer 1 .*hit/),
    expect.stringMatching(/^past the cache: answer 3 .*fwd=bypass/),
    "inside a run: answer 4 to: Name a prime number. (llmcache; fwd=miss; stored)",
    expect.stringMatching(/^inside a run again: answer 4 .*hit/),
    "as a stream: answer 1 to: Name a prime number.",
    expect.stringMatching(/^after a restart: answer 1 .*hit/),
    expect.stringMatching(/^only if cached: answer 1 .*hit/),
    "unknown and only if cached: ERR_LLMCACHE_MISS",
    "since the restart: hits 2, misses 1, past the cache 0",
    "requests to the model: 4",
  ]);

  const second = await run("openai-chat.ts");
  expect(second[0]).toMatch(/^first call: answer 1 .*hit/);
  expect(second.at(-1)).toBe("requests to the model: 1");
});
