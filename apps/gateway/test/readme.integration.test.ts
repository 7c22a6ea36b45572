import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startModelServer, type ModelServer } from "@llmcache/testing/model-server";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseDocument } from "yaml";
import { startRedis, type RedisServer } from "../../../scripts/servers/redis.mjs";
import { configuration } from "./configuring.ts";
import { Stage, type Started } from "./started.ts";

/** A new user's walk: the blocks of the README in their order, in one folder, with its ports and addresses put in. */
const here = import.meta.dirname;
const text = readFileSync(join(here, "../README.md"), "utf8");
const blocks = [...text.matchAll(/^```(\w+)(?: (\w+))?\n([\s\S]*?)^```$/gm)].map(
  ([, language = "", note = "", code = ""]) => ({
    language,
    note,
    code,
  }),
);

let stage: Stage;
let model: ModelServer;
let redis: RedisServer;
/** Each leads a process group. */
const running: Started[] = [];
beforeAll(async () => {
  stage = new Stage();
  model = await startModelServer();
  redis = await startRedis();
  const bin = join(stage.folder, "bin");
  mkdirSync(bin);
  const cli = join(here, "../../cli/src/main.ts");
  writeFileSync(
    join(bin, "llmcache"),
    `#!/bin/sh\nexec "${process.execPath}" --conditions=@llmcache/source "${cli}" "$@"\n`,
    { mode: 0o755 },
  );
  install(join(here, "../node_modules"), join(stage.folder, "node_modules"));
  symlinkSync(join(here, ".."), join(stage.folder, "node_modules/@llmcache/gateway"));
});
afterAll(async () => {
  for (const { pid, exitCode, signalCode } of running)
    if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, "SIGKILL");
  stage[Symbol.dispose]();
  await model.close();
  await redis.stop();
});

test("every block is one that is run or checked", () => {
  expect(new Set(blocks.map(({ language, note }) => `${language} ${note}`.trim()))).toEqual(
    new Set(["sh", "sh serve", "sh twice", "ts", "yaml"]),
  );
});

test("the walk", async () => {
  let server: Started | undefined;
  let url = "";
  let token = "";
  const placed = (code: string): string =>
    code
      .replaceAll("http://127.0.0.1:4141", url)
      .replaceAll("localhost:6379", `${redis.host}:${redis.port}`)
      .replaceAll("$(openssl rand -hex 32)", "0123456789abcdef0123456789abcdef");
  const shell = async (code: string): Promise<string> => {
    const child = run(placed(code), { LLMCACHE_ADMIN_TOKEN: token });
    const [status] = (await once(child, "close")) as [number];
    expect([code, status, child.err]).toEqual([code, 0, ""]);
    return child.out;
  };
  const told: string[] = [];
  for (const { language, note, code } of blocks) {
    if (language === "sh" && note === "serve") {
      if (server !== undefined) await ended(server);
      const isReal = code.includes("OPENAI_API_KEY");
      const bases = {
        OPENAI_BASE_URL: model.baseURL,
        ANTHROPIC_BASE_URL: model.url,
        GOOGLE_GEMINI_BASE_URL: model.url,
      };
      server = run(`exec_() { ${placed(code)}\n}; exec_`, { LLMCACHE_PORT: "0", ...(isReal ? bases : {}) });
      url = await listening(server);
      token = code.includes("LLMCACHE_ADMIN_TOKEN") ? "0123456789abcdef0123456789abcdef" : "";
      if (code.includes("redis")) expect(server.out).toContain("redis://");
      expect(server.out.includes("DEMO")).toBe(!isReal);
    } else if (note === "twice") {
      expect(await shell(code)).toMatch(/^cache-status: llmcache; fwd=miss; stored\s*$/i);
      expect(await shell(code)).toMatch(
        /^age: \d+\s+cache-status: llmcache; hit; ttl=\d+\s*$|^cache-status: llmcache; hit; ttl=\d+\s+age: \d+\s*$/i,
      );
    } else if (language === "sh") {
      if (code.startsWith("npm install")) continue;
      told.push(await shell(code));
    } else if (language === "ts") {
      const file = join(stage.folder, "block.ts");
      writeFileSync(file, placed(code));
      told.push(await shell(`"${process.execPath}" --conditions=@llmcache/source "${file}"`));
      rmSync(file);
    }
  }
  await ended(server!);
  const clients = told[0]!.split("\n");
  expect(clients[0]).toMatch(/^asked (llmcache; fwd=miss; stored ?){2}$/);
  expect(clients[1]).toContain("Name a prime.");
  expect(clients[2]).toMatch(/^from the cache (llmcache; hit; ttl=\d+ ?){2}$/);
  expect(clients[3]).toBe(clients[1]);
  expect(told.find((out) => out.includes('"removed"'))).toMatch(/"removed": ?[1-9]/);
  expect(told.find((out) => out.includes("# default"))).toContain("port: 4141 # default");
});

