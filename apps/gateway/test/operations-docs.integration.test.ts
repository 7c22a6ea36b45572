import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { LLMCache } from "@llmcache/core";
import { MemoryStore } from "@llmcache/memory";
import { expect, test } from "vitest";
import { parseExposition } from "./exposition.ts";
import { startOperated, TOKEN } from "./operated.ts";

const text = readFileSync(new URL("../OPERATIONS.md", import.meta.url), "utf8");
const run = promisify(execFile);

/** Values of the same kind look the same. */
function shapeOf(line: string): unknown {
  return JSON.parse(line, (_, value: unknown) => {
    if (typeof value === "number") return 0;
    return typeof value === "string" && /^[0-9a-f]{32,64}$/.test(value) ? "digits" : value;
  });
}

/** One value, or one a line. */
function shapesOf(json: string): readonly unknown[] {
  try {
    return [shapeOf(json)];
  } catch {
    return json.trim().split("\n").map(shapeOf);
  }
}

test("the examples of OPERATIONS.md run, and give what stands there", async () => {
  const store = new MemoryStore();
  const cache = new LLMCache({ store, ttl: "7d" });
  await using gateway = await startOperated({
    cache,
    stores: [{ name: "memory", store, url: "memory:?maxEntries=1000" }],
  });
  for (const question of ["one", "two", "three", "four"]) await gateway.chat(question);
  const blocks = [...text.matchAll(/```sh\n([^]*?)```(?:\s*```json\n([^]*?)```)?/g)];
  expect(blocks.length).toBe(9);
  for (const [, commands = "", expected] of blocks) {
    const script = commands.replaceAll("http://127.0.0.1:4141", gateway.url);
    const { stdout } = await run("bash", ["-euo", "pipefail", "-c", script], {
      env: { ...process.env, LLMCACHE_ADMIN_TOKEN: TOKEN },
    });
    expect(stdout).not.toContain('"error"');
    if (expected === undefined) expect(stdout).not.toBe("");
    else expect(shapesOf(stdout), script).toEqual(shapesOf(expected));
  }
});

test("every metric stands in OPERATIONS.md", async () => {
  await using gateway = await startOperated();
  await gateway.chat("Say hello.");
  const described = (await (await gateway.get("/metrics")).text()).matchAll(/^# TYPE (\S+)/gm);
  const names = [...described].map(([, name]) => name as string);
  expect(names.length).toBeGreaterThan(20);
  for (const name of names) expect(text).toContain(`\`${name}\``);
  for (const [, name] of text.matchAll(/`(llmcache_\w+)`/g))
    if (!/^llmcache_store_(entries|bytes)$/.test(name as string)) expect(names).toContain(name);
  expect(parseExposition("# TYPE a counter\na 1\n")).toHaveLength(1);
});
