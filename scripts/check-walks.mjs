// Three walks of a new user, each in a fresh folder with nothing but the packed packages and the words of a README: a cache for a script that
// uses the `openai` client; an agent that tries again; a team that puts the gateway before its programs, with Redis. They take a while: only in the full form.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { must, projectWith, Tarballs } from "./packed.mjs";
import { environment, node, root } from "./setup.mjs";

if (process.env.LLMCACHE_TEST_FULL !== "1") process.exit(77);

const readme = readFileSync(join(root, "README.md"), "utf8");
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
