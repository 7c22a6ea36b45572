import { startModelServer } from "@llmcache/testing/model-server";
import { expect, test } from "vitest";
import { freshDirectory } from "../../testing/test/fresh-directory.ts";
import { toldBy } from "../../testing/test/run-script.ts";

const folder = freshDirectory("langchain");

test("a second process answers from disk what the first one asked", async () => {
  await using server = await startModelServer();
  const ask = (): Promise<unknown[]> => toldBy(new URL("restart-child.ts", import.meta.url), [server.baseURL, folder]);
  const first = await ask();
  expect(server.count()).toBe(4);
  expect(await ask()).toEqual(first);
  expect(server.count()).toBe(4);
});
