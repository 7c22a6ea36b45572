import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";

const run = promisify(execFile);
const script = join(import.meta.dirname, "../ai-sdk.ts");
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "llmcache-example-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function lines(): Promise<string[]> {
  const { OPENAI_API_KEY: _key, OPENAI_BASE_URL: _url, ...env } = process.env;
  const { stdout } = await run(process.execPath, ["--conditions=@llmcache/source", script, folder], { env });
  return stdout.trim().split("\n");
}

test("the first run asks once for each question, the second not at all", async () => {
  const first = await lines();
  const second = await lines();
  expect(first).toEqual([
    "generateText: answer 1 to: Name a prime number. (miss)",
    "streamText: answer 1 to: Name a prime number. (hit)",
    "its own seed: answer 2 to: Name a prime number. (miss)",
    "with a tool: 2 steps",
    "vectors: 3",
    "requests to the model: 5",
  ]);
  expect(second).toEqual([
    "generateText: answer 1 to: Name a prime number. (hit)",
    "streamText: answer 1 to: Name a prime number. (hit)",
    "its own seed: answer 2 to: Name a prime number. (hit)",
    "with a tool: 2 steps",
    "vectors: 3",
    "requests to the model: 0",
  ]);
});
