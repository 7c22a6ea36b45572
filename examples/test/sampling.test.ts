import { expect, test } from "vitest";
import { exampleRunner } from "./example.ts";

const runAgent = exampleRunner();
const runPaper = exampleRunner();

test("agent-retries: the second run makes no request and leaves the same trace", async () => {
  const trace = [
    `attempt 1 failed: {"primes": [2, 3, is no JSON`,
    "attempt 2 failed: 4 is no prime",
    "attempt 3: 2, 3, 5",
  ];
  expect(await runAgent("agent-retries.ts")).toEqual([...trace, "requests to the model: 3"]);
  expect(await runAgent("agent-retries.ts")).toEqual([...trace, "requests to the model: 0"]);
});

test("replicate-a-paper: the slice replays with the network off", async () => {
  const first = await runPaper("replicate-a-paper.ts");
  expect(first).toEqual([
    "the experiment: 20 of 30 heads",
    expect.stringMatching(/^shipped: 30 samples, sha256:[0-9a-f]{64}$/),
    "requests to the model: 3",
    "imported: 30 samples",
    "the replica: 20 of 30 heads",
    "beyond the paper: ERR_LLMCACHE_MISS",
  ]);
  const again = await runPaper("replicate-a-paper.ts");
  expect(again).toEqual(first.with(2, "requests to the model: 0"));
});
