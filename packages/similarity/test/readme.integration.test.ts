import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { expectReadmeToRun } from "../../testing/test/readme-example.ts";

test("the example in the README runs", () => {
  expectReadmeToRun(new URL("../", import.meta.url));
});

test("the README names every rule", async () => {
  const { defaultRules } = await import("../src/index.ts");
  const text = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  for (const { name } of defaultRules) expect(text).toMatch(new RegExp(`\\| \`${name}\``, "u"));
});
