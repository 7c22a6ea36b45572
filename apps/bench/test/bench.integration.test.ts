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
    "openai client, 4 kB",
    "openai client, stream",
  ])
    expect(stdout).toContain(title);
});
