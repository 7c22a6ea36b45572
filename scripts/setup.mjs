// What a fresh checkout needs before anything else can run: the dependencies, a recent Node and pnpm among them.
// Written for plain Node 20 without dependencies, like every script that runs before the installation.
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "./command.mjs";
import { withLock } from "./lock.mjs";

const OLDEST_HOST_NODE = 20;

export const root = fileURLToPath(new URL("..", import.meta.url));
const bin = join(root, "node_modules", ".bin");
const stampFile = join(root, "node_modules", ".llmcache-setup");
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const pnpm = manifest.packageManager.split("+")[0];

/** The Node that the project runs on; the host's own may be older. */
export const node = join(bin, "node");

/** The environment of everything that is started after the setup. */
export const environment = {
  ...process.env,
  PATH: [bin, process.env.PATH].join(delimiter),
  DO_NOT_TRACK: "1",
  TURBO_TELEMETRY_DISABLED: "1",
  NO_UPDATE_NOTIFIER: "1",
};

/** A setup that failed; the message is one sentence that says what to do. */
export class SetupError extends Error {}

/** Installs the dependencies unless they are those of the last installation. */
export async function setup() {
  if (Number.parseInt(process.versions.node, 10) < OLDEST_HOST_NODE) {
    throw new SetupError(
      `Node ${OLDEST_HOST_NODE} or newer is needed, this is ${process.version}: install one, and run this again.`,
    );
  }
  if (isInstalled() && (await nodeProblem()) === undefined) return;
  const tellWaiting = () => console.log("Waiting for another command to finish its installation …");
  await withLock(join(root, ".cache", "setup.lock"), tellWaiting, async () => {
    if (isInstalled() && (await nodeProblem()) === undefined) return;
    await install();
    const problem = await nodeProblem();
    if (problem !== undefined) throw new SetupError(`${problem}: remove node_modules, and run this again.`);
    writeFileSync(stampFile, fingerprint());
  });
}

async function install() {
  console.log(`Installing the dependencies with ${pnpm} …`);
  const startedAt = Date.now();
  const env = {
    ...process.env,
    // npx must not run on the Node that is about to be replaced.
    PATH: (process.env.PATH ?? "")
      .split(delimiter)
      .filter((folder) => folder !== bin)
      .join(delimiter),
    // Without a terminal, pnpm would stop at a question; as production, it would leave out half.
    CI: "1",
    NODE_ENV: "development",
    npm_config_prefer_offline: "true",
    npm_config_fetch_retry_maxtimeout: "10000",
  };
  const { code, output } = await run("npx", ["-y", pnpm, "install", "--frozen-lockfile"], { cwd: root, env });
  if (code !== 0) {
    console.error(output.trimEnd());
    throw new SetupError(adviceFor(code, output));
  }
  console.log(`Installed in ${((Date.now() - startedAt) / 1000).toFixed(1)} s.`);
}

function adviceFor(code, output) {
  if (code === 127) return "npx does not start: install npm, and run this again.";
  if (/ERR_PNPM_OUTDATED_LOCKFILE/.test(output)) {
    return `pnpm-lock.yaml does not match the package.json files: run \`npx ${pnpm} install\`, and run this again.`;
  }
  if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ERR_PNPM_META_FETCH_FAIL/.test(output)) {
    return "The npm registry cannot be reached: check the network and `npm config get registry`, and run this again.";
  }
  return "The dependencies could not be installed: see the output above, and run this again.";
}

/** Why the project's Node cannot be used; `undefined` if it can. */
async function nodeProblem() {
  const oldest = manifest.engines.node.replace(/^>=/, "");
  const { code, output } = await run(node, ["--version"]);
  if (code !== 0) return "node_modules/.bin/node does not run";
  const [major, minor] = output.trim().slice(1).split(".").map(Number);
  const [oldestMajor, oldestMinor] = oldest.split(".").map(Number);
  if (major < oldestMajor || (major === oldestMajor && minor < oldestMinor)) {
    return `node_modules/.bin/node is ${output.trim()} instead of ${oldest} or newer`;
  }
  return undefined;
}

function isInstalled() {
  return readIfPresent(stampFile) === fingerprint();
}

/** Changes with everything that decides what is installed, and where. */
function fingerprint() {
  const hash = createHash("sha256");
  hash.update(JSON.stringify([root, process.platform, process.arch]));
  for (const file of ["pnpm-lock.yaml", "pnpm-workspace.yaml", ".npmrc", ...manifests()]) {
    hash.update(JSON.stringify([file, readIfPresent(join(root, file))]));
  }
  return hash.digest("hex");
}

function manifests() {
  const folders = ["packages", "apps"].flatMap((parent) =>
    readdirSync(join(root, parent))
      .toSorted()
      .map((name) => join(parent, name)),
  );
  return ["package.json", ...[...folders, "examples"].map((folder) => join(folder, "package.json"))];
}

function readIfPresent(path) {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return null;
    throw error;
  }
}
