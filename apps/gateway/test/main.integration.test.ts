import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { createGate, createChunkGate, startModelServer, type ModelServer } from "@llmcache/testing/model-server";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { ask, listening, post, printed, question, Stage, stopped } from "./started.ts";

let stage: Stage;
let model: ModelServer;
beforeAll(async () => {
  model = await startModelServer();
});
afterAll(() => model.close());
beforeEach(() => {
  stage = new Stage();
});
afterEach(() => {
  stage[Symbol.dispose]();
  model.reset();
});

const KEY = "a-key-for-the-gateway-0123";

test("a demo that needs nothing, for three APIs: a miss, a hit, and a hit after a restart", async () => {
  const first = await stage.up();
  expect(first.child.out).toContain("DEMO");
  expect(first.child.out.match(/curl -si/g)).toHaveLength(2);
  const everyApi = async (url: string): Promise<string[]> => {
    const anthropic = { model: "claude-opus-4-6", max_tokens: 10, messages: [{ role: "user", content: "Hi." }] };
    const gemini = { contents: [{ role: "user", parts: [{ text: "Hi." }] }] };
    const answers = [
      await ask(url),
      await post(`${url}/v1/messages`, anthropic, { "anthropic-version": "2023-06-01", "x-api-key": "mine" }),
      await post(`${url}/v1beta/models/gemini-2.5-flash:generateContent`, gemini, { "x-goog-api-key": "mine" }),
    ];
    return answers.map(({ cache }) => cache);
  };
  expect(await everyApi(first.url)).toEqual(["miss", "miss", "miss"]);
  expect(await everyApi(first.url)).toEqual(["hit", "hit", "hit"]);
  expect(await stopped(first.child)).toBe(0);

  const second = await stage.up();
  expect(await everyApi(second.url)).toEqual(["hit", "hit", "hit"]);
  expect(await stopped(second.child, "SIGINT")).toBe(0);
  expect(first.child.err + second.child.err).toBe("");
});

test("what was stored is served after the gateway was killed", async () => {
  const args = ["--store", "disk:killed.db"];
  const first = await stage.up({ args });
  await ask(first.url);
  expect((await ask(first.url)).cache).toBe("hit");
  first.child.kill("SIGKILL");
  await once(first.child, "exit");
  expect((await ask((await stage.up({ args })).url)).cache).toBe("hit");
});

test("flags, environment and file come together in the process", async () => {
  stage.file(
    "llmcache.yaml",
    `upstreams:
  - { name: small, api: openai, baseURL: "${model.baseURL}", apiKeyEnv: SMALL_KEY, models: [gpt-*-mini] }
  - { name: other, api: openai, baseURL: "http://127.0.0.1:2/v1" }
ttl: 1h
listen: { port: 1 }
log: { requests: true }
`,
  );
  const env = { SMALL_KEY: "sk-of-the-upstream", LLMCACHE_TTL: "2h", LLMCACHE_PROT: "1" };
  const { child, url } = await stage.up({ env });
  expect(await ask(url)).toMatchObject({ status: 200, cache: "miss" });
  const hit = await ask(url);
  expect(Number(/ttl=(\d+)/.exec(hit.headers.get("cache-status") ?? "")?.[1])).toBeGreaterThan(3600);
  expect((await ask(url, { model: "gpt-4o" })).status).toBe(502);
  expect(model.requests[0]!.headers["authorization"]).toBe("Bearer sk-of-the-upstream");
  expect(await stopped(child)).toBe(0);
  expect(child.err.split("\n")).toEqual([
    "llmcache: LLMCACHE_PROT is set, but nothing reads it: --help lists the variables that are.",
    "llmcache: asking an upstream failed: fetch failed (ECONNREFUSED)",
    "",
  ]);
  // A line for each request; nothing of what was asked or answered is in it.
  const lines = child.out.split("\n").filter((line) => /^\d{4}-/.test(line));
  expect(lines.map((line) => line.replace(/^\S+ |\d+\.\dms.*/g, "").trim())).toEqual([
    "small chat.completions 200 miss",
    "small chat.completions 200 hit",
    "other chat.completions 502 none",
  ]);
  expect(lines.join("")).not.toMatch(/hello|answer/i);
  expect(child.out).not.toContain("sk-of");
});

