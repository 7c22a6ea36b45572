import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

const main = join(import.meta.dirname, "../src/main.ts");
let folder: string;
const started: ChildProcess[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "llmcache-gateway-"));
});
afterEach(() => {
  for (const child of started.splice(0)) child.kill("SIGKILL");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function start(...args: string[]): ChildProcess & { text: string } {
  const { OPENAI_API_KEY: _key, OPENAI_BASE_URL: _url, ...env } = process.env;
  const child = spawn(process.execPath, ["--conditions=@llmcache/source", main, ...args], { cwd: folder, env });
  started.push(child);
  const told = Object.assign(child, { text: "" });
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (told.text += String(chunk)));
  return told;
}

async function listening(child: ChildProcess & { text: string }): Promise<string> {
  for (;;) {
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(child.text)?.[0];
    if (url !== undefined && child.text.includes("Ctrl-C")) return url;
    if (child.exitCode !== null) throw new Error(child.text);
    await Promise.race([once(child.stdout!, "data"), once(child, "exit")]);
  }
}

async function ask(url: string): Promise<string> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "gpt-4o-mini", messages: [{ role: "user", content: "Say hello." }] }),
  });
  await response.text();
  return response.headers.get("cache-status")!;
}

test("a demo that needs nothing: a miss, a hit, and a hit after a restart", async () => {
  const first = start("--port", "0");
  const url = await listening(first);
  expect(first.text).toContain("DEMO");
  expect(first.text.match(/curl -si/g)).toHaveLength(2);
  expect(await ask(url)).toBe("llmcache; fwd=miss; stored");
  expect(await ask(url)).toMatch(/^llmcache; hit; ttl=\d+$/);
  first.kill("SIGTERM");
  expect(await once(first, "exit")).toEqual([0, null]);

  const second = start("--port", "0");
  expect(await ask(await listening(second))).toMatch(/^llmcache; hit/);
  second.kill("SIGINT");
  expect(await once(second, "exit")).toEqual([0, null]);
});

test("what was stored is served after the gateway was killed", async () => {
  const first = start("--port", "0", "--cache", "killed.db");
  const url = await listening(first);
  await ask(url);
  expect(await ask(url)).toMatch(/hit/);
  first.kill("SIGKILL");
  await once(first, "exit");
  const second = start("--port", "0", "--cache", "killed.db");
  expect(await ask(await listening(second))).toMatch(/hit/);
});

test("a taken port, a wrong one, an unknown flag and a path that is none end the start with a sentence", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const { port } = taken.address() as AddressInfo;
  for (const [args, message] of [
    [["--port", String(port)], `Port ${port} is taken`],
    [["--port", "many"], "--port must be"],
    [["--prot", "1"], "--prot"],
    [["--ttl", "soon"], "ttl"],
  ] as const) {
    const child = start(...args);
    expect(await once(child, "exit")).toEqual([1, null]);
    expect(child.text).toContain(message);
    expect(child.text).toMatch(/^llmcache: [^\n]+\n$/);
  }
  taken.close();
});
