import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { startModelServer, type ModelServer } from "@llmcache/testing/model-server";
import { afterEach, beforeEach, expect, test } from "vitest";

const run = promisify(execFile);
let server: ModelServer;
let folder: string;

beforeEach(async () => {
  server = await startModelServer();
  folder = await mkdtemp(join(tmpdir(), "llmcache-openai-"));
});
afterEach(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

interface Told {
  readonly told: readonly unknown[];
  readonly statuses: readonly string[];
}

async function inAnotherProcess(): Promise<Told> {
  const script = fileURLToPath(new URL("restart-child.ts", import.meta.url));
  const { stdout } = await run(process.execPath, [
    "--conditions=@llmcache/source",
    script,
    server.baseURL,
    join(folder, "cache.db"),
  ]);
  return JSON.parse(stdout) as Told;
}

test("another process answers from the file, in one piece and as a stream, what the first one asked", async () => {
  const first = await inAnotherProcess();
  expect(first.statuses).toEqual([
    "llmcache; fwd=miss; stored",
    "llmcache; fwd=miss",
    "llmcache; fwd=miss; stored",
    "llmcache; fwd=miss; stored",
  ]);
  expect(server.count()).toBe(4);
  const second = await inAnotherProcess();
  expect(second.told).toEqual(first.told);
  expect(second.statuses).toEqual(Array.from({ length: 4 }, () => "llmcache; hit"));
  expect(server.count()).toBe(4);
});