test("the file is a configuration, and says what stands beside it", () => {
  const [file, ...more] = blocks.filter(({ language }) => language === "yaml");
  expect(more).toEqual([]);
  expect(parseDocument(file!.code).errors).toEqual([]);
  const env = {
    REDIS_URL: "redis://u:p@h",
    OPENAI_API_KEY: "a",
    ANTHROPIC_API_KEY: "b",
    GATEWAY_KEY_ALICE: "alice-0123456789",
    GATEWAY_KEY_BOB: "bob-0123456789-0",
    GATEWAY_KEY_CI: "ci-0123456789-01",
  };
  const found = configuration({ files: { "llmcache.yaml": file!.code }, env });
  expect(found.tenants.keys.map(({ group }) => group)).toEqual(["research", "research", undefined]);
  expect(found.upstreams!.map(({ api, apiKey }) => [api, apiKey])).toEqual([
    ["openai", "a"],
    ["anthropic", "b"],
    ["openai", undefined],
  ]);
});

test("tables list the members that there are", () => {
  const members = ["name", "api", "baseURL", "apiKeyEnv", "provider", "models", "countedHeaders", "path"];
  const rows = text.slice(text.indexOf("### Upstreams"), text.indexOf("### Controls"));
  expect([...rows.matchAll(/^\| `(\w+)` /gm)].map(([, member]) => member)).toEqual(members);
});

/** The same packages, in a folder that more can be put into. */
function install(from: string, to: string): void {
  mkdirSync(to);
  for (const name of readdirSync(from)) {
    if (name === "@llmcache") install(join(from, name), join(to, name));
    else symlinkSync(join(from, name), join(to, name));
  }
}

function run(code: string, env: Readonly<Record<string, string>>): Started {
  const child = spawn("bash", ["-c", `set -eo pipefail\n${code}`], {
    cwd: stage.folder,
    env: { PATH: `${join(stage.folder, "bin")}:${process.env["PATH"]}`, HOME: stage.folder, ...env },
    detached: true,
  });
  const told: Started = Object.assign(child, { out: "", err: "" });
  running.push(told);
  child.stdout.on("data", (chunk) => (told.out += String(chunk)));
  child.stderr.on("data", (chunk) => (told.err += String(chunk)));
  return told;
}

async function listening(child: Started): Promise<string> {
  while (!child.out.includes("Ctrl-C")) {
    if (child.exitCode !== null) throw new Error(child.out + child.err);
    await Promise.race([once(child.stdout!, "data"), once(child, "close")]);
  }
  return /http:\/\/127\.0\.0\.1:\d+/.exec(child.out)![0];
}

/** As Ctrl-C does: a signal to all of the group. */
async function ended(child: Started): Promise<void> {
  const close = once(child, "close");
  process.kill(-child.pid!, "SIGINT");
  await close;
}
