import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

const main = join(import.meta.dirname, "../src/main.ts");
const children: ChildProcess[] = [];
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "llmcache-cli-"));
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});
afterAll(() => rmSync(folder, { recursive: true }));

function start(...args: string[]): ChildProcess & { out: string; err: string } {
  const env = { PATH: process.env["PATH"] };
  const child = spawn(process.execPath, ["--conditions=@llmcache/source", main, ...args], { cwd: folder, env });
  children.push(child);
  const told = Object.assign(child, { out: "", err: "" });
  child.stdout.on("data", (chunk) => (told.out += String(chunk)));
  child.stderr.on("data", (chunk) => (told.err += String(chunk)));
  return told;
}

async function ended(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const child = start(...args);
  const [code] = (await once(child, "close")) as [number | null];
  return { code, out: child.out, err: child.err };
}

test("--version and --help print and end well; no command and an unknown one do not", async () => {
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, "../package.json"), "utf8")) as {
    version: string;
  };
  expect(await ended("--version")).toEqual({ code: 0, out: `${version}\n`, err: "" });
  const help = await ended("--help");
  expect(help).toMatchObject({ code: 0, err: "" });
  expect(help.out).toContain("llmcache serve");
  expect(await ended()).toEqual({ code: 2, out: "", err: help.out });
  expect(await ended("sevre")).toEqual({
    code: 2,
    out: "",
    err: 'llmcache: "sevre" is no command; llmcache --help lists them.\n',
  });
});

test("the commands of the README are those of --help", async () => {
  const readme = readFileSync(join(import.meta.dirname, "../README.md"), "utf8");
  const { out } = await ended("--help");
  for (const [, command = ""] of readme.matchAll(/^\| `llmcache ([\w-]+)` /gm)) expect(out).toContain(command);
  expect((await ended("serve", "--help")).out).toContain("Usage: llmcache serve [options]");
});

test("serve has flags of its own, answers, and stops on SIGTERM", async () => {
  const wrong = await ended("serve", "--port", "many");
  expect(wrong).toMatchObject({ code: 1, out: "" });
  expect(wrong.err).toBe('llmcache: --port must be a whole number from 0 to 65535, not "many".\n');

  const child = start("serve", "--port", "0", "--store", "memory:");
  while (!child.out.includes("Ctrl-C")) {
    if (child.exitCode !== null) throw new Error(child.err);
    await Promise.race([once(child.stdout!, "data"), once(child, "exit")]);
  }
  const url = /http:\/\/127\.0\.0\.1:\d+/.exec(child.out)![0];
  expect((await fetch(`${url}/v1/models`)).status).toBe(200);
  child.kill("SIGTERM");
  expect(await once(child, "exit")).toEqual([0, null]);
  expect(child.err).toBe("");
});
