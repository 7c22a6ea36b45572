import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

test("the example in the README runs", () => {
  const folder = new URL("../", import.meta.url);
  const code = /```ts\n([^]*?)```/.exec(readFileSync(new URL("README.md", folder), "utf8"))?.[1];
  const run = spawnSync(
    process.execPath,
    ["--conditions=@llmcache/source", "--input-type=module-typescript", "--eval", code ?? ""],
    { cwd: folder, encoding: "utf8" },
  );
  expect({ status: run.status, errors: run.stderr, output: run.stdout }).toEqual({ status: 0, errors: "", output: "" });
});
