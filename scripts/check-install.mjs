// Do packages work for those who install them, and bring nothing that was not asked for? Each one is packed and installed by the line of its
// README into an empty project, where the README's first example runs against real servers. In the full form (LLMCACHE_TEST_FULL=1) that
// is every package, on the oldest and the newest Node too; else core, memory and openai. Names on the command line: these alone.
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { installedBy, must, projectWith, published, Tarballs } from "./packed.mjs";
import { environment, node, root } from "./setup.mjs";
import { startCeph } from "./servers/ceph.mjs";
import { startRedis } from "./servers/redis.mjs";

const isFull = process.env.LLMCACHE_TEST_FULL === "1";
const QUICK = ["@llmcache/core", "@llmcache/memory", "@llmcache/openai"];
const OTHER_NODES = ["22.19.0", "26"];

/** What is installed beside a package: nothing that its users did not ask for. */
const BRINGS = {
  "@llmcache/core": ["@llmcache/core"],
  "@llmcache/memory": ["@llmcache/core", "@llmcache/memory", "lru-cache"],
  "@llmcache/disk": ["@llmcache/core", "@llmcache/disk"],
  "@llmcache/fetch": ["@llmcache/core", "@llmcache/fetch"],
  "@llmcache/sampling": ["@llmcache/core", "@llmcache/sampling"],
  "@llmcache/similarity": ["@llmcache/core", "@llmcache/similarity"],
  "@llmcache/openai": ["@llmcache/core", "@llmcache/fetch", "@llmcache/openai", "@llmcache/sampling", "openai"],
};

/** How often an example asks the provider; the rest of its calls are hits. */
const ASKS = {
  "@llmcache/openai": 3,
  "@llmcache/anthropic": 3,
  "@llmcache/google": 5,
  "@llmcache/ai-sdk": 1,
  "@llmcache/langchain": 2,
};

/** What examples need beside a provider. */
const SERVERS = {
  "@llmcache/redis": "redis",
  "@llmcache/redis-semantic": "redis",
  "@llmcache/dual-semantic": "redis",
  "@llmcache/s3": "s3",
};

/** Packages for people's own programs; the others are programs themselves. */
const libraries = published.filter(({ folder }) => folder.startsWith(join(root, "packages")));

const work = mkdtempSync(join(tmpdir(), "llmcache-install-"));
process.once("exit", () => rmSync(work, { recursive: true, force: true }));
const tarballs = new Tarballs(work);
const { startModelServer } = await import(pathToFileURL(join(root, "packages/testing/dist/model-server.js")).href);
const provider = await startModelServer();
const started = new Map();

const wanted = process.argv.slice(2);
const names = libraries
  .map(({ name }) => name)
  .filter((name) => (wanted.length > 0 ? wanted.includes(name) : isFull || QUICK.includes(name)));
try {
  const nodes = [["this Node", node], ...(isFull ? await otherNodes() : [])];
  for (const name of names) await checked(name, nodes);
} finally {
  for (const each of started.values()) await (await each).stop();
  await provider.close();
}

async function checked(name, nodes) {
  try {
    const { folder } = libraries.find((library) => library.name === name);
    const readme = readFileSync(join(folder, "README.md"), "utf8");
    const line = installedBy(readme);
    if (!line.includes(name)) throw new Error("its README does not say how to install it");
    const project = await projectWith(join(work, name.replaceAll(/\W+/g, "-")), tarballs, line);
    const installed = installedIn(project);
    if (name in BRINGS && installed.join() !== BRINGS[name].join())
      throw new Error(`brings ${installed.join(", ")}, not ${BRINGS[name].join(", ")}`);
    for (const [version, program] of nodes) await runExample(name, readme, project, version, program);
    console.log(`ok ${name} (${installed.length} packages)`);
  } catch (error) {
    console.log(`not ok ${name}: ${error.message}`);
    process.exitCode = 1;
  }
}

async function runExample(name, readme, project, version, program) {
  const code = /```ts\n([^]*?)```/.exec(readme)?.[1];
  if (code === undefined) throw new Error("its README has no example");
  writeFileSync(join(project, "example.ts"), code);
  provider.reset();
  const env = { ...environment, ...(await variablesFor(name, project)) };
  try {
    await must(program, ["example.ts"], project, env);
  } catch (error) {
    throw new Error(`the README's first example fails on ${version}: ${error.message}`, { cause: error });
  }
  const asked = provider.requests.length;
  if (name in ASKS && asked !== ASKS[name])
    throw new Error(`the README's first example asked ${asked} times on ${version}, not ${ASKS[name]}`);
}

async function variablesFor(name, project) {
  const variables = {
    OPENAI_API_KEY: "any",
    OPENAI_BASE_URL: provider.baseURL,
    ANTHROPIC_API_KEY: "any",
    ANTHROPIC_BASE_URL: provider.url,
    GEMINI_API_KEY: "any",
    GOOGLE_GEMINI_BASE_URL: provider.url,
  };
  if (SERVERS[name] === "redis") return { ...variables, REDIS_URL: (await server("redis", startRedis)).url };
  if (SERVERS[name] !== "s3") return variables;
  const s3 = await server("s3", startCeph);
  const own = {
    ...variables,
    ENDPOINT: s3.endpoint,
    BUCKET: "readme",
    AWS_REGION: s3.region,
    AWS_ACCESS_KEY_ID: s3.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
  };
  writeFileSync(
    join(project, "bucket.ts"),
    `import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
     const client = new S3Client({ endpoint: process.env.ENDPOINT, forcePathStyle: true });
     await client.send(new CreateBucketCommand({ Bucket: process.env.BUCKET })).catch((error) => {
       if (!/^BucketAlready/.test(error.name)) throw error;
     });`,
  );
  await must(node, ["bucket.ts"], project, { ...environment, ...own });
  return own;
}

function server(name, start) {
  if (!started.has(name)) started.set(name, start());
  return started.get(name);
}

/** Versions of Node from the npm registry: what they are called, and their programs. */
async function otherNodes() {
  const nodes = [];
  for (const version of OTHER_NODES) {
    const folder = join(work, `node-${version}`);
    mkdirSync(folder);
    writeFileSync(join(folder, "package.json"), "{}");
    await must("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", `node@${version}`], folder);
    const program = join(folder, "node_modules", ".bin", "node");
    nodes.push([`Node ${(await must(program, ["--version"], folder)).trim()}`, program]);
  }
  return nodes;
}

function installedIn(project) {
  const modules = join(project, "node_modules");
  return readdirSync(modules)
    .filter((name) => !name.startsWith("."))
    .flatMap((name) =>
      name.startsWith("@") ? readdirSync(join(modules, name)).map((own) => `${name}/${own}`) : [name],
    )
    .sort();
}
