import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect } from "vitest";

/** Runs the first block of TypeScript of a package's README in the package's folder: it ends well and says nothing. */
export function expectReadmeToRun(folder: URL, env: NodeJS.ProcessEnv = process.env): void {
  const code = /```ts\n([^]*?)```/u.exec(readFileSync(new URL("README.md", folder), "utf8"))?.[1];
  expect(code, "the README has an example").toBeDefined();
  const run = spawnSync(
    process.execPath,
    [
      "--conditions=@llmcache/source",
      "--disable-warning=ExperimentalWarning",
      "--input-type=module-typescript",
      "--eval",
      code ?? "",
    ],
    { cwd: folder, encoding: "utf8", env },
  );
  expect({ status: run.status, errors: run.stderr, output: run.stdout }).toEqual({ status: 0, errors: "", output: "" });
}
