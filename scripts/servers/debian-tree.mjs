// Programs from Debian's packages, of another release too, without installing anything: the whole closure of packages, libc and
// loader included, is unpacked into a private folder and runs from there. The mirrors are the machine's own.
import { createHash, randomUUID } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statfsSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { basename, join } from "node:path";
import { run } from "../command.mjs";
import { withLock } from "../lock.mjs";

const KEYRINGS = ["/usr/share/keyrings/debian-archive-keyring.gpg", "/usr/share/keyrings/debian-archive-keyring.pgp"];
/** What Debian has merged into /usr. */
const MERGED = ["bin", "sbin", "lib", "lib64"];
const STAMP = ".complete";
/** Nothing runs from there. */
const UNUSED = ["./usr/share/doc", "./usr/share/man", "./usr/share/locale", "./usr/share/info"];

/** Where downloads are kept between runs: outside of the checkout, removable at any time. */
export const serversFolder = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "llmcache", "servers");

/** The packages cannot be had here; the message says why. */
export class TreeError extends Error {}

/**
 * Resolves to the tree of these packages, fetched if it is not there yet.
 *
 * `name` is part of the folder's name; `suites` are releases of Debian (`trixie`), tried in this order; `libraries` are further
 * folders with libraries, as paths in the tree below its folder of libraries; `roomBytes` is what has to be free on the disk to
 * fetch them.
 */
export async function debianTree({ name, suites, packages, libraries = [], roomBytes = 0 }) {
  const problems = [];
  for (const suite of suites) {
    const folder = folderOf(name, suite, packages);
    if (isComplete(folder)) return new DebianTree(folder, libraries);
  }
  for (const suite of suites) {
    const folder = folderOf(name, suite, packages);
    try {
      await withLock(
        `${folder}.lock`,
        () => undefined,
        async () => {
          if (isComplete(folder)) return;
          requireRoom(roomBytes);
          await fetchTree(folder, suite, packages);
        },
      );
      return new DebianTree(folder, libraries);
    } catch (error) {
      if (!(error instanceof TreeError)) throw error;
      problems.push(error.message);
    }
  }
  throw new TreeError(problems.join("; "));
}

/** An unpacked tree. */
class DebianTree {
  #libraries;

  constructor(folder, libraries) {
    this.folder = folder;
    const own = libraryFolder(folder);
    this.#libraries = [own, ...libraries.map((path) => join(own, path)), join(folder, "usr/lib")];
    this.loader = readdirSync(own)
      .filter((file) => /^ld-linux.*\.so\.\d+$/.test(file))
      .map((file) => join(own, file))[0];
  }

  /** The folder of the libraries. */
  get libraryFolder() {
    return this.#libraries[0];
  }

