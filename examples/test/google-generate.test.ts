import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";

const run = promisify(execFile);
const script = join(import.meta.dirname, "../google-generate.ts");
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "llmcache-example-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function lines(): Promise<string[]> {
  const { GEMINI_API_KEY: _key, ...env } = process.env;
  const { stdout } = await run(process.execPath, ["--conditions=@llmcache/source", script, folder], { env });
  return stdout.trim().split("\n");
}

test("the first run asks once for each question and text, the second only past the cache", async () => {
  expect(await lines()).toEqual([
    "first call: answer 1 to: Name a prime number. (llmcache; fwd=miss; stored)",
    expect.stringMatching(/^the same again: answer 1 to: Name a prime number\. \(llmcache; hit; ttl=60\d{4}\)$/),
    expect.stringMatching(/^past the cache: answer 2 .*fwd=bypass/),
    "as a stream: answer 1 to: Name a prime number.",
    expect.stringMatching(/^embeddings: 2 \(.*1 of 2 cached/),
    "requests to the model: 4",
  ]);
  const second = await lines();
  expect(second[0]).toMatch(/^first call: answer 1 .*hit/);
  expect(second.at(-1)).toBe("requests to the model: 1");
});
