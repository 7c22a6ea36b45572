import { execFile } from "node:child_process";
import { existsSync, globSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { startModelServer } from "@llmcache/testing/model-server";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readMarkdown, type CodeBlock } from "./markdown.ts";

/** A block and where it stands. */
interface PageBlock extends CodeBlock {
  /** `docs/guide.md`, in the repository. */
  readonly page: string;
  /** `docs/guide.md:12`. */
  readonly name: string;
  /** `docs-guide-12.ts`, in the folder. */
  readonly file: string;
}

/** What somebody has who installed all packages: these, and what these packages' folders have. */
const LENDERS = [
  "examples",
  "packages/redis",
  "packages/redis-semantic",
  "packages/s3",
  "packages/keyv",
  "packages/otel",
  "apps/gateway",
];
const NO_TYPESCRIPT = ["json", "yaml", "sh", "text", "python", "http", "toml", "conf", "sql", "mermaid"];

const run = promisify(execFile);
const root = join(import.meta.dirname, "../..");
const yaml = createRequire(join(root, "apps/gateway/package.json"))("yaml") as { parse(text: string): unknown };
const blocks = globSync(["docs/*.md", "README.md", "{packages,apps}/*/*.md"], { cwd: root }).flatMap(
  (page): readonly PageBlock[] =>
    readMarkdown(readFileSync(join(root, page), "utf8")).blocks.map((block) => ({
      ...block,
      page,
      name: `${page}:${block.line}`,
      file: `${page.replace(/\.md$/, "").replaceAll(/\W+/g, "-")}-${block.line}.ts`,
    })),
);
const isOfDocs = ({ page }: PageBlock): boolean => page.startsWith("docs/");
const inLanguage = (language: string): readonly PageBlock[] => blocks.filter((block) => block.language === language);
const each = (some: readonly PageBlock[]): (readonly [string, PageBlock])[] => some.map((block) => [block.name, block]);
/** What is no code but an idea of it. */
const LEAVES_OUT = /^(?!.*\/\/).*(?:\{ … \}|\(…\))/m;
/** What READMEs may do, whose blocks also show pieces: use names that they do not declare. */
const OF_PIECES = /error TS(?:2304|2552|18004|7006|7031):/;

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "llmcache-docs-"));
  await writeFile(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  await lendModules(join(folder, "node_modules"));
  for (const { file, given, code } of inLanguage("ts"))
    if (!LEAVES_OUT.test(code)) await writeFile(join(folder, file), withGiven(given, code));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test("every block of docs/ names its language, and leaves nothing out", () => {
  const known = new Set(["ts", ...NO_TYPESCRIPT]);
  const wrong = blocks.filter(
    ({ language, code }) => !known.has(language) || (language === "ts" && LEAVES_OUT.test(code)),
  );
  expect(wrong.filter(isOfDocs).map(({ name }) => name)).toEqual([]);
});

test("the types of all blocks are right", async () => {
  const options = {
    extends: join(root, "tsconfig.check.json"),
    compilerOptions: {
      moduleDetection: "force",
      typeRoots: [join(root, "node_modules/@types")],
      // As readers have it who set `strict`. Examples leave out what would only be in their way.
      noPropertyAccessFromIndexSignature: false,
      noUncheckedIndexedAccess: false,
      noUnusedLocals: false,
      noUnusedParameters: false,
    },
    include: ["*.ts"],
  };
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify(options));
  const tsc = join(root, "node_modules/.bin/tsc");
  const said = await run(tsc, ["-p", folder, "--pretty", "false"], { cwd: folder }).then(
    () => "",
    (error: { stdout: string }) => error.stdout,
  );
  // What is wrong in the sources, `npm run typecheck` says.
  const complaints = said
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("..") && (line.startsWith("docs-") || !OF_PIECES.test(line)));
  expect(complaints).toEqual([]);
});

describe("runs, and prints what the page says", () => {
  test.concurrent.each(each(inLanguage("ts").filter((block) => isOfDocs(block) && block.info === "run")))(
    "%s",
    async (_name, block) => {
      await using server = await startModelServer();
      const cwd = join(folder, `${block.file}.run`);
      await mkdir(cwd);
      const env = { ...process.env, OPENAI_API_KEY: "none needed", OPENAI_BASE_URL: server.baseURL, HOME: cwd };
      const flags = ["--conditions=@llmcache/source", "--disable-warning=ExperimentalWarning"];
      const { stdout, stderr } = await run(process.execPath, [...flags, join(folder, block.file)], { env, cwd });
      expect({ stdout, stderr }).toEqual({ stdout: block.output ?? "", stderr: "" });
    },
  );
});

test.each(each(inLanguage("json")))("%s is JSON, or lines of it", (_name, { code }) => {
  const isLines = /^\{.*\}\n\{/.test(code);
  for (const text of isLines ? code.trim().split("\n") : [code])
    expect(() => JSON.parse(text) as unknown).not.toThrow();
});

test.each(each(inLanguage("yaml")))("%s is YAML", (_name, { code }) => {
  expect(() => yaml.parse(code)).not.toThrow();
});

describe("the gateway takes the configuration", () => {
  const files = inLanguage("yaml").filter((block) => isOfDocs(block) && block.info === "llmcache.yaml");
  test.concurrent.each(each(files))("%s", async (_name, { code, file }) => {
    const path = join(folder, `${file}.yaml`);
    await writeFile(path, code);
    const named = [...code.matchAll(/\w+Env: (\w+)/g)].map(([, variable = ""]) => variable);
    const secrets = named.map((name, index) => [
      name,
      name.endsWith("_URL") ? "redis://localhost" : `secret-${index}-0123456789abcdef`,
    ]);
    const env = { PATH: process.env["PATH"], ...Object.fromEntries(secrets) };
    const main = join(root, "apps/gateway/src/main.ts");
    const flags = ["--conditions=@llmcache/source", "--disable-warning=ExperimentalWarning"];
    const { stdout, stderr } = await run(process.execPath, [...flags, main, "--config", path, "--print-config"], {
      env,
      cwd: folder,
    });
    expect(stderr).toBe("");
    expect(stdout).toContain(path);
  });
});

test.each(each(inLanguage("sh")))("%s is a shell script", async (_name, { code }) => {
  const shell = run("bash", ["-n"]);
  shell.child.stdin?.end(code);
  await expect(shell).resolves.toMatchObject({ stderr: "" });
});

/** Declarations that the page does not show stand behind the imports of the block: the lines of the block stay together. */
function withGiven(given: string, code: string): string {
  return given === "" ? code : `${code}\n// given\n${given}\n`;
}

async function lendModules(modules: string): Promise<void> {
  const lent = new Map<string, string>();
  for (const name of readdirSync(join(root, "packages")))
    if (existsSync(join(root, "packages", name, "package.json")))
      lent.set(`@llmcache/${name}`, join(root, "packages", name));
  lent.set("@llmcache/gateway", join(root, "apps/gateway"));
  for (const lender of LENDERS) {
    const own = join(root, lender, "node_modules");
    for (const name of existsSync(own) ? readdirSync(own) : []) {
      if (name.startsWith(".")) continue;
      const names = name.startsWith("@") ? readdirSync(join(own, name)).map((each) => `${name}/${each}`) : [name];
      for (const each of names) if (!lent.has(each)) lent.set(each, join(own, each));
    }
  }
  for (const [name, path] of lent) {
    const link = join(modules, name);
    await mkdir(join(link, ".."), { recursive: true });
    await symlink(path, link);
  }
}
