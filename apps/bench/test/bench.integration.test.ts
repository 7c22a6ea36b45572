import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test, vi } from "vitest";

const main = join(import.meta.dirname, "../src/main.ts");
const followParent = new URL("../../../scripts/follow-parent.mjs", import.meta.url).href;
const MINUTES = 60_000;

test(
  "every benchmark runs to its end, writes its document and its chart, and leaves nothing",
  { timeout: 4 * MINUTES },
  async () => {
    const out = await temporaryFolder();
    // What it puts there is what it would leave.
    const temporary = await temporaryFolder();
    const { stdout } = await promisify(execFile)(
      process.execPath,
      // As `npm run bench` does it.
      ["--conditions=@llmcache/source", "--import", followParent, main, "--quick", "--out", out],
      { env: { ...process.env, TMPDIR: temporary }, maxBuffer: 16 * 1024 ** 2 },
    );
    const results = await readFile(join(out, "RESULTS.md"), "utf8");
    for (const title of [
      "key of a request",
      "LLMCache over MemoryStore, beside a Map by hand",
      "LLMCache over MapStore, beside a Map by hand",
      "LLMCache over DiskStore, beside SQLite by hand",
      "hit in Redis, 4 kB in, 4 kB out, 256 at a time",
      "entries of 4 kB from Redis",
      "LLMCache over RedisStore, beside ioredis by hand",
      "hit in S3, 4 kB in, 4 kB out, 32 at a time",
      "LLMCache over S3Store, beside the AWS SDK by hand",
      "LLMCache over KeyvStore, beside Keyv by hand",
      "openai client, 4 kB",
      "openai client, stream",
      "AI SDK doGenerate",
      "cachedOpenAI, beside openai",
      "cachedAnthropic, beside @anthropic-ai/sdk",
      "cachedGoogle, beside @google/genai",
      "cachedFetch, beside fetch",
      "AI SDK: wrapped models",
      "LangChain: withCache",
      "peers: hit and miss",
      "peers: what happens when",
      "bytes per entry",
      "growth: hit among so many entries",
      "gateway, 4 kB in, 4 kB out",
      "growth: similar hit among so many in Redis",
      "growth: nearest of so many in memory",
      "nearest of 1,000 in memory",
    ]) {
      expect(stdout).toContain(title);
      expect(results).toContain(title);
    }
    expect(results).not.toContain("Did not come to its end");
    expect(await readFile(join(out, "chart.svg"), "utf8")).toContain("LLMCache over RedisStore");
    // No group is measured as something it is not.
    expect(stdout).toMatch(/LLMCache over MemoryStore +1 +1 +the error +yes +no +yes +a hit +yes/u);
    expect(await readdir(temporary)).toEqual([]);
  },
);

test("a group that does not exist is refused, with those that do", async () => {
  const asked = promisify(execFile)(process.execPath, ["--conditions=@llmcache/source", main, "--only", "nothing"]);
  await expect(asked).rejects.toThrow(/--only takes one of key, memory, .*not "nothing"/u);
});

test("a run that is broken off leaves nothing", async () => {
  const temporary = await temporaryFolder();
  const child = spawn(process.execPath, ["--conditions=@llmcache/source", main, "--quick", "--only", "redis"], {
    env: { ...process.env, TMPDIR: temporary },
    stdio: ["ignore", "pipe", "ignore"],
  });
  // Its server runs, and so does the process that measures.
  for await (const text of child.stdout) if (String(text).includes("hit in Redis")) break;
  expect(await readdir(temporary)).not.toEqual([]);
  child.kill("SIGTERM");
  await once(child, "exit");
  await vi.waitFor(async () => expect(await readdir(temporary)).toEqual([]), { timeout: 10_000 });
});

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "llmcache-bench-test-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}
