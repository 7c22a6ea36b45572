// A real PostgreSQL server for tests: Debian's, unpacked into a private folder, or the one whose programs are in PATH.
import {
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { run } from "../command.mjs";
import { startChild } from "./child.mjs";
import { debianTree, TreeError } from "./debian-tree.mjs";
import { freePort } from "./free-port.mjs";

const TREE = { name: "postgres", suites: ["trixie"], packages: ["postgresql-17"] };
const HOST = "127.0.0.1";
const USER = "llmcache";
const PORT_TRIES = 20;
const START_MS = 30_000;
/** PostgreSQL refuses to run as root; this is nobody, who may read what root may. */
const NOBODY = 65_534;
const AS_NOBODY = [
  "setpriv",
  `--reuid=${NOBODY}`,
  `--regid=${NOBODY}`,
  "--clear-groups",
  "--inh-caps=+dac_override",
  "--ambient-caps=+dac_override",
];

/** Durability is for servers that are kept. The rest keeps all traces of the server inside its folder. */
const SETTINGS = {
  listen_addresses: HOST,
  unix_socket_directories: "",
  fsync: "off",
  full_page_writes: "off",
  shared_buffers: "32MB",
  dynamic_shared_memory_type: "mmap",
  jit: "off",
  timezone: "GMT",
  log_timezone: "GMT",
};

let found;

/** Where `initdb` and `postgres` are, fetched if need be; rejects with an error that says what to do. */
export function postgresPrograms() {
  found ??= findPrograms().catch((error) => {
    found = undefined;
    throw error;
  });
  return found;
}

async function findPrograms() {
  const { code, output } = await run("pg_config", ["--bindir"]);
  const installed = code === 0 && (await run(join(output.trim(), "initdb"), ["--version"])).code === 0;
  if (installed) return { folder: output.trim(), tree: undefined };
  try {
    const tree = await debianTree(TREE);
    const versions = join(tree.folder, "usr/lib/postgresql");
    return { folder: join(versions, readdirSync(versions)[0], "bin"), tree };
  } catch (error) {
    if (!(error instanceof TreeError)) throw error;
    throw new Error(
      `The tests need PostgreSQL: its server is not installed here, and ${error.message}. Install it, or set LLMCACHE_TEST_POSTGRES_URL to a ` +
        "database that the tests may write to (those that stop and start servers are skipped then).",
      { cause: error },
    );
  }
}

/** Starts a server with an empty database on a free port of the loopback interface. */
export async function startPostgres() {
  const programs = await postgresPrograms();
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "llmcache-postgres-")));
  const server = new PostgresServer(programs, folder);
  try {
    await server.make();
    for (let tries = 1; ; tries++) {
      server.port = await freePort();
      try {
        await server.start();
        return server;
      } catch (error) {
        // Somebody else was quicker.
        if (tries >= PORT_TRIES || !/Address already in use|could not create any TCP/.test(server.log)) throw error;
      }
    }
  } catch (error) {
    await server.stop();
    throw error;
  }
}

class PostgresServer {
  #programs;
  #bin;
  #child;
  password = "pass word/1";
  port = 0;

  constructor(programs, folder) {
    this.#programs = programs;
    this.folder = folder;
    this.#bin = programs.tree === undefined ? programs.folder : installFrom(programs, folder);
  }

  /** With the password. */
  get url() {
    return `postgres://${USER}:${encodeURIComponent(this.password)}@${HOST}:${this.port}/postgres`;
  }

  get pid() {
    return this.#child?.pid;
  }

  /** The end of what the server printed. */
  get log() {
    return this.#child?.log ?? "";
  }

  get #data() {
    return join(this.folder, "data");
  }

  /** Makes the files of the database. */
  async make() {
    const passwordFile = join(this.folder, "password");
    writeFileSync(passwordFile, `${this.password}\n`, { mode: 0o600 });
    mkdirSync(this.#data, { mode: 0o700 });
    if (isRoot()) for (const path of [this.folder, this.#data, passwordFile]) chownSync(path, NOBODY, NOBODY);
    const options = [
      "-D",
      this.#data,
      "-U",
      USER,
      "--pwfile",
      passwordFile,
      "-A",
      "scram-sha-256",
      "-E",
      "UTF8",
      "--locale=C",
      "--no-sync",
    ];
    const [command, ...args] = [...asUser(), ...this.#program("initdb"), ...options];
    const { code, output } = await run(command, args, { cwd: this.folder, env: environment() });
    if (code !== 0) throw new Error(`PostgreSQL could not make its database:\n${output}`);
    writeFileSync(
      join(this.#data, "postgresql.auto.conf"),
      Object.entries(SETTINGS)
        .map(([name, value]) => `${name} = '${value}'\n`)
        .join(""),
    );
  }

  /** Starts, or starts again with the same port and data. */
  async start() {
    const [command, ...args] = [...asUser(), ...this.#program("postgres")];
    this.#child = startChild({ command, args }, ["-D", this.#data, "-p", String(this.port)], this.folder);
    await this.#child.printed(/ready to accept connections/, START_MS);
  }

  /** Breaks every connection at once, as a crash does, but leaves nothing behind in the system. */
  async kill() {
    this.#child?.signal("SIGQUIT");
    await this.#child?.ended();
  }

  /** Ends it, with all it stored. */
  async stop() {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose]() {
    await this.stop();
  }

  #program(name) {
    if (this.#programs.tree === undefined) return [join(this.#bin, name)];
    return loadedBy(this.#programs, this.#bin, name);
  }
}

/**
 * Programs of PostgreSQL find each other and their data beside themselves. This is an installation in the server's folder: two
 * scripts that start the tree's programs by the tree's loader, and links to the rest.
 */
function installFrom(programs, folder) {
  const { tree } = programs;
  const home = dirname(programs.folder);
  const version = home.slice(home.lastIndexOf("/") + 1);
  const root = join(folder, "usr");
  const bin = join(root, "lib/postgresql", version, "bin");
  mkdirSync(bin, { recursive: true });
  mkdirSync(join(root, "share/postgresql"), { recursive: true });
  symlinkSync(join(home, "lib"), join(root, "lib/postgresql", version, "lib"));
  symlinkSync(join(tree.folder, "usr/share/postgresql", version), join(root, "share/postgresql", version));
  for (const name of ["initdb", "postgres"]) {
    const words = loadedBy(programs, bin, name).map((word) => `'${word.replaceAll("'", String.raw`'\''`)}'`);
    writeFileSync(join(bin, name), `#!/bin/sh\nexec ${words.join(" ")} "$@"\n`, { mode: 0o755 });
  }
  return bin;
}

/** The program, which takes itself for the script of its name in `bin`. */
function loadedBy({ tree, folder }, bin, name) {
  const { command, args } = tree.program(join(folder.slice(tree.folder.length + 1), name));
  return [command, ...args.with(args.indexOf("--argv0") + 1, join(bin, name))];
}

function asUser() {
  return isRoot() ? AS_NOBODY : [];
}

function isRoot() {
  return process.getuid?.() === 0;
}

function environment() {
  return { ...process.env, LC_ALL: "C", TZ: "GMT" };
}