test("--print-config and --help print and open nothing", async () => {
  const { code, out, err } = await stage.ended({ args: ["--print-config", "--ttl", "90"] });
  expect([code, err]).toEqual([0, ""]);
  expect(out).toContain("ttl: 90 # --ttl\n");
  expect(await stage.ended({ args: ["--help"] })).toMatchObject({ code: 0, err: "" });
  expect(existsSync(join(stage.folder, ".cache"))).toBe(false);
});

describe("what keeps it from starting is one sentence", () => {
  test("a taken port", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as AddressInfo;
    const { code, err } = await stage.ended({ args: ["--port", String(port)] });
    taken.close();
    expect(code).toBe(1);
    expect(err).toMatch(new RegExp(`^llmcache: Port ${port} is taken\\. [^\\n]+ --port ${port + 1}\\n$`));
  });

  test.each<[string, readonly string[], Record<string, string>, string]>([
    [
      "a host that is none of this machine's",
      ["--host", "192.0.2.1"],
      { LLMCACHE_API_KEY: KEY },
      "The gateway cannot listen on 192.0.2.1:4141 (EADDRNOTAVAIL)",
    ],
    [
      "a host for others, without keys",
      ["--host", "0.0.0.0"],
      {},
      "--host is 0.0.0.0, where others can reach the gateway",
    ],
    ["a store's path that is none", ["--store", "disk:./file/x.db"], {}, "--store: "],
    ["a store's parameter", ["--store", "memory:?size=3"], {}, "--store: size is no parameter of memory: URLs"],
    ["a store's URL, with its password", [], { LLMCACHE_STORE: "redis://u:hun/ter22@h:port" }, "LLMCACHE_STORE: "],
    ["a tier's limit for one store", ["--store", "redis://h?maxTtl=60s"], {}, "--store: maxTtl is for tiers"],
    [
      "no package",
      ["--store", "keyv:mongodb://h/d"],
      {},
      "--store: This keyv: URL needs the package @keyv/mongo, which is not installed",
    ],
    ["an unknown flag", ["--prot", "1"], {}, "Unknown option '--prot'"],
  ])("%s", async (_, args, env, message) => {
    stage.file("file", "");
    const { code, out, err } = await stage.ended({ args, env });
    expect([code, out]).toEqual([1, ""]);
    expect(err).toContain(`llmcache: ${message}`);
    expect(err).toMatch(/^[^\n]+\n$/);
    expect(err).not.toContain("ter22");
  });

  test("a secret for tenants that others may read, or that is damaged", async () => {
    expect(await stopped((await stage.up()).child)).toBe(0);
    const file = join(stage.folder, ".cache/llmcache.db.tenant-secret");
    chmodSync(file, 0o644);
    const readable = await stage.ended({});
    expect(readable).toMatchObject({ code: 1, out: "" });
    expect(readable.err).toContain("others may read it (mode 644): chmod 600 it");
    expect(readable.err).not.toContain(readFileSync(file, "utf8").trim());
    writeFileSync(file, "x");
    chmodSync(file, 0o600);
    expect((await stage.ended({})).err).toContain("is damaged");
  });
});

test("gateways that start at once agree on the secret", async () => {
  const env = { OPENAI_BASE_URL: model.baseURL };
  const urls = await Promise.all([1, 2, 3].map(async () => (await stage.up({ env })).url));
  const asked = await Promise.all(
    urls.map(async (url, index) => ask(url, question(`${index}`), { authorization: "Bearer one" })),
  );
  expect(asked.map(({ cache }) => cache)).toEqual(["miss", "miss", "miss"]);
  for (const url of urls)
    for (const text of ["0", "1", "2"])
      expect((await ask(url, question(text), { authorization: "Bearer one" })).cache).toBe("hit");
});

