import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { NAMES } from "../src/names.ts";

const folder = new URL("../", import.meta.url);
const text = readFileSync(new URL("README.md", folder), "utf8");

test("the example in the README runs", () => {
  const code = /```ts\n([^]*?)```/u.exec(text)?.[1];
  const run = spawnSync(
    process.execPath,
    ["--conditions=@llmcache/source", "--input-type=module-typescript", "--eval", code ?? ""],
    { cwd: folder, encoding: "utf8" },
  );
  expect({ status: run.status, errors: run.stderr, output: run.stdout }).toEqual({ status: 0, errors: "", output: "" });
});

test("the README names every attribute", () => {
  for (const name of Object.values(NAMES)) if (name !== NAMES.what) expect(text).toContain(`\`${name}\``);
});
