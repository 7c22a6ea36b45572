// Do packages work for those who install them, and bring nothing that was not asked for? Packs core and memory, installs them
// into an empty project, and uses them there.
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "./command.mjs";
import { environment, root } from "./setup.mjs";

const PACKAGES = ["core", "memory"];
const EXPECTED = ["@llmcache/core", "@llmcache/memory", "lru-cache"];
const PROGRAM = `
import { LLMCache } from "@llmcache/core";
import { MemoryStore } from "@llmcache/memory";
const cache = new LLMCache({ store: new MemoryStore(), ttl: "1h" });
let asked = 0;
const ask = () => cache.through({ operation: "function:demo", prompt: "Hello?" }, async () => ({ answer: ++asked }));
const first = await ask();
await cache.settled();
const second = await ask();
console.log([first.status, second.status, second.value.answer].join(" "));
`;

const work = mkdtempSync(join(tmpdir(), "llmcache-install-"));
process.once("exit", () => rmSync(work, { recursive: true, force: true }));

const tarballs = PACKAGES.map((name) => join(work, `${name}.tgz`));
for (const [index, name] of PACKAGES.entries()) {
  await must("pnpm", ["pack", "--out", tarballs[index]], join(root, "packages", name));
}
const project = mkdtempSync(join(work, "project-"));
writeFileSync(join(project, "package.json"), JSON.stringify({ private: true, type: "module" }));
writeFileSync(join(project, "main.js"), PROGRAM);
await must("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", ...tarballs], project);

const modules = join(project, "node_modules");
const installed = readdirSync(modules)
  .filter((name) => !name.startsWith("."))
  .flatMap((name) => (name.startsWith("@") ? readdirSync(join(modules, name)).map((own) => `${name}/${own}`) : [name]));
expectSame("installed packages", installed.sort().join(", "), EXPECTED.join(", "));
expectSame("the program's output", (await must("node", ["main.js"], project)).trim(), "miss hit 1");
for (const name of EXPECTED) console.log(`${name}: ${Math.round(sizeOf(join(modules, name)) / 1024)} kB`);

async function must(command, args, cwd) {
  const { code, output } = await run(command, args, { cwd, env: environment });
  if (code === 0) return output;
  console.log(`${command} ${args.join(" ")}\n${output}`);
  process.exit(1);
}

function expectSame(what, is, should) {
  if (is === should) return;
  console.log(`${what}: ${is}, not ${should}`);
  process.exit(1);
}

function sizeOf(folder) {
  return readdirSync(folder, { recursive: true })
    .map((name) => statSync(join(folder, name)))
    .reduce((total, stat) => total + (stat.isFile() ? stat.size : 0), 0);
}
