import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { startModelServer, type ModelServer } from "@llmcache/testing/model-server";
import { afterAll, beforeAll, expect, test } from "vitest";

const run = promisify(execFile);
const root = join(import.meta.dirname, "../..");
const blocks = [
  ["packages/sampling/README.md", /./],
  ["packages/openai/README.md", /@llmcache\/openai\/sampler/],
].flatMap(([path, about]) =>
  [...readFileSync(join(root, path as string), "utf8").matchAll(/^```(?:ts|js)\n([^]*?)^```/gm)]
    .map(([, code = ""]) => code)
    .filter((code) => (about as RegExp).test(code)),
);
let folder: string;
let server: ModelServer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "llmcache-readme-"));
  await symlink(join(root, "examples/node_modules"), join(folder, "node_modules"));
  server = await startModelServer();
});
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

test("there are as many blocks of code as there were", () => {
  expect(blocks).toHaveLength(6);
});

test.each(blocks.map((code, index) => [index + 1, code] as const))(
  "block %d of the READMEs runs",
  async (index, code) => {
    const file = join(folder, `block-${index}.ts`);
    await writeFile(file, code);
    const env = { ...process.env, OPENAI_API_KEY: "none needed", OPENAI_BASE_URL: server.baseURL, HOME: folder };
    const options = ["--conditions=@llmcache/source", "--disable-warning=ExperimentalWarning"];
    const { stdout, stderr } = await run(process.execPath, [...options, file], { env, cwd: folder });
    expect({ stdout, stderr }).toEqual({ stdout: "", stderr: "" });
  },
);
