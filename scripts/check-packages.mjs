// Is every package, as it would be published, complete and usable? Packs each one and looks at the tarball.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "./command.mjs";
import { published } from "./packed.mjs";
import { environment, root } from "./setup.mjs";

const REQUIRED = {
  "package.json": /^package\.json$/,
  "README.md": /^README\.md$/,
  LICENSE: /^LICENSE$/,
  sources: /^src\/.*\.ts$/,
  "compiled code": /^dist\/.*\.js$/,
  declarations: /^dist\/.*\.d\.ts$/,
};
const HEADINGS = ["What", "Install", "Example", "Options", "Limits", "Errors"];
const FORBIDDEN = /\.tsbuildinfo$|\.test\.|(^|\/)(test|node_modules)\//;

const work = mkdtempSync(join(tmpdir(), "llmcache-packages-"));
process.once("exit", () => rmSync(work, { recursive: true, force: true }));

for (const { name, folder } of published) {
  const problems = await check(name, folder);
  console.log(`${problems.length === 0 ? "ok" : "not ok"} ${name}`);
  for (const problem of problems) console.log(problem.replaceAll(/^/gm, "  "));
  if (problems.length > 0) process.exitCode = 1;
}
if (published.length === 0) {
  console.log("There are no packages to check.");
  process.exitCode = 1;
}

/** The problems of one package, each a text of one or more lines. */
async function check(name, folder) {
  const tarball = join(work, `${name.replaceAll(/\W+/g, "-")}.tgz`);
  const unpacked = join(work, name);
  mkdirSync(unpacked, { recursive: true });
  const steps = [
    ["pnpm", ["pack", "--out", tarball], folder],
    ["tar", ["-xzf", tarball, "-C", unpacked], root],
  ];
  for (const [command, args, cwd] of steps) {
    const { code, output } = await run(command, args, { cwd, env: environment });
    if (code !== 0) return [output.trimEnd()];
  }
  const content = join(unpacked, "package");
  return [
    ...wrongFiles(content),
    ...leftProtocols(content),
    ...missingHeadings(content),
    ...(await complaint("publint", ["run", "--strict", tarball])),
    ...(await complaint("attw", ["--profile", "esm-only", "--no-emoji", tarball])),
  ];
}

function wrongFiles(content) {
  const files = readdirSync(content, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(content.length + 1));
  return [
    ...Object.entries(REQUIRED)
      .filter(([, pattern]) => !files.some((file) => pattern.test(file)))
      .map(([what]) => `missing: ${what}`),
    ...files.filter((file) => FORBIDDEN.test(file)).map((file) => `must not be published: ${file}`),
  ];
}

/** `workspace:` and `catalog:` mean nothing outside this repository. */
function leftProtocols(content) {
  return [
    ...readFileSync(join(content, "package.json"), "utf8").matchAll(/"[^"]*": "(?:workspace|catalog):[^"]*"/g),
  ].map(([line]) => `not replaced: ${line}`);
}

/** Every README answers the same questions. */
function missingHeadings(content) {
  const file = join(content, "README.md");
  if (!existsSync(file)) return [];
  const readme = readFileSync(file, "utf8");
  return HEADINGS.filter((heading) => !readme.includes(`\n## ${heading}\n`)).map(
    (heading) => `README.md has no "${heading}"`,
  );
}

async function complaint(command, args) {
  const { code, output } = await run(command, args, { cwd: root, env: environment });
  return code === 0 ? [] : [output.trimEnd()];
}
