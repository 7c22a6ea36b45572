import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";

test("every benchmark runs to its end", async () => {
  const main = join(import.meta.dirname, "../src/main.ts");
  const { stdout } = await promisify(execFile)(process.execPath, ["--conditions=@llmcache/source", main, "--quick"]);
  for (const title of [
    "key of a request",
    "hit in memory",
    "hit on disk",
    "hit in Redis, 4 kB in, 4 kB out, 256 at a time",
    "entries of 4 kB from Redis",
    "hit in S3, 4 kB in, 4 kB out, 32 at a time",
    "openai client, 4 kB",
    "openai client, stream",
    "nearest of 1,000 in memory",
  ])
    expect(stdout).toContain(title);
});
