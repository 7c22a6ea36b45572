import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { startModelServer } from "@llmcache/testing/model-server";
import { freshDirectory } from "../../testing/test/fresh-directory.ts";
import { installed } from "./places.ts";
import { writeTinyBert } from "./tiny-bert.ts";

const directory = freshDirectory("embeddings");

test("a process ends by itself: after answers, aborts, a request that hangs and local models, without disposing", async () => {
  const path = join(directory, "tiny");
  await writeTinyBert(path);
  const server = await startModelServer();
  server.enqueue({}, { hang: true });
  const options = { model: "test/tiny", path, from: installed, deadlineMs: 50_000 };
  const code = `
    import { openAIEmbedder, transformersEmbedder, useLiteEmbedder } from ${JSON.stringify(new URL("../src/index.ts", import.meta.url).href)};
    const remote = openAIEmbedder({ model: "m", baseURL: ${JSON.stringify(server.baseURL)}, deadlineMs: 20_000 });
    await remote.embed(["a"]);
    const controller = new AbortController();
    const call = remote.embed(["b"], { signal: controller.signal }).catch(() => console.log("aborted"));
    setTimeout(() => controller.abort(), 50);
    await call;
    await transformersEmbedder(${JSON.stringify(options)}).embed(["my password"]);
    await useLiteEmbedder({ from: ${JSON.stringify(installed)}, deadlineMs: 50_000 }).embed(["my password"]);
    console.log(process.getActiveResourcesInfo().includes("Timeout"));`;
  const run = await promisify(execFile)(
    process.execPath,
    ["--conditions=@llmcache/source", "--input-type=module", "--eval", code],
    { cwd: directory, timeout: 30_000 },
  );
  expect(run).toMatchObject({ stdout: "aborted\nfalse\n", stderr: "" });
  await server.close();
});