describe("stopping", () => {
  test("an answer under way comes to its end, and is stored", async () => {
    const env = { OPENAI_BASE_URL: model.baseURL };
    const { child, url } = await stage.up({ env });
    const gate = createChunkGate();
    model.enqueue({ content: "one two three", stream: { gate } });
    const streamed = ask(url, { stream: true });
    await model.waitFor(1);
    gate.pass(2);
    const exit = once(child, "exit");
    child.kill("SIGTERM");
    gate.open();
    expect((await streamed).text).toContain("[DONE]");
    expect(await exit).toEqual([0, null]);
    expect((await ask((await stage.up({ env })).url, { stream: true })).cache).toBe("hit");
  });

  test("a second signal ends the process at once", async () => {
    const { child, url } = await stage.up({ env: { OPENAI_BASE_URL: model.baseURL } });
    const gate = createGate();
    model.enqueue({ gate: gate.opened });
    const lost = ask(url).catch((error: unknown) => error);
    await model.waitFor(1);
    child.kill("SIGINT");
    await refused(url);
    const exit = once(child, "exit");
    child.kill("SIGINT");
    expect(await exit).toEqual([130, null]);
    expect(await lost).toBeInstanceOf(Error);
    gate.open();
  });

  /** Until it takes no more connections. */
  async function refused(url: string): Promise<void> {
    for (;;) {
      try {
        await fetch(`${url}/healthz`, { headers: { connection: "close" } });
      } catch {
        return;
      }
    }
  }
});

test("operators' endpoints are there; /admin only with its token", async () => {
  const plain = await stage.up();
  expect((await fetch(`${plain.url}/healthz`)).status).toBe(200);
  expect((await fetch(`${plain.url}/readyz`)).status).toBe(200);
  expect((await fetch(`${plain.url}/cache/ping`)).status).toBe(200);
  await ask(plain.url);
  const metrics = await (await fetch(`${plain.url}/metrics`)).text();
  expect(metrics).toMatch(/^llmcache_\w*requests_total\{[^}]*cache="miss"[^}]*\} 1$/m);
  expect((await fetch(`${plain.url}/admin/stats`)).status).toBe(404);

  const env = { LLMCACHE_ADMIN_TOKEN: KEY, LLMCACHE_API_KEY: `${KEY}-of-callers`, LLMCACHE_METRICS: "off" };
  const { url } = await stage.up({ env });
  const authorization = `Bearer ${KEY}`;
  expect((await fetch(`${url}/admin/stats`, { headers: { authorization } })).status).toBe(200);
  expect((await fetch(`${url}/admin/stats`)).status).toBe(401);
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  expect((await fetch(`${url}/metrics`)).status).not.toBe(200);
});

test("it listens where it is told, and to the host names it is told", async () => {
  const env = { LLMCACHE_API_KEY: KEY, LLMCACHE_HOSTS: "gw.example" };
  const { child, url } = await stage.up({ args: ["--host", "0.0.0.0"], env });
  expect(url).toMatch(/^http:\/\/localhost:/);
  expect(child.out).toContain(`-H "x-llmcache-api-key: $KEY"`);
  const named = async (host: string): Promise<number> => {
    const socket = (await import("node:net")).connect(Number(new URL(url).port), "127.0.0.1");
    let text = "";
    socket.on("data", (chunk) => (text += String(chunk)));
    socket.write(`GET /v1/models HTTP/1.1\r\nhost: ${host}\r\nx-llmcache-api-key: ${KEY}\r\nconnection: close\r\n\r\n`);
    await once(socket, "close");
    return Number(text.slice(9, 12));
  };
  expect(await named("gw.example")).toBe(200);
  expect(await named("localhost")).toBe(200);
  expect(await named("evil.example")).toBe(403);
});

test("a notice that nobody waits for does not hold it up: a store that is down", async () => {
  const { child, url } = await stage.up({ env: { LLMCACHE_STORE: "redis://u:hunter22@127.0.0.1:9" } });
  expect((await ask(url)).status).toBe(200);
  await printed(child, "does not answer yet");
  expect(child.out).toContain("redis://…@127.0.0.1:9");
  expect(await stopped(child)).toBe(0);
  expect(child.out + child.err).not.toContain("hunter22");
  expect(await listening(stage.start({ args: ["--port", "0", "--store", "memory"] }))).toContain("http://");
});
