import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { startModelServer } from "@llmcache/testing/model-server";
import { expect, test } from "vitest";

const run = promisify(execFile);

test("a second process answers from disk what the first one asked", async () => {
  const folder = await mkdtemp(join(tmpdir(), "llmcache-langchain-"));
  const child = join(import.meta.dirname, "restart-child.ts");
  const ask = async (baseURL: string) =>
    JSON.parse(
      (await run(process.execPath, ["--conditions=@llmcache/source", child, baseURL, folder])).stdout,
    ) as unknown[];
  try {
    await using server = await startModelServer();
    const first = await ask(server.baseURL);
    expect(server.count()).toBe(4);
    const second = await ask(server.baseURL);
    expect(second).toEqual(first);
    expect(server.count()).toBe(4);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
