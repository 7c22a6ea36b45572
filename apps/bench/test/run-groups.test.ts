import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { runGroups } from "../src/run-groups.ts";

const table = { title: "a title", columns: [""], rows: [] };

/** A program in the place of the benchmark. */
async function program(text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "llmcache-bench-test-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, "main.mjs");
  await writeFile(file, text);
  vi.spyOn(console, "log").mockReturnValue();
  vi.spyOn(console, "error").mockReturnValue();
  return file;
}

test("a group that fails keeps the tables it had, and takes no other group along", async () => {
  const main = await program(`
    process.send(${JSON.stringify(table)});
    if (process.argv.includes("bad")) throw new Error("no such thing");
    process.disconnect();
  `);
  const reports = await runGroups(
    main,
    ["bad", "good"].map((name) => ({ name, args: [name], nodeOptions: [] })),
  );
  expect(reports).toMatchObject([
    { name: "bad", tables: [table], failure: expect.stringContaining("no such thing") },
    { name: "good", tables: [table], failure: undefined },
  ]);
});

test("each group has a process of its own, with its options", async () => {
  const main = await program(`
    process.send({ title: process.pid + " " + process.execArgv.join(" ") + " " + process.argv.slice(2).join(" "), columns: [], rows: [] });
    process.disconnect();
  `);
  const [first, second] = await runGroups(main, [
    { name: "a", args: ["--only", "a"], nodeOptions: ["--expose-gc"] },
    { name: "b", args: ["--only", "b"], nodeOptions: [] },
  ]);
  const [one, other] = [first, second].map((report) => report?.tables[0]?.title.split(" ") ?? []);
  expect(one?.[0]).not.toBe(other?.[0]);
  expect(one?.slice(1)).toContain("--expose-gc");
  expect(one?.slice(-3)).toEqual(["--child", "--only", "a"]);
  expect(other?.slice(1)).not.toContain("--expose-gc");
});

test("what a group leaves in its temporary folder is removed", async () => {
  const main = await program(`
    import { mkdtempSync } from "node:fs";
    import { tmpdir } from "node:os";
    process.send({ title: mkdtempSync(tmpdir() + "/left-"), columns: [], rows: [] });
    process.exitCode = 1;
    process.disconnect();
  `);
  const [report] = await runGroups(main, [{ name: "a", args: [], nodeOptions: [] }]);
  const left = report?.tables[0]?.title ?? "";
  expect(left).toContain("left-");
  await expect(readdir(left)).rejects.toThrow("ENOENT");
});
