import { expect, test } from "vitest";
import { exampleRunner } from "./example.ts";

const run = exampleRunner();

test("the first run asks once, the second only past the cache", async () => {
  expect(await run("anthropic-messages.ts")).toEqual([
    "first call: answer 1 to: Name a prime number. (llmcache; fwd=miss; stored)",
    expect.stringMatching(/^the same again: answer 1 to: Name a prime number\. \(llmcache; hit; ttl=60\d{4}\)$/),
    expect.stringMatching(/^past the cache: answer 2 .*fwd=bypass/),
    "as a stream: answer 1 to: Name a prime number.",
    expect.stringMatching(/^with a hint: llmcache; hit/),
    "requests to the model: 2",
  ]);
  const second = await run("anthropic-messages.ts");
  expect(second[0]).toMatch(/^first call: answer 1 .*hit/);
  expect(second.at(-1)).toBe("requests to the model: 1");
});
