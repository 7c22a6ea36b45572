import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";

const run = promisify(execFile);
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "llmcache-example-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function lines(script: string): Promise<string[]> {
  const { OPENAI_API_KEY: _key, OPENAI_BASE_URL: _url, ...env } = process.env;
  const args = ["--conditions=@llmcache/source", join(import.meta.dirname, "..", script), folder];
  const { stdout } = await run(process.execPath, args, { env });
  return stdout.trim().split("\n");
}

test("agent-retries: the second run makes no request and leaves the same trace", async () => {
  const trace = [
    `attempt 1 failed: {"primes": [2, 3, is no JSON`,
    "attempt 2 failed: 4 is no prime",
    "attempt 3: 2, 3, 5",
  ];
  expect(await lines("agent-retries.ts")).toEqual([...trace, "requests to the model: 3"]);
  expect(await lines("agent-retries.ts")).toEqual([...trace, "requests to the model: 0"]);
});

test("replicate-a-paper: the slice replays with the network off", async () => {
  const first = await lines("replicate-a-paper.ts");
  expect(first).toEqual([
    "the experiment: 20 of 30 heads",
    expect.stringMatching(/^shipped: 30 samples, sha256:[0-9a-f]{64}$/),
    "requests to the model: 3",
    "imported: 30 samples",
    "the replica: 20 of 30 heads",
    "beyond the paper: ERR_LLMCACHE_MISS",
  ]);
  const again = await lines("replicate-a-paper.ts");
  expect(again).toEqual(first.with(2, "requests to the model: 0"));
});