  /** How to start a program of the tree, `usr/bin/redis-server` say: by `exec`, so that the pid is the program's. */
  program(path) {
    const file = join(this.folder, path);
    return {
      command: this.loader,
      args: ["--argv0", basename(file), "--library-path", this.#libraries.join(":"), file],
    };
  }
}

function folderOf(name, suite, packages) {
  const digest = createHash("sha256")
    .update(JSON.stringify([suite, packages]))
    .digest("hex")
    .slice(0, 8);
  return join(serversFolder, `${name}-${suite}-${process.arch}-${digest}`);
}

function isComplete(folder) {
  return existsSync(join(folder, STAMP));
}

function requireRoom(bytes) {
  mkdirSync(serversFolder, { recursive: true });
  const { bavail, bsize } = statfsSync(serversFolder);
  const free = bavail * bsize;
  if (free >= bytes) return;
  throw new TreeError(
    `${serversFolder} has ${Math.round(free / 1e6)} MB of free disk space, and ${Math.round(bytes / 1e6)} MB are needed`,
  );
}

/** `usr/lib/x86_64-linux-gnu` and its likes: where libc is. */
function libraryFolder(folder) {
  const parent = join(folder, "usr/lib");
  const found = readdirSync(parent).find((entry) => existsSync(join(parent, entry, "libc.so.6")));
  if (found === undefined) throw new TreeError(`There is no libc in ${folder}: remove the folder, and try again.`);
  return join(parent, found);
}

async function fetchTree(folder, suite, packages) {
  const keyring = KEYRINGS.find((file) => existsSync(file));
  if (process.platform !== "linux" || keyring === undefined) {
    throw new TreeError("this is not a Debian system (Debian's archive keyring is missing)");
  }
  const mirrors = await mirrorsOfThisMachine();
  mkdirSync(serversFolder, { recursive: true });
  const work = `${folder}.${randomUUID().slice(0, 8)}`;
  mkdirSync(work);
  try {
    const archives = await download(work, mirrors, suite, packages, keyring);
    const tree = join(work, "tree");
    await unpack(archives, tree);
    writeFileSync(join(tree, STAMP), `${packages.join(" ")}\n`);
    rmSync(folder, { recursive: true, force: true });
    renameSync(tree, folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The addresses that this machine's apt is set up with; which of them carry Debian is found out by trying. */
async function mirrorsOfThisMachine() {
  const { code, output } = await run("apt-get", ["update", "--print-uris"], { env: environment() });
  if (code !== 0) throw new TreeError(`apt-get does not run here (${lastLine(output)})`);
  const mirrors = [...output.matchAll(/^'([^']+?)\/+dists\/[^']+\/InRelease'/gm)].map(([, base]) => base);
  if (mirrors.length === 0) throw new TreeError("apt has no package sources here");
  return [...new Set(mirrors)];
}

/** Resolves to the files of all packages; apt has verified them by the keyring. */
async function download(work, mirrors, suite, packages, keyring) {
  let problem = "";
  for (const [index, mirror] of mirrors.entries()) {
    const place = join(work, `apt-${index}`);
    const options = aptOptions(place);
    writeFileSync(join(place, "sources.list"), `deb [signed-by=${keyring}] ${mirror} ${suite} main\n`);
    const steps = [
      [...options, "update"],
      [...options, "--yes", "--no-install-recommends", "--download-only", "install", ...packages],
    ];
    let failed = false;
    for (const step of steps) {
      const { code, output } = await run("apt-get", step, { env: environment() });
      failed = code !== 0;
      if (!failed) continue;
      problem ||= lastLine(output);
      break;
    }
    if (failed) continue;
    const archives = join(place, "cache/archives");
    return readdirSync(archives)
      .filter((file) => file.endsWith(".deb"))
      .map((file) => join(archives, file));
  }
  throw new TreeError(
    `Debian's ${suite} could not be fetched from the package sources of this machine (${withoutAddresses(problem)})`,
  );
}

/** A state of its own, in which nothing is installed. Proxies and passwords of the machine's apt still count. */
function aptOptions(place) {
  for (const folder of ["state/lists/partial", "cache/archives/partial"])
    mkdirSync(join(place, folder), { recursive: true });
  writeFileSync(join(place, "status"), "");
  const settings = {
    "Dir::State": join(place, "state"),
    "Dir::State::status": join(place, "status"),
    "Dir::Cache": join(place, "cache"),
    "Dir::Etc::sourcelist": join(place, "sources.list"),
    "Dir::Etc::sourceparts": "/dev/null",
    "Dir::Etc::preferences": "/dev/null",
    "Dir::Etc::preferencesparts": "/dev/null",
    "Acquire::Retries": "3",
    "Acquire::Languages": "none",
    // The folder is this user's alone.
    "APT::Sandbox::User": "root",
  };
  return ["-qq", ...Object.entries(settings).flatMap(([name, value]) => ["-o", `${name}=${value}`])];
}

async function unpack(archives, tree) {
  for (const folder of MERGED) {
    mkdirSync(join(tree, "usr", folder), { recursive: true });
    symlinkSync(`usr/${folder}`, join(tree, folder));
  }
  const script = `dpkg-deb --fsys-tarfile "$1" | tar -x -C "$2" --keep-directory-symlink --no-same-owner ${UNUSED.map((path) => `--exclude='${path}'`).join(" ")}`;
  for (const archive of archives) {
    const { code, output } = await run("sh", ["-c", script, "sh", archive, tree]);
    if (code !== 0) throw new TreeError(`${basename(archive)} could not be unpacked (${lastLine(output)})`);
  }
}

function environment() {
  return { ...process.env, LC_ALL: "C", DEBIAN_FRONTEND: "noninteractive" };
}

function lastLine(output) {
  return output.trim().split("\n").at(-1) ?? "";
}

/** Where the mirrors are is nobody's matter but the machine's. */
function withoutAddresses(text) {
  return text.replaceAll(/\b[a-z+]+:\/\/\S+/g, "…");
}
