// Three walks of a new user, each in a fresh folder with nothing but the packed packages and the words of a README: a cache for a script that
// uses the `openai` client; an agent that tries again; a team that puts the gateway before its programs, with Redis. They take a while: only in the full form.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";
import { must, projectWith, Tarballs } from "./packed.mjs";
import { startRedis } from "./servers/redis.mjs";
import { environment, node, root } from "./setup.mjs";

if (process.env.LLMCACHE_TEST_FULL !== "1") process.exit(77);

const readme = readFileSync(join(root, "README.md"), "utf8");
const gatewayReadme = readFileSync(join(root, "apps/gateway/README.md"), "utf8");
const work = mkdtempSync(join(tmpdir(), "llmcache-walks-"));
process.once("exit", () => rmSync(work, { recursive: true, force: true }));
const tarballs = new Tarballs(work);
const { startModelServer } = await import(pathToFileURL(join(root, "packages/testing/dist/model-server.js")).href);

await walk("a script that uses openai", async (provider) => {
  const project = await projectWith(join(work, "script"), tarballs, installs("## In a program"));
  writeFileSync(join(project, "script.ts"), block("## In a program"));
  const runScript = () => must(node, ["script.ts"], project, variables(provider));
  await runScript();
  expectSame("requests of the first run: the question, and the one that asks anew", provider.count(), 2);
  await runScript();
  expectSame("requests of the second run: the one that asks anew", provider.count() - 2, 1);
});

await walk("an agent that tries again", async (provider) => {
  const names = [...installs("## In a program"), "@llmcache/sampling"];
  const project = await projectWith(join(work, "agent"), tarballs, names);
  writeFileSync(join(project, "agent.ts"), block("## For agents"));
  const runAgent = () => must(node, ["agent.ts"], project, variables(provider));
  provider.enqueue({ content: "91" }, { content: "seven" }, { content: "7" });
  const first = await runAgent();
  expectSame("attempts", first.trim(), "1 91\n2 seven\n3 7");
  expectSame("requests", provider.count(), 3);
  expectSame("attempts of the second run", await runAgent(), first);
  expectSame("requests after the second run", provider.count(), 3);
});

await walk("a team with the gateway before its programs, and Redis", async (provider) => {
  const redis = await startRedis();
  const project = await projectWith(join(work, "team"), tarballs, [
    "llmcache",
    "openai",
    "@anthropic-ai/sdk",
    "@google/genai",
  ]);
  const env = {
    ...environment,
    PATH: [join(project, "node_modules", ".bin"), environment.PATH].join(delimiter),
    OPENAI_API_KEY: "a-key-of-the-team",
    OPENAI_BASE_URL: provider.baseURL,
    ANTHROPIC_API_KEY: "another-key-of-the-team",
    ANTHROPIC_BASE_URL: provider.url,
    GEMINI_API_KEY: "a-third-key-of-the-team",
    GOOGLE_GEMINI_BASE_URL: provider.url,
    LLMCACHE_STORE: redis.url,
    LLMCACHE_ADMIN_TOKEN: "an-admin-token-of-the-team",
    LLMCACHE_PORT: "0",
  };
  // What the gateway's README says to run, from the folder of a team.
  const serve = /^llmcache serve$/m.exec(gatewayReadme)[0];
  let gateway = await started(serve, project, env);
  try {
    const program = /### Point a client at it[^]*?```ts\n([^]*?)```/.exec(gatewayReadme)[1];
    const runProgram = () => {
      writeFileSync(join(project, "program.ts"), program.replace("http://127.0.0.1:4141", gateway.url));
      // The program knows the gateway alone.
      const { OPENAI_BASE_URL: _a, ANTHROPIC_BASE_URL: _b, GOOGLE_GEMINI_BASE_URL: _c, ...own } = env;
      return must(node, ["program.ts"], project, own);
    };
    const output = await runProgram();
    expectSame("what the program asks", provider.count(), 3);
    if (!/from the cache llmcache; hit\S* .*llmcache; hit/.test(output)) throw new Error(`no hits in ${output}`);
    await gateway.stop();
    gateway = await started(serve, project, env);
    await runProgram();
    expectSame("what it asks when the gateway has started again", provider.count(), 3);
    const answer = await fetch(`${gateway.url}/admin/invalidate`, {
      method: "POST",
      headers: { authorization: `Bearer ${env.LLMCACHE_ADMIN_TOKEN}` },
      body: JSON.stringify({ model: "gpt-4o-mini" }),
    });
    expectSame("the status of invalidate", answer.status, 200);
    await answer.text();
    await runProgram();
    expectSame("what it asks when a model's answers were forgotten", provider.count(), 4);
  } finally {
    await gateway.stop();
    await redis.stop();
  }
});

/** A command that says where it listens, until it is stopped. */
async function started(command, cwd, env) {
  const child = spawn(command, { cwd, env, shell: true, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  const ended = once(child, "close");
  let output = "";
  const url = await new Promise((resolve, reject) => {
    const read = (chunk) => {
      output += chunk;
      const found = /http:\/\/127\.0\.0\.1:\d+/.exec(output);
      if (found !== null) resolve(found[0]);
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    child.once("close", (code) => reject(new Error(`${command} ended with ${code}\n${output}`)));
    child.once("error", reject);
  });
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid, "SIGTERM");
    await ended;
  };
  return { url, stop };
}

async function walk(name, steps) {
  const provider = await startModelServer();
  try {
    await steps(provider);
    console.log(`ok ${name}`);
  } catch (error) {
    console.log(`not ok ${name}: ${error.message}`);
    process.exitCode = 1;
  } finally {
    await provider.close();
  }
}

function variables(provider) {
  return { ...environment, OPENAI_API_KEY: "any", OPENAI_BASE_URL: provider.baseURL };
}

/** What the first `npm install` under a heading names. */
function installs(heading) {
  return /^npm install (.+)$/m.exec(section(heading))[1].split(/\s+/);
}

/** The first program under a heading. */
function block(heading) {
  return /```ts\n([^]*?)```/.exec(section(heading))[1];
}

function section(heading) {
  const start = readme.indexOf(`\n${heading}\n`);
  if (start < 0) throw new Error(`The README has no "${heading}".`);
  const end = readme.indexOf("\n## ", start + 1);
  return readme.slice(start, end < 0 ? undefined : end);
}

function expectSame(what, is, should) {
  if (is !== should) throw new Error(`${what}: ${JSON.stringify(is)}, not ${JSON.stringify(should)}`);
}
