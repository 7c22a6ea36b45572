import { join } from "node:path";
import { startModelServer, type ModelServer } from "@llmcache/testing/model-server";
import { afterEach, beforeEach, expect, test } from "vitest";
import { freshDirectory } from "../../testing/test/fresh-directory.ts";
import { toldBy } from "../../testing/test/run-script.ts";

const file = join(freshDirectory("openai"), "cache.db");
let server: ModelServer;

beforeEach(async () => {
  server = await startModelServer();
});
afterEach(() => server.close());

interface Told {
  readonly told: readonly unknown[];
  readonly statuses: readonly string[];
}

function inAnotherProcess(): Promise<Told> {
  return toldBy(new URL("restart-child.ts", import.meta.url), [server.baseURL, file]);
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
